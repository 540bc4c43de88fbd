"""Settings come from the environment; a value that does not parse names its variable."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from ccl_assets.resources.corpus_paths import CorpusPaths
from ccl_assets.resources.settings import PROFILES, Limits, Settings, settings
from ccl_assets.resources.text_generation.backends import backend_names, find_backend


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    import os

    for name in [name for name in os.environ if name.startswith("CCL_")]:
        monkeypatch.delenv(name)
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_everything_has_a_default_that_runs_on_any_machine():
    found = Settings()
    assert (found.profile, found.model, found.backend, found.embedder) == (
        "quick",
        "packaged",
        "transformers",
        "packaged",
    )
    assert found.icd_release is None
    assert CorpusPaths.from_settings(found) == CorpusPaths()


def test_the_backends_are_those_that_declare_themselves(monkeypatch):
    assert backend_names() == ("openai", "transformers", "vllm")
    for name in backend_names():
        monkeypatch.setenv("CCL_BACKEND", name)
        assert find_backend(Settings().backend).name == name
    monkeypatch.setenv("CCL_BACKEND", "ollama")
    with pytest.raises(ValidationError, match="there are openai, transformers, vllm"):
        Settings()
    with pytest.raises(ValueError, match="ollama"):
        find_backend("ollama")


def test_every_place_of_data_follows_home(monkeypatch, tmp_path):
    monkeypatch.setenv("CCL_HOME", str(tmp_path))
    found = Settings()
    assert found.lakehouse == str(tmp_path / "lakehouse")
    assert {found.artifacts.parent, found.completions.parent} == {tmp_path}


def test_a_relative_home_does_not_move_with_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CCL_HOME", "here")
    assert Path(Settings().lakehouse) == tmp_path / "here" / "lakehouse"


def test_the_lakehouse_may_lie_in_an_object_store(monkeypatch):
    monkeypatch.setenv("CCL_LAKEHOUSE_URI", "s3://bucket/lakehouse")
    assert Settings().lakehouse == "s3://bucket/lakehouse"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CCL_PROFILE", "nonsense"),
        ("CCL_BACKEND", "gpu"),
        ("CCL_CONCURRENCY", "0"),
        ("CCL_CONCURRENCY", "many"),
        ("CCL_CONTEXT_TOKENS", "12"),
        ("CCL_THREADS", "-1"),
    ],
)
def test_a_bad_value_names_its_variable(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError) as caught:
        settings()
    (problem,) = caught.value.errors()
    assert f"CCL_{problem['loc'][0]}".upper() == variable


def test_an_empty_variable_counts_as_unset(monkeypatch):
    for variable in ("CCL_PROFILE", "CCL_THREADS", "CCL_MDACE", "CCL_CONCURRENCY"):
        monkeypatch.setenv(variable, "")
    found = Settings()
    assert (found.profile, found.threads, found.mdace, found.concurrency) == ("quick", None, None, 16)


def test_the_key_is_not_shown(monkeypatch):
    monkeypatch.setenv("CCL_API_KEY", "very-secret")
    found = Settings()
    assert "very-secret" not in f"{found!r} {found}"
    assert found.api_key.get_secret_value() == "very-secret"


def test_trusted_hosts_are_split_and_trimmed(monkeypatch):
    monkeypatch.setenv("CCL_TRUSTED_HOSTS", " localhost, gpu.internal ,,")
    assert Settings().trusted == ("localhost", "gpu.internal")


def test_corpus_paths_expand_the_home_directory(monkeypatch):
    monkeypatch.setenv("CCL_MDACE", "~/mdace")
    assert CorpusPaths.from_settings(Settings()).mdace == Path.home() / "mdace"


def test_the_full_profile_bounds_nothing_and_quick_bounds_every_model_step(monkeypatch):
    assert PROFILES["full"] == Limits(systems=None, is_training_bounded=False)
    quick = PROFILES["quick"]
    assert all(bound is not None and bound > 0 for bound in (quick.mined_notes, quick.refined_codes))
    assert quick.synthesized_families
    assert quick.is_training_bounded
    monkeypatch.setenv("CCL_PROFILE", "full")
    assert Settings().limits is PROFILES["full"]


def test_roles_fall_back_to_the_base_model_and_the_coder_never_leaves_it(monkeypatch):
    monkeypatch.setenv("CCL_MODEL", "base")
    assert {Settings().model_of(role) for role in ("miner", "synthesizer", "coder")} == {"base"}
    monkeypatch.setenv("CCL_MINER_MODEL", "large-miner")
    monkeypatch.setenv("CCL_SYNTHESIZER_MODEL", "large-writer")
    found = Settings()
    assert [found.model_of(role) for role in ("miner", "synthesizer", "coder")] == [
        "large-miner",
        "large-writer",
        "base",
    ]


def test_settings_are_read_once(monkeypatch):
    first = settings()
    monkeypatch.setenv("CCL_PROFILE", "full")
    assert settings() is first
