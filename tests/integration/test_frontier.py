"""Refreshing re-derives what a change reaches and nothing else, on a small graph of the project's own building blocks."""

import dagster as dg
import pytest

from ccl_assets.io_managers.delta_tables import DeltaTables
from ccl_assets.io_managers.table_io_manager import TableIOManager
from ccl_assets.lakehouse.table_asset import Input, TableResult, inputs, table_asset, table_multi_asset
from ccl_assets.refresh.frontier import Frontier, Target, find_frontier, materialize, observe, refresh
from ccl_assets.tables.contract import INTEGER, STRING, Column, TableContract
from ccl_assets.tables.gate import Gate

CHAPTERS = ("A", "B")
CHAPTER = dg.StaticPartitionsDefinition(list(CHAPTERS))
SOURCE = "source/files"


def contract(name, *columns, partition_column="chapter"):
    chapter = (Column("chapter", STRING, "Partition."),) if partition_column else ()
    return TableContract(name, "Test.", (*chapter, *columns), (columns[0].name,), partition_column)


WORD, NUMBER = Column("word", STRING, "Word."), Column("number", INTEGER, "Number.")
RAW = contract("small/raw", WORD)
CLEAN = contract("small/clean", WORD)
LENGTHS = contract("small/lengths", WORD, NUMBER)
INITIALS = contract("small/initials", WORD)
TOTAL = contract("small/total", Column("name", STRING, "Name."), NUMBER, partition_column=None)
TITLE = contract("small/title", Column("name", STRING, "Name."), NUMBER, partition_column=None)
CONTRACTS = {table.name: table for table in (RAW, CLEAN, LENGTHS, INITIALS, TOTAL, TITLE)}
PARTITIONED = ("small/raw", "small/clean", "small/lengths", "small/initials")
EVERYTHING = {Target(name, chapter) for name in PARTITIONED for chapter in CHAPTERS} | {
    Target("small/total"),
    Target("small/title"),
}


class Graph:
    """source -> raw -> clean -> (lengths + initials, computed together) -> total -> title; words change under its feet."""

    def __init__(self, folder):
        self.words = dict(WORDS)
        self.code_version = "1"
        self.executed = []
        self.tables = DeltaTables(str(folder))
        self.instance = dg.DagsterInstance.ephemeral()
        self.said = []

    def definitions(self):
        @dg.observable_source_asset(key=["source", "files"], partitions_def=CHAPTER)
        def files():
            return dg.DataVersionsByPartition(self.source_versions())

        def ran(context):
            self.executed.append((context.op.name, context.partition_key if context.has_partition_key else None))

        @table_asset(
            RAW, code_version=self.code_version, description="", kinds=set(), deps=[files], partitions_def=CHAPTER,
            gates={"has_words": "There are words.", "is_tidy": "No word is shouted."},
        )  # fmt: skip
        def raw(context) -> TableResult:
            ran(context)
            words = self.words[context.partition_key]
            if "crash" in words:
                raise RuntimeError("the disk is full") from OSError("no space left")
            rows = [{"chapter": context.partition_key, "word": word} for word in words]
            gates = [
                Gate("has_words", bool(words), "give chapter files with words", {"words": len(words)}),
                Gate("is_tidy", not any(map(str.isupper, words)), "write it small", is_blocking=False),
            ]
            return TableResult(rows, {}, gates)

        @table_asset(
            CLEAN, code_version="1", description="", kinds=set(), ins=inputs(raw=RAW), partitions_def=CHAPTER,
            gates={"is_short": "No word is too long."},
        )  # fmt: skip
        def clean(context, raw) -> TableResult:
            ran(context)
            words = sorted({word.lower() for word in raw["word"].to_pylist()})
            rows = [{"chapter": context.partition_key, "word": word} for word in words]
            long = [word for word in words if len(word) > 20]
            return TableResult(rows, {}, [Gate("is_short", not long, "shorten the words", {"long": len(long)})])

        @table_multi_asset(
            {"lengths": (LENGTHS, "", {}), "initials": (INITIALS, "", {"has_initial": "Letters only."})},
            name="both", code_version="1", kinds=set(), ins=inputs(clean=CLEAN), deps=[], partitions_def=CHAPTER,
            required_resource_keys=set(),
        )  # fmt: skip
        def both(context, clean):
            ran(context)
            chapter, words = context.partition_key, clean["word"].to_pylist()
            yield "lengths", TableResult([{"chapter": chapter, "word": w, "number": len(w)} for w in words])
            initials = sorted({word[0] for word in words})
            gate = Gate("has_initial", all(map(str.isalpha, initials)), "begin with a letter")
            yield "initials", TableResult([{"chapter": chapter, "word": i} for i in initials], {}, [gate])

        @table_asset(
            TOTAL, code_version="1", description="", kinds=set(),
            ins=inputs(lengths=Input(LENGTHS, dg.AllPartitionMapping())),
        )  # fmt: skip
        def total(context, lengths) -> TableResult:
            ran(context)
            return TableResult([{"name": "letters", "number": sum(lengths["number"].to_pylist())}])

        @table_asset(TITLE, code_version="1", description="", kinds=set(), ins=inputs(total=TOTAL))
        def title(context, total) -> TableResult:
            ran(context)
            return TableResult([{"name": "title", "number": total["number"][0].as_py() // 100}])

        return dg.Definitions(
            assets=[files, raw, clean, both, total, title],
            resources={"tables": TableIOManager(self.tables, CONTRACTS)},
            executor=dg.in_process_executor,
        )

    def source_versions(self):
        return {chapter: repr(words) for chapter, words in self.words.items()}

    def refresh(self, partitions=None):
        self.executed.clear()
        sources = {SOURCE: self.source_versions}
        return refresh(self.definitions(), self.instance, partitions or {}, sources, self.said.append)

    def read(self, table):
        rows = self.tables.read(table).to_pylist()
        return [tuple(row.values()) for row in rows]

    def check_outcomes(self, asset, partition=None):
        """Outcome of each gate in the newest run of the asset."""
        key = dg.AssetKey.from_user_string(asset)
        records = self.instance.get_event_records(
            dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION), limit=200
        )
        found = {}
        for record in records:  # newest first
            event = record.event_log_entry.dagster_event.event_specific_data
            if event.asset_key == key and event.partition == partition:
                found.setdefault(event.check_name, event)
        return found


WORDS = {"A": ["apple", "Ant"], "B": ["bee"]}


@pytest.fixture
def graph(tmp_path):
    """Nothing is materialized yet."""
    return Graph(tmp_path / "lakehouse")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return Graph(tmp_path_factory.mktemp("frontier") / "lakehouse")


@pytest.fixture
def fresh(shared):
    """Everything is materialized from :data:`WORDS`; shared, since the first refresh takes longest, and restored each time."""
    shared.words, shared.code_version = dict(WORDS), "1"
    shared.refresh()
    assert shared.read(TOTAL) == [("letters", 11)]
    shared.executed.clear()
    shared.said.clear()
    return shared


def made(outcome):
    assert len(outcome.materialized) == len(set(outcome.materialized)), "something was materialized twice"
    return set(outcome.materialized)


class TestWhatIsRefreshed:
    def test_the_first_refresh_materializes_everything_once(self, graph):
        outcome = graph.refresh()
        assert made(outcome) == EVERYTHING
        assert (outcome.failed, outcome.waiting) == ({}, [])
        assert graph.read(TOTAL) == [("letters", 5 + 3 + 3)]
        assert len(graph.executed) == len(set(graph.executed)) == 3 * 2 + 2

    def test_what_was_never_materialized_runs_with_its_partition_above_in_one_run(self, graph):
        definitions = graph.definitions()
        observe(graph.instance, {SOURCE: graph.source_versions})
        frontier = find_frontier(definitions.resolve_asset_graph(), graph.instance, {})
        assert set(frontier.ready) == {Target("small/raw", chapter) for chapter in CHAPTERS}
        runs = frontier.runs()
        assert [set(run) for run in runs] == [{Target(name, chapter) for name in PARTITIONED} for chapter in CHAPTERS]

    def test_the_second_refresh_does_nothing(self, fresh):
        outcome = fresh.refresh()
        assert (outcome.materialized, outcome.failed, outcome.waiting, fresh.executed) == ([], {}, [], [])

    def test_a_source_observed_again_without_change_does_nothing(self, fresh):
        observation = dg.AssetObservation(
            ["source", "files"], partition="A", tags={"dagster/data_version": fresh.source_versions()["A"]}
        )
        fresh.instance.report_runless_asset_event(observation)
        assert observe(fresh.instance, {SOURCE: fresh.source_versions}) == []
        assert made(fresh.refresh()) == set()

    def test_a_changed_partition_refreshes_exactly_what_lies_below_it(self, fresh):
        fresh.words["B"] = ["bee", "bat"]
        outcome = fresh.refresh()
        # two letters more do not move the title's hundreds, but that is known only after computing it
        below = {Target(name, "B") for name in PARTITIONED} | {Target("small/total"), Target("small/title")}
        assert made(outcome) == below
        assert fresh.read(TOTAL) == [("letters", 14)]

    def test_equal_content_stops_the_wave(self, fresh):
        fresh.words["A"] = ["Apple", "ant"]  # raw differs, clean does not
        assert made(fresh.refresh()) == {Target("small/raw", "A"), Target("small/clean", "A")}
        assert made(fresh.refresh()) == set()

    def test_the_wave_stops_at_each_table_by_itself(self, fresh):
        fresh.words["B"] = ["bat"]  # as long as "bee", with the same initial
        made_of_b = {Target(name, "B") for name in PARTITIONED}
        assert made(fresh.refresh()) == made_of_b | {Target("small/total")}

    def test_changed_code_recomputes_its_asset_and_stops_where_nothing_changed(self, fresh):
        fresh.code_version = "2"
        assert made(fresh.refresh()) == {Target("small/raw", chapter) for chapter in CHAPTERS}

    def test_partitions_that_are_not_configured_are_neither_made_nor_waited_for(self, graph):
        partitions = {name: ["A"] for name in PARTITIONED}
        outcome = graph.refresh(partitions)
        assert made(outcome) == {target for target in EVERYTHING if target.partition != "B"}
        assert graph.read(TOTAL) == [("letters", 8)]
        assert made(graph.refresh(partitions)) == set()
        later = graph.refresh()
        below = {Target(name, "B") for name in PARTITIONED} | {Target("small/total"), Target("small/title")}
        assert made(later) == below
        assert graph.read(TOTAL) == [("letters", 11)]


class TestFailures:
    def test_a_failing_gate_keeps_the_old_table_and_everything_below_waits(self, fresh):
        before = fresh.read(RAW), fresh.read(TOTAL)
        fresh.words["B"] = []
        outcome = fresh.refresh()
        assert made(outcome) == set()
        assert set(outcome.failed) == {Target("small/raw", "B")}
        assert {str(target) for target in outcome.waiting} >= {"small/clean B", "small/total", "small/title"}
        assert (fresh.read(RAW), fresh.read(TOTAL)) == before

    def test_others_go_on_past_a_failure(self, fresh):
        fresh.words["B"] = []
        fresh.words["A"] = ["Aye"]
        outcome = fresh.refresh()
        assert made(outcome) == {Target(name, "A") for name in PARTITIONED}
        assert Target("small/total") in outcome.waiting

    def test_the_message_is_the_gates_with_its_remedy(self, fresh):
        fresh.words["B"] = []
        (message,) = fresh.refresh().failed.values()
        assert message == ("small/raw was not written. gate has_words: {'words': 0}; give chapter files with words")
        assert any(message in line for line in fresh.said)

    def test_an_errors_message_is_its_first_cause(self, fresh):
        fresh.words["B"] = ["crash"]
        (message,) = fresh.refresh().failed.values()
        assert "no space left" in message

    def test_a_failure_is_tried_once_per_refresh_and_again_by_the_next(self, fresh):
        fresh.words["B"] = []
        fresh.refresh()
        assert fresh.executed == [("small__raw", "B")]
        outcome = fresh.refresh()
        assert fresh.executed == [("small__raw", "B")]
        assert set(outcome.failed) == {Target("small/raw", "B")}
        fresh.words["B"] = ["bird"]
        outcome = fresh.refresh()
        assert made(outcome) >= {Target("small/raw", "B"), Target("small/total")}
        assert fresh.read(TOTAL) == [("letters", 12)]

    def test_in_a_first_run_of_many_only_what_failed_is_called_failed(self, graph):
        """raw, clean, lengths and initials of a partition share a run; clean's gate fails in it."""
        graph.words["B"] = ["b" * 30]
        outcome = graph.refresh()
        assert set(outcome.failed) == {Target("small/clean", "B")}
        assert "gate is_short: {'long': 1}; shorten the words" in outcome.failed[Target("small/clean", "B")]
        assert Target("small/raw", "B") in made(outcome)
        waiting = {Target("small/lengths", "B"), Target("small/initials", "B"), Target("small/total")}
        assert set(outcome.waiting) == waiting | {Target("small/title")}
        assert ("b" * 30,) not in {row[1:] for row in graph.read(CLEAN)}
        graph.words["B"] = ["bee"]
        assert Target("small/title") in made(graph.refresh())

    def test_the_sibling_of_a_failed_table_is_computed_again_with_it(self, graph):
        graph.words["B"] = ["9 lives"]  # the gate of initials fails: neither table is written
        outcome = graph.refresh()
        assert set(outcome.failed) == {Target("small/lengths", "B"), Target("small/initials", "B")}
        assert {row[0] for row in graph.read(INITIALS)} == {"A"}
        graph.words["B"] = ["nine lives"]
        outcome = graph.refresh()
        assert made(outcome) >= {Target("small/lengths", "B"), Target("small/initials", "B")}
        assert ("B", "n") in graph.read(INITIALS)
        assert made(graph.refresh()) == set()

    def test_gates_are_recorded_passed_or_failed(self, fresh):
        assert {name: event.passed for name, event in fresh.check_outcomes("small/raw", "B").items()} == {
            "fits_contract": True,
            "has_words": True,
            "is_tidy": True,
        }
        fresh.words["B"] = []
        fresh.refresh()
        failed = fresh.check_outcomes("small/raw", "B")["has_words"]
        assert not failed.passed
        assert failed.severity is dg.AssetCheckSeverity.ERROR
        assert failed.metadata["remedy"].value == "give chapter files with words"

    def test_a_warning_gate_lets_the_table_through(self, fresh):
        fresh.words["B"] = ["BEE"]
        outcome = fresh.refresh()
        assert made(outcome) == {Target("small/raw", "B"), Target("small/clean", "B")}
        warned = fresh.check_outcomes("small/raw", "B")["is_tidy"]
        assert (warned.passed, warned.severity) == (False, dg.AssetCheckSeverity.WARN)

    def test_rows_that_break_the_contract_are_not_written_nor_quoted(self, fresh):
        fresh.words["B"] = ["secret", "secret"]
        (message,) = fresh.refresh().failed.values()
        assert "small/raw was not written. gate fits_contract" in message
        assert "repeat the key ['word']" in message
        assert "secret" not in message
        assert ("B", "bee") in fresh.read(RAW)


def test_one_run_says_what_it_made_what_failed_and_what_waits(graph):
    graph.words["A"] = []
    run = materialize(graph.definitions(), graph.instance, [Target(name, "A") for name in PARTITIONED])
    assert set(run.failed) == {Target("small/raw", "A")}
    assert run.materialized == []
    assert set(run.waiting) == {Target(name, "A") for name in PARTITIONED[1:]}


def test_a_run_that_computes_nothing_is_a_failure_not_an_endless_wave(tmp_path):
    @dg.asset(output_required=False)
    def silent():
        yield from ()

    definitions = dg.Definitions(assets=[silent], executor=dg.in_process_executor)
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = refresh(definitions, instance, {}, {}, lambda line: None)
    assert list(outcome.failed) == [Target("silent")]
    assert "ended without computing it" in outcome.failed[Target("silent")]


def test_an_interrupt_ends_the_refresh():
    from dagster._core.errors import DagsterExecutionInterruptedError

    @dg.asset
    def slow():
        raise DagsterExecutionInterruptedError

    definitions = dg.Definitions(assets=[slow], executor=dg.in_process_executor)
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(KeyboardInterrupt):
        refresh(definitions, instance, {}, {}, lambda line: None)


def test_equal_partition_keys_of_different_partitions_definitions_do_not_share_a_run():
    above, below = Target("sft/adapter", "scl"), Target("eval/predictions", "scl")
    recipes, systems = dg.StaticPartitionsDefinition(["scl"]), dg.StaticPartitionsDefinition(["scl", "base_cot"])
    frontier = Frontier(
        partitioned_by={"sft/adapter": recipes, "eval/predictions": systems},
        ready=[above],
        waiting={below: {above}},
        missing={above, below},
    )
    assert frontier.runs() == [[above]]
    frontier.partitioned_by = {"sft/adapter": recipes, "eval/predictions": recipes}
    assert frontier.runs() == [[above, below]]
