"""The reproduction card says what EVALUATION asks of it, from the adapters' and the predictions' own records."""

import pyarrow as pa
import pytest

from ccl_assets.evaluation.report.reproduction import (
    adapter_folders,
    adapter_settings,
    benchmark_contents,
    flat,
    git_state,
    prompts_of_systems,
    reproduction_card,
)
from ccl_assets.icd.tables import RELEASE
from ccl_assets.resources.models.base_model_identity import BaseModelIdentity
from ccl_assets.resources.settings import Settings
from ccl_assets.sft.adapter.model_card import render_model_card
from ccl_assets.sft.recipes import load_recipe, recipe_sha256
from ccl_assets.sft.training.config import TrainingConfig

SUMMARY = {
    "steps": 30, "planned_steps": 40, "best_step": None, "stopped_by": "max_seconds", "example_count": 12,
    "restricted_example_count": 0, "token_count": 3939, "padding_share": 0.1, "seconds": 27.8, "tokens_per_second": 74.9,
    "first_loss": 2.5, "last_loss": 1.5, "validation_loss_before": None, "validation_loss_after": None,
    "data_sha256": "da7a", "device": "cpu", "process_count": 1, "weights_type": "float32",
}  # fmt: skip


@pytest.fixture
def adapters(tmp_path):
    """A folder with the records of one adapter, half-written company and a stray file."""
    recipe = load_recipe("scl")
    config = TrainingConfig(
        "scl", recipe_sha256(recipe), "FY2026", tmp_path, None, tmp_path, "base/model", tmp_path, tmp_path,
        recipe.seed, recipe.training,
    )  # fmt: skip
    identity = BaseModelIdentity("base/model", "c0ffee", "0123456789abcdef0123", None)
    folder = tmp_path / "adapters" / "scl"
    folder.mkdir(parents=True)
    folder.joinpath("README.md").write_text(
        render_model_card(config, identity, SUMMARY, {"torch": "2"}), encoding="utf-8"
    )
    folder.joinpath("adapter_model.safetensors").write_bytes(b"weights")
    folder.joinpath("adapter_config.json").write_text("{}", encoding="utf-8")
    folder.with_name(".scl.partial").mkdir()
    folder.with_name("notes.txt").touch()
    return folder.parent


def test_adapters_tell_base_revision_recipe_rank_rate_epochs_and_seed(adapters) -> None:
    (folder,) = adapter_folders(adapters)
    said = adapter_settings(folder)
    recipe = load_recipe("scl")
    assert said["Base model"] == "base/model"
    assert said["Base revision"] == "c0ffee, weights 0123456789abcdef"
    assert said["Recipe"] == f"scl ({recipe_sha256(recipe)[:16]})"
    assert said["LoRA"].startswith(f"rank {recipe.training.lora.rank}, ")
    assert f"learning rate {recipe.training.learning_rate:g}" in said["Optimisation"]
    assert f"epochs: {recipe.training.epochs}" in said["Optimisation"]
    assert said["Seed"] == str(recipe.seed)
    assert "da7a" in said["Training data"]
    assert len(said["sha256"]) == 64
    assert "Training, first logged step" not in said


def test_an_adapter_without_a_card_and_a_folder_without_adapters_are_no_trouble(adapters) -> None:
    adapters.joinpath("scl", "README.md").unlink()
    assert adapter_settings(adapters / "scl")["model card"] == "missing"
    assert adapter_folders(adapters / "nowhere") == []


def test_benchmarks_are_told_apart_by_their_notes(two_charts) -> None:
    documents, answers = two_charts.tables["documents"], two_charts.answers({})
    whole = benchmark_contents(documents, answers)["sample/test"]
    assert (whole["notes"], whole["charts"]) == (3, 2)
    backwards = documents.take(pa.array([2, 1, 0]))
    assert benchmark_contents(backwards, answers)["sample/test"] == whole
    fewer = benchmark_contents(documents[:2], answers)["sample/test"]
    assert fewer["sha256 of ids and texts"] != whole["sha256 of ids and texts"]
    assert benchmark_contents(documents, answers[:0]) == {}


def test_prompts_are_those_the_predictions_were_asked_with(two_charts) -> None:
    rows = two_charts.answers({}).to_pylist()
    rows[0]["prompt_sha256"] = rows[1]["prompt_sha256"] = "bb"
    rows[2]["prompt_sha256"] = "aa"
    assert prompts_of_systems(pa.Table.from_pylist(rows)) == {"ours": ["aa", "bb"]}
    assert prompts_of_systems(two_charts.answers({})) == {}


def test_a_folder_outside_a_checkout_has_no_commit(tmp_path) -> None:
    commit, is_changed = git_state(tmp_path)
    assert commit.startswith("unknown")
    assert is_changed is None


def test_the_card_names_everything_a_repetition_needs(two_charts, adapters) -> None:
    release = RELEASE.table(
        [{"release": "FY2026", "role": "tabular", "file_name": "t.xml", "byte_count": 1, "sha256": "ab"}]
    )
    settings = Settings(profile="quick", repair_codes=True, context_tokens=1024)
    card = reproduction_card(settings, release, two_charts.tables["documents"], two_charts.answers({}), adapters)
    lines = dict(flat(card))
    expected = {
        "Release · label": "FY2026",
        "Release · sha256 · t.xml": "ab",
        "Benchmarks · sample/test · notes": "3",
        "Figures · units": "chart, note, discharge (named beside each figure)",
        "Models · base": "packaged",
        "Settings · repair_codes": "True",
        "Settings · context_tokens": "1024",
        "Settings · limits · answer_tokens": "160",
        "Adapters · scl · Base model": "base/model",
    }
    assert expected.items() <= lines.items()
    assert {
        "Seeds · bootstrap",
        "Prompts (sha256) · document_coding",
        "Packages · torch",
        "Code · git commit",
    } <= lines.keys()


def test_a_card_of_an_empty_release_has_a_dash_for_its_label(two_charts, tmp_path) -> None:
    empty = RELEASE.table([])
    card = reproduction_card(Settings(), empty, two_charts.tables["documents"], two_charts.answers({}), tmp_path)
    assert dict(flat(card))["Release · label"] == "–"
