"""Training the adapters, and what that cost."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ccl_assets.resources.models.trainer import Trainer
from ccl_assets.sft.dataset.jsonl_export import export_dataset
from ccl_assets.sft.recipes import load_recipe, recipe_sha256
from ccl_assets.sft.training.config import TrainingConfig

_SHOWN = ("steps", "example_count", "token_count", "seconds", "tokens_per_second", "first_loss", "last_loss")


class GpuWatch(threading.Thread):
    """Asks ``nvidia-smi`` every second for utilisation and memory of the first GPU, where there is one."""

    def __init__(self) -> None:
        """Nothing is asked before ``start``."""
        super().__init__(daemon=True)
        self._stopped = threading.Event()
        self._busy_percent: list[float] = []
        self._used_mib: list[float] = []

    def run(self) -> None:
        """Ask until stopped."""
        command = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"]
        while shutil.which("nvidia-smi") and not self._stopped.wait(1.0):
            asked = subprocess.run(command, capture_output=True, text=True)
            if asked.returncode == 0:
                busy, used = asked.stdout.splitlines()[0].split(",")
                self._busy_percent.append(float(busy))
                self._used_mib.append(float(used))

    def stop(self) -> str:
        """End, and tell what was seen."""
        self._stopped.set()
        if not self._busy_percent:
            return ""
        return f", GPU {statistics.mean(self._busy_percent):.0f} % busy, peak {max(self._used_mib):.0f} MiB"


def train(
    recipe_name: str, rows: Sequence[Mapping[str, Any]], release: str, options: argparse.Namespace, base: Path
) -> Path:
    """Train an adapter in a process of its own and print what it cost; one that is there already is used again.

    The process writes its progress to ``training.log`` in the recipe's folder.
    """
    recipe = load_recipe(recipe_name)
    work = options.work / recipe_name
    exported = export_dataset(rows, work / "dataset", recipe_name)
    settings = replace(
        recipe.training,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        effective_batch_size=options.batch,
    )
    config = TrainingConfig(
        recipe=recipe_name,
        recipe_sha256=recipe_sha256(recipe),
        release=release,
        train_file=exported.train,
        validation_file=exported.validation,
        base_model_directory=base,
        base_model_name=base.name,
        output_directory=work / "adapter",
        work_directory=work / "checkpoints",
        seed=options.seed,
        settings=settings,
        threads=options.threads,
    )
    config = replace(config, output_directory=work / f"adapter-{config.fingerprint[:12]}")
    if not config.output_directory.is_dir():
        _run(config, work)
    summary = json.loads((config.output_directory / "training_summary.json").read_text(encoding="utf-8"))
    print("  " + ", ".join(f"{key} {summary.get(key)}" for key in _SHOWN))
    before, after = summary.get("validation_loss_before"), summary.get("validation_loss_after")
    print(f"  validation loss on the sample's notes: {before} -> {after}", flush=True)
    return config.output_directory


def _run(config: TrainingConfig, work: Path) -> None:
    trainer = Trainer(threads=config.threads)
    command = trainer.command(config.write(work / "config.json"))
    watch, began = GpuWatch(), time.monotonic()
    watch.start()
    with (work / "training.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | trainer.environment(), stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    gpu = watch.stop()
    if status:
        raise SystemExit(f"training of {config.recipe} failed, see {work / 'training.log'}")
    print(f"  {time.monotonic() - began:.0f} s, peak {usage.ru_maxrss / 1024:.0f} MB{gpu}")
