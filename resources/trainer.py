"""How a training process is started: its command line and its environment."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trainer:
    """Starts ``ccl_assets.sft.training``, e.g. through a ``PipesSubprocessClient``.

    Attributes:
        python: Interpreter that has torch and TRL.
        threads: CPU threads; ``None`` leaves the choice to torch.
        visible_devices: Value of ``CUDA_VISIBLE_DEVICES``; one device, as training runs in one process.
    """

    python: str = sys.executable
    threads: int | None = None
    visible_devices: str | None = None

    def command(self, config_path: Path) -> list[str]:
        """Command line that trains what the configuration says."""
        return [self.python, "-m", "ccl_assets.sft.training", str(config_path)]

    def environment(self) -> dict[str, str]:
        """Variables to add to the process's environment: no downloads, no telemetry, quiet libraries."""
        variables = {
            "HF_HUB_OFFLINE": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "PYTHONUNBUFFERED": "1",
        }
        if self.threads is not None:
            variables["OMP_NUM_THREADS"] = str(self.threads)
        if self.visible_devices is not None:
            variables["CUDA_VISIBLE_DEVICES"] = self.visible_devices
        return variables
