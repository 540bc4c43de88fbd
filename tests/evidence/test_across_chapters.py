"""Texts that pairs of several chapters are trained on with."""

import pyarrow as pa
import pytest

from ccl_assets.evidence.gold.pairs import IndexReferences, gold_pairs
from ccl_assets.evidence.knowledge_base.across_chapters import ambiguous_across
from ccl_assets.evidence.knowledge_base.pairs import knowledge_base
from ccl_assets.evidence.knowledge_base.shares import OBSERVED, term_firmness
from ccl_assets.evidence.tables import KNOWLEDGE_BASE_PAIRS
from ccl_assets.icd.chapters import CHAPTER_KEYS
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tables import CODES
from ccl_assets.icd.tabular.tabular_list import parse_tabular


def table(*rows: tuple[str, str, str, str] | tuple[str, str, str, str, bool]) -> pa.Table:
    return KNOWLEDGE_BASE_PAIRS.table(
        [
            {
                "release": "FY2026",
                "chapter": code[0],
                "pair_id": f"{code} {tier}",
                "code": code,
                "evidence": evidence,
                "tier": tier,
                "source": source,
                "expansion": "direct",
                "resolved_code": None,
                "is_ambiguous": False,
                "benchmark_overlap": None,
                "firmness": term_firmness(source) if tier == "gold" else OBSERVED,
                "document_count": 0,
                "assigned_count": 0,
                "share": None,
                "rank": 1,
                "is_trainable": not is_aside,
            }
            for code, evidence, tier, source, *is_aside in rows
        ]
    )


def test_a_text_of_two_chapters_is_left_out_of_both():
    pairs = table(
        ("I10", "HTN", "silver", "candidate"),
        ("O10.019", "htn.", "silver", "candidate"),
        ("R03.0", "high reading", "silver", "candidate"),
    )
    assert ambiguous_across(pairs) == {"I10 silver", "O10.019 silver"}


@pytest.mark.parametrize(
    ("tier", "source", "other_tier", "other_source"),
    [
        ("gold", "title", "gold", "inclusion_term"),
        ("gold", "alphabetic_index", "silver", "candidate"),
        ("gold", "inclusion_term", "synthetic", "title"),
    ],
)
def test_the_one_that_is_stated_more_firmly_stays(tier, source, other_tier, other_source):
    pairs = table(("I10", "Hypertension", tier, source), ("O10.019", "hypertension", other_tier, other_source))
    assert ambiguous_across(pairs) == {f"O10.019 {other_tier}"}


def test_only_trainable_pairs_of_different_codes_count():
    pairs = table(
        ("I10", "HTN", "silver", "candidate"),
        ("I10", "HTN", "synthetic", "model"),
        ("O10.019", "HTN", "gold", "title", True),
    )
    assert ambiguous_across(pairs) == set()
    assert ambiguous_across(table()) == set()


@pytest.mark.slow
def test_the_packaged_release_has_few():
    release = open_release()
    ontology = Ontology.from_table(CODES.table(parse_tabular(release.tabular, release.label).codes))
    references = IndexReferences(ontology, [])
    pairs = pa.concat_tables(
        KNOWLEDGE_BASE_PAIRS.table(
            knowledge_base(ontology, gold_pairs(ontology, references, chapter, release.label), [], [], [])
        )
        for chapter in CHAPTER_KEYS
        if not chapter.startswith(("19", "20"))  # the largest, and next to nothing in them is direct
    )
    left_out = ambiguous_across(pairs)
    codes = {row["code"] for row in pairs.to_pylist() if row["pair_id"] in left_out}
    assert codes > {"C96.6", "I30.1", "K13.4", "K55.31", "K55.32", "K55.33", "P77.1", "P77.2", "P77.3"}
    assert len(left_out) < 50


def test_what_notes_say_decides_between_chapters():
    rows = [
        {**row, "document_count": said, "assigned_count": 1_000}
        for row, said in zip(
            table(("I10", "HTN", "silver", "candidate"), ("O10.019", "HTN", "silver", "candidate")).to_pylist(),
            (400, 100),
            strict=True,
        )
    ]
    assert ambiguous_across(KNOWLEDGE_BASE_PAIRS.table(rows)) == {"O10.019 silver"}
