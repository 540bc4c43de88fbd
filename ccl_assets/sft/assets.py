"""Assets of fine-tuning: the mixed dataset and the LoRA adapter of each recipe."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
from ccl_assets.evidence.tables import KNOWLEDGE_BASE_PAIRS
from ccl_assets.icd.tables import BILLABLE_CODES, BILLABLE_TITLES
from ccl_assets.io_managers.table_io_manager import StoredTable, TableIOManager
from ccl_assets.lakehouse.artifact_asset import artifact_asset
from ccl_assets.lakehouse.llm_step import GPU_POOL
from ccl_assets.lakehouse.table_asset import (
    ALL,
    TABLES,
    Input,
    TableResult,
    check_result,
    inputs,
    stop_if_failed,
    table_asset,
)
from ccl_assets.resources.models.language_models import LanguageModels
from ccl_assets.resources.models.trainer import Trainer
from ccl_assets.resources.settings import settings
from ccl_assets.sft import checks
from ccl_assets.sft.dataset.building import PAIR_COLUMNS, TEXT_COLUMNS, DatasetAccount, Sources, dataset_rows
from ccl_assets.sft.dataset.jsonl_export import export_dataset
from ccl_assets.sft.dataset.planned_notes import EVIDENCE_COLUMNS, LABEL_COLUMNS, NOTE_COLUMNS, TRAINING_SPLITS
from ccl_assets.sft.partitions import CHAPTERS_OF_RECIPE, RECIPE
from ccl_assets.sft.recipes import load_recipe, load_recipes, recipe_settings, recipe_sha256
from ccl_assets.sft.tables import DATASET, RECIPES

_SETTINGS = settings()
_PROFILE = "quick" if _SETTINGS.limits.is_training_bounded else "full"
_RECIPES = {name: recipe_sha256(recipe)[:8] for name, recipe in load_recipes(_PROFILE).items()}
_REPORTED = 20_000  # examples between two lines of progress
ADAPTER_KEY = dg.AssetKey(["sft", "adapter"])
_RECIPES_KEY = dg.AssetKey(RECIPES.name.split("/"))


@table_asset(
    RECIPES,
    settings=_RECIPES,
    description="A change of `recipes.toml` reaches the recipes that it is about: the others' settings stay what they were.",
    kinds={"python"},
    partitions_def=RECIPE,
)
def recipes(context: dg.AssetExecutionContext) -> TableResult:
    """Settings of a recipe in this profile."""
    recipe = load_recipe(context.partition_key, _PROFILE)
    rows = [{"recipe": recipe.name, "setting": name, "value": value} for name, value in recipe_settings(recipe).items()]
    return TableResult(rows, {"recipe_sha256": recipe_sha256(recipe)})


@table_asset(
    DATASET,
    settings={"base": _SETTINGS.model, "window": _SETTINGS.context_tokens},
    description="Annotated notes, and spans of the knowledge base in the same section format. Notes too long for the window are "
    "split at their sections; nothing is cut off, and what is left out is counted by reason. Also written as JSON lines with a "
    "`dataset_info.json` for LLaMA-Factory.",
    kinds={"huggingface"},
    gates=(checks.no_test_text, checks.fits_window, checks.is_not_empty,),
    ins=inputs(
        codes=Input(BILLABLE_TITLES, columns=("code", "long_title")),
        documents=Input(DOCUMENTS, ALL, is_streamed=True),
        labels=Input(LABELS, ALL, LABEL_COLUMNS, carries=("codes=code",)),
        evidence=Input(EVIDENCE, ALL, EVIDENCE_COLUMNS),
        pairs=Input(KNOWLEDGE_BASE_PAIRS, CHAPTERS_OF_RECIPE, PAIR_COLUMNS, carries=("pair_id", "codes=code")),
    ),
    deps=[_RECIPES_KEY],
    partitions_def=RECIPE,
    required_resource_keys={"language_models", TABLES},
)  # fmt: skip
def dataset(
    context: dg.AssetExecutionContext,
    codes: pa.Table,
    documents: StoredTable,
    labels: pa.Table,
    evidence: pa.Table,
    pairs: pa.Table,
) -> TableResult:
    """Training and validation examples of a recipe."""
    from transformers import AutoTokenizer

    from ccl_assets.resources.text_generation.chat_template import render_prompt
    from ccl_assets.sft.dataset.encoding import TokenCounter

    recipe = load_recipe(context.partition_key, _PROFILE)
    models: LanguageModels = context.resources.language_models
    tables: TableIOManager = context.resources.tables
    window = min(recipe.training.max_length, _SETTINGS.context_tokens)
    counter = TokenCounter(AutoTokenizer.from_pretrained(models.base_model()), render_prompt, window)
    account = DatasetAccount()
    sources = Sources(
        titles=dict(zip(codes["code"].to_pylist(), codes["long_title"].to_pylist(), strict=True)),
        notes=documents.read(NOTE_COLUMNS, {"split": (*TRAINING_SPLITS, "test")}),
        training_texts=documents.batches(TEXT_COLUMNS, {"split": TRAINING_SPLITS}),
        test_texts=documents.batches(TEXT_COLUMNS, {"split": ("test",)}),
        labels=labels,
        evidence=evidence,
        pairs=pairs,
        is_silver_restricted=models.mines_restricted_notes,
    )
    with ExitStack() as opened:
        spool = opened.enter_context(tables.spool(DATASET))
        for number, row in enumerate(dataset_rows(recipe, sources, counter, account), start=1):
            spool.append(row)
            if number % _REPORTED == 0:
                context.log.info(f"{number:,} examples, {account.token_count:,} tokens")
        opened.pop_all()
    gates = [
        checks.no_test_text(account, recipe.documents.near_test_notes == "leave_out"),
        checks.fits_window(account.left_out, spool.num_rows, window, account.over_window),
        checks.is_not_empty(recipe.name, account),
    ]
    metadata: dict[str, Any] = {"recipe_sha256": recipe_sha256(recipe), **account.figures()}
    metadata |= {f"example_{kind}": dg.MetadataValue.md(text) for kind, text in account.shown.items()}
    if not spool.violations and all(gate.passed or not gate.is_blocking for gate in gates):
        exported = export_dataset(spool.batches(), _exported(recipe.name), recipe.name)
        metadata["jsonl"] = dg.MetadataValue.path(str(exported.directory))
    return TableResult(spool, metadata, gates)


def _exported(recipe_name: str) -> Path:
    """Folder of a recipe's JSON lines."""
    return _SETTINGS.artifacts / "sft" / "dataset" / recipe_name


@artifact_asset(
    ADAPTER_KEY,
    "LoRA adapter of a recipe.",
    "Trained with TRL in a subprocess: weights, tokenizer, training log, loss plot, model card. Loss, speed and time left are "
    "in the run's log. A killed run resumes from its last checkpoint.",
    ins=inputs(codes=Input(BILLABLE_CODES, columns=("release",)), dataset=Input(DATASET, columns=("example_id",))),
    deps=[_RECIPES_KEY],
    partitions_def=RECIPE,
    settings={"base": _SETTINGS.model},
    also=("sft.training.process",),
    gates=(checks.loss_finite_and_falling, checks.loads_on_base,),
    kinds={"pytorch", "huggingface"},
    pool=GPU_POOL,
    required_resource_keys={"language_models", "trainer", "pipes", TABLES},
)  # fmt: skip
def adapter(context: dg.AssetExecutionContext, codes: pa.Table, dataset: pa.Table) -> Iterator[Any]:
    """Train the recipe's adapter."""
    from ccl_assets.lakehouse.plots import as_markdown
    from ccl_assets.sft.adapter.directory import adapter_sha256, move_into_place, read_summary
    from ccl_assets.sft.training.config import TrainingConfig
    from ccl_assets.sft.training.log import LOG_FILE, is_falling, read_training_log

    recipe = load_recipe(context.partition_key, _PROFILE)
    models: LanguageModels = context.resources.language_models
    base = Path(models.base_model())
    folder = _SETTINGS.artifacts / "sft"
    tables: TableIOManager = context.resources.tables
    # again, from the table: what is trained on is what is stored, whatever became of the files since
    exported = export_dataset(tables.batches(DATASET, [recipe.name]), _exported(recipe.name), recipe.name)
    output = _SETTINGS.adapters / recipe.name
    trained = folder / "work" / f"{recipe.name}.adapter"  # takes its place when it has passed the gates
    config = TrainingConfig(
        recipe=recipe.name,
        recipe_sha256=recipe_sha256(recipe),
        release=codes["release"][0].as_py(),
        train_file=exported.train,
        validation_file=exported.validation,
        base_model_directory=base,
        base_model_name=models.base_model_name,
        output_directory=trained,
        work_directory=folder / "work" / recipe.name,
        seed=recipe.seed,
        settings=recipe.training,
        threads=_SETTINGS.threads,
    )
    trainer: Trainer = context.resources.trainer
    pipes: dg.PipesSubprocessClient = context.resources.pipes
    config_path = config.write(folder / "work" / f"{recipe.name}.json")
    pipes.run(command=trainer.command(config_path), env=trainer.environment(), context=context.op_execution_context)

    log = read_training_log(trained / LOG_FILE)
    losses = [entry.loss for entry in log if entry.loss is not None]
    gates = [checks.loss_finite_and_falling(losses, is_falling(log)), checks.loads_on_base(trained, base)]
    for gate in gates:
        yield check_result(gate, ADAPTER_KEY)
    stop_if_failed({"sft/adapter": [gate for gate in gates if not gate.passed]})
    output.parent.mkdir(parents=True, exist_ok=True)
    move_into_place(trained, output)
    summary = {key: value for key, value in read_summary(output).items() if isinstance(value, int | float | str)}
    plot = as_markdown((output / "loss.png").read_bytes(), f"Training loss, recipe {recipe.name}")
    yield dg.Output(
        output,
        metadata={
            **summary,
            "loss": dg.MetadataValue.md(plot),
            "jsonl": dg.MetadataValue.path(str(exported.directory)),
        },
        data_version=dg.DataVersion(adapter_sha256(output)),
    )


ASSETS = [recipes, dataset, adapter]
