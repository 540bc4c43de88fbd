"""The asset ``linking/encoder`` on made-up notes and a tiny word table: its gates, its files and what it shows."""

import importlib
from types import SimpleNamespace

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from ccl_assets.linking.static_encoder import StaticEncoder
from ccl_assets.linking.storage import content_version

assets = importlib.import_module("ccl_assets.linking.encoder_assets")
WORDS = [*(f"word{number}" for number in range(120)), "pain", "of", "the", "dolor", "fiebre"]


def tables(spanish=True):
    codes = [f"R{number:02}" for number in range(60)]
    titles = [{"code": code, "long_title": f"word{number} pain"} for number, code in enumerate(codes)]
    pairs = [
        {"code": code, "evidence": f"word{60 + number} {word}", "tier": "gold", "source": "index", "is_trainable": True}
        for number, code in enumerate(codes)
        for word in ("pain", "of", "the")
    ]
    english = "The patient was seen with pain and has a history of the same in the past."
    notes = [
        ("1", english),
        *([("2", "El paciente tiene dolor y fiebre en la rodilla y no tiene tos.")] if spanish else []),
    ]
    documents = [{"corpus": "made", "document_id": name, "split": "train", "text": text} for name, text in notes]
    spans = (("R01", "dolor"), ("R02", "fiebre"))
    evidence = [{"corpus": "made", "document_id": "2", "code": code, "evidence_text": text} for code, text in spans]
    evidence.append({"corpus": "made", "document_id": "kept from training", "code": "R03", "evidence_text": "word3"})
    rows = {"titles": titles, "documents": documents, "evidence": evidence, "pairs": pairs}
    return {name: pa.Table.from_pylist(found) for name, found in rows.items()}


@pytest.fixture
def made(tmp_path, monkeypatch):
    table = np.random.default_rng(0).normal(size=(len(WORDS), 12)).astype(np.float32)
    monkeypatch.setattr(assets, "_SETTINGS", SimpleNamespace(artifacts=tmp_path))
    monkeypatch.setattr("ccl_assets.linking.encoder_training.packaged_start", lambda: (WORDS, table))
    monkeypatch.setattr("ccl_assets.linking.encoder_languages.WIDTH", 8)
    return lambda **changed: list(assets.encoder(dg.build_asset_context(), **{**tables(), **changed}))


def test_an_encoder_for_each_language_is_written_with_gates_card_and_curve(made, tmp_path):
    *checked, output = made()
    assert {result.check_name for result in checked} == {"vectors_finite", "recall_above_words"}
    folder = tmp_path / "linking/encoder"
    assert output.value == folder
    assert output.data_version.value == content_version(folder)
    assert {"card", "curve_en", "curve_es", "en_recall_at_10", "en_recall_at_10_untrained"} <= set(output.metadata)
    assert "held-out terms" in (folder / "README.md").read_text()
    english, spanish = (StaticEncoder.read(folder / language) for language in ("en", "es"))
    assert english.width == spanish.width == 8
    assert not english.buckets
    assert spanish.encode(["rodilla"]).any(), "letter sequences give any word a vector"


def test_without_spanish_notes_there_is_english_alone(made, tmp_path):
    made(documents=tables(spanish=False)["documents"])
    assert sorted(path.name for path in (tmp_path / "linking/encoder").iterdir()) == ["README.md", "en"]


def test_vectors_that_are_none_are_not_written(made, tmp_path, monkeypatch):
    table = np.full((len(WORDS), 12), np.nan, np.float32)
    monkeypatch.setattr("ccl_assets.linking.encoder_languages.start_of", lambda *_: StaticEncoder(WORDS, table))
    with pytest.raises(dg.Failure, match="vectors_finite"):
        made()
    assert not (tmp_path / "linking/encoder").exists()
