import errno
import hashlib
import io
import json
import random
import re
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.answers.coding_format import parse_coding
from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
from ccl_assets.evidence.tables import KNOWLEDGE_BASE_PAIRS
from ccl_assets.sft import checks
from ccl_assets.sft.dataset.building import DatasetAccount, Sources, dataset_rows, span_examples
from ccl_assets.sft.dataset.encoding import TokenCounter
from ccl_assets.sft.dataset.examples import LeftOut
from ccl_assets.sft.dataset.jsonl_export import ExportError, export_dataset, read_jsonl
from ccl_assets.sft.dataset.span_sampling import sample_pairs
from ccl_assets.sft.recipes import DocumentMix, SpanMix, load_recipe
from ccl_assets.sft.tables import DATASET
from ccl_assets.text.section_cuts import split_by_sections

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
        "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
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
    stated = {"tier": tier, "is_trainable": is_trainable, "rank": 1, "benchmark_overlap": None}
    stated |= {"firmness": 3, "document_count": 0, "assigned_count": 0}
    return {"pair_id": pair_id, "code": code, "evidence": evidence, **stated}


SPANS = [
    span("1", "N17.9", "AKI"),
    span("1", "I10", "HTN is\n old"),
    span("1", "I10", "high blood pressure"),
    span("1", "E11.9", "T2DM"),
]


class WordTokenizer:
    """A token is a word; decoding gives them back."""

    eos_token_id = 0

    def __init__(self):
        self.words = ["<end>"]

    def __call__(self, texts, *, add_special_tokens, verbose):
        assert not add_special_tokens
        ids = []
        for text in texts:
            words = text.split()
            ids.append(list(range(len(self.words), len(self.words) + len(words))))
            self.words += words
        return {"input_ids": ids}

    def decode(self, ids):
        return " ".join(self.words[number] for number in ids)


def counter(window=10**6):
    return TokenCounter(WordTokenizer(), lambda _, turns: f"<user> {turns[0][1]} <assistant>", window)


PAIRS = pa.schema([KNOWLEDGE_BASE_PAIRS.schema.field(name) for name in pair("", "")])


def build(recipe, notes, labels=(), evidence=(), pairs=(), window=10**6, documents=None, **changes):
    """Rows and account of a dataset."""
    account = DatasetAccount()
    sources = Sources(
        titles=TITLES,
        notes=DOCUMENTS.table(notes),
        training_texts=[row for row in notes if row["split"] in ("train", "val")],
        test_texts=[row for row in notes if row["split"] == "test"],
        labels=LABELS.table(labels).to_batches(),
        evidence=EVIDENCE.table(evidence),
        pairs=pa.Table.from_pylist(list(pairs), PAIRS),
        **changes,
    )
    if documents:
        recipe = replaced(recipe, documents=documents)
    return list(dataset_rows(recipe, sources, counter(window), account)), account


def replaced(recipe, **values):
    import dataclasses

    return dataclasses.replace(recipe, **values)


def test_evidence_stands_in_note_order_one_line_per_code_with_the_codes_first_span():
    (row,), _ = build(load_recipe("evidence"), [note("1")], evidence=SPANS)
    assert row["completion"] == (
        "### Evidence\n- T2DM\n- high blood pressure\n- AKI\n"
        "### ICD-10-CM Codes\n- E11.9 – Type 2 diabetes mellitus\n- I10 – Essential (primary) hypertension\n"
        "- N17.9 – Acute kidney failure"
    )
    assert row["codes"] == ["E11.9", "I10", "N17.9"] and row["document_id"] == "c/1" and NOTE in row["prompt"]
    assert row["part_begin"] is None and row["part_end"] is None
    read = [(entry.evidence, entry.code) for entry in parse_coding(row["completion"]).entries]
    assert read == [("T2DM", "E11.9"), ("high blood pressure", "I10"), ("AKI", "N17.9")]


def test_a_span_with_a_line_break_is_one_line():
    (row,), _ = build(load_recipe("evidence"), [note("1")], evidence=[SPANS[1]])
    assert "- HTN is old\n" in row["completion"]


def test_code_only_completions_have_no_evidence_and_keep_the_order_of_labels():
    labels = [label("1", 2, "E11.9"), label("1", 1, "I10")]
    (row,), _ = build(load_recipe("code_only"), [note("1")], labels, SPANS)
    assert "Evidence" not in row["completion"] + row["prompt"] and row["codes"] == ["I10", "E11.9"]


def test_chart_level_labels_go_to_the_only_note_or_the_only_discharge_summary():
    notes = [
        note("1", text="one", chart_id="a"),
        note("2", text="two", chart_id="a", category="radiology"),
        note("3", text="three", chart_id="b", category="progress"),
        note("4", text="four", chart_id="d", category="progress"),
        note("5", text="five", chart_id="d", category="progress"),
    ]
    labels = [label(None, 1, "I10", chart_id=chart) for chart in "abd"]
    rows, account = build(load_recipe("code_only"), notes, labels)
    assert [row["document_id"] for row in rows] == ["c/1", "c/3"]
    assert account.left_out.first("no_labels") == ["c/2", "c/4", "c/5"]


def test_test_and_unannotated_notes_never_become_examples():
    notes = [note("1", "test", text="other words"), note("2", "unannotated"), note("3", "val")]
    rows, account = build(load_recipe("evidence"), notes, evidence=[span(i, "I10", "AKI") for i in "123"])
    assert [(row["document_id"], row["split"]) for row in rows] == [("c/3", "val")]
    assert not account.left_out.counts


def test_codes_that_the_release_lacks_and_notes_without_evidence_are_reported():
    spans = [span("1", "I10", "HTN"), span("1", "A00.123", "AKI"), span("2", "A00.123", "AKI")]
    rows, account = build(load_recipe("evidence"), [note("1"), note("2"), note("3")], evidence=spans)
    assert [row["codes"] for row in rows] == [["I10"]]
    assert account.left_out.counts == {"code_not_in_release": 2, "no_evidence": 2}
    assert "c/1 A00.123" in account.left_out.first("code_not_in_release")


def test_the_same_note_twice_is_one_example_and_said():
    spans = [span("1", "I10", "AKI"), span("2", "I10", "AKI")]
    rows, account = build(load_recipe("evidence"), [note("1"), note("2")], evidence=spans)
    assert len(rows) == 1 and account.left_out.first("repeated") == ["c/2"]


def test_quick_profile_takes_the_same_notes_in_whatever_order_they_come():
    notes = [note(str(i), text=f"{NOTE} {i}") for i in range(40)]
    spans = [span(str(i), "I10", "AKI") for i in range(40)]
    recipe = load_recipe("evidence", "quick")
    first, account = build(recipe, notes, evidence=spans)
    second, _ = build(recipe, notes[::-1], evidence=spans[::-1])
    assert {row["example_id"] for row in first} == {row["example_id"] for row in second}
    assert len(first) == recipe.documents.max_train
    assert account.left_out.counts == {"document_limit": 40 - len(first)}


def test_copies_weigh_notes_against_spans_and_leave_validation_alone():
    notes, spans = [note("1"), note("2", "val")], [*SPANS, span("2", "I10", "HTN")]
    pairs = [pair(str(i), "I10", evidence=f"phrase {i}") for i in range(20)]
    mix = replaced(load_recipe("evidence_gold"), spans=SpanMix(tiers=("gold",), max_per_document_example=2))
    rows, account = build(mix, notes, evidence=spans, pairs=pairs, documents=DocumentMix(copies=3))
    DATASET.check(DATASET.table(rows))
    assert account.shapes == {"train_document_human": 3, "val_document_human": 1, "train_span_gold": 6}
    assert len({row["prompt"] for row in rows if row["kind"] == "document" and row["split"] == "train"}) == 1
    assert account.left_out.counts == {"span_limit": 14}


def test_rows_fit_the_table_contract_and_count_what_they_hold():
    rows, account = build(
        load_recipe("scl"), [note("1", is_restricted=True)], evidence=SPANS,
        pairs=[pair("p", "I10"), pair("s", "I10", "silver", "noted words")],
    )  # fmt: skip
    table = DATASET.table(rows)
    DATASET.check(table)
    # silver phrases come from notes, some of which may not leave the host
    assert dict(zip(table["tier"].to_pylist(), table["is_restricted"].to_pylist(), strict=True)) == {
        "human": True,
        "gold": False,
        "silver": True,
    }
    assert account.train_count == 3
    assert account.token_count == sum(row["prompt_token_count"] + row["completion_token_count"] for row in rows)
    assert list(account.shown) == ["span"] and NOTE not in str(account.shown)


def test_the_example_shown_tells_masked_from_learned():
    _, account = build(load_recipe("evidence"), [note("1")], evidence=[SPANS[0]])
    masked, learned = account.shown["document"].split("**Learned")
    assert masked.startswith("**Masked") and "T2DM" in masked and "<assistant>" in masked and "- AKI" not in masked
    assert "- AKI ### ICD-10-CM Codes - N17.9 – Acute kidney failure <end>" in learned


def test_span_prompt_shows_the_evidence_section_and_asks_for_the_code_section_only():
    (example,) = span_examples([pair("p", "I10", evidence="high\nBP")], TITLES, load_recipe("evidence_gold"))
    assert example.prompt.endswith("### Evidence\n- high BP")
    assert example.completion == "### ICD-10-CM Codes\n- I10 – Essential (primary) hypertension"
    assert (example.kind, example.tier, example.split, example.pair_id) == ("span", "gold", "train", "p")


def test_pairs_marked_untrainable_ambiguous_or_of_another_tier_are_not_used():
    pairs = [pair("a", "I10", is_trainable=False), pair("b", "I10", "silver"), pair("c", "I10"), pair("d", "Z99")]
    left_out = LeftOut()
    pairs.append(pair("e", "E11.9", evidence="in two chapters"))
    found = span_examples(pairs, TITLES, load_recipe("evidence_gold"), None, left_out, frozenset({"e"}))
    assert [example.pair_id for example in found] == ["c"]
    assert left_out.counts == {"ambiguous_across_chapters": 1, "code_not_in_release": 1}


def test_a_text_that_two_chapters_train_on_is_left_out():
    pairs = [pair("a", "I10", evidence="Pressure"), pair("b", "N17.9", evidence="pressure"), pair("c", "I10")]
    rows, account = build(load_recipe("evidence_gold"), [], pairs=pairs)
    assert [row["pair_id"] for row in rows] == ["c"]
    assert account.left_out.counts == {"ambiguous_across_chapters": 2}


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


def test_a_cap_keeps_the_best_phrases_of_a_code():
    pairs = [pair(f"A{rank}", "A") | {"rank": rank} for rank in (7, 2, 1, 9)]
    mix = SpanMix(tiers=("gold",), max_per_code_and_tier={"gold": 2})
    assert all([p["rank"] for p in sample_pairs(pairs, mix, seed)] == [1, 2] for seed in range(5))


def test_long_phrases_of_notes_that_repeat_a_test_span_are_left_out_if_the_recipe_says_so():
    long = "acute on chronic systolic congestive heart failure exacerbation"
    repeated = {"benchmark_overlap": "equal"}
    pairs = [
        pair("name", "I10", "silver", "HTN") | repeated,
        pair("long", "I50.23", "silver", long) | repeated,
        pair("release", "I50.22", "gold", long) | repeated,
        pair("own", "I50.21", "silver", f"{long} today"),
    ]
    titles = {code: code for code in ("I10", "I50.21", "I50.22", "I50.23")}
    recipe = load_recipe("scl")
    left_out = LeftOut()
    kept = {example.pair_id for example in span_examples(pairs, titles, recipe, left_out=left_out)}
    assert kept == {"name", "release", "own"}
    assert left_out.counts == {"repeats_test_span": 1}
    everything = replace(recipe, spans=replace(recipe.spans, near_test_spans="keep"))
    assert len(list(span_examples(pairs, titles, everything))) == 4


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


# --- notes that do not fit the window

SECTIONS = {
    "Chief Complaint:": "AKI",
    "History of Present Illness:": "Pt with T2DM. " + "Stable overnight. " * 30,
    "PAST MEDICAL HISTORY": "HTN\n\n" + "No other history. " * 30,
    "Hospital Course:": "Creatinine fell. " * 30 + "\n\nAKI resolved.",
    "Follow-up:": "None. " * 90,
}
LONG = "\n\n".join(f"{head}\n{body}" for head, body in SECTIONS.items())
LONG_SPANS = [
    span("1", "N17.9", "AKI", LONG),
    span("1", "E11.9", "T2DM", LONG),
    span("1", "I10", "HTN", LONG),
    {**span("1", "N17.9", "AKI resolved", LONG)},
]


def test_a_long_note_is_split_at_its_sections_and_each_part_has_the_codes_whose_evidence_lies_in_it():
    rows, account = build(load_recipe("evidence"), [note("1", text=LONG)], evidence=LONG_SPANS, window=180)
    shown = [LONG[row["part_begin"] : row["part_end"]] for row in rows]
    assert [part.split("\n")[0] for part in shown] == ["Chief Complaint:", "PAST MEDICAL HISTORY", "Hospital Course:"]
    assert [row["codes"] for row in rows] == [["N17.9", "E11.9"], ["I10"], ["N17.9"]]
    assert all(part in row["prompt"] for part, row in zip(shown, rows, strict=True))
    assert all(row["prompt_token_count"] + row["completion_token_count"] <= 180 for row in rows)
    assert "".join(shown) in LONG and account.split_note_count == 1
    assert account.left_out.counts == {"part_without_codes": 1}
    assert checks.fits_window(account.left_out, len(rows), 180).passed


def test_a_part_is_asked_about_with_the_words_of_a_whole_note():
    parts, _ = build(load_recipe("evidence"), [note("1", text=LONG)], evidence=LONG_SPANS, window=180)
    text = LONG[parts[1]["part_begin"] : parts[1]["part_end"]]
    (whole,), _ = build(load_recipe("evidence"), [note("1", text=text)], evidence=[span("1", "I10", "HTN", text)])
    assert (whole["prompt"], whole["completion"]) == (parts[1]["prompt"], parts[1]["completion"])


def test_a_long_note_is_left_out_and_said_where_the_recipe_wants_that_or_nobody_knows_where_its_codes_belong():
    notes = [note("1", text=LONG)]
    rows, account = build(
        load_recipe("evidence"), notes, evidence=LONG_SPANS, window=180, documents=DocumentMix(long_notes="leave_out")
    )
    assert not rows and account.left_out.first("too_long") == ["c/1"]
    gate = checks.fits_window(account.left_out, 0, 180)
    assert not gate.passed and not gate.is_blocking and gate.details["left_out"] == 1
    labels = [label("1", 1, "I10"), label("1", 2, "N17.9")]
    rows, account = build(load_recipe("code_only"), notes, labels, window=180)
    assert not rows and account.left_out.counts == {"too_long": 1}
    rows, account = build(load_recipe("code_only"), notes, labels, LONG_SPANS[:2], window=180)
    assert not rows and account.left_out.counts == {"too_long": 1}
    rows, account = build(load_recipe("code_only"), notes, labels, LONG_SPANS, window=180)
    assert [row["codes"] for row in rows] == [["N17.9"], ["I10"], ["N17.9"]]


def test_a_span_too_long_for_the_window_is_left_out():
    pairs = [pair("p", "I10", evidence="word " * 100), pair("q", "I10")]
    rows, account = build(load_recipe("evidence_gold"), [], pairs=pairs, window=60)
    assert [row["pair_id"] for row in rows] == ["q"] and account.left_out.first("too_long") == ["p"]


@given(
    st.lists(st.sampled_from(["HEAD:\n", "Plan: x", "word ", "two words ", "\n", "\n\n", ". "]), max_size=60),
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(0, 100), st.integers(1, 10)), max_size=4),
)
def test_parts_cover_the_note_fit_and_cut_no_span(pieces, most, spans):
    text = "".join(pieces)
    closed = [(begin, min(begin + length, len(text))) for begin, length in spans if begin < len(text)]
    parts = split_by_sections(text, closed, lambda begin, end: end - begin <= most)
    if parts is None:
        lines = [len(line) for line in text.splitlines(keepends=True)]
        assert max(lines, default=0) > most or closed
        return
    assert "".join(text[begin:end] for begin, end in parts) == text
    assert all(0 < end - begin <= most for begin, end in parts)
    assert all(any(b <= begin and end <= e for b, e in parts) for begin, end in closed)


# --- leakage

WORDS = " ".join(f"word{number}" for number in range(60))


def test_a_note_that_repeats_a_test_note_stops_the_dataset_unless_the_recipe_leaves_it_out():
    copied = f"{WORDS} AKI"
    notes = [note("1", text=copied), note("2"), note("3", "test", text=f"Seen again. {WORDS}")]
    spans = [span("1", "N17.9", "AKI", copied), span("2", "N17.9", "AKI")]
    rows, account = build(load_recipe("evidence"), notes, evidence=spans)
    gate = checks.no_test_text(account, is_left_out=False)
    assert len(rows) == 2 and not gate.passed and gate.is_blocking and 'near_test_notes = "leave_out"' in gate.remedy
    (first,) = gate.details["first"]
    assert first.startswith("c/1 ~ c/3 ") and "word1" not in str(gate)
    mix = DocumentMix(near_test_notes="leave_out")
    rows, account = build(load_recipe("evidence"), notes, evidence=spans, documents=mix)
    assert [row["document_id"] for row in rows] == ["c/2"] and account.left_out.first("near_test_note") == ["c/1"]
    assert checks.no_test_text(account, is_left_out=True).passed


def test_a_chart_with_notes_on_both_sides_of_the_split_stops_the_dataset():
    notes = [note("1", chart_id="a"), note("2", "test", text="other words", chart_id="a")]
    _, account = build(load_recipe("evidence"), notes, evidence=SPANS)
    gate = checks.no_test_text(account, is_left_out=False)
    assert not gate.passed and gate.details["first"] == ["c/a"]
    rows, account = build(
        load_recipe("evidence"), notes, evidence=SPANS, documents=DocumentMix(near_test_notes="leave_out")
    )
    assert not rows and account.left_out.first("test_chart") == ["c/1"]


def test_nothing_to_train_on_names_the_recipe_the_remedy_and_what_was_left_out():
    _, account = build(load_recipe("scl"), [note("1")])
    gate = checks.is_not_empty("scl", account)
    assert not gate.passed and "recipe 'scl'" in gate.remedy and "recipes.toml" in gate.remedy
    assert gate.details["left_out"] == {"no_evidence": 1}


# --- export


@pytest.fixture
def rows():
    notes, spans = [note("1"), note("2", "val")], [*SPANS, span("2", "I10", "HTN")]
    return build(load_recipe("scl"), notes, evidence=spans, pairs=[pair("p", "I10")])[0]


def test_export_is_what_training_reads_back(tmp_path, rows):
    exported = export_dataset(DATASET.table(rows).to_batches(), tmp_path, "scl")
    assert (exported.train_count, exported.validation_count) == (2, 1)
    read = read_jsonl(exported.train)
    assert {row["prompt"] for row in read} == {row["prompt"] for row in rows if row["split"] == "train"}
    assert exported.train.stat().st_mode & 0o077 == 0
    without_validation = export_dataset([row for row in rows if row["split"] == "train"], tmp_path, "scl")
    assert without_validation.validation is None and not (tmp_path / "val.jsonl").exists()


def test_equal_datasets_give_equal_files_in_whatever_order_the_rows_come(tmp_path, rows):
    one, other = (export_dataset(given, tmp_path / name, "scl") for name, given in (("a", rows), ("b", rows[::-1])))
    assert one.train.read_bytes() == other.train.read_bytes()


def test_llama_factory_finds_its_columns_in_every_line_with_one_type_each(tmp_path, rows):
    export_dataset(rows, tmp_path, "scl")
    info = json.loads((tmp_path / "dataset_info.json").read_text())
    assert set(info) == {"ccl_scl_train", "ccl_scl_val"}
    for described in info.values():
        # the keys of a local file in LLaMA-Factory's data/README.md; other columns of the alpaca format are optional
        assert set(described) == {"file_name", "formatting", "columns"} and described["formatting"] == "alpaca"
        assert described["columns"] == {"prompt": "prompt", "response": "completion"}
        lines = [json.loads(line) for line in (tmp_path / described["file_name"]).read_text().splitlines()]
        assert all(isinstance(line[column], str) for line in lines for column in described["columns"].values())
        assert len({tuple((name, type(value)) for name, value in line.items()) for line in lines}) == 1
        assert all(value is not None for line in lines for value in line.values())


def test_an_export_without_training_examples_and_a_broken_line_are_clear_errors(tmp_path):
    with pytest.raises(ValueError, match="recipe 'scl' has no training example"):
        export_dataset([], tmp_path, "scl")
    assert not list(tmp_path.iterdir())
    path = tmp_path / "train.jsonl"
    path.write_text('{"example_id": "1", "prompt": "p", "completion": "c"}\n{"example_id": secret\n')
    with pytest.raises(ValueError, match=r"train\.jsonl, line 2") as error:
        read_jsonl(path)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("space", [0, 300, 1200, 2200])
def test_a_full_disk_leaves_the_earlier_export_and_nothing_half_written(tmp_path, rows, monkeypatch, space):
    export_dataset(rows[:1], tmp_path, "scl")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    left = [space]

    class FullDisk(io.FileIO):
        def write(self, data):
            left[0] -= len(data)
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    from ccl_assets.sft.dataset import jsonl_export

    monkeypatch.setattr(
        jsonl_export.tempfile,
        "TemporaryFile",
        lambda dir: io.BufferedRandom(FullDisk(dir / ".lines", "w+")),
        raising=True,
    )
    real = jsonl_export.Path.open
    monkeypatch.setattr(
        jsonl_export.Path, "open",
        lambda path, mode="r", **k: io.BufferedWriter(FullDisk(path, "w")) if mode == "wb" else real(path, mode, **k),
    )  # fmt: skip
    with pytest.raises(ExportError, match=r"recipe 'scl'.*No space left on device.*free space") as error:
        export_dataset(rows, tmp_path, "scl")
    monkeypatch.undo()
    (tmp_path / ".lines").unlink(missing_ok=True)  # the real one has no name
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert not re.search("T2DM|AKI", str(error.value))
