import json
import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.coding.output_format import parse_coding
from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
from ccl_assets.sft.dataset import count_tokens, document_examples, span_examples
from ccl_assets.sft.jsonl_export import export_dataset, read_jsonl
from ccl_assets.sft.recipes import SpanMix, load_recipe
from ccl_assets.sft.span_sampling import sample_pairs
from ccl_assets.sft.tables import DATASET

TITLES = {
    "I10": "Essential (primary) hypertension",
    "E11.9": "Type 2 diabetes mellitus",
    "N17.9": "Acute kidney failure",
}
NOTE = "Pt with T2DM and\nhigh blood pressure, now AKI. HTN is\n old."


def note(document_id, split="train", text=NOTE, chart_id=None, category="discharge_summary", is_restricted=False):
    return {
        "corpus": "c",
        "document_id": document_id,
        "chart_id": chart_id or f"chart-{document_id}",
        "source": "s",
        "split": split,
        "category": category,
        "text": text,
        "character_count": len(text),
        "text_sha256": "0",
        "is_restricted": is_restricted,
        "note_shard": "shard_00",
    }


def span(document_id, code, quote, text=NOTE):
    begin = text.index(quote)
    end = begin + len(quote)
    fragments = [{"begin": begin, "end": end}]
    keys = {"corpus": "c", "chart_id": f"chart-{document_id}", "document_id": document_id}
    offsets = {"begin": begin, "end": end, "fragments": fragments}
    return {**keys, "code": code, **offsets, "evidence_text": quote, "source_code": code}


def label(document_id, position, code, chart_id=None):
    chart_id = chart_id or f"chart-{document_id}"
    keys = {"corpus": "c", "chart_id": chart_id, "document_id": document_id}
    return {**keys, "position": position, "code": code, "source_code": code, "note_shard": "shard_00"}


def pair(pair_id, code, tier="gold", evidence="some words", is_trainable=True):
    return {"pair_id": pair_id, "code": code, "tier": tier, "evidence": evidence, "is_trainable": is_trainable}


SPANS = [
    span("1", "N17.9", "AKI"),
    span("1", "I10", "HTN is\n old"),
    span("1", "I10", "high blood pressure"),
    span("1", "E11.9", "T2DM"),
]


def test_evidence_stands_in_note_order_one_line_per_code_with_the_codes_first_span():
    found = document_examples([note("1")], [], SPANS, TITLES, load_recipe("evidence"))
    (example,) = found.examples
    assert example.completion == (
        "### Evidence\n- T2DM\n- high blood pressure\n- AKI\n"
        "### ICD-10-CM Codes\n- E11.9 – Type 2 diabetes mellitus\n- I10 – Essential (primary) hypertension\n"
        "- N17.9 – Acute kidney failure"
    )
    assert example.codes == ("E11.9", "I10", "N17.9") and example.document_id == "c/1" and NOTE in example.prompt
    read = [(entry.evidence, entry.code) for entry in parse_coding(example.completion).entries]
    assert read == [("T2DM", "E11.9"), ("high blood pressure", "I10"), ("AKI", "N17.9")]


def test_a_span_with_a_line_break_is_one_line():
    found = document_examples([note("1")], [], [SPANS[1]], TITLES, load_recipe("evidence"))
    assert "- HTN is old\n" in found.examples[0].completion


def test_code_only_completions_have_no_evidence_and_keep_the_order_of_labels():
    labels = [label("1", 2, "E11.9"), label("1", 1, "I10")]
    found = document_examples([note("1")], labels, SPANS, TITLES, load_recipe("code_only"))
    assert "Evidence" not in found.examples[0].completion + found.examples[0].prompt
    assert found.examples[0].codes == ("I10", "E11.9")


def test_chart_level_labels_go_to_the_only_note_or_the_only_discharge_summary():
    notes = [
        note("1", text="one", chart_id="a"),
        note("2", text="two", chart_id="a", category="radiology"),
        note("3", text="three", chart_id="b", category="progress"),
        note("4", text="four", chart_id="d", category="progress"),
        note("5", text="five", chart_id="d", category="progress"),
    ]
    labels = [label(None, 1, "I10", chart_id=chart) for chart in "abd"]
    found = document_examples(notes, labels, [], TITLES, load_recipe("code_only"))
    assert [example.document_id for example in found.examples] == ["c/1", "c/3"]
    assert found.left_out_ids("no_labels") == ["c/2", "c/4", "c/5"]


def test_test_and_unannotated_notes_never_become_examples():
    notes = [note("1", "test"), note("2", "unannotated"), note("3", "val")]
    spans = [span(i, "I10", "AKI") for i in "123"]
    found = document_examples(notes, [], spans, TITLES, load_recipe("evidence"))
    assert [(e.document_id, e.split) for e in found.examples] == [("c/3", "val")]
    assert not found.left_out


def test_codes_that_the_release_lacks_and_notes_without_evidence_are_reported():
    spans = [span("1", "I10", "HTN"), span("1", "A00.123", "AKI"), span("2", "A00.123", "AKI")]
    found = document_examples([note("1"), note("2"), note("3")], [], spans, TITLES, load_recipe("evidence"))
    assert [e.codes for e in found.examples] == [("I10",)]
    assert found.left_out_counts == {"code_not_in_release": 2, "no_evidence": 2}
    assert "c/1 A00.123" in found.left_out_ids("code_not_in_release")


def test_the_same_note_twice_is_one_example_and_said():
    spans = [span("1", "I10", "AKI"), span("2", "I10", "AKI")]
    found = document_examples([note("1"), note("2")], [], spans, TITLES, load_recipe("evidence"))
    assert len(found.examples) == 1 and found.left_out_ids("repeated") == ["c/2"]


def test_quick_profile_takes_the_same_notes_in_whatever_order_they_come():
    notes = [note(str(i), text=f"{NOTE} {i}") for i in range(40)]
    spans = [span(str(i), "I10", "AKI") for i in range(40)]
    recipe = load_recipe("evidence", "quick")
    first = document_examples(notes, [], spans, TITLES, recipe)
    second = document_examples(notes[::-1], [], spans[::-1], TITLES, recipe)
    assert first.examples == second.examples and len(first.examples) == recipe.documents.max_train
    assert first.left_out_counts == {"document_limit": 40 - len(first.examples)}


def test_rows_fit_the_table_contract_and_arrow_tables_are_accepted():
    recipe = load_recipe("scl")
    documents = DOCUMENTS.table([note("1", is_restricted=True)])
    found = document_examples(documents, LABELS.table([]), EVIDENCE.table(SPANS), TITLES, recipe)
    found += span_examples(pa.Table.from_pylist([pair("p", "I10")]), TITLES, recipe)
    table = DATASET.table(found.rows("scl"))
    DATASET.check(table)
    assert table["is_restricted"].to_pylist() == [True, False]


def test_span_prompt_shows_the_evidence_section_and_asks_for_the_code_section_only():
    (example,) = span_examples([pair("p", "I10", evidence="high\nBP")], TITLES, load_recipe("evidence_gold")).examples
    assert example.prompt.endswith("### Evidence\n- high BP")
    assert example.completion == "### ICD-10-CM Codes\n- I10 – Essential (primary) hypertension"
    assert (example.kind, example.tier, example.split, example.pair_id) == ("span", "gold", "train", "p")


def test_pairs_marked_untrainable_and_tiers_outside_the_recipe_are_not_used():
    pairs = [pair("a", "I10", is_trainable=False), pair("b", "I10", "silver"), pair("c", "I10"), pair("d", "Z99")]
    found = span_examples(pairs, TITLES, load_recipe("evidence_gold"))
    assert [e.pair_id for e in found.examples] == ["c"]
    assert found.left_out_counts == {"code_not_in_release": 1}


@given(
    st.lists(st.tuples(st.sampled_from("ABCDEF"), st.sampled_from(["gold", "silver", "synthetic"])), max_size=60),
    st.integers(0, 6),
    st.integers(0, 4),
    st.integers(0, 10),
    st.integers(0, 20),
)
def test_sampling_keeps_every_limit_whatever_the_order_of_rows(rows, per_code, per_code_gold, per_tier, total):
    pairs = [pair(str(i), code, tier) for i, (code, tier) in enumerate(rows)]
    mix = SpanMix(
        tiers=("gold", "silver", "synthetic"),
        max_per_code=per_code,
        max_per_code_and_tier={"gold": per_code_gold},
        max_per_tier={"silver": per_tier},
        max_total=total,
    )
    chosen = sample_pairs(pairs, mix, seed=1)
    shuffled = pairs[:]
    random.Random(0).shuffle(shuffled)
    assert chosen == sample_pairs(shuffled, mix, seed=1)
    codes = [p["code"] for p in chosen]
    assert all(codes.count(code) <= per_code for code in codes)
    assert sum(p["tier"] == "silver" for p in chosen) <= per_tier and len(chosen) <= total
    gold = [p["code"] for p in chosen if p["tier"] == "gold"]
    assert all(gold.count(code) <= per_code_gold for code in gold)
    assert len({p["pair_id"] for p in chosen}) == len(chosen)


def test_a_tight_tier_limit_serves_every_code_before_any_is_served_twice():
    pairs = [pair(f"{code}{i}", code) for code in "ABCDE" for i in range(10)]
    chosen = sample_pairs(pairs, SpanMix(tiers=("gold",), max_per_tier={"gold": 7}), seed=3)
    assert sorted(p["code"] for p in chosen[:5]) == list("ABCDE") and len(chosen) == 7


def test_the_total_is_shared_by_the_tiers_in_proportion():
    pairs = [pair(f"{tier}{i}", str(i), tier) for tier, n in (("gold", 60), ("silver", 30)) for i in range(n)]
    chosen = sample_pairs(pairs, SpanMix(tiers=("gold", "silver"), max_total=10), seed=3)
    assert [p["tier"] for p in chosen] == ["gold"] * 7 + ["silver"] * 3


def test_spans_can_be_limited_by_the_number_of_document_examples():
    pairs = [pair(str(i), str(i)) for i in range(60)]
    mix = SpanMix(tiers=("gold",), max_per_document_example=1.5)
    assert len(sample_pairs(pairs, mix, 1, document_example_count=10)) == 15
    with pytest.raises(ValueError, match="number of document examples"):
        sample_pairs(pairs, mix, 1)


class WordTokenizer:
    eos_token_id = 0

    def encode(self, text, *, add_special_tokens):
        assert not add_special_tokens
        return list(range(1, len(text.split()) + 1))


def render(_tokenizer, turns):
    return f"<user> {turns[0][1]} <assistant>"


def test_token_counts_include_template_and_end_token_and_overlong_examples_are_left_out_whole():
    recipe = load_recipe("scl")
    long = note("2", text=NOTE + " word" * 100)
    examples = document_examples([note("1"), long], [], [*SPANS, span("2", "I10", "HTN")], TITLES, recipe)
    counted = count_tokens(examples, WordTokenizer(), render, window=100)
    (kept,) = counted.examples
    assert kept.prompt_token_count == len(kept.prompt.split()) + 2
    assert kept.completion_token_count == len(kept.completion.split()) + 1
    assert kept.completion == examples.examples[0].completion
    assert counted.left_out_ids("too_long") == [examples.examples[1].example_id]


def test_export_is_what_training_reads_back_and_describes_itself_to_llama_factory(tmp_path):
    recipe = load_recipe("scl")
    notes = [note("1"), note("2", "val")]
    found = document_examples(notes, [], [*SPANS, span("2", "I10", "HTN")], TITLES, recipe)
    exported = export_dataset(found.rows("scl"), tmp_path, "scl")
    assert (exported.train_count, exported.validation_count) == (1, 1)
    assert read_jsonl(exported.train)[0]["prompt"] == found.examples[0].prompt
    assert exported.train.stat().st_mode & 0o077 == 0
    info = json.loads((tmp_path / "dataset_info.json").read_text())
    assert info["ccl_scl_train"] == {
        "file_name": "train.jsonl",
        "formatting": "alpaca",
        "columns": {"prompt": "prompt", "response": "completion"},
    }
    without_validation = export_dataset(found.rows("scl")[:1], tmp_path, "scl")
    assert without_validation.validation is None and not (tmp_path / "val.jsonl").exists()


def test_an_export_without_training_examples_and_a_broken_line_are_clear_errors(tmp_path):
    with pytest.raises(ValueError, match="no training example"):
        export_dataset([], tmp_path, "scl")
    path = tmp_path / "train.jsonl"
    path.write_text('{"example_id": "1", "prompt": "p", "completion": "c"}\n{"example_id": secret\n')
    with pytest.raises(ValueError, match=r"train\.jsonl, line 2") as error:
        read_jsonl(path)
    assert "secret" not in str(error.value)
