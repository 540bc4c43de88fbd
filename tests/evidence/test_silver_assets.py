"""Mining through the real assets: notes of one shard, a scripted miner, tables in a lakehouse of their own."""

import json

import dagster as dg
import numpy as np
import pytest

from ccl_assets.contracts import CONTRACTS
from ccl_assets.corpora.note_shards import note_shard
from ccl_assets.corpora.partitions import CORPUS
from ccl_assets.evidence.silver import assets as silver_assets
from ccl_assets.evidence.silver.assets import ASSETS
from ccl_assets.evidence.tables import CANDIDATES, EXTRACTIONS, SILVER_PAIRS
from ccl_assets.icd.partitions import CHAPTER
from ccl_assets.icd.release.contents import ReleaseFile
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.io_managers.delta_tables import DeltaTables
from ccl_assets.io_managers.table_io_manager import TableIOManager
from ccl_assets.resources.text_generation.scripted import ScriptedGenerator

CIRCULATORY = "09_I00-I99"
SHARD = note_shard("sample", "c1")
SECRET = "Zebrafinch"
NOTES = {
    "n1": f"{SECRET}: HTN, on lisinopril.",
    "n2": "COPD. " * 1_200 + "High blood pressure again.",
    "n3": "Nothing of note.",
}
TABULAR = (
    "<ICD10CM.tabular><version>2026</version><chapter><name>9</name><desc>Chapter</desc><section id='I10-I1A'><desc>Block"
    "</desc><diag><name>I10</name><desc>Essential (primary) hypertension</desc></diag><diag><name>I16</name><desc>Crisis"
    "</desc><diag><name>I16.0</name><desc>Hypertensive urgency</desc></diag></diag></section></chapter></ICD10CM.tabular>"
)


def miner_says(request):
    """Evidence where the piece of the note has some, as JSON where that is asked for; refined phrases."""
    content = request.messages[-1].content
    if "CANDIDATES" in content:
        return "- htn\n- the hypertension\n- palpitations"
    note = content.split("\nCodes:")[0]
    quote = next((words for words in ("HTN", "High blood pressure") if words in note), None)
    if request.json_schema is None:
        return f"I10: {quote}\nI16.0: None"
    return json.dumps({"I10": quote, "I16.0": None})


class Models:
    """Gives every role the scripted model."""

    mines_restricted_notes = True

    def __init__(self, generator):
        self._generator = generator

    def model_name(self, role):
        return "scripted"

    def generator(self, role):
        return self._generator


class Encoder:
    """The hypertension is near to what is known, palpitations are not."""

    def encode(self, texts):
        return np.array([[0.0, 1.0] if "palpitations" in text else [1.0, 0.0] for text in texts], dtype=np.float32)


@pytest.fixture
def mined(tmp_path, request, monkeypatch):
    """The graph run on three notes; the parameter says whether the backend constrains answers."""
    monkeypatch.setattr(silver_assets, "_SETTINGS", silver_assets._SETTINGS.model_copy(update={"profile": "full"}))
    tables = DeltaTables(str(tmp_path))
    codes = parse_tabular(ReleaseFile("tabular", "small.xml", TABULAR.encode()), "FY2026").codes
    note = {"corpus": "sample", "source": "mimic_iv", "split": "unannotated", "category": "", "is_restricted": True}
    documents = [
        {**note, "document_id": name, "chart_id": "c1", "text": text, "character_count": len(text)}
        | {"text_sha256": "", "note_shard": SHARD}
        for name, text in NOTES.items()
    ]
    elsewhere = {**documents[0], "document_id": "n4", "note_shard": "shard_31"}
    labels = [
        {"corpus": "sample", "chart_id": "c1", "document_id": None, "position": rank, "code": code}
        | {"source_code": code, "note_shard": SHARD}
        for rank, code in enumerate(["I10", "I16.0", "Z00.0"], start=1)
    ]
    gold = {
        "release": "FY2026",
        "chapter": CIRCULATORY,
        "source": "title",
        "term_id": "",
        "steps": [],
        "modifier": None,
        "rank": 1,
    }
    stored = {
        "icd/chapter_codes": codes,
        "icd/billable_titles": [
            {name: row[name] for name in ("release", "code", "long_title")} for row in codes if row["is_billable"]
        ],
        "corpus/documents": [*documents, elsewhere],
        "corpus/labels": labels,
        "corpus/evidence": [],
        "gold/pairs": [
            {**gold, "pair_id": "1", "code": "I10", "evidence": "essential hypertension", "expansion": "direct"},
            {**gold, "pair_id": "2", "code": "I10", "evidence": "palpitations", "expansion": "header_subtree"},
        ],
    }
    partition_of = {"corpus": "sample", "chapter": CIRCULATORY}
    definitions = {"corpus": CORPUS, "chapter": CHAPTER}
    for name, rows in stored.items():
        contract = CONTRACTS[name]
        column = contract.partition_column
        tables.write(contract, contract.table(rows), [partition_of[column]] if column else None, {})
    generator = ScriptedGenerator(miner_says, supports_json_schema=request.param)
    resources = {
        "tables": TableIOManager(tables, CONTRACTS), "language_models": Models(generator), "embedder": Encoder(),
    }  # fmt: skip
    sources = [
        dg.AssetSpec(
            name.split("/"), partitions_def=definitions.get(CONTRACTS[name].partition_column)
        ).with_io_manager_key("tables")
        for name in stored
    ]
    runs = []
    with dg.DagsterInstance.ephemeral() as instance:
        for name in stored:
            partition = partition_of.get(CONTRACTS[name].partition_column)
            instance.report_runless_asset_event(dg.AssetMaterialization(name.split("/"), partition=partition))
        for asset, partition in zip(ASSETS, [SHARD, CIRCULATORY, CIRCULATORY], strict=True):
            runs.append(
                dg.materialize(
                    [*ASSETS, *sources],
                    selection=[asset],
                    partition_key=partition,
                    resources=resources,
                    instance=instance,
                )
            )
    return tables, generator, runs


@pytest.mark.parametrize("mined", [False, True], indirect=True)
def test_notes_become_pairs(mined):
    tables, generator, _ = mined
    rows = tables.read(EXTRACTIONS).to_pylist()
    assert [(row["document_id"], row["status"], row["evidence"]) for row in rows if row["code"] == "I10"] == [
        ("n1", "verbatim", "HTN"),
        ("n2", "verbatim", "High blood pressure"),
        ("n3", "no_evidence", None),
    ]
    assert {row["status"] for row in rows if row["code"] == "I16.0"} == {"no_evidence"}
    assert {row["status"] for row in rows if row["code"] == "Z00.0"} == {"not_asked"}
    assert all(
        NOTES[row["document_id"]][row["begin"] : row["end"]] == row["evidence"] for row in rows if row["evidence"]
    )
    assert all(request.is_restricted for request in generator.calls)
    assert [row["document_count"] for row in tables.read(CANDIDATES).to_pylist()] == [1, 1]
    pairs = {row["evidence"]: row for row in tables.read(SILVER_PAIRS).to_pylist()}
    assert {text: (row["grounding"], row["is_trainable"]) for text, row in pairs.items()} == {
        "HTN": ("candidate", True),
        "the hypertension": ("rewording", True),
        "palpitations": ("ungrounded", False),
    }


@pytest.mark.parametrize("mined", [True], indirect=True)
def test_metadata_counts_and_quotes_no_note(mined):
    _, _, runs = mined
    events = [event for run in runs for event in run.get_asset_materialization_events()]
    found = {str(event.asset_key.path): event.step_materialization_data.materialization.metadata for event in events}
    extracted = found[str(EXTRACTIONS.name.split("/"))]
    assert extracted["notes_in_several_requests"].value == 1
    assert extracted["codes_not_in_release"].value == 3
    assert extracted["status_verbatim"].value == 2 and extracted["unreadable_answers"].value == 0
    assert not any(words in repr(found) for words in (SECRET, "HTN", "High blood"))
