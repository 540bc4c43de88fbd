"""The Index terms of one chapter are enough to derive its gold pairs."""

import pytest

from ccl_assets.evidence.gold.pairs import IndexReferences, gold_pairs
from ccl_assets.icd.chapters import CHAPTER_KEYS, chapter_of
from ccl_assets.icd.index.alphabetic_index import SOURCES, parse_index
from ccl_assets.icd.index.chapter_terms import ChapterTerms
from ccl_assets.icd.index.cross_references import resolve
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tables import CODES, INDEX_TERMS
from ccl_assets.icd.tabular.tabular_list import parse_tabular

CIRCULATORY, RESPIRATORY = "09_I00-I99", "10_J00-J99"


def index_terms(*terms):
    empty = dict.fromkeys(INDEX_TERMS.schema.names) | {
        "release": "FY2026", "source": "alphabetic_index", "nonessential_modifiers": [], "see_target_ids": [],
        "see_also_target_ids": [],
    }  # fmt: skip
    return INDEX_TERMS.table([empty | {"term_id": name, "path": [name]} | columns for name, columns in terms])


def refers(*targets, outcome="resolved"):
    return {"see": "as printed", "see_target_ids": list(targets), "see_outcome": outcome}


@pytest.fixture
def ids():
    def of(table, chapter):
        return table.take(ChapterTerms(table)[chapter])["term_id"].to_pylist()

    return of


def test_a_term_belongs_to_the_chapters_of_all_codes_it_prints(ids):
    table = index_terms(
        ("plain", {"code": "I10"}),
        ("dash", {"code": "I11.-"}),
        ("bracketed", {"code": "J10.0", "manifestation_code": "I41"}),
        ("category", {"see_category": "I50"}),
        ("elsewhere", {"code": "J45.909"}),
        ("misprint", {"code": "?"}),
        ("nothing", {}),
    )
    assert ids(table, CIRCULATORY) == ["plain", "dash", "bracketed", "category"]
    assert ids(table, RESPIRATORY) == ["bracketed", "elsewhere"]
    assert ids(table, CHAPTER_KEYS[0]) == []


def test_a_reference_brings_all_that_it_leads_to(ids):
    """Whether a term leads to one code is told by all its targets, those of other chapters too."""
    table = index_terms(
        ("heart", {"code": "I51.9"}),
        ("lung", {"code": "J98.4"}),
        ("chest", refers("heart", "lung")),
        ("thorax", refers("chest")),
        ("site", refers("heart", outcome="resolved_choice")),
        ("round", refers("about")),
        ("about", refers("round")),
    )
    assert ids(table, CIRCULATORY) == ["heart", "lung", "chest", "thorax"]
    assert ids(table, RESPIRATORY) == ["heart", "lung", "chest", "thorax"]


def test_an_empty_index_gives_every_chapter_nothing(ids):
    assert all(ids(index_terms(), chapter) == [] for chapter in CHAPTER_KEYS)


@pytest.mark.slow
def test_gold_pairs_of_a_chapter_are_those_of_the_whole_release(published_releases):
    release = open_release(published_releases / "fy2017")
    codes = CODES.table(parse_tabular(release.tabular, release.label).codes)
    assert all(
        chapter_of(code).key == chapter
        for code, chapter in zip(codes["code"].to_pylist(), codes["chapter"].to_pylist(), strict=True)
    )
    files = [file for role in SOURCES if (file := release.file(role)) is not None]
    table = INDEX_TERMS.table(resolve([row for file in files for row in parse_index(file, release.label)]))
    whole = Ontology.from_table(codes)
    references = IndexReferences(whole, table.to_pylist())
    terms = ChapterTerms(table)
    counts = {}
    for chapter in ("05_F01-F99", "15_O00-O9A"):
        slice_ = table.take(terms[chapter])
        ontology = Ontology({code.code: code for code in whole if code.chapter == chapter})
        found = gold_pairs(ontology, IndexReferences(ontology, slice_.to_pylist()), chapter, release.label)
        assert found == gold_pairs(whole, references, chapter, release.label)
        counts[chapter] = slice_.num_rows
    assert sum(counts.values()) < table.num_rows / 2
