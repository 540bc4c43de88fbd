"""Jobs, the sensor and the schedule that the UI shows, and the record of which release is the active one."""

import json
import sys
from datetime import date

import dagster as dg
import pytest

from ccl_assets.automation import jobs
from ccl_assets.automation.sensors import source_files_changed
from ccl_assets.icd.release.contents import ReleaseError
from ccl_assets.refresh.frontier import find_frontier
from ccl_assets.refresh.selection import Selection, SelectionError, Target
from ccl_assets.releases.calendar import due_release
from ccl_assets.releases.command import release_sources
from ccl_assets.resources.corpus_paths import CorpusPaths
from ccl_assets.resources.file_hashes import FileHashes
from ccl_assets.resources.releases.source import ReleaseSource
from ccl_assets.resources.releases.store import ReleaseStore
from ccl_assets.resources.settings import Settings

CHAPTERS = ("A", "B")
PARENTS = {
    Target("icd/codes"): set(),
    **{Target("gold/pairs", chapter): {Target("icd/codes")} for chapter in CHAPTERS},
    **{Target("silver/pairs", chapter): {Target("gold/pairs", chapter)} for chapter in CHAPTERS},
    Target("eval/report"): {Target("silver/pairs", chapter) for chapter in CHAPTERS},
}
TABULAR = """<?xml version="1.0"?><ICD10CM.tabular><version>{year}</version><introduction/><chapter><name>1</name>
<desc>Some (A00-B99)</desc><section id="A00-A09"><desc>Intestinal (A00-A09)</desc><diag><name>A00</name><desc>Cholera {year}</desc>
</diag></section></chapter></ICD10CM.tabular>"""


class TestSelection:
    def test_nothing_named_is_everything(self):
        assert Selection().with_ancestors(PARENTS) == set(PARENTS)

    def test_a_partition_brings_what_it_is_derived_from_and_no_sibling(self):
        wanted = Selection(("silver",), ("A",)).with_ancestors(PARENTS)
        assert wanted == {Target("icd/codes"), Target("gold/pairs", "A"), Target("silver/pairs", "A")}

    def test_a_group_is_the_first_part_of_keys(self):
        assert Selection(("gold",)).chosen(PARENTS) == {Target("gold/pairs", chapter) for chapter in CHAPTERS}

    @pytest.mark.parametrize(
        ("selection", "message"),
        [
            (
                Selection(("golden",)),
                "no asset or group golden; there are the groups eval, gold, icd, silver and eval/report",
            ),
            (Selection(("gold",), ("C",)), "no partition C of what is selected; there are A, B"),
            (Selection(("icd",), ("A",)), "no partition A of what is selected; there are none"),
        ],
    )
    def test_what_is_not_there_is_refused_with_what_is(self, selection, message):
        with pytest.raises(SelectionError, match=message):
            selection.with_ancestors(PARENTS)

    def test_the_frontier_looks_at_the_selection_only(self):
        from ccl_assets.definitions import defs

        with dg.DagsterInstance.ephemeral() as instance:
            graph = defs.resolve_asset_graph()
            frontier = find_frontier(graph, instance, {}, selection=Selection(("gold/pairs",), ("09_I00-I99",)))
        assert frontier.ready == [Target("icd/release")]
        assert {target.partition for target in frontier.waiting} <= {None, "09_I00-I99"}
        assert not {target.asset.split("/")[0] for target in frontier.waiting} - {"icd", "gold"}


class Refresh:
    """Stands for ``python -m ccl_assets.refresh``: keeps its arguments, says lines, exits."""

    def __init__(self, folder):
        self.arguments = folder / "arguments.json"
        self.script = folder / "refresh.py"
        self.answer(["wave 1: 1 runs", "1 partitions materialized in 0 s"], 0)

    def answer(self, lines, status):
        self.script.write_text(
            f"import json, sys\njson.dump(sys.argv[1:], open({str(self.arguments)!r}, 'w'))\n"
            f"print({chr(10).join(lines)!r}, flush=True)\nsys.exit({status})\n"
        )

    @property
    def given(self):
        return json.loads(self.arguments.read_text())


@pytest.fixture
def refresh(tmp_path, monkeypatch):
    stand_in = Refresh(tmp_path)
    real = jobs._process
    monkeypatch.setattr(jobs, "_process", lambda command: real([sys.executable, str(stand_in.script), *command[3:]]))
    return stand_in


def run(job, **arguments):
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False, **arguments)
        logged = [entry.user_message for entry in instance.all_logs(result.run_id)]
    failures = [
        event.step_failure_data.user_failure_data.description for event in result.all_events if event.is_step_failure
    ]
    return result, logged, failures


class TestJobs:
    @pytest.mark.parametrize(
        ("job", "selected"),
        [(jobs.refresh, []), (jobs.mine_silver, ["silver"]), (jobs.train_and_evaluate, ["sft", "eval"])],
    )
    def test_each_refreshes_its_part_and_its_log_is_the_progress(self, refresh, job, selected):
        result, logged, _ = run(job)
        assert result.success
        tag = f"ccl/refresh={result.run_id}"
        assert refresh.given == ["--wait", "--tag", tag, *(["--select", *selected] if selected else [])]
        assert "wave 1: 1 runs" in logged

    def test_the_launchpad_can_choose(self, refresh):
        config = {"ops": {"derive_again": {"config": {"select": ["gold"], "partitions": ["A"], "again": True}}}}
        run(jobs.refresh, run_config=config)
        assert refresh.given[3:] == ["--select", "gold", "--partitions", "A", "--again"]

    def test_what_failed_is_the_runs_failure(self, refresh):
        refresh.answer(["FAILED gold/pairs A: gate has_words", "2 partitions wait"], 1)
        assert run(jobs.refresh)[2] == ["1 failed: FAILED gold/pairs A: gate has_words"]

    def test_bad_input_is_the_runs_failure(self, refresh):
        refresh.answer(["no asset or group golden"], 2)
        assert run(jobs.refresh)[2] == ["no asset or group golden"]

    def test_an_interrupted_job_ends_its_process(self, refresh, monkeypatch):
        monkeypatch.setattr(jobs, "_SECONDS_TO_END", 3)  # tests in the background may ignore a polite word
        refresh.script.write_text("import time\nprint('begun', flush=True)\ntime.sleep(600)\n")
        with pytest.raises(KeyboardInterrupt), jobs._process([]) as (process, lines):
            assert next(lines) == "begun\n"
            raise KeyboardInterrupt
        assert process.poll() is not None

    def test_they_launch_from_the_code_location_and_are_never_retried(self):
        from ccl_assets.definitions import defs

        for job in jobs.JOBS:
            assert defs.resolve_job_def(job.name).tags["dagster/max_retries"] == "0"
            assert len(job.description) > 40


@pytest.fixture
def home(tmp_path, monkeypatch):
    """``CCL_HOME`` of a deployment with FY2026 in its store; ``home.tabular(year)`` writes another release."""
    monkeypatch.setattr(jobs, "settings", lambda: Settings(home=tmp_path / "home"))
    return Home(tmp_path)


class Home:
    def __init__(self, folder):
        self.folder = folder
        self.settings = Settings(home=folder / "home")
        self.hashes = FileHashes(folder / "home" / "file_hashes.json")
        self.store = ReleaseStore(folder / "home" / "releases", self.hashes)
        self.store.add([str(self.tabular(2026))])

    def tabular(self, year):
        path = self.folder / f"tabular_{year}.xml"
        path.write_text(TABULAR.format(year=year))
        return path

    def sources(self, **settings):
        return release_sources(self.settings.model_copy(update=settings), self.hashes)


class TestActiveRelease:
    def test_without_a_record_it_is_the_packaged_one(self, home):
        active, previous = home.sources()
        assert (active.is_set, previous.is_set) == (False, False)

    def test_the_former_active_one_becomes_the_one_to_compare_with(self, home):
        active, previous = home.sources()
        home.store.activate("FY2026")
        assert (active.open().label, previous.path) == (
            "FY2026",
            ReleaseSource("packaged", home.store, home.hashes).path,
        )
        home.store.add([str(home.tabular(2027))])
        home.store.activate("FY2027")
        assert (active.open().label, previous.open().label) == ("FY2027", "FY2026"), "read anew by a living process"

    def test_activating_it_again_keeps_the_one_to_compare_with(self, home):
        assert home.store.activate("FY2026") == home.store.activate("FY2026")

    def test_the_settings_go_first(self, home):
        home.store.activate("FY2026")
        active, previous = home.sources(icd_release="packaged")
        assert active.path != home.store.get("FY2026").path
        assert not previous.is_set, "the record's previous release belongs to the record's active one"

    def test_a_release_that_is_not_stored_is_refused(self, home):
        with pytest.raises(ReleaseError, match="has no release FY2030"):
            home.store.activate("FY2030")
        assert home.store.active() is None

    def test_a_damaged_record_says_how_to_write_it_anew(self, home):
        (home.store.folder / "active.json").write_text("{")
        with pytest.raises(ReleaseError, match="releases activate LABEL"):
            home.sources()[0].open()
        assert home.store.activate("FY2026").label == "FY2026"

    def test_the_command_activates_and_lists(self, home, monkeypatch, capsys):
        from ccl_assets.releases import command as releases

        monkeypatch.setattr(releases, "settings", lambda: home.settings)
        assert releases.main(["activate", "FY2026"]) == 0
        assert releases.main(["list"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert any(line.startswith("* FY2026") for line in lines)
        assert "previous:   packaged (active before)" in lines


class TestReleaseUpdate:
    def update(self, **config):
        return run(jobs.release_update, run_config={"ops": {"update_release": {"config": {"locations": [], **config}}}})

    def test_it_stores_activates_and_derives_again(self, home, refresh):
        home.store.activate("FY2026")
        result, _, failures = self.update(locations=[str(home.tabular(2027))], select=["icd"])
        assert (result.success, failures) == (True, [])
        active, previous = home.sources()
        assert (active.open().label, previous.open().label) == ("FY2027", "FY2026")
        assert refresh.given[3:] == ["--select", "icd"]

    def test_what_is_no_release_changes_nothing(self, home, refresh):
        home.store.activate("FY2026")
        _, _, (failure,) = self.update(locations=[str(home.folder / "nowhere.zip")])
        assert "nowhere.zip does not exist" in failure
        assert "Nothing was changed" in failure
        assert home.store.active().label == "FY2026"
        assert not refresh.arguments.exists()

    def test_a_gate_that_fails_says_how_to_go_back(self, home, refresh):
        home.store.activate("FY2026")
        refresh.answer(["FAILED icd/codes: gate equals_order_file"], 1)
        _, _, (failure,) = self.update(locations=[str(home.tabular(2027))])
        assert "gate equals_order_file. FY2027 stays the active release; to go back: " in failure
        assert "releases activate FY2026" in failure

    def test_a_setting_that_goes_first_is_refused(self, home, refresh, monkeypatch):
        monkeypatch.setattr(jobs, "settings", lambda: home.settings.model_copy(update={"icd_release": "FY2026"}))
        _, _, (failure,) = self.update(label="FY2026")
        assert "CCL_ICD_RELEASE=FY2026 is set and goes before" in failure


class TestCalendar:
    @pytest.mark.parametrize(
        ("active", "today", "due"),
        [
            ("FY2026", date(2026, 3, 31), None),
            ("FY2026", date(2026, 4, 1), ("FY2026-April", False)),
            ("FY2026-April", date(2026, 9, 30), None),
            ("FY2026-April", date(2026, 10, 1), ("FY2027", True)),
            ("FY2025", date(2026, 12, 31), ("FY2027", True)),
            ("FY2027", date(2026, 7, 1), None),
        ],
    )
    def test_a_release_is_due_from_the_day_it_is_in_force(self, active, today, due):
        found = due_release(active, today)
        assert (found and (found.label, found.is_certain)) == due

    def check(self, home, monkeypatch, today):
        class Clock:
            @staticmethod
            def now(_):
                from datetime import datetime

                return datetime(today.year, today.month, today.day)

        monkeypatch.setattr(jobs, "datetime", Clock)
        return run(jobs.release_check, resources={"release_source": ReleaseSource("FY2026", home.store, home.hashes)})

    def test_the_check_fails_with_the_remedy_once_another_release_is_in_force(self, home, monkeypatch):
        _, _, (failure,) = self.check(home, monkeypatch, date(2026, 11, 21))
        assert failure.startswith("FY2027 is in force since 2026-10-01, but FY2026 is the active release")
        assert "release_update" in failure

    def test_in_april_it_only_warns(self, home, monkeypatch):
        result, logged, _ = self.check(home, monkeypatch, date(2026, 4, 2))
        assert result.success
        assert any("an update may be in force since 2026-04-01" in line for line in logged)

    def test_the_schedule_is_off_and_looks_in_october_and_april(self):
        from ccl_assets.definitions import defs

        schedule = defs.resolve_schedule_def("october_and_april_release_check")
        assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
        assert schedule.cron_schedule.split()[3] == "4,10"


class TestSensor:
    @pytest.fixture
    def tick(self, home):
        home.store.activate("FY2026")
        active, previous = home.sources()
        resources = {
            "release_source": active,
            "previous_release_source": previous,
            "corpus_paths": CorpusPaths(),
            "file_hashes": home.hashes,
        }
        cursors = [None]

        def ticked():
            with dg.build_sensor_context(cursor=cursors[-1], resources=resources) as context:
                result = source_files_changed.evaluate_tick(context)
            cursors.append(result.cursor)
            return result

        return ticked

    def test_the_first_look_remembers_and_the_next_sees_nothing(self, tick):
        assert tick().skip_message == "remembered what is there now"
        assert tick().skip_message == "nothing changed"

    def test_a_new_active_release_requests_one_refresh(self, tick, home):
        tick()
        home.store.add([str(home.tabular(2027))])
        home.store.activate("FY2027")
        (request,) = tick().run_requests
        assert request.tags["ccl/changed"] == "source/icd_release, source/previous_icd_release"
        assert tick().skip_message == "nothing changed"

    def test_a_source_that_cannot_be_read_is_told_and_remembered_as_it_was(self, tick, home):
        tick()
        (home.store.get("FY2026").path / "tabular_2026.xml").unlink()
        assert "a source cannot be read: " in tick().skip_message
        home.store.add([str(home.tabular(2026))], replace=True)
        assert tick().skip_message == "nothing changed"

    def test_it_is_off_until_switched_on(self):
        assert source_files_changed.default_status is dg.DefaultSensorStatus.STOPPED
