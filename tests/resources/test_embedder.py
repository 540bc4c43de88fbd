"""Texts become unit vectors of a known encoder, each embedded once and for all."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from ccl_assets.resources.embedding import embedder as module
from ccl_assets.resources.embedding.embedder import Embedder, EncoderError, packaged_encoder_directory
from ccl_assets.resources.embedding.store import EmbeddingStore


class CountingEncoder:
    """Stands in for the model: a vector that tells the text's length, and a list of what was asked."""

    device = SimpleNamespace(type="cpu")

    def __init__(self, fails_after=None, vector=None):
        self.asked = []
        self.fails_after = fails_after
        self.vector = vector

    def encode(self, texts, **_):
        if self.fails_after is not None and len(self.asked) >= self.fails_after:
            raise KeyboardInterrupt
        self.asked += texts
        vectors = np.array([[np.cos(len(text)), np.sin(len(text))] for text in texts], dtype=np.float32)
        if self.vector is not None:
            vectors[1:3] = self.vector
        return vectors


def embedder_with(encoder, store=None, fingerprint="f1"):
    """An embedder whose model is loaded already."""
    embedder = Embedder("packaged", 1, store)
    vars(embedder).update(_encoder=encoder, fingerprint=fingerprint)
    return embedder


@pytest.fixture
def store(tmp_path):
    return EmbeddingStore(tmp_path / "embeddings.sqlite")


@pytest.fixture
def tiny_encoder(tmp_path):
    """Folder with files of an encoder that nothing can load."""
    folder = tmp_path / "tiny"
    (folder / "1_Pooling").mkdir(parents=True)
    for name in ("modules.json", "model.safetensors", "1_Pooling/config.json", "README.md", ".gitattributes"):
        (folder / name).write_text(name)
    return folder


class TestEncode:
    def test_the_packaged_encoder_gives_unit_vectors_in_the_order_of_the_texts(self, store):
        texts = [
            "Essential (primary) hypertension",
            "High blood pressure",
            "Fracture of tibia",
            "",
            "High blood pressure",
        ]
        first = Embedder("packaged", 1, store).encode(texts)
        assert (first.shape, first.dtype) == ((5, 384), np.float32)
        np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(first[1], first[4])
        assert first[0] @ first[1] > first[0] @ first[2] + 0.2
        again = Embedder("packaged", 1, store)
        np.testing.assert_array_equal(again.encode(texts[::-1]), first[::-1])
        assert "_encoder" not in vars(again)  # never loaded
        alone = Embedder("packaged", 1).encode(texts[:1])
        np.testing.assert_allclose(alone[0], first[0], atol=1e-5)  # whatever it is padded with

    def test_no_texts_need_no_model(self):
        assert Embedder("/nowhere").encode([]).shape == (0, 0)

    def test_only_texts_that_are_new_are_embedded(self, store):
        encoder = CountingEncoder()
        embedder_with(encoder, store).encode(["aa", "b", "aa"])
        vectors = embedder_with(encoder, store).encode(["cccc", "b", "ddd"])
        assert encoder.asked == ["aa", "b", "cccc", "ddd"]
        np.testing.assert_allclose(vectors[:, 0], np.cos([4, 1, 3]), rtol=1e-6)

    def test_another_encoder_finds_nothing_of_the_first_one(self, store):
        encoder = CountingEncoder()
        for fingerprint in ("f1", "f2"):
            embedder_with(encoder, store, fingerprint).encode(["a"])
        assert encoder.asked == ["a", "a"]

    def test_a_killed_run_goes_on_where_it_stopped(self, store):
        texts = [f"{number:05d}" for number in range(5000)]
        killed, next_one = CountingEncoder(fails_after=3000), CountingEncoder()
        with pytest.raises(KeyboardInterrupt):
            embedder_with(killed, store).encode(texts)
        embedder_with(next_one, store).encode(texts)
        assert killed.asked + next_one.asked == texts
        assert len(killed.asked) >= 3000

    @pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
    def test_vectors_that_are_none_are_counted_refused_and_not_stored(self, store, value):
        embedder = embedder_with(CountingEncoder(vector=value), store)
        with pytest.raises(EncoderError, match="gave 2 of 4 vectors that are not finite or zero") as caught:
            embedder.encode(["SECRET", "b", "c", "d"])
        assert "SECRET" not in str(caught.value)
        assert store.get_many("f1", ["SECRET", "b", "c", "d"]) == {}

    def test_progress_tells_counts_rate_and_time_left(self, store, monkeypatch):
        lines, clock = [], iter(range(0, 1000, 8))
        texts = [f"{number:05d}" for number in range(4096)]
        embedder_with(CountingEncoder(), store).encode(texts[:1024])
        monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
        embedder_with(CountingEncoder(), store).encode(texts, lines.append)
        assert lines == [
            "3,072/4,096 texts embedded, 1,024 of them in earlier runs; 85 texts/s; about 12 s left",
            "4,096/4,096 texts embedded, 1,024 of them in earlier runs; 96 texts/s; about 0 s left",
        ]


class TestFingerprint:
    def test_it_is_that_of_the_files_wherever_they_lie(self, tiny_encoder, tmp_path):
        before = Embedder(str(tiny_encoder)).fingerprint
        moved = shutil.copytree(tiny_encoder, tmp_path / "moved")
        (moved / "README.md").write_text("other words")
        (moved / ".cache").mkdir()
        (moved / ".cache" / "stamp").touch()
        (moved / "model.onnx").touch()
        assert Embedder(str(moved)).fingerprint == before
        (moved / "1_Pooling" / "config.json").write_text("other pooling")
        assert Embedder(str(moved)).fingerprint != before

    def test_other_weights_under_the_same_name_are_another_encoder(self, tiny_encoder):
        before = Embedder(str(tiny_encoder)).fingerprint
        (tiny_encoder / "model.safetensors").write_text("model.safetensorz")
        assert Embedder(str(tiny_encoder)).fingerprint != before

    def test_the_packaged_encoder_is_the_same_one_given_by_its_folder(self):
        assert Embedder("packaged").fingerprint == Embedder(str(packaged_encoder_directory())).fingerprint


class TestSource:
    def test_a_folder_without_an_encoder_is_refused_by_its_setting(self, tmp_path):
        with pytest.raises(EncoderError, match=rf"CCL_EMBEDDER={tmp_path}.*holds no sentence encoder"):
            Embedder(str(tmp_path)).encode(["a"])

    @pytest.mark.parametrize("model", ["no/such-encoder", "/no/such/folder", "no/such-encoder@1234"])
    def test_what_neither_disk_nor_hub_has_is_refused_with_the_remedy(self, model):
        with pytest.raises(EncoderError, match=f"CCL_EMBEDDER={model} is no directory.*download it"):
            _ = Embedder(model).fingerprint

    def test_a_hub_model_is_taken_from_the_cache_at_the_revision_asked_for(self, tiny_encoder, tmp_path, monkeypatch):
        import huggingface_hub.constants

        model = tmp_path / "models--org--encoder"
        for revision, ref in (("a" * 40, "main"), ("b" * 40, "v2")):
            shutil.copytree(tiny_encoder, model / "snapshots" / revision)
            (model / "refs").mkdir(exist_ok=True)
            (model / "refs" / ref).write_text(revision)
        (model / "snapshots" / ("b" * 40) / "model.safetensors").write_text("second")
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
        main, pinned = Embedder("org/encoder"), Embedder("org/encoder@v2")
        assert main.fingerprint == Embedder(str(tiny_encoder)).fingerprint != pinned.fingerprint
        assert pinned.fingerprint == Embedder(f"org/encoder@{'b' * 40}").fingerprint
