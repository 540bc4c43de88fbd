import json
import math
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from ccl_assets.resources.text_generation.chat_template import render_prompt
from ccl_assets.resources.trainer import Trainer
from ccl_assets.sft.adapter import AdapterError, adapter_sha256, check_adapter_loads, read_summary
from ccl_assets.sft.encoding import encode_example
from ccl_assets.sft.recipes import LoraSettings
from ccl_assets.sft.training import ExampleTooLongError, encode_file, train
from ccl_assets.sft.training_config import TrainingConfig
from ccl_assets.sft.training_log import is_falling, read_training_log

ROWS = [
    {
        "example_id": f"e{i}",
        "prompt": f"Code this evidence: {'pain ' * i}",
        "completion": "### ICD-10-CM Codes\n- R52 – Pain",
    }
    for i in range(6)
]


def tokenizer_of(directory):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(directory)


def adapter_weights(directory):
    from safetensors.torch import load_file

    return load_file(directory / "adapter_model.safetensors")


def test_training_lowers_the_loss_and_leaves_a_whole_adapter(make_config, reporter):
    config = make_config(validation=ROWS[:2])
    summary = train(config, reporter)
    adapter = config.output_directory
    entries = read_training_log(adapter)
    assert is_falling(entries) and summary["last_loss"] < summary["first_loss"] - 0.5
    assert summary["steps"] == summary["planned_steps"] == 24 and summary["stopped_by"] == "last_step"
    assert summary["validation_loss_before"] == entries[0].eval_loss and entries[0].step == 0
    assert [e.step for e in entries if e.loss is not None] == list(range(1, 25))
    assert all(e.tokens_per_second > 0 and e.seconds_left >= 0 for e in entries if e.loss is not None)
    assert reporter.summary == summary == read_summary(adapter)
    assert "step 24/24" in reporter.lines[-2] or "step 24/24" in reporter.lines[-1]
    assert not list(config.work_directory.iterdir())
    assert (adapter / "loss.png").read_bytes().startswith(b"\x89PNG")
    card = (adapter / "README.md").read_text()
    for fact in ("tests/tiny-llama", "FY2026", summary["data_sha256"], "rank 8", f"{summary['last_loss']:.4f}"):
        assert fact in card
    for file in adapter.glob("*.json"):
        assert str(config.base_model_directory) not in file.read_text(), file.name
    check = check_adapter_loads(adapter, config.base_model_directory)
    assert check.logit_change > 0 and check.sha256 == adapter_sha256(adapter)


def test_adapter_loads_with_plain_peft_on_all_seven_projections(make_config, reporter):
    import peft
    from transformers import AutoModelForCausalLM

    config = make_config(max_steps=2)
    train(config, reporter)
    base = AutoModelForCausalLM.from_pretrained(config.base_model_directory)
    model = peft.PeftModel.from_pretrained(base, str(config.output_directory))
    assert model.peft_config["default"].r == 8
    modules = {name.split(".")[-3] for name in adapter_weights(config.output_directory)}
    assert modules == set(LoraSettings().target_modules)


def test_the_loss_covers_exactly_the_completion_and_the_end_token(tiny_model, tmp_path):
    tokenizer = tokenizer_of(tiny_model)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    for row, example in zip(ROWS, encode_file(tokenizer, path, 256).examples, strict=True):
        learned = [label for label in example.labels if label != -100]
        assert tokenizer.decode(learned) == row["completion"] + tokenizer.eos_token
        assert tokenizer.decode(example.input_ids[: example.prompt_length]) == (
            f"<|user|>{row['prompt']}<|end|><|assistant|>"
        )
        assert example.labels == [-100] * example.prompt_length + example.input_ids[example.prompt_length :]


def test_what_reaches_the_model_is_masked_the_same_way(make_config, tiny_model):
    from ccl_assets.sft.completion_trainer import TrainingWatch
    from ccl_assets.sft.training import _trainer

    config = make_config(rows=ROWS, epochs=1)
    tokenizer = tokenizer_of(tiny_model)
    file = encode_file(tokenizer, config.train_file, 256)
    watch = TrainingWatch(lambda entry: None, None)
    trainer = _trainer(config, tokenizer, file, None, [[0, 5], [1]], config.work_directory, watch)
    for batch, numbers in zip(trainer.get_train_dataloader(), ([0, 5], [1]), strict=True):
        assert batch["attention_mask"].sum(dim=1).tolist() == [file.examples[i].length for i in numbers]
        for labels, number in zip(batch["labels"], numbers, strict=True):
            learned = [token for token in labels.tolist() if token != -100]
            assert tokenizer.decode(learned) == ROWS[number]["completion"] + tokenizer.eos_token


def test_our_loss_and_its_gradients_equal_trls_and_the_models_own(make_config, tiny_model):
    import torch

    from ccl_assets.sft.completion_trainer import CompletionTrainer, TrainingWatch
    from ccl_assets.sft.training import _trainer

    config = make_config(rows=ROWS, epochs=1, lora=LoraSettings(dropout=0.0))
    file = encode_file(tokenizer_of(tiny_model), config.train_file, 256)
    watch = TrainingWatch(lambda entry: None, None)
    trainer = _trainer(config, tokenizer_of(tiny_model), file, None, [[0, 5, 3]], config.work_directory, watch)
    batch = next(iter(trainer.get_train_dataloader()))
    weights = [p for p in trainer.model.parameters() if p.requires_grad]
    for weight in weights:
        torch.nn.init.normal_(weight, std=0.1)
    for count in (None, torch.tensor(100)):
        ours = trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=count)
        theirs = super(CompletionTrainer, trainer).compute_loss(trainer.model, dict(batch), num_items_in_batch=count)
        torch.testing.assert_close(ours, theirs)
        for mine, other in zip(torch.autograd.grad(ours, weights), torch.autograd.grad(theirs, weights), strict=True):
            torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)
    plain = trainer.model.get_base_model()(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["labels"]
    ).loss
    torch.testing.assert_close(trainer.compute_loss(trainer.model, dict(batch)), plain)


def test_overlong_examples_are_named_and_nothing_is_cut(make_config, reporter):
    long = {"example_id": "the-long-one", "prompt": "secret " * 300, "completion": "- I10"}
    config = make_config(rows=[*ROWS, long], max_length=10_000)
    with pytest.raises(ExampleTooLongError, match=r"1 of 7 examples have more than 256 tokens.*the-long-one") as error:
        train(config, reporter)
    assert "secret" not in str(error.value) and not config.output_directory.exists()


def test_a_model_without_chat_template_trains_on_plain_turns(make_config, reporter, tiny_model, tmp_path):
    base = Path(shutil.copytree(tiny_model, tmp_path / "plain"))
    (base / "chat_template.jinja").unlink()
    tokenizer = tokenizer_of(base)
    assert tokenizer.chat_template is None
    example = encode_example(tokenizer, render_prompt, "what", "- I10")
    assert tokenizer.decode(example.input_ids[: example.prompt_length]) == render_prompt(tokenizer, [("user", "what")])
    config = make_config(base=base, max_steps=2)
    train(config, reporter)
    assert check_adapter_loads(config.output_directory, base).parameter_count > 0


def test_a_tokenizer_without_end_token_is_a_clear_error(make_config, reporter, tiny_model, tmp_path):
    base = Path(shutil.copytree(tiny_model, tmp_path / "endless"))
    settings = json.loads((base / "tokenizer_config.json").read_text())
    settings.pop("eos_token")
    (base / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=r"no end-of-text token.*tokenizer_config\.json"):
        train(make_config(base=base), reporter)


def test_poisoned_weights_stop_the_run_and_leave_nothing(make_config, reporter, tiny_model, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    from ccl_assets.sft.completion_trainer import NonFiniteLossError

    base = Path(shutil.copytree(tiny_model, tmp_path / "poisoned"))
    weights = load_file(base / "model.safetensors")
    weights["model.norm.weight"] = torch.full_like(weights["model.norm.weight"], math.nan)
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    config = make_config(base=base)
    with pytest.raises(NonFiniteLossError, match="loss is nan at step 1"):
        train(config, reporter)
    assert not config.output_directory.exists() and not list(config.work_directory.iterdir())


def test_a_run_that_diverges_leaves_the_earlier_adapter_in_place(make_config, reporter):
    from ccl_assets.sft.completion_trainer import NonFiniteLossError

    config = make_config(max_steps=2)
    train(config, reporter)
    before = adapter_sha256(config.output_directory)
    with pytest.raises(NonFiniteLossError):
        train(make_config(learning_rate=1e38, warmup_ratio=0.0, max_steps=4), reporter)
    assert adapter_sha256(config.output_directory) == before
    assert [path.name for path in config.output_directory.parent.glob(".*adapter*")] == []
    assert not list(config.work_directory.iterdir())


def test_a_last_step_that_breaks_the_weights_is_noticed_though_no_loss_saw_it():
    import torch

    from ccl_assets.sft.completion_trainer import NonFiniteLossError, require_finite_weights

    layer = torch.nn.Linear(2, 2)
    require_finite_weights(layer)
    layer.bias.data[0] = math.inf
    with pytest.raises(NonFiniteLossError, match="weight bias is not finite"):
        require_finite_weights(layer)


def test_the_time_limit_ends_the_run_early_and_says_so(make_config, reporter):
    summary = train(make_config(max_seconds=1e-3, warmup_ratio=0.0), reporter)
    assert summary["steps"] == 1 and summary["planned_steps"] == 24 and summary["stopped_by"] == "max_seconds"


def test_an_adapter_that_changes_nothing_or_misses_a_file_is_refused(make_config, reporter):
    from safetensors.torch import save_file

    config = make_config(max_steps=2)
    train(config, reporter)
    weights = {name: weight * 0 for name, weight in adapter_weights(config.output_directory).items()}
    save_file(weights, config.output_directory / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(AdapterError, match="changes nothing"):
        check_adapter_loads(config.output_directory, config.base_model_directory)
    (config.output_directory / "adapter_model.safetensors").unlink()
    with pytest.raises(AdapterError, match=r"holds no adapter_model\.safetensors"):
        check_adapter_loads(config.output_directory, config.base_model_directory)


def test_configuration_survives_its_file_and_refuses_a_broken_one(make_config, tmp_path):
    config = make_config()
    path = config.write(tmp_path / "config.json")
    assert TrainingConfig.read(path) == config
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "batch": 3}))
    with pytest.raises(ValueError, match="unknown keys \\['batch'\\]"):
        TrainingConfig.read(path)
    path.write_text("{")
    with pytest.raises(ValueError, match="line 1, column 2"):
        TrainingConfig.read(path)


def test_checkpoints_of_other_data_or_settings_are_not_resumed(make_config):
    first = make_config()
    fingerprint = first.fingerprint
    assert make_config(max_seconds=5.0, output="elsewhere").fingerprint == fingerprint
    assert make_config(learning_rate=1e-3).fingerprint != fingerprint
    assert make_config(rows=ROWS).fingerprint != fingerprint


@pytest.mark.slow
def test_a_killed_run_resumes_and_ends_with_the_weights_of_an_unbroken_one(make_config, reporter, tmp_path):
    import torch

    unbroken = make_config(epochs=30, output="unbroken")
    train(unbroken, reporter)
    config = make_config(epochs=30)
    trainer = Trainer(threads=1)
    command = trainer.command(config.write(tmp_path / "config.json"))
    process = subprocess.Popen(command, env={**_environment(), **trainer.environment()}, stderr=subprocess.DEVNULL)
    checkpoints = config.work_directory / config.fingerprint[:16]
    deadline = time.monotonic() + 120
    while not list(checkpoints.glob("checkpoint-*/complete")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not config.output_directory.exists()
    (checkpoints / "checkpoint-9999").mkdir()  # as a kill while saving would leave it
    summary = train(config, reporter)
    assert 0 < summary["resumed_after_step"] < summary["steps"] == summary["planned_steps"] == 180
    logged = [e.step for e in read_training_log(config.output_directory) if e.loss is not None]
    assert logged == list(range(1, 181))
    resumed = adapter_weights(config.output_directory)
    for name, weight in adapter_weights(unbroken.output_directory).items():
        torch.testing.assert_close(resumed[name], weight, atol=1e-4, rtol=1e-3, msg=name)


@pytest.mark.slow
def test_under_dagster_progress_and_summary_arrive_through_pipes(make_config, tmp_path):
    dagster = pytest.importorskip("dagster")

    config = make_config(max_steps=3)
    path = config.write(tmp_path / "config.json")
    trainer = Trainer(threads=1)
    received = {}

    @dagster.asset
    def adapter(context, pipes: dagster.PipesSubprocessClient):
        invocation = pipes.run(
            context=context, command=trainer.command(path), env={**_environment(), **trainer.environment()}
        )
        received["messages"] = invocation.get_custom_messages()
        return dagster.MaterializeResult()

    with dagster.instance_for_test() as instance:
        resources = {"pipes": dagster.PipesSubprocessClient()}
        result = dagster.materialize([adapter], resources=resources, instance=instance)
        assert result.success
        logs = [record.user_message for record in instance.all_logs(result.run_id)]
    (summary,) = received["messages"]
    assert summary["steps"] == 3 and summary == read_summary(config.output_directory)
    assert any("step 3/3, loss" in line for line in logs)


def _environment():
    import os

    return dict(os.environ)
