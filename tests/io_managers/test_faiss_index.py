"""The nearest-code index survives storage exactly, and nothing damaged or foreign is ever searched."""

import json
from types import SimpleNamespace

import dagster as dg
import numpy as np
import pytest

from ccl_assets.io_managers.faiss_index import (
    FaissIndexIOManager,
    IndexMismatchError,
    NearestCodeIndex,
    read_index,
)

CODES = ("I10", "I11.0", "E11.9", "J45.909")
KEY = ["synthetic", "nearest_code_index"]


def unit_vectors(count, dimension=8, seed=3):
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def build(codes=CODES, vectors=None, embedder="encoder-1", release="FY2026"):
    return NearestCodeIndex.build(codes, unit_vectors(len(codes)) if vectors is None else vectors, embedder, release)


@pytest.fixture
def stored(tmp_path):
    """The directory of an index that the IO manager wrote."""
    FaissIndexIOManager(tmp_path).handle_output(dg.build_output_context(asset_key=KEY), build())
    return tmp_path.joinpath(*KEY)


class TestRoundTrip:
    def test_through_dagster_the_index_finds_what_it_found_before(self, tmp_path):
        index, loaded = build(), []

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
        assert (found.codes, found.embedder, found.release) == (CODES, "encoder-1", "FY2026")
        np.testing.assert_array_equal(found.vectors(range(len(CODES))), unit_vectors(len(CODES)))
        queries = unit_vectors(3, seed=5)
        for before, after in zip(index.search(queries, 2), found.search(queries, 2), strict=True):
            np.testing.assert_array_equal(before, after)
        metadata = result.asset_materializations_for_node("__".join(KEY))[0].metadata
        assert metadata["embedder"].value == "encoder-1"

    def test_search_ranks_by_cosine_similarity(self):
        vectors = unit_vectors(len(CODES))
        similarities, positions = build().search(vectors[2:3], len(CODES))
        assert positions[0, 0] == 2
        np.testing.assert_allclose(similarities[0], np.sort(vectors @ vectors[2])[::-1], rtol=1e-5)

    def test_a_second_write_replaces_the_first_and_leaves_nothing_behind(self, tmp_path, stored):
        smaller = build(CODES[:2], release="FY2027")
        FaissIndexIOManager(tmp_path).handle_output(dg.build_output_context(asset_key=KEY), smaller)
        assert (read_index(stored).codes, read_index(stored).release) == (CODES[:2], "FY2027")
        assert [path.name for path in stored.parent.iterdir()] == [stored.name]


class TestDamage:
    @pytest.mark.parametrize("name", ["index.faiss", "codes.json"])
    def test_a_changed_file_is_refused(self, stored, name):
        content = bytearray((stored / name).read_bytes())
        content[len(content) // 2] ^= 1
        (stored / name).write_bytes(content)
        with pytest.raises(
            IndexMismatchError, match=rf"{name} is missing or was changed: materialize synthetic/nearest"
        ):
            read_index(stored)

    @pytest.mark.parametrize("name", ["index.faiss", "codes.json", "origin.json"])
    def test_a_missing_file_is_refused(self, stored, name):
        (stored / name).unlink()
        with pytest.raises(IndexMismatchError, match="materialize synthetic/nearest_code_index again"):
            read_index(stored)

    @pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"index_sha256": "0", "codes_sha256": "0"}'])
    def test_an_origin_that_is_none_is_refused(self, stored, content):
        (stored / "origin.json").write_text(content)
        with pytest.raises(IndexMismatchError, match="materialize synthetic/nearest_code_index again"):
            read_index(stored)

    @pytest.mark.parametrize("field", ["embedder", "release"])
    def test_an_origin_without_a_field_is_refused(self, stored, field):
        origin = json.loads((stored / "origin.json").read_text())
        del origin[field]
        (stored / "origin.json").write_text(json.dumps(origin))
        with pytest.raises(IndexMismatchError, match="materialize synthetic/nearest_code_index again"):
            read_index(stored)


class TestBuild:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_vectors_that_are_not_finite_are_refused_by_the_encoders_name(self, value):
        vectors = unit_vectors(len(CODES))
        vectors[1, 3] = value
        with pytest.raises(ValueError, match="encoder-1 gave vectors that are not finite"):
            build(vectors=vectors)

    def test_nothing_to_index_is_refused_with_the_remedy(self):
        with pytest.raises(ValueError, match="no covered code to index: materialize gold/pairs and synthetic/coverage"):
            build(codes=(), vectors=np.zeros((0, 8), np.float32))

    def test_another_number_of_vectors_is_refused(self):
        with pytest.raises(ValueError, match="4 codes but 3 vectors"):
            build(vectors=unit_vectors(3))


@pytest.mark.parametrize(
    ("embedder", "release"), [("encoder-2", "FY2026"), ("encoder-1", "FY2027")], ids=["other encoder", "other release"]
)
def test_an_index_of_another_encoder_or_release_is_not_searched(embedder, release):
    """The asset that searches compares what the index was built from with what the run uses."""
    from ccl_assets.evidence.synthetic_assets import nearest_codes
    from ccl_assets.evidence.tables import COVERAGE
    from ccl_assets.icd.tables import CODES as CODE_TABLE

    release_column = CODE_TABLE.schema.field("release")
    codes = CODE_TABLE.schema.empty_table().slice(0, 0)
    row = {field.name: _filler(field) for field in codes.schema} | {release_column.name: release}
    context = dg.build_asset_context(
        partition_key="09_I00-I99", resources={"embedder": SimpleNamespace(model_name=embedder)}
    )
    message = (
        f"built of FY2026 with encoder-1, not of {release} with {embedder}: materialize synthetic/nearest_code_index"
    )
    with pytest.raises(dg.Failure, match=message):
        list(nearest_codes(context, CODE_TABLE.table([row]), COVERAGE.schema.empty_table(), build()))


def _filler(field):
    import pyarrow as pa

    if pa.types.is_boolean(field.type):
        return False
    if pa.types.is_integer(field.type):
        return 1
    return [] if pa.types.is_list(field.type) else "x"
