"""The asset ``linking/coder`` on a few made-up notes: its gates, its files and what it shows."""

import importlib
from types import SimpleNamespace

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from ccl_assets.linking.coder_folder import read_codes, read_folder
from ccl_assets.linking.storage import UnreadableCoderError, content_version

linking = importlib.import_module("ccl_assets.linking.assets")


def tables(count=40):
    documents, labels, evidence = [], [], []
    for number in range(count):
        name, code, words = str(number), ("J45.909", "asthma") if number % 2 else ("I10", "high tension"), ""
        code, words = code
        split = "val" if number >= count - 12 else "train"
        text = f"ASSESSMENT:\nThe patient has {words} and was seen with a cough and a headache.\n"
        documents.append({"corpus": "made", "document_id": name, "chart_id": name, "split": split, "text": text})
        labels.append({"corpus": "made", "chart_id": name, "document_id": name, "code": code})
        evidence.append({"corpus": "made", "document_id": name, "code": code, "evidence_text": words})
    documents.append({"corpus": "bare", "document_id": "1", "chart_id": "1", "split": "train", "text": "Nothing."})
    pairs = [
        {"code": "R05.9", "evidence": "Cough", "tier": "gold", "source": "index", "is_trainable": True},
        {"code": "R51.9", "evidence": "Headache", "tier": "gold", "source": "index", "is_trainable": True},
    ]
    titles = [{"release": "FY2026", "code": code, "long_title": code} for code in ("I10", "J45.909", "R05.9", "R51.9")]
    return {
        "codes": pa.Table.from_pylist(titles),
        "documents": pa.Table.from_pylist(documents),
        "labels": pa.Table.from_pylist(labels),
        "evidence": pa.Table.from_pylist(evidence),
        "pairs": pa.Table.from_pylist(pairs),
    }


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setattr(linking, "_SETTINGS", SimpleNamespace(artifacts=tmp_path))

    def make(rung, **changed):
        context = dg.build_asset_context(partition_key=rung)
        return list(linking.coder(context, **{**tables(), **changed}))

    return make


def test_a_rung_is_written_with_gates_card_and_diagram(made, tmp_path):
    *checked, output = made("human")
    outcomes = {result.check_name: result.passed for result in checked}
    assert outcomes == {
        "has_terms": False,
        "weights_finite": True,
        "calibrated": True,
    }  # silver and synthetic are empty
    folder = tmp_path / "linking/coder/human"
    assert output.value == folder
    assert output.data_version.value == content_version(folder)
    assert {"card", "reliability_en", "en_threshold"} <= set(output.metadata)
    coder = read_folder(folder, read_codes(folder).label)["en"]
    assert [found.code for found in coder.code("Seen for high tension and a cough.")] == ["I10"]


def test_the_lowest_rung_knows_no_human_span(made, tmp_path):
    made("gold")
    coder = read_folder(tmp_path / "linking/coder/gold")["en"]
    assert {code for meanings in coder.terms.meanings for code in meanings} == {"R05.9", "R51.9"}


def test_nothing_is_written_without_any_term(made, tmp_path):
    with pytest.raises(dg.Failure, match="has_terms"):
        made("gold", pairs=tables()["pairs"].slice(0, 0))
    assert not (tmp_path / "linking/coder/gold").exists()


def test_the_rung_with_a_linker_keeps_its_encoder(made, tmp_path, monkeypatch):
    words = ["high", "tension", "asthma", "cough", "headache", "seen"]
    table = np.random.default_rng(0).normal(size=(len(words), 8)).astype(np.float32)
    monkeypatch.setattr("ccl_assets.linking.linker_training.packaged_start", lambda: (words, table))
    made("linked")
    folder = tmp_path / "linking/coder/linked"
    coder = read_folder(folder)["en"]
    assert coder.linker is not None
    assert coder.linker.encoder.pieces == words
    assert [found.code for found in coder.code("Seen for high tension and a cough.")] == ["I10"]
    (folder / "en/encoder/encoder.npz").unlink()
    with pytest.raises(UnreadableCoderError, match="no whole encoder"):
        read_folder(folder)


def test_other_rungs_have_no_encoder(made, tmp_path):
    made("human")
    assert read_folder(tmp_path / "linking/coder/human")["en"].linker is None
