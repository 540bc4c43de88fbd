"""Every path of the project that README and docs name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_TOP = ("ccl_assets", "resources", "io_managers", "tests", "benchmarks", "docs")
_PATH = re.compile(rf"(?<![\w/.$-])(?:{'|'.join(_TOP)})/[\w./*-]*\w[\w/]*")
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
_PLACEHOLDER = re.compile(r"NAME|<|\*")


def named(text):
    return {path for path in _PATH.findall(text) if not _PLACEHOLDER.search(path)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_folder_that_a_page_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    assert not sorted(path for path in named(text) if not (ROOT / path).exists())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page):
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    assert not sorted(link for link in links if not (page.parent / link).exists())


def test_modules_that_pages_name_without_their_folder_are_there():
    """Such as ``evidence/gold/index_phrases.py`` in a page that speaks of ``ccl_assets``."""
    missing = []
    for page in PAGES:
        for path in re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|toml|tsv|jinja))`", page.read_text(encoding="utf-8")):
            if not any((ROOT / base / path).exists() for base in ("", "ccl_assets")):
                missing.append(f"{page.name}: {path}")
    assert not missing


def test_the_tree_of_the_architecture_names_every_room():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = text.split("```")[1]
    packages = {init.parent for base in _TOP[:3] for init in (ROOT / base).rglob("__init__.py")}
    listed = {line.split()[0].rstrip("/") for line in tree.splitlines() if line.strip()}
    assert {package.name for package in packages} <= listed
    assert {path.name for path in (ROOT / "ccl_assets").glob("*.py")} - {"__init__.py"} <= listed


def test_a_path_that_is_not_there_is_noticed():
    assert named("see `ccl_assets/icd/nowhere.py` and ccl_assets/icd/*.py") == {"ccl_assets/icd/nowhere.py"}
