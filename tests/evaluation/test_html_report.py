"""The report: one file, nothing loaded, everything escaped, every figure named."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.evaluation.report.forest import LEFT, RIGHT, ForestRow, forest
from ccl_assets.evaluation.report.note_view import note_views
from ccl_assets.evaluation.report.page import ReportInputs, render_report
from ccl_assets.evaluation.scoring.code_subsets import CodeSubsets
from ccl_assets.evaluation.scoring.score_rows import paired_differences, score_system

VOID = {"meta", "line", "circle", "polyline", "br"}


class Reader(HTMLParser):
    """Collects tags and visible text, and checks that elements close in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture
def inputs(two_charts, billable) -> ReportInputs:
    tables = two_charts.tables
    ours = two_charts.answers({"d1": [("I10", "Hypertension")], "d3": [("J18.9", "Pneumonia")]}, "scl")
    theirs = two_charts.answers({"d1": ["A41.9"], "d3": ["J18.9"]}, "index_lookup")
    subsets = CodeSubsets({"sample": {"I10": 3}}, {"J18.9": "gold"})
    return ReportInputs(
        title="Coding benchmark",
        generated="2026-11-21, profile quick",
        systems={"index_lookup": "dictionary look-up", "scl": "full recipe"},
        scores=[row for one in (ours, theirs) for row in score_system(one, **tables, codes=billable, subsets=subsets)],
        reference="scl",
        differences=paired_differences(theirs, ours, **tables, codes=billable),
        abstention=[
            {
                "system": "scl",
                "benchmark": "sample/test",
                "threshold": threshold,
                "coverage": coverage,
                "precision": precision,
                "recall": 0.5,
                "kept_count": kept,
            }
            for threshold, coverage, precision, kept in ((0.9, 0.5, 1.0, 1), (0.2, 1.0, 0.75, 2))
        ],
        chapter_titles={"09_I00-I99": "Diseases of the circulatory system"},
        left_out=["Training stopped after 30 steps."],
        reproduction={"release": {"label": "FY2026", "sha256": "abc"}, "seeds": [1, 2], "commit": None},
        note_views=note_views(
            ours, **tables, titles={"I10": "Essential hypertension"}, systems=["index_lookup", "scl"]
        ),
        asked_counts={("scl", "sample/test"): (3, 3)},
    )


def test_the_report_loads_nothing_and_needs_no_script(inputs) -> None:
    html = render_report(inputs)
    assert not re.search(r"https?://|//[a-z0-9-]+\.|@import|url\(", html.replace("http-equiv", ""))
    for tag, attributes in read(html).tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "img"}
        assert "src" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "a":
            assert str(attributes["href"]).startswith("#")


def test_every_link_leads_somewhere(inputs) -> None:
    tags = read(render_report(inputs)).tags
    targets = {attributes.get("id") for _, attributes in tags}
    assert all(str(attributes["href"])[1:] in targets for tag, attributes in tags if tag == "a")


def test_the_headline_names_unit_label_space_and_macro_convention(inputs) -> None:
    text = read(render_report(inputs)).text
    assert "Unit chart, label space release, percent" in text
    assert "Macro-F1 (gold)" in text
    assert "Macro-F1 (any)" in text
    assert "3 of 3 notes asked" in text


def test_figures_stand_with_their_intervals_and_both_label_spaces(inputs) -> None:
    text = read(render_report(inputs)).text
    (row,) = [
        row
        for row in inputs.scores
        if (row["system"], row["unit"], row["label_space"], row["metric"], row["subset"])
        == ("scl", "chart", "release", "micro_f1", "all")
    ]
    assert f"{row['value'] * 100:.1f} {row['lower'] * 100:.1f} to {row['upper'] * 100:.1f}" in text
    assert "Micro-F1, release" in text
    assert "Micro-F1, gold" in text
    assert "index_lookup − scl" in text


def test_differences_are_drawn_against_a_line_at_zero(inputs) -> None:
    html = render_report(inputs)
    assert "Difference from scl, unit chart, label space release" in read(html).text
    assert html.count('class="zero"') == 1


def test_published_figures_are_marked_as_not_comparable(inputs) -> None:
    text = read(render_report(inputs)).text
    assert "Not comparable." in text
    assert "its own precision and recall give 47.1" in text


def test_published_figures_stand_below_the_table_of_their_own_benchmark_only(inputs) -> None:
    assert "Published, not comparable" not in read(render_report(inputs)).text
    on_mdace = [{**row, "benchmark": "mdace/test"} for row in inputs.scores]
    text = read(render_report(replace(inputs, scores=on_mdace))).text
    headline, _, rest = text.partition("Published, not comparable")
    assert "Charts scored" in headline
    assert rest.index("PLM-ICD") < rest.index("All figures")
    assert "PLM-ICD RoBERTa 120M 50.6 40.8 66.6 26.5" in rest


def test_several_benchmarks_are_summed_up_side_by_side(inputs) -> None:
    assert "All benchmarks" not in read(render_report(inputs)).text
    both = [*inputs.scores, *({**row, "benchmark": "aci_bench/test"} for row in inputs.scores)]
    text = read(render_report(replace(inputs, scores=both))).text
    summary = text[text.index("All benchmarks Micro-F1") :]
    assert summary.index("aci_bench/test") < summary.index("sample/test") < summary.index("GPT-4.1")


def test_subsets_chapters_and_confidence_have_their_tables(inputs) -> None:
    text = read(render_report(inputs)).text
    assert "Seen in training 2 gold pairs" in text or "Seen in training 1 gold pair" in text
    assert "Diseases of the circulatory system" in text
    assert "50 % kept" in text
    assert "1 kept, from 0.90" in text


def test_the_heat_map_gives_every_shade_its_number(inputs) -> None:
    html = render_report(inputs)
    shaded = re.findall(r'<td class="h(\d)">([\d.]+)', html)
    assert shaded
    assert all(min(int(float(value) // 10), 9) == int(shade) for shade, value in shaded)


def test_the_profile_and_the_reproduction_card_are_told(inputs) -> None:
    text = read(render_report(inputs)).text
    assert "Training stopped after 30 steps." in text
    assert "release · sha256 abc" in text
    assert "seeds 1, 2" in text


def test_the_viewer_marks_evidence_and_lists_codes(inputs) -> None:
    reader = read(render_report(inputs))
    marks = {
        attributes["title"]: attributes["class"]
        for tag, attributes in reader.tags
        if tag == "mark" and "title" in attributes
    }
    assert marks["people: I10; scl: I10"] == "g p1"
    assert "I10 correct Essential hypertension Hypertension" in reader.text


def test_a_note_is_written_once_however_many_systems_answered_it(two_charts, inputs) -> None:
    both = pa.concat_tables([two_charts.answers({}, "index_lookup"), two_charts.answers({"d1": ["I10"]}, "scl")])
    views = note_views(both, **two_charts.tables, titles={}, systems=list(inputs.systems))
    text = read(render_report(replace(inputs, note_views=views))).text
    assert text.count("Type 2 diabetes.") == 1
    assert "found: index_lookup 0, scl 1" in text


def test_no_answer_is_open_to_begin_with(inputs) -> None:
    # for every open one of a named group a browser walks through the page
    assert not [
        attributes for tag, attributes in read(render_report(inputs)).tags if tag == "details" and "open" in attributes
    ]


def test_markup_in_notes_names_and_cards_is_text(bench, note, billable) -> None:
    attack = '<script>alert("x")</script> & <b onload=1>'
    benchmark = bench([note("<i>d1", "c1", ["I10"], attack, marked=[("I10", "alert")])])
    answers = benchmark.answers({"<i>d1": [("I10", '("x")</script>')]}, "<u>ours")
    html = render_report(
        ReportInputs(
            title=attack,
            generated=attack,
            systems={"<u>ours": attack},
            scores=score_system(answers, **benchmark.tables, codes=billable),
            left_out=[attack],
            reproduction={attack: attack},
            note_views=note_views(answers, **benchmark.tables, titles={"I10": attack}),
        )
    )
    reader = read(html)
    assert not {"script", "b", "i", "u"} & {tag for tag, attributes in reader.tags if attributes}
    assert "script" not in {tag for tag, _ in reader.tags}
    assert attack in reader.text
    assert "<i>d1" in reader.text


def test_restricted_benchmarks_get_a_sentence_and_no_viewer(inputs) -> None:
    hidden = replace(inputs, note_views=(), restricted_benchmarks=["sample/test"])
    reader = read(render_report(hidden))
    assert "Notes of sample/test are not shown" in reader.text
    assert "No notes were handed" not in reader.text
    assert "mark" not in {tag for tag, _ in reader.tags}


def test_a_view_of_a_restricted_benchmark_is_refused(inputs) -> None:
    leaking = replace(inputs, restricted_benchmarks=["sample/test"])
    with pytest.raises(ValueError, match="restricted benchmarks must not be shown") as caught:
        render_report(leaking)
    assert "Hypertension" not in str(caught.value)


def test_restricted_notes_that_were_asked_for_come_with_a_warning_at_the_top(inputs) -> None:
    text = read(render_report(replace(inputs, restricted_benchmarks=["sample/test"], shows_restricted=True))).text
    assert text.index("This file quotes restricted notes (sample/test)") < text.index("How to read the figures")
    assert "Type 2 diabetes." in text
    assert "are not shown" not in text


def test_a_system_without_description_is_refused(inputs) -> None:
    with pytest.raises(ValueError, match="without a description"):
        render_report(ReportInputs("t", "g", {"scl": ""}, inputs.scores))


def test_nothing_scored_still_makes_a_report(two_charts, billable) -> None:
    assert "No system has been scored yet." in read(render_report(ReportInputs("t", "g", {}, []))).text
    unasked = two_charts.answers({}, unasked=["d1", "d2", "d3"])
    scores = score_system(unasked, **two_charts.tables, codes=billable)
    text = read(render_report(ReportInputs("t", "g", {"ours": ""}, scores))).text
    assert "No chart of this benchmark was answered in full" in text
    assert "no figure" in text


def test_a_benchmark_without_labels_says_so(bench, note, billable) -> None:
    unlabelled = bench([note("d1", "c1", text="Cough."), note("d2", "c2", text="Fever.")])
    scores = score_system(unlabelled.answers({"d1": ["I10"]}), **unlabelled.tables, codes=billable)
    text = read(render_report(ReportInputs("t", "g", {"ours": ""}, scores))).text
    assert "This benchmark has no labels" in text
    assert "Billable codes" in text


def test_the_forest_plot_keeps_order_and_stays_inside_its_frame() -> None:
    rows = [ForestRow("a", 60.0, 50.0, 70.0), ForestRow("b", None, None, None), ForestRow("c", 100.0, 99.0, 100.0)]
    plot = forest("Micro-F1", "percent", rows)
    assert [row.text for row in plot.rows] == ["60.0 (50.0 to 70.0)", "no figure", "100.0 (99.0 to 100.0)"]
    first = plot.rows[0]
    assert first.x_lower < first.x < first.x_upper
    assert all(LEFT <= x <= RIGHT for row in plot.rows for x in (row.x, row.x_lower, row.x_upper) if x is not None)
    assert (plot.ticks[0], plot.ticks[-1][1], plot.zero) == ((LEFT, "0"), "100", None)


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0, 50), st.floats(0, 50)), max_size=8))
def test_differences_and_their_zero_stay_inside_the_frame(values) -> None:
    rows = [ForestRow(str(n), value, value - below, value + above) for n, (value, below, above) in enumerate(values)]
    plot = forest("Difference", "points", rows, is_difference=True)
    places = [x for row in plot.rows for x in (row.x_lower, row.x, row.x_upper)]
    assert all(LEFT <= x <= RIGHT for x in (*places, plot.zero))
    assert (plot.zero, "0") in plot.ticks
    assert 2 <= len(plot.ticks) <= 9
