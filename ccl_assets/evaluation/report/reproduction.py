"""The reproduction card: all that is needed to repeat a run and to tell why another one gives other figures."""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa

from ccl_assets.coding.systems.cot_sc import RUN_COUNT, TEMPERATURE
from ccl_assets.evaluation.scoring.bootstrap import CONFIDENCE, RESAMPLES, SEED
from ccl_assets.evaluation.scoring.spans import DEFAULT_RULES
from ccl_assets.prompts import load_prompt
from ccl_assets.resources.settings import Settings
from ccl_assets.sft.adapter.directory import adapter_sha256

PACKAGES = (
    "ccl-assets", "torch", "transformers", "tokenizers", "peft", "trl", "accelerate", "vllm", "openai",
    "sentence-transformers", "faiss-cpu", "numpy", "pyarrow", "deltalake", "dagster", "simple-icd-10-cm",
)  # fmt: skip
PROMPTS = (
    "evidence_extraction", "evidence_extraction_json", "evidence_refinement", "evidence_synthesis",
    "document_coding", "code_only_coding", "span_coding", "cot_coding", "document_coding_with_evidence",
)  # fmt: skip
_SETTINGS = (
    "profile", "backend", "constrain_codes", "repair_codes", "context_tokens", "nearest_index", "training_processes",
)  # fmt: skip
_CARD_ROW = re.compile(r"^\| ([^|]+) \| ([^|]*) \|$", re.MULTILINE)


def reproduction_card(
    settings: Settings, release: pa.Table, documents: pa.Table, predictions: pa.Table, adapters: Path
) -> dict[str, Any]:
    """Data needed to repeat the run.

    Args:
        settings: The deployment's settings.
        release: ``icd/release``.
        documents: ``corpus/documents`` of the benchmarks.
        predictions: ``eval/predictions`` of all systems.
        adapters: Folder with an adapter per recipe.
    """
    commit, is_changed = git_state(Path(__file__).parent)
    return {
        "Release": {
            "label": release["release"][0].as_py() if release.num_rows else None,
            "sha256": dict(zip(release["file_name"].to_pylist(), release["sha256"].to_pylist(), strict=True)),
        },
        "Benchmarks": benchmark_contents(documents, predictions),
        "Figures": {
            "units": "chart, note, discharge (named beside each figure)",
            "label spaces": "release, gold (named beside each figure)",
            "macro conventions": "gold, any (named beside each figure)",
            "evidence rules": asdict(DEFAULT_RULES),
        },
        "Seeds": {
            "bootstrap": SEED,
            "bootstrap resamples": RESAMPLES,
            "confidence of intervals": CONFIDENCE,
            "decoding": f"greedy, without a seed; cot_sc samples {RUN_COUNT} numbered answers at temperature {TEMPERATURE}, each "
            "stored under its number",
            "training": "see adapters",
        },
        "Models": {
            "base": settings.model,
            "miner": settings.model_of("miner"),
            "synthesizer": settings.model_of("synthesizer"),
            "encoder": settings.embedder,
            "asked for answers": sorted({name for name in predictions["model"].to_pylist() if name}),
        },
        "Adapters": {folder.name: adapter_settings(folder) for folder in adapter_folders(adapters)},
        "Prompts (sha256)": {name: load_prompt(name).sha256 for name in PROMPTS},
        "Prompts of the systems (sha256)": prompts_of_systems(predictions),
        "Settings": {
            **{name: getattr(settings, name) for name in _SETTINGS},
            "limits": asdict(settings.limits),
        },
        "Packages": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            **dict(_versions(PACKAGES)),
        },
        "Code": {"git commit": commit, "has uncommitted changes": is_changed},
    }


def benchmark_contents(documents: pa.Table, predictions: pa.Table) -> dict[str, Any]:
    """Notes, charts and a hash of the notes of each benchmark that was predicted: another edition shows at once."""
    asked = {f"{row['corpus']}/{row['split']}" for row in predictions.select(["corpus", "split"]).to_pylist()}
    names = ("corpus", "split", "document_id", "chart_id", "text_sha256")
    notes: dict[str, list[tuple[str, str, str]]] = {}
    for row in documents.select(names).to_pylist():
        if (name := f"{row['corpus']}/{row['split']}") in asked:
            notes.setdefault(name, []).append((row["document_id"], row["chart_id"], row["text_sha256"]))
    return {
        name: {
            "notes": len(rows),
            "charts": len({chart for _, chart, _ in rows}),
            "sha256 of ids and texts": hashlib.sha256(repr(sorted(rows)).encode()).hexdigest(),
        }
        for name, rows in sorted(notes.items())
    }


def adapter_folders(adapters: Path) -> list[Path]:
    """Folders of adapters, half-written ones aside."""
    folders = sorted(adapters.iterdir()) if adapters.is_dir() else []
    return [folder for folder in folders if folder.is_dir() and not folder.name.startswith(".")]


def adapter_settings(folder: Path) -> dict[str, str]:
    """Data of an adapter: its hash, and the first table of its model card (base, recipe, rank, rate, seed, …).

    The card was written by the run that trained it; recipes may have changed since.
    """
    card = folder / "README.md"
    if not card.is_file():
        return {"sha256": adapter_sha256(folder), "model card": "missing"}
    first_table = card.read_text(encoding="utf-8").partition("\n## ")[0]
    return {
        "sha256": adapter_sha256(folder),
        **{name: text.replace("`", "") for name, text in _CARD_ROW.findall(first_table)},
    }


def prompts_of_systems(predictions: pa.Table) -> dict[str, list[str]]:
    """Hashes of the prompts that the stored predictions were asked with."""
    found: dict[str, set[str]] = {}
    for row in predictions.select(["system", "prompt_sha256"]).to_pylist():
        if row["prompt_sha256"]:
            found.setdefault(row["system"], set()).add(row["prompt_sha256"])
    return {system: sorted(hashes) for system, hashes in sorted(found.items())}


def git_state(folder: Path) -> tuple[str, bool | None]:
    """Commit that is checked out, and whether tracked files differ from it."""
    try:
        commit, status = (_git(folder, *words) for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "-uno")))
    except (OSError, subprocess.SubprocessError):
        return "unknown (not run from a git checkout)", None
    return commit, bool(status)


def flat(card: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Leaves of a nested card as name and text; lists become one line each."""
    for name, value in card.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{path} · ")
        elif isinstance(value, list | tuple | set | frozenset):
            items = sorted(value) if isinstance(value, set | frozenset) else value
            yield path, ", ".join(map(str, items))
        else:
            yield path, "–" if value is None else str(value)


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["git", *words],  # noqa: S607
        cwd=folder, capture_output=True, text=True, timeout=10, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def _versions(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
