"""Start of a training process: its command line and its environment."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trainer:
    """Starts ``ccl_assets.sft.training``, e.g. through a ``PipesSubprocessClient``.

    Attributes:
        python: Interpreter that has torch and TRL.
        threads: CPU threads of each process; ``None`` leaves the choice to torch.
        visible_devices: Value of ``CUDA_VISIBLE_DEVICES``; unset: all, of which each process takes one.
        processes: Processes that train together, one a GPU (on a machine without any they share its cores). The adapter is
            the same for any number.
    """

    python: str = sys.executable
    threads: int | None = None
    visible_devices: str | None = None
    processes: int = 1

    def command(self, config_path: Path) -> list[str]:
        """Command line that trains what the configuration says."""
        module = ["-m", "ccl_assets.sft.training", str(config_path)]
        if self.processes == 1:
            return [self.python, *module]
        # everything a configuration of accelerate's own in the user's home could say otherwise is said; port 0 is a free one
        launch = [
            "--multi_gpu",
            "--num_machines",
            "1",
            "--num_processes",
            str(self.processes),
            "--main_process_port",
            "0",
        ]
        launch += ["--mixed_precision", "no", "--dynamo_backend", "no"]
        return [self.python, "-m", "accelerate.commands.launch", *launch, *module]

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
