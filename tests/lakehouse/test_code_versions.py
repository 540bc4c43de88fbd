"""Code versions change with what the code does, not with how it reads."""

import os
import subprocess
import sys
import textwrap

import pytest

from ccl_assets import prompts
from ccl_assets.lakehouse import code_versions
from ccl_assets.lakehouse.code_versions import code_version

BASE = '''
"""Docstring."""
LIMIT = 3
NAMES = {"b", "a"}


class Counter:
    """Docstring."""

    start = 1


def count(items):
    """Docstring."""
    # a comment
    total = 0
    for item in items:
        if item in {"x", "y", "z"}:
            try:
                total += int(item)
                total += LIMIT
            except ValueError:
                total -= 1
    return total
'''


@pytest.fixture
def version_of(tmp_path, monkeypatch):
    """Code version of a module with the given source."""

    def version(source):
        path = tmp_path / "module.py"
        path.write_text(textwrap.dedent(source))
        spec = type("Spec", (), {"origin": str(path)})
        monkeypatch.setattr(code_versions.importlib.util, "find_spec", lambda name: spec)
        code_versions._read.cache_clear()
        return code_version("any.module")

    yield version
    code_versions._read.cache_clear()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Docstring.", "Says something else."),
        ('    """Docstring."""\n    # a comment', "    # a comment"),
        ('"""Docstring."""\nLIMIT', "LIMIT"),
        ("# a comment", "# another comment\n    #\n\n"),
        ("    total = 0\n", "    total = (\n        0\n    )\n"),
        ('"x"', "'x'"),
        ("\n\n\nclass", "\n\n# moved down\n\n\n\n\n\n\nclass"),
    ],
    ids=["docstring", "docstring removed", "module docstring removed", "comment", "layout", "quotes", "lines moved"],
)
def test_docstrings_comments_and_layout_do_not_count(version_of, old, new):
    assert old in BASE
    assert version_of(BASE.replace(old, new)) == version_of(BASE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("LIMIT = 3", "LIMIT = 3.0"),
        ('"z"', '"w"'),
        ("total -= 1", "total -= 2"),
        ("start = 1", "start = True"),
        ("int(item)", "len(item)"),
        ("except ValueError", "except TypeError"),
        ("def count(items)", "def count(items=())"),
        (
            "                total += LIMIT\n            except ValueError:\n                total -= 1\n",
            "            except ValueError:\n                total -= 1\n            else:\n                total += LIMIT\n",
        ),
        ("for item in items", "for item in reversed(items)"),
    ],
    ids=[
        "constant",
        "type of a constant",
        "member of a set",
        "nested constant",
        "class attribute",
        "called function",
        "exception",
        "default",
        "reach of a try",
        "loop",
    ],
)
def test_what_the_code_does_counts(version_of, old, new):
    assert old in BASE
    assert version_of(BASE.replace(old, new)) != version_of(BASE)


def test_modules_and_their_order_count():
    assert code_version("tables.gate") != code_version("tables.gate", "icd.chapters")
    assert code_version("tables.gate") != code_version("icd.chapters")


def test_processes_with_other_hash_seeds_agree():
    modules = ["icd.tabular.tabular_list", "text.grounding", "prompts.coding_format", "evidence.checks"]
    script = f"from ccl_assets.lakehouse.code_versions import code_version; print(code_version(*{modules!r}))"
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert found == {code_version(*modules) + "\n"}


def test_a_module_is_read_but_not_imported():
    script = "import sys; from ccl_assets.lakehouse.code_versions import code_version; code_version('sft.assets'); "
    script += "print('ccl_assets.sft.assets' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(ModuleNotFoundError, match=r"no module ccl_assets\.icd\.nothing to take a code version of"):
        code_version("icd.nothing")


def test_a_changed_prompt_changes_the_version(monkeypatch):
    before = code_version("tables.gate", prompts=("evidence_synthesis",))
    assert before != code_version("tables.gate")
    original = prompts.load_prompt("evidence_synthesis")
    changed = prompts.Prompt(original.name, original.source + "Be brief.\n")
    monkeypatch.setattr(code_versions, "load_prompt", lambda name: changed)
    assert code_version("tables.gate", prompts=("evidence_synthesis",)) != before


def test_settings_stand_in_clear_after_the_hash():
    found = code_version("tables.gate", settings={"model": "m-1", "limit": None})
    assert found == f"{code_version('gate')} limit=None model=m-1"
