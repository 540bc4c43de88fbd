"""Training as it is really started: in processes that are killed, run out of disk, or work together."""

import os
import resource
import signal
import subprocess
import sys

import pytest

from ccl_assets.resources.models.trainer import Trainer
from ccl_assets.sft.adapter.directory import read_summary
from ccl_assets.sft.recipes import LoraSettings
from ccl_assets.sft.training.log import read_training_log
from ccl_assets.sft.training.process import train

pytestmark = pytest.mark.slow
ONE_THREAD = Trainer(threads=1)
KILLER = """
import os, signal, sys
from ccl_assets.sft.adapter import directory as adapter
from ccl_assets.sft.training import completion_trainer, process, watch

def kill_in(owner, name, step=None):
    original = getattr(owner, name)
    def method(self, *args, **kwargs):
        state = getattr(self, "state", None) or args[1] if step else None
        if step is None or state.global_step == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(self, *args, **kwargs)
    setattr(owner, name, method)

trainer = completion_trainer.CompletionTrainer
{
    "between checkpoints": lambda: kill_in(trainer, "training_step", 7),
    "while a checkpoint is written": lambda: kill_in(trainer, "_save_rng_state", 10),
    "before the checkpoint is marked": lambda: kill_in(watch.TrainingWatch, "on_save", 10),
    "while the adapter is written": lambda: kill_in(adapter, "_write_merged"),
    "before the adapter is in its place": lambda: kill_in(adapter, "move_into_place"),
}[sys.argv[1]]()
process.main(sys.argv[2:])
"""
MOMENTS = (  # and the step from which that launch goes on
    ("between checkpoints", None),
    ("while a checkpoint is written", 5),
    ("before the checkpoint is marked", 5),
    ("while the adapter is written", 5),
    ("before the adapter is in its place", 12),
)


def weights_of(directory):
    from safetensors.torch import load_file

    return load_file(directory / "adapter_model.safetensors")


def assert_same_run(one, other, tolerance):
    """Logs and weights of two adapters agree."""
    import torch

    logs = [read_training_log(run.output_directory) for run in (one, other)]
    steps = [[(entry.step, entry.loss is None) for entry in log] for log in logs]
    losses = [[entry.eval_loss if entry.loss is None else entry.loss for entry in log] for log in logs]
    assert steps[0] == steps[1] and losses[0] == pytest.approx(losses[1], rel=tolerance)
    weights = weights_of(other.output_directory)
    for name, weight in weights_of(one.output_directory).items():
        torch.testing.assert_close(weight, weights[name], atol=tolerance, rtol=tolerance * 10, msg=name)


def test_a_run_killed_again_and_again_ends_as_an_unbroken_one(make_config, reporter, tmp_path):
    settings = {"max_steps": 12, "merge": True, "evaluate_every_steps": 6}
    validation = [{"example_id": "v", "prompt": "Code this evidence: hypertension", "completion": "- I10"}]
    unbroken = make_config(validation=validation, output="unbroken", work="elsewhere", **settings)
    train(unbroken, reporter)
    config = make_config(validation=validation, **settings)
    path = config.write(tmp_path / "config.json")
    environment = {**os.environ, **ONE_THREAD.environment()}
    for moment, resumed_step in MOMENTS:
        command = [sys.executable, "-c", KILLER, moment, str(path)]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert ended.returncode == -signal.SIGKILL, (moment, ended.stderr[-2000:])
        assert not config.output_directory.exists(), moment
        resumed = ended.stderr.partition("resumed after step ")[2].partition("\n")[0]
        assert resumed == ("" if resumed_step is None else str(resumed_step)), moment
    summary = train(config, reporter)
    assert summary["resumed_after_step"] == summary["steps"] == 12
    assert_same_run(config, unbroken, 1e-4)
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == set()
    assert not list(config.work_directory.iterdir())
    assert (config.output_directory / "merged" / "model.safetensors").is_file()


def test_a_file_that_the_disk_does_not_hold_ends_the_run_clearly(make_config, reporter, tmp_path):
    config = make_config(max_steps=8, checkpoint_every_steps=4)
    path = config.write(tmp_path / "config.json")
    process = subprocess.run(
        ONE_THREAD.command(path),
        env={**os.environ, **ONE_THREAD.environment()},
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
    )
    assert process.returncode == 1
    assert "DiskFullError: no space for a checkpoint in " in process.stderr
    assert not config.output_directory.exists()
    assert [p.name for p in (config.work_directory / config.fingerprint[:16]).iterdir()] == ["training_log.jsonl"]
    assert train(config, reporter)["steps"] == 8


def test_two_processes_train_the_adapter_of_one_and_report_once(make_config, reporter, tmp_path):
    """13 examples, four a step: in the last step of an epoch there is one for two processes."""
    import dagster

    rows = [
        {"example_id": f"e{n}", "prompt": "Code this evidence: " + "pain " * n, "completion": f"- R52.{n} – Pain"}
        for n in range(13)
    ]
    settings = {"rows": rows, "validation": rows[:3], "epochs": 2, "evaluate_every_steps": 3, "max_seconds": 3600.0}
    settings["lora"] = LoraSettings(dropout=0.0)  # each process draws masks of its own
    alone = make_config(output="alone", work="elsewhere", **settings)
    train(alone, reporter)
    config = make_config(**settings)
    path = config.write(tmp_path / "config.json")
    trainer = Trainer(threads=1, processes=2)
    received = {}

    @dagster.asset
    def adapter(context, pipes: dagster.PipesSubprocessClient):
        environment = {**os.environ, **trainer.environment()}
        invocation = pipes.run(context=context, command=trainer.command(path), env=environment)
        received["messages"] = invocation.get_custom_messages()
        return dagster.MaterializeResult()

    with dagster.instance_for_test() as instance:
        resources = {"pipes": dagster.PipesSubprocessClient()}
        assert dagster.materialize([adapter], resources=resources, instance=instance).success
        (run,) = instance.get_runs()
        logs = [record.user_message for record in instance.all_logs(run.run_id)]
    (summary,) = received["messages"]
    assert summary["process_count"] == 2 and summary["steps"] == 8
    assert summary == read_summary(config.output_directory)
    assert sum("step 8/8, loss" in line for line in logs) == 1
    assert_same_run(config, alone, 1e-4)
    assert not list(config.work_directory.iterdir())


def test_processes_that_diverge_all_end(make_config, tmp_path):
    config = make_config(learning_rate=1e38, warmup_ratio=0.0, max_steps=4)
    trainer = Trainer(threads=1, processes=2)
    process = subprocess.run(
        trainer.command(config.write(tmp_path / "config.json")),
        env={**os.environ, **trainer.environment()},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert process.returncode != 0 and "NonFiniteLossError: the loss is nan" in process.stderr
    assert not config.output_directory.exists() and not list(config.work_directory.iterdir())
