"""The doctor names what is missing with its remedy, and its exit status says whether ``make run`` can work."""

import os

import pytest

from ccl_assets import doctor
from ccl_assets.resources.settings import Settings


@pytest.fixture
def chosen(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)  # another test's instance is none of ours
    return lambda **values: Settings(**{"home": tmp_path / "home", **values})


def states(found):
    return {finding.name: finding.state for finding in found}


@pytest.fixture
def run(monkeypatch, capsys, chosen):
    def run(**values):
        monkeypatch.setattr(doctor, "settings", lambda: chosen(**values))
        code = doctor.main([])
        return code, capsys.readouterr().out

    return run


def test_an_environment_that_can_run_gives_zero_and_is_not_written_to(run, tmp_path):
    code, said = run()
    assert code == 0, said
    assert said.endswith("make run can work\n")
    for name in (
        "Python",
        "packages",
        "CCL_HOME",
        "release",
        "corpus sample",
        "base model",
        "encoder",
        "GPU",
        "Chromium",
    ):
        assert any(line.split(maxsplit=1)[1].startswith(name) for line in said.splitlines()), name
    assert not list(tmp_path.iterdir())


def test_a_mistaken_path_gives_one_and_names_the_setting(run, tmp_path):
    code, said = run(codiesp=tmp_path / "nowhere")
    (line,) = [line for line in said.splitlines() if line.startswith("MISSING")]
    assert code == 1
    assert "corpus codiesp" in line
    assert "correct CCL_CODIESP" in line


def test_a_setting_that_cannot_be_read_is_named(monkeypatch, capsys):
    monkeypatch.setenv("CCL_PROFILE", "fast")
    monkeypatch.setattr(doctor, "settings", Settings)
    assert doctor.main([]) == 1
    assert "CCL_PROFILE" in capsys.readouterr().out


def test_other_versions_of_python_are_refused():
    assert doctor.python((3, 10)).state == "MISSING"
    assert doctor.python((3, 11)).state == "ok"
    assert doctor.python((3, 14)).state == "MISSING"


def test_packages_are_compared_with_the_requirements(monkeypatch):
    required = ["numpy>=2", "pyarrow<1", "surely-not-here>=3", "pytest>=99; extra == 'dev'", "vllm; extra == 'gpu'"]
    monkeypatch.setattr(doctor.metadata, "requires", lambda _: required)
    found = {finding.name: finding for finding in doctor.packages()}
    assert {name: finding.state for name, finding in found.items()} == {
        "packages": "ok", "pyarrow": "MISSING", "surely-not-here": "MISSING", "packages for tests": "ok", "pytest": "unset",
    }  # fmt: skip
    assert ">=3" in found["surely-not-here"].said
    assert found["packages"].said.startswith("numpy ")


def test_a_folder_that_cannot_be_written_and_a_full_disk_are_missing(chosen, monkeypatch, tmp_path):
    assert doctor.storage(chosen()).state == "ok"
    (tmp_path / "file").touch()
    assert doctor.storage(chosen(home=tmp_path / "file" / "below")).state == "MISSING"
    usage = type("Usage", (), {"free": 10**6})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    assert "free some" in doctor.storage(chosen()).said


def test_an_instance_that_cannot_be_opened_is_missing(chosen):
    home = chosen().home / "dagster_home"
    assert "created" in doctor.instance(chosen()).said
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text("storage: nonsense\n")
    assert doctor.instance(chosen()).state == "MISSING"


def test_releases_are_opened_and_urls_are_not_fetched(chosen, tmp_path):
    found = {finding.name: finding for finding in doctor.releases(chosen())}
    assert "tabular" in found["release"].said
    assert found["previous release"].state == "unset"
    found = {finding.name: finding for finding in doctor.releases(chosen(icd_release="https://example.invalid/a.zip"))}
    assert "fetched at the first run" in found["release"].said
    assert states(doctor.releases(chosen(icd_release=str(tmp_path / "none.zip"))))["release"] == "MISSING"


def test_files_that_may_not_be_read_are_missing(chosen, monkeypatch):
    assert states(doctor.corpora(chosen()))["corpus sample"] == "ok"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert states(doctor.corpora(chosen()))["corpus sample"] == "MISSING"


def test_models_are_packaged_or_directories_or_of_the_hub(chosen, tmp_path, monkeypatch):
    assert states(doctor.models(chosen())) == {"base model": "ok"}
    (tmp_path / "model").mkdir()
    (empty,) = doctor.models(chosen(model=str(tmp_path / "model")))
    assert (empty.state, "config.json" in empty.said) == ("MISSING", True)
    (tmp_path / "model" / "config.json").touch()
    found = states(doctor.models(chosen(model=str(tmp_path / "model"), miner_model="no such model")))
    assert found == {"base model": "ok", "miner's model": "MISSING"}
    assert "miner's model" not in states(doctor.models(chosen(miner_model="no such model", backend="openai")))
    offline = doctor.encoder(chosen(embedder="someone/encoder-not-downloaded"))
    assert (offline.state, "HF_HUB_OFFLINE" in offline.said) == ("MISSING", True)
    monkeypatch.setattr("huggingface_hub.constants.is_offline_mode", lambda: False)
    assert doctor.encoder(chosen(embedder="someone/encoder-not-downloaded")).state == "ok"


def test_a_backend_says_itself_what_it_lacks(chosen, monkeypatch):
    assert doctor.backend(chosen()).state == "ok"
    assert "CCL_ENDPOINT" in doctor.backend(chosen(backend="openai")).said
    named = doctor.backend(chosen(backend="openai", endpoint="http://127.0.0.1:9/v1"))
    assert (named.state, "127.0.0.1:9" in named.said) == ("ok", True)
    monkeypatch.setattr("ccl_assets.resources.text_generation.backends.vllm.find_spec", lambda _: None)
    assert doctor.backend(chosen(backend="vllm")).state == "MISSING"


def test_what_cannot_be_imported_is_named(monkeypatch, chosen):
    def probe(_):
        raise ImportError(name="dagster")

    monkeypatch.setattr(doctor, "settings", chosen)
    monkeypatch.setattr(doctor, "instance", probe)
    assert any(finding.state == "MISSING" and "package dagster" in finding.said for finding in doctor.findings())


def test_a_browser_is_found_by_any_of_its_names():
    assert doctor.find_browser({"chromium-browser": "/opt/c"}.get) == "/opt/c"
    assert doctor.find_browser({}.get) is None
