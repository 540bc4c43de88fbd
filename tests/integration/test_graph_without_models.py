"""The part of the graph that needs no model, on the packaged release and the sample corpus, as a refresh runs it."""

import dagster as dg
import pytest

from ccl_assets.contracts import CONTRACTS
from ccl_assets.io_managers.delta_tables import content_hash
from ccl_assets.refresh.frontier import Target, find_frontier

pytestmark = pytest.mark.xdist_group("graph_without_models")
ICD = ("release", "codes", "billable_codes", "billable_titles", "instructions", "index_terms", "guidelines")
CORPUS = ("documents", "labels", "evidence", "code_counts")
CHAPTER = "03_D50-D89"
RUNS = [
    [Target(f"icd/{name}") for name in (*ICD, "release_diff", "crosswalk")],
    [Target(f"corpus/{name}", "sample") for name in CORPUS],
    [Target(name, CHAPTER) for name in ("icd/chapter_codes", "icd/chapter_index_terms", "gold/pairs")],
]


@pytest.fixture(scope="module")
def lakehouse(new_lakehouse, tmp_path_factory):
    return new_lakehouse(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module", autouse=True)
def outcomes(lakehouse):
    return [lakehouse.run(run) for run in RUNS]


def test_every_run_succeeds(outcomes):
    assert [outcome.failed for outcome in outcomes] == [{}, {}, {}]
    assert [target for outcome in outcomes for target in outcome.materialized] == [
        target for run in RUNS for target in run
    ]


def test_the_packaged_release_has_all_its_codes(lakehouse):
    codes = lakehouse.read("icd/codes")
    assert codes.num_rows == 98_186
    assert sum(codes["is_billable"].to_pylist()) == 74_719
    assert codes["release"].unique().to_pylist() == ["FY2026-April"]
    assert len(codes["chapter"].unique()) == 22


def test_release_without_index_and_guidelines_gives_empty_tables(lakehouse):
    assert lakehouse.read("icd/release", "role")["role"].to_pylist() == ["tabular"]
    assert lakehouse.read("icd/index_terms").num_rows == 0
    assert lakehouse.read("icd/guidelines").num_rows == 0
    assert lakehouse.read("icd/release_diff").num_rows == 0
    assert lakehouse.read("icd/crosswalk").num_rows == 0
    assert lakehouse.read("icd/instructions").num_rows > 10_000


def test_the_sample_corpus_is_whole_and_its_evidence_quotes_its_notes(lakehouse):
    documents = {row["document_id"]: row["text"] for row in lakehouse.read("corpus/documents").to_pylist()}
    labels, evidence = lakehouse.read("corpus/labels"), lakehouse.read("corpus/evidence").to_pylist()
    assert documents
    assert labels.num_rows
    assert evidence
    for row in evidence:
        note = documents[row["document_id"]]
        assert " ".join(note[part["begin"] : part["end"]] for part in row["fragments"]) == row["evidence_text"]


def test_gold_pairs_cover_every_title_of_the_chapter_and_nothing_else(lakehouse):
    pairs = lakehouse.read("gold/pairs")
    codes = lakehouse.read("icd/codes").to_pylist()
    billable = {row["code"] for row in codes if row["is_billable"] and row["chapter"] == CHAPTER}
    assert pairs["chapter"].unique().to_pylist() == [CHAPTER]
    assert set(pairs["code"].to_pylist()) == billable
    titled = {row["code"] for row in pairs.to_pylist() if row["source"] == "title" and row["expansion"] == "direct"}
    assert titled == billable


def test_every_declared_gate_was_recorded_as_passed(lakehouse):
    graph = lakehouse.definitions.resolve_asset_graph()
    made = {target.key: target.partition for run in RUNS for target in run}
    declared = {key for key in graph.asset_check_keys if key.asset_key in made}
    records = lakehouse.instance.get_event_records(
        dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION), limit=500
    )
    events = [record.event_log_entry.dagster_event.event_specific_data for record in records]
    assert {dg.AssetCheckKey(event.asset_key, event.check_name) for event in events} == declared
    assert all(event.passed for event in events)
    assert all(event.partition == made[event.asset_key] for event in events)


def test_the_data_version_is_the_hash_of_the_stored_rows(lakehouse):
    for target in (target for run in RUNS for target in run):
        contract = CONTRACTS[target.asset]
        stored = lakehouse.tables.read(contract, [target.partition] if target.partition else None)
        tags = lakehouse.event(target).tags
        assert tags["dagster/data_version"] == content_hash(contract, stored), target


def test_row_counts_and_first_rows_are_shown(lakehouse):
    for target in (target for run in RUNS for target in run):
        metadata = lakehouse.metadata(target)
        count = metadata.get("dagster/partition_row_count") or metadata["dagster/row_count"]
        contract = CONTRACTS[target.asset]
        rows = lakehouse.tables.read(contract, [target.partition] if target.partition else None)
        assert count.value == rows.num_rows
        assert ("preview" in metadata) == bool(rows.num_rows), target  # the sample corpus is open


def test_nothing_that_was_materialized_is_stale(lakehouse):
    graph = lakehouse.definitions.resolve_asset_graph()
    partitions = {f"corpus/{table}": ["sample"] for table in CORPUS}
    frontier = find_frontier(graph, lakehouse.instance, partitions)
    made = {target for run in RUNS for target in run}
    assert made.isdisjoint(frontier.ready)
    assert made.isdisjoint(frontier.waiting)
    assert Target("icd/chapter_codes", "01_A00-B99") in frontier.ready
