"""The corpus asset on files in published layouts: what is stored, what stops it, and what is left when it stops."""

import dagster as dg
import pytest

from ccl_assets.contracts import CONTRACTS
from ccl_assets.corpora.assets import corpus
from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
from ccl_assets.icd.tables import BILLABLE_CODES, CROSSWALK
from ccl_assets.io_managers.delta_tables import DeltaTables, content_hash
from ccl_assets.io_managers.table_io_manager import TableIOManager
from ccl_assets.resources.corpus_paths import CorpusPaths

BILLABLE = ("I10", "J44.1", "E11.9", "R10.9", "H54.10")
TABLES = (DOCUMENTS, LABELS, EVIDENCE)


class Lakehouse:
    """Tables above the corpus asset, and runs of it."""

    def __init__(self, folder):
        self.folder = folder
        self.tables = DeltaTables(str(folder))
        codes = [{"release": "FY2026", "code": code} for code in BILLABLE]
        old = {"release": "FY2026", "old_code": "H54.1", "new_code": "H54.10", "successor_count": 1, "rule": "official"}
        self.tables.write(BILLABLE_CODES, BILLABLE_CODES.table(codes), None, {})
        self.tables.write(CROSSWALK, CROSSWALK.table([{**old, "effective_year": None}]), None, {})

    def run(self, partition, **paths):
        upstream = [
            dg.SourceAsset(table.name.split("/"), io_manager_key="tables") for table in (BILLABLE_CODES, CROSSWALK)
        ]
        resources = {"tables": TableIOManager(self.tables, CONTRACTS), "corpus_paths": CorpusPaths(**paths)}
        with dg.DagsterInstance.ephemeral() as instance:
            return dg.materialize(
                [corpus, *upstream], resources=resources, instance=instance, partition_key=partition,
                raise_on_error=False,
            )  # fmt: skip

    def rows(self, contract):
        return self.tables.read(contract).to_pylist()


@pytest.fixture
def lakehouse(tmp_path):
    return Lakehouse(tmp_path / "lakehouse")


def metadata(result, table):
    (event,) = [e for e in result.get_asset_materialization_events() if e.asset_key.path[-1] == table]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def said(result):
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    data = failure.step_failure_data
    return data.user_failure_data.description if data.user_failure_data else data.error.to_string()


def checks(result):
    return {event.check_name: event.passed for event in result.get_asset_check_evaluations()}


NOTES = [("n1", "21", "DS", 'COPD,\r\n"HTN"'), ("n2", "21", "AD", "addendum"), ("n3", "22", "DS", "blind")]
LABELLED = [("21", "1", "J441", "10"), ("21", "2", "I10", "10"), ("21", "3", "4019", "9"), ("22", "1", "H541", "10")]


def test_notes_and_codes_of_mimic_iv_are_stored_with_codes_of_the_release(lakehouse, write_mimic_iv):
    note, hosp = write_mimic_iv(NOTES, [*LABELLED, ("22", "2", "J44", "10")])
    result = lakehouse.run("mimic_iv", mimic_iv_note=note, mimic_iv=hosp)
    assert result.success
    assert [(row["document_id"], row["text"]) for row in lakehouse.rows(DOCUMENTS)] == [(n, t) for n, _, _, t in NOTES]
    assert [(row["chart_id"], row["code"], row["source_code"]) for row in lakehouse.rows(LABELS)] == [
        ("21", "I10", "I10"),
        ("21", "J44.1", "J441"),
        ("22", "H54.10", "H541"),
    ]
    assert lakehouse.rows(EVIDENCE) == []
    labels = metadata(result, "labels")
    assert (labels["not_in_release"], labels["not_in_release_mapped"]) == (2, 1)
    assert labels["not_in_release_first"] == ["J44"]
    documents = metadata(result, "documents")
    assert (documents["charts"], documents["dagster/partition_row_count"]) == (2, 3)
    assert documents["labels_dropped_icd_9"] == 1


def test_the_data_version_is_that_of_the_stored_rows_and_tells_a_changed_note(lakehouse, write_mimic_iv):
    versions = []
    for text in ("first", "first", "second"):
        note, hosp = write_mimic_iv([("n1", "21", "DS", text)], LABELLED)
        result = lakehouse.run("mimic_iv", mimic_iv_note=note, mimic_iv=hosp)
        for event in result.get_asset_materialization_events():
            contract = CONTRACTS[event.asset_key.to_user_string()]
            tag = event.materialization.tags["dagster/data_version"]
            assert tag == content_hash(contract, lakehouse.tables.read(contract)), contract.name
            if contract is DOCUMENTS:
                versions.append(tag)
    assert versions[0] == versions[1] != versions[2]


def test_spans_of_mdace_are_stored_with_their_source_code(lakehouse, write_mdace):
    mdace, mimic_iii = write_mdace(
        {100001: ("test", {501: ("ECG", "HTN, blind", [("HTN", "I10"), ("blind", "H54.1")])})}
    )
    assert lakehouse.run("mdace", mdace=mdace, mimic_iii=mimic_iii).success
    assert [(row["code"], row["source_code"], row["evidence_text"]) for row in lakehouse.rows(EVIDENCE)] == [
        ("H54.10", "H54.1", "blind"),
        ("I10", "I10", "HTN"),
    ]
    assert {row["split"] for row in lakehouse.rows(DOCUMENTS)} == {"test"}


def with_repeats(write_mimic_iv, repeats):
    notes = [(f"n{number}", "21", "DS", "HTN") for number in range(2000 - repeats)]
    return write_mimic_iv(notes + notes[:repeats], LABELLED)


def test_two_bad_rows_of_two_thousand_are_counted_and_three_stop_everything(lakehouse, write_mimic_iv):
    note, hosp = with_repeats(write_mimic_iv, 2)
    result = lakehouse.run("mimic_iv", mimic_iv_note=note, mimic_iv=hosp)
    assert metadata(result, "documents")["documents_dropped_repeated_note_id"] == 2
    before = [lakehouse.rows(contract) for contract in TABLES]
    note, hosp = with_repeats(write_mimic_iv, 3)
    result = lakehouse.run("mimic_iv", mimic_iv_note=note, mimic_iv=hosp)
    assert "corpus/documents was not written. gate rows_readable" in said(result)
    assert "'documents/repeated_note_id': 3" in said(result)
    assert "discharge.csv.gz, line 1999: repeated_note_id" in said(result)
    assert checks(result)["rows_readable"] is False
    assert [lakehouse.rows(contract) for contract in TABLES] == before


def test_a_span_that_misquotes_its_note_stops_the_notes_and_codes_too(lakehouse, write_mdace, monkeypatch):
    mdace, mimic_iii = write_mdace({100001: ("test", {501: ("ECG", "a secret HTN", [("HTN", "I10")])})})
    monkeypatch.setattr("ccl_assets.corpora.checks.misquotes", lambda note: ["501:9-12"])
    result = lakehouse.run("mdace", mdace=mdace, mimic_iii=mimic_iii)
    assert "corpus/evidence was not written. gate offsets_inside_notes: {'spans': 1, 'outside': 1" in said(result)
    assert not any(lakehouse.tables.exists(contract) for contract in TABLES)
    assert "secret" not in repr(result.all_events)


def test_a_file_cut_short_leaves_tables_as_they_were_and_nothing_beside_them(lakehouse, write_mimic_iv):
    note, hosp = write_mimic_iv(NOTES, LABELLED)
    assert lakehouse.run("mimic_iv", mimic_iv_note=note, mimic_iv=hosp).success
    before = {path for path in lakehouse.folder.rglob("*") if path.is_file()}
    many = [(f"n{n}", "21", "DS", f"note {n * 7919 % 10007} of Mrs Doe\n" * 9) for n in range(3000)]
    note, hosp = write_mimic_iv(many, LABELLED)
    path = note / "note/discharge.csv.gz"
    path.write_bytes(path.read_bytes()[:-2000])
    result = lakehouse.run("mimic_iv", mimic_iv_note=note, mimic_iv=hosp)
    assert "is cut short after row" in said(result)
    assert "Doe" not in said(result)
    assert {path for path in lakehouse.folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["codiesp", "aci_bench"])
def test_published_open_corpora_are_taken_in(lakehouse, development_corpora, name):
    folder = development_corpora / {"codiesp": "codiesp_v4", "aci_bench": "aci_bench"}[name]
    assert lakehouse.run(name, **{name: folder}).success
    texts = {row["document_id"]: row["text"] for row in lakehouse.rows(DOCUMENTS)}
    assert len(texts) == {"codiesp": 750, "aci_bench": 207}[name]
    for row in lakehouse.rows(EVIDENCE):
        parts = [texts[row["document_id"]][part["begin"] : part["end"]] for part in row["fragments"]]
        assert " ".join(parts) == row["evidence_text"]
