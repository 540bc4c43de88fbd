"""The asset graph as a whole: its shape is the one on record, everything is documented, and looking at it is cheap."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ccl_assets.lakehouse.groups import group_of

GOLDEN = Path(__file__).parents[1] / "golden" / "asset_graph.json"
HEAVY = (
    "torch", "transformers", "trl", "peft", "faiss", "sentence_transformers", "datasets", "vllm", "pandas", "matplotlib",
)  # fmt: skip


@pytest.fixture(scope="module")
def graph():
    from ccl_assets.definitions import defs

    return defs.resolve_asset_graph()


@pytest.fixture(scope="module")
def nodes(graph):
    return {key.to_user_string(): graph.get(key) for key in graph.materializable_asset_keys}


def test_keys_and_dependencies_are_the_ones_on_record(graph):
    """After an intended change: ``CCL_UPDATE_GOLDEN=1 pytest tests/integration/test_lineage.py``, and read the difference."""
    found = {
        key.to_user_string(): sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        for key in sorted(graph.get_all_asset_keys())
    }
    if os.environ.get("CCL_UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_every_dependency_is_an_asset_of_the_code_location(graph):
    known = graph.materializable_asset_keys | graph.observable_asset_keys
    assert graph.get_all_asset_keys() - known == set()


def test_every_asset_but_the_sources_has_something_above_it(nodes):
    roots = {name for name, node in nodes.items() if not node.parent_keys}
    assert roots <= {"sft/recipes"}, "these are part of the package"


def test_every_asset_says_what_it_is_whose_it_is_and_which_code_made_it(nodes):
    for name, node in nodes.items():
        assert node.group_name == group_of(name).name, name
        assert len(node.description or "") > 30, f"{name} has no description worth reading"
        assert node.owners, f"{name} has no owner"
        assert 1 <= len(node.kinds) <= 3, f"{name}: Dagster shows three kinds"
        assert node.code_version, f"{name} has no code version, so a change of its code would not make it stale"


def test_every_table_has_a_column_schema_with_a_description_per_column(nodes):
    from ccl_assets.contracts import CONTRACTS

    assert set(CONTRACTS) <= set(nodes), "a contract without its asset"
    for name, contract in CONTRACTS.items():
        schema = nodes[name].metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == contract.schema.names
        for column in schema.columns:
            assert len(column.description or "") > 3, f"{name}.{column.name} is not described"


def test_every_table_is_checked_before_it_is_written(graph):
    from ccl_assets.contracts import CONTRACTS

    gated = {key.asset_key.to_user_string() for key in graph.asset_check_keys if key.name == "fits_contract"}
    assert gated == set(CONTRACTS)


def test_a_partitioned_table_is_partitioned_by_a_column(nodes):
    from ccl_assets.contracts import CONTRACTS

    for name, contract in CONTRACTS.items():
        assert (nodes[name].partitions_def is not None) == (contract.partition_column is not None), name


def test_no_fan_in_reaches_the_hundred_partitions_at_which_staleness_goes_blind(nodes):
    counts = {
        name: len(node.partitions_def.get_partition_keys()) for name, node in nodes.items() if node.partitions_def
    }
    assert max(counts.values()) < 100


def test_importing_the_definitions_loads_no_heavy_library():
    script = f"import sys, ccl_assets.definitions; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_refresh_and_the_definitions_agree_about_sources_and_corpora(nodes, graph):
    from ccl_assets.corpora.loaders import CORPORA

    sources = {key.to_user_string() for key in graph.observable_asset_keys}
    assert sources == {"source/icd_release", "source/previous_icd_release", "source/corpus_files"}
    for table in ("documents", "labels", "evidence"):
        assert list(nodes[f"corpus/{table}"].partitions_def.get_partition_keys()) == list(CORPORA)


def test_only_recipes_with_spans_wait_for_the_knowledge_base(graph):
    """So that a changed silver chapter re-derives ``scl`` and leaves ``evidence`` as it is."""
    import dagster as dg

    from ccl_assets.icd.chapters import CHAPTER_KEYS
    from ccl_assets.refresh.frontier import Target, find_frontier

    waiting = find_frontier(graph, dg.DagsterInstance.ephemeral(), {}).waiting
    chapters = {Target("knowledge_base/pairs", key) for key in CHAPTER_KEYS}
    for recipe, expected in {"code_only": set(), "evidence": set(), "evidence_gold": chapters, "scl": chapters}.items():
        assert {above for above in waiting[Target("sft/dataset", recipe)] if above in chapters} == expected, recipe
