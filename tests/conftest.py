"""Test-wide settings."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Two workers share two cores: how long an example takes says nothing.
settings.register_profile("shared_cores", deadline=None)
settings.load_profile("shared_cores")

# The tests' own switches: nothing reaches for the hub, and no setting of the developer's shell leaks in.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers with two threads each would wait for each other
for name in [name for name in os.environ if name.startswith(("CCL_", "DAGSTER_")) and not name.startswith("CCL_TEST_")]:
    if name != "CCL_UPDATE_GOLDEN":
        del os.environ[name]

_PUBLISHED = {"published_releases", "development_corpora"}  # fixtures of data that is read for seconds


def pytest_collection_modifyitems(items):
    """Slow files first: a worker that begins one last lets the other wait. What others nearly cover is run where asked for."""
    if not os.environ.get("CCL_TEST_EXHAUSTIVE"):
        skipped = pytest.mark.skip(reason="nearly covered by its neighbours; CCL_TEST_EXHAUSTIVE=1 runs it")
        for item in items:
            if item.get_closest_marker("exhaustive"):
                item.add_marker(skipped)
    for item in items:
        if _PUBLISHED & set(item.fixturenames):
            item.add_marker(pytest.mark.published)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def dagster_home_of_one_test():
    """Opening an instance names its folder in the environment, since its ``dagster.yaml`` reads it there."""
    before = os.environ.get("DAGSTER_HOME")
    yield
    if before is None:
        os.environ.pop("DAGSTER_HOME", None)
    else:  # that of a module's tests
        os.environ["DAGSTER_HOME"] = before


@pytest.fixture(scope="session")
def published_releases() -> Path:
    """Folders ``fy2016`` to ``fy2026`` as NCHS and CMS publish them; they are not part of the project."""
    return published("icd10cm", "CCL_TEST_ICD10CM", "the published ICD-10-CM releases")


@pytest.fixture(scope="session")
def development_corpora() -> Path:
    """Published corpora beside the checkout; they are not part of the project."""
    return published("corpora", "CCL_TEST_CORPORA", "the published corpora")


@pytest.fixture(scope="session")
def note_cases() -> Path:
    """Small notes with the codes they must and must not have; they are not part of the project."""
    return published("note_cases", "CCL_TEST_NOTE_CASES", "the small notes with their codes")


def published(name: str, setting: str, what: str) -> Path:
    """A folder of published data, or the test is skipped."""
    given = os.environ.get(setting)
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data" / name
    if not folder.is_dir():
        pytest.skip(f"{what} are not here; set {setting} to their folder")
    return folder
