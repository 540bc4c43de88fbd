"""The backend that the settings name answers, an adapter where it can be loaded."""

import pytest

from ccl_assets.resources.models import language_models
from ccl_assets.resources.models.language_models import LanguageModels
from ccl_assets.resources.settings import Settings
from ccl_assets.resources.text_generation.backends import openai, transformers, vllm


@pytest.fixture
def built(monkeypatch, tmp_path):
    """What each backend was given to build, by its name."""
    given = {}
    for module in (openai, transformers, vllm):
        recorded = lambda model, name=module.BACKEND.name: given.setdefault(name, model)  # noqa: E731
        backend = type(module.BACKEND)(
            name=module.BACKEND.name, loads_models=module.BACKEND.loads_models, missing=module._missing
            if hasattr(module, "_missing") else lambda _: None, build=recorded,
        )  # fmt: skip
        monkeypatch.setattr(module, "BACKEND", backend)
    monkeypatch.setattr(language_models, "require_same_base", lambda *_: None)
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").touch()

    def build(backend, adapter=None):
        given.clear()
        settings = Settings(
            backend=backend, model=str(tmp_path / "base"), home=tmp_path, endpoint="http://127.0.0.1:9/v1"
        )
        LanguageModels(settings)._backend("coder", adapter, "scl-1" if adapter else "")
        ((name, model),) = given.items()
        return name, model

    return build


@pytest.mark.parametrize("backend", ["openai", "transformers", "vllm"])
def test_the_backend_of_the_settings_answers(built, backend, tmp_path):
    name, model = built(backend)
    assert (name, model.name, model.shown_name, model.adapter) == (backend, str(tmp_path / "base"), model.name, None)
    assert model.directory() == tmp_path / "base"


@pytest.mark.parametrize(("backend", "answering"), [("openai", "transformers"), ("transformers",) * 2, ("vllm",) * 2])
def test_a_model_with_an_adapter_runs_where_it_can_be_loaded(built, backend, answering, tmp_path):
    name, model = built(backend, tmp_path / "adapter")
    assert (name, model.adapter) == (answering, tmp_path / "adapter")
    assert model.shown_name == f"{tmp_path / 'base'}+scl-1"


def test_an_endpoint_that_is_not_set_is_said_with_its_setting(tmp_path):
    with pytest.raises(ValueError, match="CCL_ENDPOINT"):
        LanguageModels(Settings(backend="openai", home=tmp_path))._backend("coder", None, "")
