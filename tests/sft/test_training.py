import errno
import json
import math
import shutil
from pathlib import Path

import pytest

from ccl_assets.resources.models.base_model_identity import require_same_base
from ccl_assets.resources.text_generation.chat_template import render_prompt
from ccl_assets.sft.adapter.directory import AdapterError, adapter_sha256, check_adapter_loads, read_summary
from ccl_assets.sft.dataset.encoded_file import ExampleTooLongError, encode_file
from ccl_assets.sft.dataset.encoding import encode_example
from ccl_assets.sft.recipes import LoraSettings
from ccl_assets.sft.training.config import TrainingConfig
from ccl_assets.sft.training.disk_space import DiskFullError
from ccl_assets.sft.training.log import is_falling, read_training_log
from ccl_assets.sft.training.process import train

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
    assert [e.epoch for e in entries if e.loss is not None][-1] == 4.0
    assert summary["padding_share"] == 0.0 and summary["process_count"] == 1
    assert reporter.summary == summary == read_summary(adapter)
    assert "step 24/24" in reporter.lines[-2] or "step 24/24" in reporter.lines[-1]
    assert not list(config.work_directory.iterdir())
    assert (adapter / "loss.png").read_bytes().startswith(b"\x89PNG")
    card = (adapter / "README.md").read_text()
    weights = json.loads((adapter / "base_model.json").read_text())["weights_sha256"]
    facts = (
        "tests/tiny-llama",
        "FY2026",
        summary["data_sha256"],
        "rank 8",
        f"{summary['last_loss']:.4f}",
        weights[:16],
    )
    for fact in (*facts, "not from a hub", "no example quotes a note", "look it up", "torch 2"):
        assert fact in card
    for file in adapter.rglob("*.json"):
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


def test_no_example_is_a_clear_error(make_config, reporter):
    config = make_config()
    config.train_file.write_text("")
    with pytest.raises(ValueError, match=r"train\.jsonl holds no example"):
        train(config, reporter)
    assert not config.output_directory.exists()


def test_poisoned_weights_stop_the_run_and_leave_nothing(make_config, reporter, tiny_model, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    from ccl_assets.sft.training.completion_trainer import NonFiniteLossError

    base = Path(shutil.copytree(tiny_model, tmp_path / "poisoned"))
    weights = load_file(base / "model.safetensors")
    weights["model.norm.weight"] = torch.full_like(weights["model.norm.weight"], math.nan)
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    config = make_config(base=base)
    with pytest.raises(NonFiniteLossError, match="loss is nan at step 1"):
        train(config, reporter)
    assert not config.output_directory.exists() and not list(config.work_directory.iterdir())


def test_a_run_that_diverges_leaves_the_earlier_adapter_in_place(make_config, reporter):
    from ccl_assets.sft.training.completion_trainer import NonFiniteLossError

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

    from ccl_assets.sft.training.completion_trainer import NonFiniteLossError, require_finite_weights

    layer = torch.nn.Linear(2, 2)
    require_finite_weights(layer)
    layer.bias.data[0] = math.inf
    with pytest.raises(NonFiniteLossError, match="weight bias is not finite"):
        require_finite_weights(layer)


def test_activations_computed_twice_give_the_same_adapter(make_config, reporter):
    import torch

    once, twice = (
        train(make_config(output=name, max_steps=3, gradient_checkpointing=name == "twice"), reporter)
        for name in ("once", "twice")
    )
    assert twice["last_loss"] == pytest.approx(once["last_loss"], rel=1e-5)
    folder = make_config().output_directory.parent
    for name, weight in adapter_weights(folder / "once").items():
        torch.testing.assert_close(adapter_weights(folder / "twice")[name], weight, atol=1e-5, rtol=1e-4)


def test_training_stops_when_validation_gets_worse_and_keeps_the_best(make_config, reporter):
    # the rows to learn say the opposite of those to validate on
    validation = [{**row, "completion": "### ICD-10-CM Codes\n- Z00.00 – Checkup"} for row in ROWS[:3]]
    settings = {"evaluate_every_steps": 2, "early_stopping_patience": 2, "max_steps": 40, "epochs": 10}
    config = make_config(validation=validation, learning_rate=0.05, warmup_ratio=0.0, **settings)
    summary = train(config, reporter)
    evaluated = {e.step: e.eval_loss for e in read_training_log(config.output_directory) if e.eval_loss is not None}
    assert summary["stopped_by"] == "early_stopping" and summary["steps"] < 40
    assert summary["steps"] == summary["best_step"] + 4
    del evaluated[0]
    last = evaluated.pop(summary["steps"])  # what is published, evaluated once more
    assert last == pytest.approx(min(evaluated.values())) == pytest.approx(evaluated[summary["best_step"]])
    assert summary["validation_loss_after"] == last
    assert f"weights of step {summary['best_step']}" in (config.output_directory / "README.md").read_text()


def test_stopping_early_by_no_validation_example_is_refused(make_config, reporter):
    with pytest.raises(ValueError, match="no validation example"):
        train(make_config(evaluate_every_steps=2, early_stopping_patience=1), reporter)


def test_the_merged_model_is_a_plain_one_that_answers_as_the_adapter_does(make_config, reporter):
    import peft
    import torch
    from transformers import AutoModelForCausalLM

    config = make_config(max_steps=4, merge=True)
    train(config, reporter)
    adapter = config.output_directory
    probe = torch.arange(4, 40)[None]
    base = AutoModelForCausalLM.from_pretrained(config.base_model_directory)
    plain = base(input_ids=probe).logits
    adapted = peft.PeftModel.from_pretrained(base, str(adapter)).eval()(input_ids=probe).logits
    merged = AutoModelForCausalLM.from_pretrained(adapter / "merged")(input_ids=probe).logits
    torch.testing.assert_close(merged, adapted, atol=1e-4, rtol=1e-3)
    assert (merged - plain).abs().max() > 0.01
    assert tokenizer_of(adapter / "merged").chat_template
    for file in adapter.rglob("*.json"):
        assert str(config.base_model_directory) not in file.read_text(), file.name


def test_an_adapter_is_refused_by_another_base_of_the_same_shape(make_config, reporter, tiny_model, tmp_path):
    from safetensors.torch import load_file, save_file

    config = make_config(max_steps=2)
    train(config, reporter)
    other = Path(shutil.copytree(tiny_model, tmp_path / "other"))
    weights = load_file(other / "model.safetensors")
    save_file({name: weight + 0.01 for name, weight in weights.items()}, other / "model.safetensors")
    with pytest.raises(AdapterError, match=r"was trained on tests/tiny-llama .*other is another model"):
        check_adapter_loads(config.output_directory, other)
    half = dict(list(weights.items())[::2]), dict(list(weights.items())[1::2])
    for number, part in enumerate(half, start=1):
        save_file(part, other / f"part-{number}.safetensors")
    (other / "model.safetensors").unlink()
    require_same_base(config.output_directory, other)  # the same weights in two files
    (config.output_directory / "base_model.json").unlink()
    require_same_base(config.output_directory, tmp_path)  # says nothing about its base


@pytest.mark.parametrize("what", ["safetensors", "summary", "merged"])
def test_a_full_disk_while_publishing_leaves_the_earlier_adapter(make_config, reporter, monkeypatch, what):
    import safetensors.torch

    train(make_config(max_steps=2), reporter)
    config = make_config(max_steps=3, merge=True)
    before = adapter_sha256(config.output_directory)
    write_text, save_file = Path.write_text, safetensors.torch.save_file

    def full(name):
        if what == name:
            raise OSError(errno.ENOSPC, "No space left on device")

    def save(tensors, path, *args, **kwargs):
        full("merged" if "merged" in str(path) else "safetensors" if "partial" in str(path) else "")
        return save_file(tensors, path, *args, **kwargs)

    def write(path, *args, **kwargs):
        full("summary" if path.name == "training_summary.json" else "")
        return write_text(path, *args, **kwargs)

    monkeypatch.setattr("peft.peft_model.safe_save_file", save)
    monkeypatch.setattr("transformers.modeling_utils.safe_save_file", save)
    monkeypatch.setattr(Path, "write_text", write)
    with pytest.raises(DiskFullError, match=r"no space for the adapter in .* MiB free\): free some and start again"):
        train(config, reporter)
    assert adapter_sha256(config.output_directory) == before
    assert {path.name for path in config.output_directory.parent.iterdir()} == {"adapter", "train.jsonl", "work"}
    monkeypatch.undo()
    assert train(config, reporter)["resumed_after_step"] == 3
    assert (config.output_directory / "merged" / "model.safetensors").is_file()


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
    other_ways = {"max_seconds": 5.0, "gradient_checkpointing": True, "merge": True}
    assert make_config(output="elsewhere", **other_ways).fingerprint == fingerprint
    assert make_config(learning_rate=1e-3).fingerprint != fingerprint
    assert make_config(rows=ROWS).fingerprint != fingerprint
