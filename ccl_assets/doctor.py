"""``python -m ccl_assets.doctor``: one line for each thing that the project needs or can use, with the remedy where it is missing.

Nothing is computed, downloaded or written, and no server is asked.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pydantic import ValidationError

from ccl_assets.command_line import FAILED, OK, say, setting_errors
from ccl_assets.resources.settings import Settings, settings

State = Literal["ok", "unset", "MISSING"]
_DISTRIBUTION = "ccl-assets"
_PYTHON = ((3, 11), (3, 14))
_NEEDED_BYTES = 2**30  # the packaged model in fp32 (538 MB), a checkpoint, tables and the history of runs
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Finding:
    """State of one thing.

    Attributes:
        name: Its name.
        state: ``ok``; ``unset`` where ``make run`` works without it; ``MISSING`` where it does not.
        said: Details for people, with the remedy where it is missing.
    """

    name: str
    state: State
    said: str

    def __str__(self) -> str:
        """Give the line to print."""
        return f"{self.state:<8} {self.name:<22} {self.said}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every finding; the exit status is 1 if something is missing that ``make run`` needs."""
    argparse.ArgumentParser(
        prog="python -m ccl_assets.doctor", description="Say what is here and what is missing."
    ).parse_args(arguments)
    is_missing = False
    for finding in findings():
        say(str(finding))
        is_missing = is_missing or finding.state == "MISSING"
    say("something is MISSING: make run cannot work" if is_missing else "make run can work")
    return FAILED if is_missing else OK


def findings() -> Iterator[Finding]:
    """Examine the environment, then what the settings name."""
    yield python(sys.version_info[:2])
    yield from packages()
    try:
        chosen = settings()
    except ValidationError as error:
        for line in setting_errors(error):
            yield Finding("settings", "MISSING", f"{line}; correct the variable")
        return
    yield Finding("profile", "ok", f"{chosen.profile} (CCL_PROFILE)")
    for probe in (storage, instance, releases, corpora, models, encoder, backend, gpu, browser):
        try:
            found = probe(chosen)
            yield from [found] if isinstance(found, Finding) else found
        except ImportError as error:
            yield Finding(probe.__name__, "MISSING", f"cannot be examined without the package {error.name}")


def python(version: tuple[int, ...]) -> Finding:
    """Compare the version of Python with the range the project supports."""
    found = ".".join(map(str, version))
    if _PYTHON[0] <= version < _PYTHON[1]:
        return Finding("Python", "ok", f"{found}, {os.cpu_count()} processors")
    return Finding("Python", "MISSING", f"{found}; 3.11 to 3.13 is needed: make PYTHON=python3.11 run")


def packages() -> Iterator[Finding]:
    """Compare the installed packages with the project's own requirements, one line for each group and each fault."""
    try:
        required = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        yield Finding("packages", "MISSING", "the project is not installed: make run, or pip install -e .")
        return
    yield from _group("packages", required, "", "MISSING", "pip install -e .")
    yield from _group("packages for tests", required, "dev", "unset", "make test, or pip install -e '.[dev]'")


def _group(name: str, required: Sequence[str], extra: str, state: State, remedy: str) -> Iterator[Finding]:
    from packaging.requirements import Requirement

    fitting = []
    for requirement in map(Requirement, required):
        marker = requirement.marker
        if marker is not None and not marker.evaluate({"extra": extra}):
            continue
        if extra and (marker is None or marker.evaluate({"extra": ""})):
            continue  # of the base
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield Finding(requirement.name, state, f"not installed; {requirement.specifier} is needed: {remedy}")
            continue
        if requirement.specifier.contains(version, prereleases=True):
            fitting.append(f"{requirement.name} {version}")
        else:
            yield Finding(requirement.name, state, f"{version}; {requirement.specifier} is needed: {remedy}")
    yield Finding(name, "ok", ", ".join(fitting) or "none")


def storage(chosen: Settings) -> Finding:
    """Look whether the folder of the deployment can be written and how much space is left there."""
    home = chosen.home.resolve()
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Finding("CCL_HOME", "MISSING", f"{home} cannot be written: set CCL_HOME to a folder of yours")
    free = shutil.disk_usage(existing).free
    said = f"{home}, {free / 2**30:,.1f} GiB free"
    if chosen.lakehouse_uri:
        said += f"; tables in {chosen.lakehouse_uri} (not contacted)"
    if free < _NEEDED_BYTES:
        return Finding("CCL_HOME", "MISSING", f"{said}; {_NEEDED_BYTES / 2**30:.0f} GiB are needed: free some")
    return Finding("CCL_HOME", "ok", said)


def instance(chosen: Settings) -> Finding:
    """Open the Dagster instance, if there is one."""
    from ccl_assets.refresh.instance import InstanceError, open_instance

    home = Path(os.environ.get("DAGSTER_HOME") or chosen.home.resolve() / "dagster_home")
    if not (home / "dagster.yaml").is_file():
        return Finding("Dagster instance", "ok", f"none yet; {home} is created at the first run")
    try:
        open_instance(home).dispose()
    except InstanceError as error:
        return Finding("Dagster instance", "MISSING", str(error))
    return Finding("Dagster instance", "ok", str(home))


def releases(chosen: Settings) -> Iterator[Finding]:
    """Open the active release and the one to compare with; URLs that are not in the store are not fetched."""
    from ccl_assets.releases.command import release_sources
    from ccl_assets.resources.file_hashes import FileHashes

    with TemporaryDirectory() as folder:
        active, previous = release_sources(chosen, FileHashes(Path(folder) / "hashes.json"), say=lambda _: None)
        for name, source, is_needed in (
            ("release", active, True),
            ("previous release", previous, False),
        ):
            try:
                if not is_needed and not source.is_set:
                    yield Finding(name, "unset", "none to compare with (CCL_ICD_PREVIOUS_RELEASE)")
                elif source.is_fetched_first:
                    yield Finding(name, "ok", "not in the store: it is fetched at the first run, which needs a network")
                else:
                    release = source.open()
                    yield Finding(name, "ok", f"{release.label}: {', '.join(file.role for file in release.files)}")
            except (ValueError, RuntimeError, OSError) as error:
                yield Finding(name, "MISSING", str(error))


def corpora(chosen: Settings) -> Iterator[Finding]:
    """Look for the files of each corpus and at their headings."""
    from ccl_assets.corpora.loaders import CORPORA, check_headings, source_files
    from ccl_assets.resources.corpus_paths import CorpusPaths

    paths = CorpusPaths.from_settings(chosen)
    for name, source in CORPORA.items():
        if unset := source.unset(paths):
            yield Finding(f"corpus {name}", "unset", f"left out; {source.description} needs {' and '.join(unset)}")
            continue
        try:
            files = source_files(name, paths)
            check_headings(name, paths)
            unreadable = [file for file in files if not os.access(file, os.R_OK)]
        except (ValueError, RuntimeError, OSError) as error:
            yield Finding(f"corpus {name}", "MISSING", str(error))
            continue
        if unreadable:
            yield Finding(f"corpus {name}", "MISSING", f"{unreadable[0]} may not be read: change its permissions")
        else:
            yield Finding(f"corpus {name}", "ok", f"{len(files)} files{', restricted' if source.is_restricted else ''}")


def models(chosen: Settings) -> Iterator[Finding]:
    """Look for the language models that run here: the base model, and those of miner and synthesizer if they are others."""
    from ccl_assets.resources.text_generation.backends import find_backend

    names = {"base model": ("CCL_MODEL", chosen.model)}
    if find_backend(chosen.backend).loads_models:
        names |= {
            "miner's model": ("CCL_MINER_MODEL", chosen.model_of("miner")),
            "synthesizer's model": ("CCL_SYNTHESIZER_MODEL", chosen.model_of("synthesizer")),
        }
    for name, (setting, model) in names.items():
        if name == "base model" or model != chosen.model:
            yield _model(name, setting, model)


def _model(name: str, setting: str, model: str) -> Finding:
    from ccl_assets.resources.models.small_language_model import (
        PACKAGED,
        PACKAGED_MODEL,
        ModelMissingError,
        packaged_gguf,
    )

    if model == PACKAGED:
        try:
            return Finding(name, "ok", f"packaged {PACKAGED_MODEL}, {packaged_gguf().stat().st_size / 1e6:.0f} MB")
        except ModelMissingError as error:
            return Finding(name, "MISSING", str(error))
    return _named(name, setting, model, "config.json")


def encoder(chosen: Settings) -> Finding:
    """Look for the sentence encoder."""
    from ccl_assets.resources.embedding.embedder import packaged_encoder_directory

    if chosen.embedder == "packaged":
        try:
            return Finding("encoder", "ok", f"packaged, {packaged_encoder_directory().name}")
        except FileNotFoundError as error:
            return Finding("encoder", "MISSING", str(error))
    return _named("encoder", "CCL_EMBEDDER", chosen.embedder, "modules.json", "config.json")


def _named(name: str, setting: str, model: str, *marks: str) -> Finding:
    """Look for a model that a setting names: a directory, or a model of the hub that was downloaded before."""
    directory = Path(model).expanduser()
    if directory.exists():
        if any((directory / mark).is_file() for mark in marks):
            return Finding(name, "ok", f"{setting}={model}")
        return Finding(name, "MISSING", f"{setting}={model} holds no {' or '.join(marks)}: correct it")
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    repository, _, revision = model.partition("@")
    try:
        found = [try_to_load_from_cache(repository, mark, revision=revision or None) for mark in marks]
    except HFValidationError:
        return Finding(
            name, "MISSING", f"{setting}={model} is neither a directory nor the id of a hub model: correct it"
        )
    if any(isinstance(file, str) for file in found):
        return Finding(name, "ok", f"{setting}={model}, downloaded")
    if constants.is_offline_mode():
        return Finding(
            name,
            "MISSING",
            f"{setting}={model} is not downloaded and HF_HUB_OFFLINE is set: unset it, or give a directory",
        )
    return Finding(name, "ok", f"{setting}={model}, downloaded at first use, which needs a network")


def gpu(_: Settings) -> Finding:
    """Look for a GPU."""
    if find_spec("torch") is None:
        return Finding("GPU", "unset", "cannot be looked for without torch")
    import torch

    found = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    if found:
        return Finding("GPU", "ok", ", ".join(found))
    return Finding("GPU", "unset", "none: models run on the processor, which suits the profile `quick` only")


def backend(chosen: Settings) -> Finding:
    """Ask the backend what it lacks; a server is not contacted."""
    from ccl_assets.resources.text_generation.backends import find_backend

    if missing := find_backend(chosen.backend).missing(chosen):
        return Finding("backend", "MISSING", missing)
    is_server = not find_backend(chosen.backend).loads_models and chosen.endpoint
    server = f", {chosen.endpoint} (not contacted)" if is_server else ""
    return Finding("backend", "ok", f"{chosen.backend} (CCL_BACKEND){server}")


def find_browser(which: Callable[[str], str | None] = shutil.which) -> str | None:
    """Path of a Chromium; ``None`` if none is on the path."""
    return next((path for name in _BROWSERS if (path := which(name))), None)


def browser(_: Settings) -> Finding:
    """Look for Chromium, with which the tests click through the Dagster UI."""
    found = find_browser()
    return (
        Finding("Chromium", "ok", found)
        if found
        else Finding(
            "Chromium", "unset", "none on the path: the test of the Dagster UI is skipped; install one to run it"
        )
    )


if __name__ == "__main__":
    sys.exit(main())
