"""Test-wide settings."""

import os

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


def pytest_collection_modifyitems(items):
    """Slow files first: a worker that begins one last lets the other wait."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
