"""Instructions of one training run: a JSON file written by the asset, read by the training process."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ccl_assets.resources.models.base_model_identity import weights_sha256
from ccl_assets.sft.recipes import TrainingSettings, training_settings

_PATHS = ("train_file", "validation_file", "base_model_directory", "output_directory", "work_directory")


@dataclass(frozen=True)
class TrainingConfig:
    """One run.

    Attributes:
        recipe: Recipe partition key.
        recipe_sha256: Hash of the recipe.
        release: ICD-10-CM release label of the codes.
        train_file: JSON lines of the training examples.
        validation_file: JSON lines of the validation examples, if there are any.
        base_model_directory: Base model and tokenizer on disk.
        base_model_name: Its public name, which the adapter and its model card give.
        output_directory: Where the adapter appears, whole, at the end.
        work_directory: Checkpoints and the running log; kept after a kill, removed after success.
        seed: Order of examples, adapter initialisation, dropout.
        settings: Hyper-parameters.
        threads: CPU threads; ``None`` leaves the choice to torch.
    """

    recipe: str
    recipe_sha256: str
    release: str
    train_file: Path
    validation_file: Path | None
    base_model_directory: Path
    base_model_name: str
    output_directory: Path
    work_directory: Path
    seed: int
    settings: TrainingSettings
    threads: int | None = None

    def write(self, path: Path) -> Path:
        """Write as JSON and return ``path``."""
        values = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> TrainingConfig:
        """Read and check a configuration.

        Raises:
            ValueError: Not JSON, or keys are missing or unknown; the file and the keys are named.
            RecipeError: A hyper-parameter makes no sense.
        """
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{path}, line {error.lineno}, column {error.colno}: not valid JSON; write it again"
            ) from None
        known = {field.name for field in fields(cls)}
        missing, unknown = known - values.keys() - {"threads"}, values.keys() - known
        if missing or unknown:
            raise ValueError(f"{path}: missing keys {sorted(missing)}, unknown keys {sorted(unknown)}")
        for key in _PATHS:
            values[key] = None if values[key] is None else Path(values[key])
        return cls(**{**values, "settings": training_settings(values["settings"])})

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides the weights: a checkpoint is resumed only under the same fingerprint.

        What only decides time, memory or what else is written is no part of it; ``max_steps`` is, since it shapes the
        learning-rate schedule.
        """
        settings = asdict(self.settings)
        for key in ("max_seconds", "checkpoint_every_steps", "gradient_checkpointing", "merge"):
            settings.pop(key)
        decisive = {
            "settings": settings,
            "seed": self.seed,
            "train": file_sha256(self.train_file),
            "validation": file_sha256(self.validation_file) if self.validation_file else None,
            "model": weights_sha256(self.base_model_directory),
            "model_config": file_sha256(self.base_model_directory / "config.json"),
        }
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
