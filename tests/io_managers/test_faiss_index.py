"""The nearest-code index survives storage and kills, and nothing damaged or foreign is ever searched."""

import json
import shutil
import sys
from types import SimpleNamespace

import dagster as dg
import numpy as np
import pytest

from ccl_assets.io_managers.faiss_index import (
    FaissIndexIOManager,
    IndexMismatchError,
    NearestCodeIndex,
    read_index,
    write_index,
)

CODES = ("I10", "I11.0", "E11.9", "J45.909")
KEY = ["synthetic", "nearest_code_index"]
KINDS = ["exact", "hnsw"]


def unit_vectors(count, dimension=8, seed=3):
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def build(codes=CODES, vectors=None, release="FY2026", **others):
    vectors = unit_vectors(len(codes)) if vectors is None else vectors
    return NearestCodeIndex.build(codes, vectors, "encoder-1", release, **{"fingerprint": "f1", **others})


@pytest.fixture
def stored(tmp_path):
    """The directory of an index that the IO manager wrote."""
    FaissIndexIOManager(tmp_path).handle_output(dg.build_output_context(asset_key=KEY), build())
    return tmp_path.joinpath(*KEY)


class TestRoundTrip:
    @pytest.mark.parametrize("kind", KINDS)
    def test_through_dagster_the_index_finds_what_it_found_before(self, tmp_path, kind):
        index, loaded = build(kind=kind), []

        @dg.asset(key=KEY, io_manager_key="faiss_index")
        def nearest_code_index():
            return index

        @dg.asset
        def reader(nearest: NearestCodeIndex):
            loaded.append(nearest)

        reader = reader.with_attributes(asset_key_replacements={dg.AssetKey("nearest"): dg.AssetKey(KEY)})
        with dg.DagsterInstance.ephemeral() as instance:
            resources = {"faiss_index": FaissIndexIOManager(tmp_path)}
            result = dg.materialize([nearest_code_index, reader], resources=resources, instance=instance)
        (found,) = loaded
        assert (found.codes, found.origin) == (CODES, index.origin)
        np.testing.assert_array_equal(found.vectors(range(len(CODES))), unit_vectors(len(CODES)))
        queries = unit_vectors(3, seed=5)
        for before, after in zip(index.search(queries, 2), found.search(queries, 2), strict=True):
            np.testing.assert_array_equal(before, after)
        metadata = result.asset_materializations_for_node("__".join(KEY))[0].metadata
        shown = {
            name: metadata[name].value for name in ("embedder", "embedder_fingerprint", "kind", "codes", "dimension")
        }
        assert shown == {
            "embedder": "encoder-1",
            "embedder_fingerprint": "f1",
            "kind": kind,
            "codes": 4,
            "dimension": 8,
        }

    def test_a_second_write_replaces_the_first_and_leaves_nothing_behind(self, tmp_path, stored):
        (stored / "index.faiss").touch()  # of an earlier version
        FaissIndexIOManager(tmp_path).handle_output(dg.build_output_context(asset_key=KEY), build(CODES[:2]))
        assert read_index(stored).codes == CODES[:2]
        assert sorted(path.suffix or path.name for path in stored.iterdir()) == [".faiss", ".json", ".lock"]

    def test_a_reader_finds_the_new_index_when_the_old_one_is_replaced_under_it(self, stored, monkeypatch):
        import ccl_assets.io_managers.faiss_index as module

        read_origin, is_replaced = module._stored, []

        def then_replace(directory):
            origin = read_origin(directory)
            if not is_replaced:
                is_replaced.append(True)
                write_index(build(CODES[:2]), directory)
            return origin

        monkeypatch.setattr(module, "_stored", then_replace)
        assert read_index(stored).codes == CODES[:2]


class Kill:
    """Lets the process do only so much to the files of a folder: from then on everything is refused, as to a killed one."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.steps_left = None
        sys.addaudithook(self)

    def __call__(self, event, arguments):
        if self.steps_left is None or event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"):
            return
        if any(str(argument).startswith(self.folder) for argument in arguments[:2]):
            self.steps_left -= 1
            if self.steps_left < 0:
                raise KilledError


class KilledError(BaseException):
    pass


def test_a_writer_killed_at_any_step_leaves_the_old_index_or_the_new_one(tmp_path):
    old, new = build(), build(CODES[:3], release="FY2027")
    pristine, folder = tmp_path / "pristine", tmp_path / "index"
    write_index(old, pristine)
    kill = Kill(folder)
    found = []
    for steps in range(100):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(pristine, folder)
        kill.steps_left = steps
        try:
            write_index(new, folder)
            break
        except KilledError:
            pass
        finally:
            kill.steps_left = None
        found.append(read_index(folder).origin.release)
        write_index(old, folder)  # what is left behind is in nobody's way, and goes
        assert len(list(folder.iterdir())) == 3
    assert found == sorted(found)
    assert set(found) == {"FY2026", "FY2027"}
    assert steps >= 6  # lock, and two files to be written, named and cleared away


def test_a_half_written_file_is_never_read(stored):
    (stored / "unnamed.tmp").write_bytes(b"half")
    assert read_index(stored).codes == CODES


class TestDamage:
    @pytest.mark.parametrize("suffix", [".faiss", ".json"])
    def test_a_changed_file_is_refused(self, stored, suffix):
        (file,) = stored.glob(f"*{suffix}")
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        with pytest.raises(IndexMismatchError, match=rf"{file.name} was changed.*: materialize synthetic/nearest"):
            read_index(stored)

    @pytest.mark.parametrize("suffix", [".faiss", ".json"])
    def test_a_missing_file_is_refused(self, stored, suffix):
        (file,) = stored.glob(f"*{suffix}")
        file.unlink()
        with pytest.raises(IndexMismatchError, match="materialize synthetic/nearest_code_index again"):
            read_index(stored)

    @pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"file_checksum": "0", "codes": []}', "\udcff"])
    def test_an_origin_that_is_none_is_refused(self, stored, content):
        (stored / "origin.json").write_text(content, errors="surrogateescape")
        with pytest.raises(IndexMismatchError, match="materialize synthetic/nearest_code_index again"):
            read_index(stored)

    @pytest.mark.parametrize(
        ("field", "value"),
        [("release", "FY2027"), ("fingerprint", "f2"), ("codes", ["I10", "I11.0", "E11.9", "J45.901"])],
    )
    def test_an_origin_edited_by_hand_is_refused(self, stored, field, value):
        origin = json.loads((stored / "origin.json").read_text())
        (stored / "origin.json").write_text(json.dumps(origin | {field: value}))
        with pytest.raises(IndexMismatchError, match=r"origin\.json was changed"):
            read_index(stored)


class TestBuild:
    @pytest.mark.parametrize(
        ("value", "what"), [(np.nan, "not finite"), (np.inf, "not finite"), (0.0, "zero"), (0.5, "not of length one")]
    )
    def test_vectors_that_are_none_are_refused_with_their_count_and_codes(self, value, what):
        vectors = unit_vectors(len(CODES))
        vectors[1:3] *= value
        message = f"encoder-1 gave vectors that are {what}: 2 of 4, first of I11.0, E11.9; check CCL_EMBEDDER"
        with pytest.raises(ValueError, match=message):
            build(vectors=vectors, texts=["SECRET"] * 4)

    def test_nothing_to_index_is_refused_with_the_remedy(self):
        with pytest.raises(ValueError, match="no covered code to index: materialize gold/pairs and synthetic/coverage"):
            build(codes=(), vectors=np.zeros((0, 8), np.float32))

    def test_another_number_of_vectors_is_refused(self):
        with pytest.raises(ValueError, match="4 codes but 3 vectors"):
            build(vectors=unit_vectors(3))

    def test_another_kind_is_refused_with_those_there_are(self):
        with pytest.raises(ValueError, match="no index of kind 'ivf'; there are exact, hnsw"):
            build(kind="ivf")

    @pytest.mark.parametrize("kind", KINDS)
    def test_equal_input_gives_equal_bytes(self, tmp_path, kind):
        codes, vectors = [f"A{number:04d}" for number in range(3000)], unit_vectors(3000, 16)
        for name in ("one", "other"):
            write_index(build(codes, vectors, kind=kind), tmp_path / name)
        one, other = (
            {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("one", "other")
        )
        assert one == other

    def test_the_checksum_tells_what_the_index_was_built_from(self):
        plain = build(texts=["a", "b", "c", "d"])
        same = build(texts=["a", "b", "c", "d"])
        others = [
            build(texts=["a", "b", "c", "x"]),
            build(texts=["a", "b", "c", "d"], release="FY2027"),
            build(texts=["a", "b", "c", "d"], fingerprint="f2"),
            build(texts=["a", "b", "c", "d"], kind="hnsw"),
            build(("I10", "I11.0", "E11.9", "J45.901"), texts=["a", "b", "c", "d"]),
        ]
        assert plain.origin.checksum == same.origin.checksum
        assert len({index.origin.checksum for index in (plain, *others)}) == 6


class TestSearch:
    @pytest.mark.parametrize("kind", KINDS)
    def test_ranks_by_cosine_similarity_and_says_where_there_is_none(self, kind):
        vectors = unit_vectors(len(CODES))
        similarities, positions = build(kind=kind).search(vectors[2:3], len(CODES) + 1)
        assert (positions[0, 0], positions[0, -1]) == (2, -1)
        np.testing.assert_allclose(similarities[0, :-1], np.sort(vectors @ vectors[2])[::-1], rtol=1e-5)

    def test_the_graph_finds_nearly_all_that_comparing_finds(self):
        rng = np.random.default_rng(1)
        topics = unit_vectors(200, 48)
        vectors = topics[rng.integers(200, size=6000)] + 0.1 * rng.normal(size=(6000, 48)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        codes = [f"A{number:04d}" for number in range(6000)]
        exact, graph = (build(codes, vectors, kind=kind).search(vectors[:500], 10)[0] for kind in KINDS)
        assert (graph >= exact[:, -1:] - 1e-6).mean() > 0.97

    @pytest.mark.parametrize("kind", KINDS)
    def test_where_nothing_is_uncovered_nothing_is_found(self, kind):
        similarities, positions = build(kind=kind).search(np.zeros((0, 0), np.float32), 3)
        assert similarities.shape == positions.shape == (0, 3)

    def test_queries_of_another_encoder_or_without_a_number_are_refused(self):
        with pytest.raises(ValueError, match="queries of 9 dimensions to an index of 8"):
            build().search(unit_vectors(2, 9), 2)
        with pytest.raises(ValueError, match="1 of 2 queries are not finite"):
            build().search(np.array([[np.nan] * 8, [0.0] * 8], np.float32), 2)


class TestRequire:
    def test_the_same_files_under_another_name_are_the_same_encoder(self):
        build().require("FY2026", SimpleNamespace(model_name="/elsewhere", fingerprint="f1"))

    @pytest.mark.parametrize(
        ("release", "name", "fingerprint"), [("FY2027", "encoder-1", "f1"), ("FY2026", "encoder-1", "f2")],
        ids=["other release", "other files of the same name"],
    )  # fmt: skip
    def test_another_release_or_encoder_is_refused_with_the_remedy(self, stored, release, name, fingerprint):
        message = (
            rf"built of FY2026 with encoder-1 \[f1\], not of {release} with {name} \[{fingerprint}\]: "
            "materialize synthetic/nearest_code_index again"
        )
        with pytest.raises(IndexMismatchError, match=message):
            read_index(stored).require(release, SimpleNamespace(model_name=name, fingerprint=fingerprint))
