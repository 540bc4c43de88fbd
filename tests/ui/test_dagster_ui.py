"""What people do in the Dagster UI, done by a browser: look at the graph, materialize a chapter, backfill, run into a gate.

The tests share one server and one page; each goes on where the one before left off.
"""

import re
from urllib.parse import quote

import dagster as dg
import pytest

CHAPTER, *BACKFILLED = CHAPTERS = ["09_I00-I99", "01_A00-B99", "02_C00-D49", "03_D50-D89"]
GOLD = dg.AssetKey(["gold", "pairs"])
CODES = dg.AssetKey(["icd", "codes"])
INSTRUCTIONS = dg.AssetKey(["icd", "instructions"])  # computed from icd/codes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def derived_from():
    """What is materialized before the UI starts: assets and partitions."""
    return ["icd/chapter_codes", "icd/chapter_index_terms"], CHAPTERS


def open_graph(page, dagster_ui, selection=""):
    page.goto(f"{dagster_ui.url}/asset-groups" + (f"~{quote(selection, safe='')}/" if selection else ""))
    button = page.get_by_role("button", name="Materialize").first
    button.wait_for()
    return button


def choose_partitions(page, partitions):
    page.get_by_text("Select a partition").click()
    for partition in partitions:
        page.get_by_role("menuitem").filter(has_text=partition).click()
    page.get_by_text("Launch runs to materialize").click()  # closes the list


def finished(instance, run_id):
    run = instance.get_run_by_id(run_id)
    return run if run is not None and run.is_finished else None


def newest_run(instance):
    return instance.get_runs(limit=1)[0].run_id


def test_the_graph_shows_the_groups_in_reading_order(page, dagster_ui, photograph):
    open_graph(page, dagster_ui)
    expected = ["source", "icd", "corpus", "gold", "silver", "synthetic", "knowledge_base", "sft", "eval"]
    page.get_by_text("8_eval", exact=True).first.wait_for()
    shown = re.findall(r"^\d_\w+$", page.inner_text("body"), re.MULTILINE)
    assert list(dict.fromkeys(shown)) == [f"{number}_{name}" for number, name in enumerate(expected)]
    photograph("graph", height=560)


def test_a_chapter_is_materialized_by_clicking(page, dagster_ui, instance, eventually, photograph):
    button = open_graph(page, dagster_ui, 'key:"gold/pairs"')
    before = newest_run(instance)
    button.click()
    choose_partitions(page, [CHAPTER])
    page.get_by_role("button", name="Launch 1 run").click()
    run_id = eventually(lambda: (newest := newest_run(instance)) != before and newest, "no run was launched")
    run = eventually(lambda: finished(instance, run_id), "the run did not end")
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert instance.get_materialized_partitions(GOLD) == {CHAPTER}
    page.goto(f"{dagster_ui.url}/assets/gold/pairs?view=partitions&partition={CHAPTER}")
    page.get_by_text("Materialized (1)").wait_for()
    page.get_by_text("Rheumatic fever without heart involvement").first.wait_for()  # in the preview of the table
    photograph("chapter")


def test_the_gates_of_the_chapter_say_what_they_counted(page, dagster_ui, photograph):
    page.goto(f"{dagster_ui.url}/assets/gold/pairs?view=checks&checkDetail=codes_billable")
    page.get_by_text("Passed", exact=True).wait_for()
    said = page.inner_text("body")
    assert "Every pair's code is billable in the release." in said
    assert CHAPTER in said and "not_billable" in said


@pytest.fixture(scope="module")
def backfill_id(page, dagster_ui, instance, eventually, photograph):
    """Launched by clicking; it goes on while other tests look at other pages."""
    page.goto(f"{dagster_ui.url}/assets/gold/pairs")
    page.get_by_role("button", name="Materialize").first.click()
    choose_partitions(page, BACKFILLED)
    page.get_by_text("3 partitions").wait_for()
    photograph("backfill_dialog", height=560)
    page.get_by_role("button", name="Launch backfill").click()
    return eventually(lambda: [backfill.backfill_id for backfill in instance.get_backfills()], "no backfill")[0]


def test_a_gate_stops_a_damaged_release_and_says_what_to_do(
    page, dagster_ui, instance, eventually, photograph, backfill_id
):
    tabular = dagster_ui.release / "tabular.xml"
    whole = tabular.read_text(encoding="utf-8")
    known = instance.get_latest_materialization_event(CODES).run_id
    before = {run.run_id for run in instance.get_runs()}
    button = open_graph(page, dagster_ui, 'key:"icd/release" or key:"icd/codes" or key:"icd/instructions"')
    tabular.write_text(
        re.sub(r"<chapter>\s*<name>22</name>.*?</chapter>", "", whole, flags=re.DOTALL), encoding="utf-8"
    )

    def launched():
        runs = instance.get_runs(dg.RunsFilter(job_name="__ASSET_JOB"))
        return next((r.run_id for r in runs if r.run_id not in before and CODES in (r.asset_selection or ())), None)

    button.click()
    run = eventually(lambda: finished(instance, launched()) if launched() else None, "the run did not end")
    tabular.write_text(whole, encoding="utf-8")
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert instance.get_latest_materialization_event(CODES).run_id == known, "the table was written all the same"
    assert instance.get_latest_materialization_event(INSTRUCTIONS) is None, "what is computed from it ran all the same"

    page.goto(f"{dagster_ui.url}/assets/icd/codes?view=checks&checkDetail=all_chapters_present")
    page.get_by_text("remedy", exact=True).wait_for()
    said = page.inner_text("body")
    assert "the Tabular List is incomplete: get the file again" in said
    assert "22_U00-U85" in said
    photograph("failed_gate")


def test_a_backfill_of_three_chapters_completes(page, dagster_ui, instance, eventually, photograph, backfill_id):
    ended = eventually(
        lambda: (found := instance.get_backfill(backfill_id)) and found.status.name.startswith("COMPLETED") and found,
        "the backfill did not end",
    )
    assert ended.status.name == "COMPLETED_SUCCESS"
    assert instance.get_materialized_partitions(GOLD) == {CHAPTER, *BACKFILLED}
    page.goto(f"{dagster_ui.url}/runs/b/{backfill_id}")
    page.get_by_text("Completed").first.wait_for()
    photograph("backfill", height=330)
    page.goto(f"{dagster_ui.url}/assets/gold/pairs?view=partitions")
    page.get_by_text("Materialized (4)").wait_for()
    page.get_by_text("Failed (0)").wait_for()
