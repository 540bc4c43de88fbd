"""Which notes are benchmarks, and which of them are asked about."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.corpora.loaders import CORPORA, CorpusPaths, load
from ccl_assets.evaluation.benchmarks import BENCHMARK_SPLITS, asked_notes, benchmark_notes


def note(document_id, chart_id=None, corpus="mdace", split="test"):
    return {"corpus": corpus, "document_id": document_id, "chart_id": chart_id or document_id, "split": split}


def label(chart_id, corpus="mdace"):
    return {"corpus": corpus, "chart_id": chart_id}


def test_every_corpus_says_which_of_its_splits_are_benchmarks():
    assert set(BENCHMARK_SPLITS) == set(CORPORA)
    assert not any("train" in splits or "unannotated" in splits for splits in BENCHMARK_SPLITS.values())


def test_notes_of_other_splits_are_left_out():
    notes = [note("a"), note("b", split="train"), note("c", split="val"), note("d", corpus="codiesp", split="val")]
    labels = [label("a"), label("b"), label("c"), label("d", "codiesp")]
    assert [row["document_id"] for row in benchmark_notes(notes, labels)] == ["a", "d"]


def test_a_note_without_codes_stays_in_a_coded_benchmark():
    assert len(benchmark_notes([note("coded"), note("without codes")], [label("coded")])) == 2


def test_a_benchmark_without_labels_is_left_out():
    notes = [note("a", corpus="aci_bench"), note("b")]
    assert [row["document_id"] for row in benchmark_notes(notes, [label("b")])] == ["b"]
    assert benchmark_notes(notes, []) == []
    assert benchmark_notes([], [label("b")]) == []


def test_a_chart_of_another_corpus_codes_nothing():
    assert benchmark_notes([note("a", corpus="aci_bench")], [label("a", "mdace")]) == []


@given(st.lists(st.integers(1, 4), max_size=12), st.integers(0, 30))
def test_whole_charts_are_asked_and_enough_of_them(sizes, limit):
    notes = [note(f"{chart}/{number}", f"chart {chart}") for chart, size in enumerate(sizes) for number in range(size)]
    asked = asked_notes(notes, limit)
    of_chart = Counter(row["chart_id"] for row in notes if ("mdace", row["document_id"]) in asked)
    assert all(count == sizes[int(chart.split()[1])] for chart, count in of_chart.items())
    assert len(asked) >= min(limit, len(notes))
    assert len(asked) < limit + max(sizes, default=1)
    assert asked_notes(notes, None) == {("mdace", row["document_id"]) for row in notes}


def test_the_limit_holds_for_each_benchmark_and_the_choice_stays_when_notes_join():
    one = [note(f"n{number}") for number in range(20)]
    other = [note(f"{split}{n}", corpus="codiesp", split=split) for split in ("val", "test") for n in range(20)]
    alone, together = asked_notes(one, 5), asked_notes(one + other, 5)
    assert len(together) == 15
    assert {key for key in together if key[0] == "mdace"} == alone


def test_the_quick_profile_asks_about_whole_charts_of_the_sample():
    from ccl_assets.resources.settings import PROFILES

    loaded = load("sample", CorpusPaths())
    notes = [note(d.document_id, d.chart_id, "sample", d.split) for d in loaded.documents]
    labels = [label(row.chart_id, "sample") for row in loaded.labels]
    benchmark = benchmark_notes(notes, labels)
    assert {row["document_id"] for row in benchmark} == {d.document_id for d in loaded.documents if d.split == "test"}
    limit = PROFILES["quick"].benchmark_notes
    asked = {document_id for _, document_id in asked_notes(benchmark, limit)}
    assert min(limit, len(benchmark)) <= len(asked) <= limit + 2  # a chart has three notes at most
    charts = {row["chart_id"] for row in benchmark if row["document_id"] in asked}
    assert asked == {row["document_id"] for row in benchmark if row["chart_id"] in charts}
