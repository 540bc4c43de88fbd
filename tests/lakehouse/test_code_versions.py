"""Code versions change with what the code does, not with how it reads or where it stands."""

import os
import subprocess
import sys
import textwrap

import pytest

from ccl_assets.lakehouse import code_versions
from ccl_assets.lakehouse.code_versions import code_version, reached
from ccl_assets.prompts import Prompt

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
    return total + Counter.start + len(NAMES)
'''


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Writes modules of a project of its own, and tells the code version of a body there."""
    monkeypatch.setattr(code_versions, "_ROOT", tmp_path)
    monkeypatch.setattr(
        code_versions, "load_prompt", lambda name: Prompt(name, (tmp_path / f"prompts/{name}.jinja").read_text())
    )

    caches = [getattr(code_versions, name) for name in ("_module", "_path", "_counts", "_file_hash", "_prompts")]

    def version(modules, body="icd.module:count", **given):
        for cached in caches:
            cached.cache_clear()
        for path, source in modules.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(textwrap.dedent(source))
        module, name = body.split(":")

        def stands_for():
            """What the asset decorator is given."""

        stands_for.__module__, stands_for.__name__ = f"ccl_assets.{module}", name
        return code_version(stands_for, **given)

    yield version
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def version_of(project):
    """Code version of a module with the given source."""
    return lambda source: project({"icd/module.py": source})


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


USER = """
from ccl_assets.text.words import SIDES, fold
from ccl_assets.text import words as all_words
from ccl_assets.resources.settings import settings

LIMIT = settings()


def make(codes):
    from ccl_assets.text.lazy import late

    return [fold(code) for code in codes if late(code)] + [LIMIT]


def other():
    return all_words.UNUSED
"""
WORDS = """
SIDES = {"right", "left"}
UNUSED = 1


def fold(text):
    return text.lower() if text not in SIDES else helper(text)


def helper(text):
    return text
"""
LAZY = """
def late(code):
    return code
"""
MODULES = {"evidence/assets.py": USER, "text/words.py": WORDS, "text/lazy.py": LAZY, "text/__init__.py": ""}


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("text/words.py", '"left"', '"links"'),
        ("text/words.py", "return text\n", "return text.strip()\n"),
        ("text/lazy.py", "return code", "return not code"),
        ("evidence/assets.py", "LIMIT = settings()", "LIMIT = 3"),
    ],
    ids=[
        "constant of a used function",
        "function of a function",
        "imported where it is used",
        "constant beside the body",
    ],
)
def test_what_the_body_uses_counts_however_far_away(project, path, old, new):
    body = "evidence.assets:make"
    before = project(MODULES, body)
    assert old in MODULES[path]
    assert project({**MODULES, path: MODULES[path].replace(old, new)}, body) != before


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("text/words.py", "UNUSED = 1", "UNUSED = 2"),
        ("evidence/assets.py", "return all_words.UNUSED", "return None"),
    ],
    ids=["constant of a used module", "function beside the body"],
)
def test_what_the_body_does_not_use_does_not_count(project, path, old, new):
    body = "evidence.assets:make"
    before = project(MODULES, body)
    assert project({**MODULES, path: MODULES[path].replace(old, new)}, body) == before


def test_a_moved_module_re_derives_nothing(project):
    before = project(MODULES, "evidence.assets:make")
    moved = {
        "evidence/gold/assets.py": USER.replace("ccl_assets.text.words", "ccl_assets.text.vocabulary.words"),
        "evidence/gold/__init__.py": "",
        "text/vocabulary/words.py": WORDS,
        "text/vocabulary/__init__.py": "",
    }
    assert project(moved, "evidence.gold.assets:make") == before


def test_an_attribute_of_an_imported_module_counts(project):
    before = project(MODULES, "evidence.assets:other")
    assert (
        project({**MODULES, "text/words.py": WORDS.replace("UNUSED = 1", "UNUSED = 2")}, "evidence.assets:other")
        != before
    )


def test_a_parameter_is_not_the_asset_of_the_same_name(project):
    source = """
    def documents():
        return 1


    def labels(documents):
        return documents
    """
    body = "corpora.assets:labels"
    before = project({"corpora/assets.py": source}, body)
    assert project({"corpora/assets.py": source.replace("return 1", "return 2")}, body) == before


def test_of_the_decorator_what_is_read_counts_and_what_is_said_does_not(project):
    source = """
    COLUMNS = ("code",)


    @table_asset(CODES, description="Says something.", kinds={"python"}, ins=inputs(codes=COLUMNS))
    def codes(context, codes):
        return codes
    """
    body = "icd.assets:codes"
    before = project({"icd/assets.py": source}, body)
    assert project({"icd/assets.py": source.replace("Says something", "Says more")}, body) == before
    assert project({"icd/assets.py": source.replace('("code",)', '("code", "title")')}, body) != before


def test_a_data_file_or_prompt_that_the_code_names_counts(project, tmp_path):
    source = """
    def count(items):
        return [read(__file__, "words.tsv"), read_folder("rules"), load_prompt("coding")]
    """
    files = {
        "icd/words.tsv": "a", "icd/rules/en/one.txt": "b", "prompts/coding.jinja": "c", "icd/unnamed.tsv": "d",
    }  # fmt: skip
    before = project({"icd/module.py": source, **files})
    for path in ("icd/words.tsv", "icd/rules/en/one.txt", "prompts/coding.jinja"):
        assert project({"icd/module.py": source, **files, path: "changed"}) != before, path
    assert project({"icd/module.py": source, **files, "icd/unnamed.tsv": "changed"}) == before


def test_a_contract_counts_by_its_shape_elsewhere(project):
    source = """
    PAIRS = TableContract("gold/pairs", "Describes them.")
    CODES = ("code",)


    def count(items):
        return PAIRS, CODES
    """
    before = project({"icd/module.py": source})
    assert project({"icd/module.py": source.replace("Describes them", "Says more")}) == before
    assert project({"icd/module.py": source.replace('("code",)', '("codes",)')}) != before


def test_modules_found_by_name_count_whole(project):
    modules = {"icd/module.py": BASE, "coding/systems/one.py": "def build():\n    return 1\n"}
    plain = project(modules)
    with_system = project(modules, also=("coding.systems.one",))
    assert with_system != plain
    changed = {**modules, "coding/systems/one.py": "def build():\n    return 2\n"}
    assert project(changed, also=("coding.systems.one",)) != with_system


def test_processes_with_other_hash_seeds_agree():
    script = "from ccl_assets.lakehouse.code_versions import reached; import hashlib; "
    script += "print(sorted(reached([('ccl_assets.sft.assets', 'dataset')]).items()))"
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
    assert len(found) == 1 and len(found.pop()) > 1000


def test_a_module_is_read_but_not_imported():
    script = "import sys; from ccl_assets.lakehouse.code_versions import reached; "
    script += "found = reached([('ccl_assets.sft.assets', 'adapter')]); "
    script += "print(len(found) > 1, 'ccl_assets.sft.assets' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "True False\n"


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(ModuleNotFoundError, match=r"no module ccl_assets\.icd\.nothing to take a code version of"):
        reached([("ccl_assets.icd.nothing", "x")])


def test_settings_stand_in_clear_after_the_hash(project):
    plain = project({"icd/module.py": BASE})
    assert project({"icd/module.py": BASE}, settings={"model": "m-1", "limit": None}) == f"{plain} limit=None model=m-1"
