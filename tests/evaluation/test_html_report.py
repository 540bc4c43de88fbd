"""The report: one file, nothing loaded, everything escaped, every figure named."""

import re
from html.parser import HTMLParser

import pytest

from ccl_assets.evaluation.forest import ForestRow, forest
from ccl_assets.evaluation.html_report import ReportInputs, render_report
from ccl_assets.evaluation.note_view import note_views
from ccl_assets.evaluation.scoring import paired_differences, score_chapters, score_system

VOID = {"meta", "line", "circle", "br"}


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
    return ReportInputs(
        title="Coding benchmark",
        generated="2026-11-21, profile quick",
        systems={"index_lookup": "dictionary look-up", "scl": "full recipe"},
        scores=[row for one in (ours, theirs) for row in score_system(one, **tables, codes=billable)],
        differences=paired_differences(ours, theirs, **tables, codes=billable),
        chapters=[row for one in (ours, theirs) for row in score_chapters(one, **tables, codes=billable)],
        left_out=["Training stopped after 30 steps."],
        reproduction={"release": {"label": "FY2026", "sha256": "abc"}, "seeds": [1, 2], "commit": None},
        note_views=note_views(ours, **tables, titles={"I10": "Essential hypertension"}),
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
        if (row["system"], row["unit"], row["label_space"], row["metric"]) == ("scl", "chart", "release", "micro_f1")
    ]
    assert f"{row['value'] * 100:.1f} {row['lower'] * 100:.1f} to {row['upper'] * 100:.1f}" in text
    assert "Micro-F1, release" in text
    assert "Micro-F1, gold" in text
    assert "scl − index_lookup" in text


def test_published_figures_are_marked_as_not_comparable(inputs) -> None:
    text = read(render_report(inputs)).text
    assert "Not comparable." in text
    assert "its own precision and recall give 47.1" in text


def test_the_profile_and_the_reproduction_card_are_told(inputs) -> None:
    text = read(render_report(inputs)).text
    assert "Training stopped after 30 steps." in text
    assert "release.sha256 abc" in text
    assert "seeds 1, 2" in text


def test_the_viewer_marks_evidence_and_lists_codes(inputs) -> None:
    reader = read(render_report(inputs))
    marks = [attributes["class"] for tag, attributes in reader.tags if tag == "mark" and "title" in attributes]
    assert "gold predicted" in marks
    assert "I10 correct Essential hypertension Hypertension" in reader.text


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
    hidden = ReportInputs(
        inputs.title, inputs.generated, inputs.systems, inputs.scores, restricted_benchmarks=["mdace/test"]
    )
    reader = read(render_report(hidden))
    assert "Notes of mdace/test are not shown" in reader.text
    assert "details" not in {tag for tag, _ in reader.tags}


def test_a_view_of_a_restricted_benchmark_is_refused(inputs) -> None:
    leaking = ReportInputs(
        "t", "g", inputs.systems, inputs.scores, note_views=inputs.note_views, restricted_benchmarks=["sample/test"]
    )
    with pytest.raises(ValueError, match="restricted benchmarks must not be shown") as caught:
        render_report(leaking)
    assert "Hypertension" not in str(caught.value)


def test_a_system_without_description_is_refused(inputs) -> None:
    with pytest.raises(ValueError, match="without a description"):
        render_report(ReportInputs("t", "g", {"scl": ""}, inputs.scores))


def test_nothing_scored_still_makes_a_report(two_charts, billable) -> None:
    assert "No system has been scored yet." in read(render_report(ReportInputs("t", "g", {}, []))).text
    unasked = two_charts.answers({}, unasked=["d1", "d2", "d3"])
    scores = score_system(unasked, **two_charts.tables, codes=billable)
    text = read(render_report(ReportInputs("t", "g", {"ours": ""}, scores))).text
    assert "no figure" in text


def test_the_forest_plot_keeps_order_and_stays_inside_its_frame() -> None:
    rows = [ForestRow("a", 60.0, 50.0, 70.0), ForestRow("b", None, None, None), ForestRow("c", 100.0, 99.0, 100.0)]
    plot = forest("Micro-F1", rows)
    assert [row.text for row in plot.rows] == ["60.0 (50.0 to 70.0)", "no figure", "100.0 (99.0 to 100.0)"]
    first = plot.rows[0]
    assert first.x_lower < first.x < first.x_upper
    assert all(190 <= x <= 610 for row in plot.rows for x in (row.x, row.x_lower, row.x_upper) if x is not None)
    assert plot.ticks[-1][1] == "100"
