"""Directories that assets write themselves: the IO manager checks that they are where they belong and hands on paths."""

from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from ccl_assets.io_managers.artifact_directory import ArtifactDirectoryIOManager, ArtifactMissingError

RECIPES = dg.StaticPartitionsDefinition(["base", "code_only"])


def run(root, place, partition="base", readers=()):
    """Materialize an artifact that its asset puts at ``place``, then what reads it."""

    @dg.asset(key=["sft", "adapter"], partitions_def=RECIPES, io_manager_key="artifact_directory")
    def adapter(context):
        return place

    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [adapter, *readers],
            resources={"artifact_directory": ArtifactDirectoryIOManager(root)},
            instance=instance,
            partition_key=partition,
            raise_on_error=True,
        )


def test_a_partition_is_read_as_the_path_it_was_written_to(tmp_path):
    place = tmp_path / "sft" / "adapter" / "base"
    place.mkdir(parents=True)
    seen = []

    @dg.asset(ins={"adapter": dg.AssetIn(["sft", "adapter"])}, partitions_def=RECIPES)
    def reader(adapter: Path):
        seen.append(adapter)

    result = run(tmp_path, place, readers=[reader])
    assert seen == [place]
    (written,) = result.asset_materializations_for_node("sft__adapter")
    assert written.metadata["path"].value == str(place)


def test_an_artifact_written_elsewhere_is_refused_with_both_places(tmp_path):
    place = tmp_path / "elsewhere"
    place.mkdir()
    with pytest.raises(
        ArtifactMissingError, match=r"sft/adapter should have written .*sft/adapter/base, not .*elsewhere"
    ):
        run(tmp_path, place)


def test_an_artifact_that_was_not_written_is_refused(tmp_path):
    with pytest.raises(ArtifactMissingError, match="should have written"):
        run(tmp_path, tmp_path / "sft" / "adapter" / "base")


def input_context(partitions):
    """What Dagster passes when the run's partition maps to ``partitions``."""
    return SimpleNamespace(
        asset_key=dg.AssetKey(["sft", "adapter"]), has_asset_partitions=True, asset_partition_keys=partitions
    )


def test_an_unpartitioned_artifact_lies_at_the_assets_key(tmp_path):
    place = tmp_path / "sft" / "adapter"
    place.mkdir(parents=True)
    context = dg.build_input_context(asset_key=dg.AssetKey(["sft", "adapter"]))
    assert ArtifactDirectoryIOManager(tmp_path).load_input(context) == place


def test_an_artifact_that_is_gone_is_named_with_partition_and_remedy(tmp_path):
    with pytest.raises(ArtifactMissingError, match="is missing: materialize sft/adapter partition base again"):
        ArtifactDirectoryIOManager(tmp_path).load_input(input_context(["base"]))


def test_an_input_without_partition_is_none(tmp_path):
    """A system without an adapter."""
    seen = []
    mapping = dg.StaticPartitionMapping({"base": ["tuned"]})

    @dg.asset(
        ins={"adapter": dg.AssetIn(["sft", "adapter"], partition_mapping=mapping)},
        partitions_def=dg.StaticPartitionsDefinition(["tuned", "zero_shot"]),
    )
    def system(adapter: Path | None):
        seen.append(adapter)

    source = dg.SourceAsset(["sft", "adapter"], partitions_def=RECIPES, io_manager_key="artifact_directory")
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize(
            [system, source],
            resources={"artifact_directory": ArtifactDirectoryIOManager(tmp_path)},
            instance=instance,
            partition_key="zero_shot",
        )
    assert seen == [None]


def test_an_input_of_several_partitions_is_refused(tmp_path):
    with pytest.raises(ValueError, match="maps to one partition, not 2"):
        ArtifactDirectoryIOManager(tmp_path).load_input(input_context(["base", "code_only"]))
