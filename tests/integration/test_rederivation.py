"""What each kind of change makes stale and re-derives, exactly, on the project's own assets.

All assets of the release, the corpora and the evidence are the real ones, on a small release, the sample and one note of MIMIC-IV's
layout; the language model and the encoder answer by rule. What trains, codes and scores is stood in for: the same keys, inputs,
partitions and code versions, and a content that changes with anything it reads. So below the knowledge base this shows what
a change can reach at most; above it, what is really run.
"""

import csv
import gzip
import hashlib
import importlib.util
import json
import os
import re
import shutil
import zipfile
from dataclasses import replace
from importlib.resources import files

import dagster as dg
import numpy as np
import pytest

from ccl_assets.coding.partitions import SYSTEM
from ccl_assets.corpora.partitions import CORPUS, NOTE_SHARD
from ccl_assets.evaluation import assets as evaluation
from ccl_assets.evidence.silver import assets as silver_assets
from ccl_assets.icd.partitions import CHAPTER
from ccl_assets.linking.partitions import RUNG
from ccl_assets.prompts import load_prompt
from ccl_assets.refresh.frontier import Target, observe
from ccl_assets.resources import settings as settings_module
from ccl_assets.resources.corpus_paths import CorpusPaths
from ccl_assets.resources.text_generation.scripted import ScriptedGenerator
from ccl_assets.sft import assets as sft
from ccl_assets.sft.partitions import RECIPE

pytestmark = pytest.mark.slow
CHAPTERS = ENDOCRINE, CIRCULATORY = "04_E00-E89", "09_I00-I99"
KEYS = {
    id(CHAPTER): CHAPTERS,
    id(CORPUS): ("sample", "mimic_iv"),
    id(NOTE_SHARD): ("shard_00",),
    id(RECIPE): ("code_only", "scl"),
    id(RUNG): ("human",),
    id(SYSTEM): ("sft_code_only", "scl"),
}
ICD = ("release", "codes", "instructions", "index_terms", "guidelines", "release_diff", "crosswalk")


class Models:
    """A miner and synthesizer that answers by rule: quotes the note, keeps the first candidate, repeats the title."""

    mines_restricted_notes = False

    def model_name(self, role):
        return "scripted"

    def generator(self, role):
        return ScriptedGenerator(answer, supports_json_schema=True)


def answer(request):
    prompt = request.messages[-1].content
    if "CANDIDATES" in prompt:
        return "- " + re.search(r"CANDIDATES \(notes\): (.*?) \(\d+\)", prompt)[1]
    if "\nTITLE: " in prompt:
        return "- " + re.search(r"TITLE: (.*)", prompt)[1]
    note, codes = prompt.rsplit("\n\nCodes:\n", 1)
    words = " ".join(note.split()[-12:-9])
    return json.dumps({line.split()[1]: words for line in codes.strip().splitlines()})


class Encoder:
    """Vectors by words, so that equal texts are equal and similar ones near."""

    model_name, fingerprint = "words", "words"

    def encode(self, texts, progress=None):
        vectors = np.zeros((len(texts), 64), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                vector[int(hashlib.sha256(word.encode()).hexdigest(), 16) % 64] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def definitions(*changed, with_systems=True):
    """All assets; those of the changed modules as a new process would define them."""
    from ccl_assets.definitions import defs

    made = [asset for module in changed for asset in assets_now(module)]
    replaced = {key for asset in made for key in keys(asset)}
    assets = [*made, *(asset for asset in defs.assets if not keys(asset) & replaced)]
    return [
        stand_in(asset) if is_heavy(asset) else asset for asset in assets if with_systems or not is_of_systems(asset)
    ]


def keys(asset):
    return set(asset.keys) if isinstance(asset, dg.AssetsDefinition) else {asset.key}


def is_of_systems(asset):
    return any(key.path[0] in ("linking", "sft", "eval") for key in keys(asset))


def is_heavy(asset):
    return is_of_systems(asset) and dg.AssetKey(["sft", "recipes"]) not in keys(asset)


def stand_in(asset):
    """The same asset to look at; its data version is Dagster's own: that of its code and of all it reads."""
    specs = list(asset.specs)

    @dg.multi_asset(specs=specs, name="_".join(specs[0].key.path))
    def compute():
        yield from (dg.MaterializeResult(spec.key) for spec in specs)

    return compute


def assets_now(module):
    """A module's assets, defined once more: with the prompts, recipes and settings of this moment."""
    caches = (settings_module.settings, load_prompt)
    for cache in caches:
        cache.cache_clear()
    spec = importlib.util.find_spec(module.__name__)
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    for cache in caches:
        cache.cache_clear()
    return again.ASSETS


@pytest.fixture(scope="module")
def sources(small_tabular, tmp_path_factory):
    """Folders of a release and of a corpus."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "release").mkdir()
    (folder / "release" / "tabular.xml").write_text(small_tabular, encoding="utf-8")
    write_csv(
        folder / "mimic-iv-note/note/discharge.csv.gz",
        ["note_id", "subject_id", "hadm_id", "note_type", "note_seq", "charttime", "storetime", "text"],
        [
            "1-DS-1",
            "1",
            "11",
            "DS",
            "1",
            "",
            "",
            "Admitted with high blood pressure, treated, discharged in good condition.",
        ],
    )
    write_csv(
        folder / "mimic-iv/hosp/diagnoses_icd.csv.gz",
        ["subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"],
        ["1", "11", "1", "I10", "10"],
    )
    return folder


def write_csv(path, *rows, level=9):
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", level, encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture(scope="module")
def lakehouse(new_lakehouse, sources, tmp_path_factory):
    """Everything is materialized."""
    from ccl_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    partitions = {
        key.to_user_string(): KEYS[id(definition)]
        for key in graph.materializable_asset_keys
        if (definition := graph.get(key).partitions_def) is not None
    }
    made = new_lakehouse(
        tmp_path_factory.mktemp("home"),
        str(sources / "release"),
        corpora=CorpusPaths(mimic_iv_note=sources / "mimic-iv-note", mimic_iv=sources / "mimic-iv"),
        partitions=partitions,
        language_models=Models(),
        embedder=Encoder(),
    )
    made.define(definitions())
    outcome = made.refresh()
    assert (outcome.failed, outcome.waiting) == ({}, [])
    return made


@pytest.fixture
def fresh(lakehouse):
    """Nothing is stale, by what Dagster says."""
    lakehouse.define(definitions())
    if lakehouse.stale() != (set(), set()):
        lakehouse.refresh()
        assert lakehouse.stale() == (set(), set())
    return lakehouse


@pytest.fixture
def fresh_evidence(lakehouse):
    """Nothing of the release, the corpora and the evidence is stale."""
    lakehouse.define(definitions(with_systems=False))
    if lakehouse.stale() != (set(), set()):
        lakehouse.refresh()
    return lakehouse


@pytest.fixture
def tabular(sources):
    """The Tabular List's file."""
    return sources / "release" / "tabular.xml"


def all_of(*names):
    """Every partition of these assets."""
    from ccl_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    found = set()
    for name in names:
        definition = graph.get(dg.AssetKey.from_user_string(name)).partitions_def
        found |= {Target(name, key) for key in KEYS[id(definition)]} if definition is not None else {Target(name)}
    return found


def of(partition, *names):
    return {Target(name, partition) for name in names}


def rederived(lakehouse, assets):
    """What a refresh of these assets materializes; nothing twice, nothing fails, and nothing is left."""
    lakehouse.define(assets)
    outcome = lakehouse.refresh()
    assert (outcome.failed, outcome.waiting) == ({}, [])
    assert len(outcome.materialized) == len(set(outcome.materialized))
    assert lakehouse.stale() == (set(), set())
    return set(outcome.materialized)


def within_reach(lakehouse):
    """What is stale, or below that."""
    ready, waiting = lakehouse.stale()
    return ready | waiting


def replace_text(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


class TestWithoutAChange:
    def test_files_that_were_only_touched_make_nothing_stale(self, fresh, sources):
        for path in sources.rglob("*.*"):
            content = path.read_bytes()
            path.unlink()
            path.write_bytes(content)
            os.utime(path, (10**9, 10**9))
        assert observe(fresh.instance, fresh.sources) == []
        assert fresh.stale() == (set(), set())

    def test_a_release_that_is_zipped_is_read_again_and_nothing_else(self, fresh, tabular, tmp_path):
        kept = shutil.move(tabular, tmp_path / tabular.name)
        archive = tabular.with_name("release.zip")
        for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with zipfile.ZipFile(archive, "w", compression) as file:
                file.write(kept, tabular.name)
            assert rederived(fresh, definitions()) == {Target("icd/release")}
        archive.unlink()
        shutil.move(kept, tabular)

    def test_notes_that_are_compressed_anew_are_read_again_and_nothing_else(self, fresh, sources):
        path = sources / "mimic-iv-note/note/discharge.csv.gz"
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        write_csv(path, *rows, level=1)
        read_again = {Target(name, "mimic_iv") for name in ("corpus/documents", "corpus/labels", "corpus/evidence")}
        assert rederived(fresh, definitions()) == read_again


@pytest.fixture
def edit(monkeypatch, tmp_path):
    """Let a module of the package read a copy of its files, one of them changed."""

    def change(module, name, old, new):
        folder = tmp_path / module
        shutil.copytree(files(module), folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        replace_text(folder / name, old, new)
        owner = module if module == "ccl_assets.prompts" else f"{module}.recipes"
        monkeypatch.setattr(f"{owner}.files", lambda _: folder)

    yield change
    monkeypatch.undo()
    load_prompt.cache_clear()  # what was read of a changed folder is no other test's


class TestChangedPromptsRecipesAndSettings:
    def test_the_prompt_of_coding_by_a_trained_model(self, fresh, edit):
        edit("ccl_assets.prompts", "document_coding.jinja", "=== user ===", "=== user ===\nThink.")
        fresh.define(definitions(sft, evaluation))
        assert fresh.stale()[0] == all_of("sft/dataset")
        assert within_reach(fresh) == all_of(
            "sft/dataset", "sft/adapter", "eval/predictions", "eval/scores", "eval/report"
        )

    def test_the_prompt_of_coding_by_a_model_as_it_is(self, fresh, edit):
        edit("ccl_assets.prompts", "cot_coding.jinja", "=== user ===", "=== user ===\nThink.")
        fresh.define(definitions(sft, evaluation))
        assert fresh.stale()[0] == all_of("eval/predictions")
        assert within_reach(fresh) == all_of("eval/predictions", "eval/scores", "eval/report")

    def test_a_recipe(self, fresh, edit):
        edit("ccl_assets.sft", "recipes.toml", "max_total = 150000", "max_total = 140000")
        changed = definitions(sft)
        fresh.define(changed)
        assert fresh.stale()[0] == all_of("sft/recipes")
        assert rederived(fresh, changed) == (
            all_of("sft/recipes")
            | of("scl", "sft/dataset", "sft/adapter", "eval/predictions", "eval/scores")
            | {Target("eval/report")}
        )

    def test_the_length_of_answers(self, fresh, monkeypatch):
        longer = replace(settings_module.PROFILES["quick"], answer_tokens=200)
        monkeypatch.setitem(settings_module.PROFILES, "quick", longer)
        fresh.define(definitions(sft, evaluation))
        assert fresh.stale()[0] == all_of("eval/predictions")
        assert within_reach(fresh) == all_of("eval/predictions", "eval/scores", "eval/report")


class TestAChangedChapter:
    """Lists of the release are read again, each chapter's slice of them is cut; then only what the change is about goes on.

    The systems are not run again here, only looked at: what an earlier test let go stale is stale still, which the later ones
    include.
    """

    @pytest.mark.exhaustive
    def test_an_instructional_note(self, fresh, tabular):
        note = "essential (primary) hypertension involving vessels of eye (H35.0-)"
        replace_text(tabular, note, note.replace("vessels of eye", "vessels of the eye"))
        assert rederived(fresh, definitions(with_systems=False)) == {Target(f"icd/{name}") for name in ICD}
        fresh.define(definitions())
        # scores count the instructions that codes break, and the report's card names the release's files
        assert within_reach(fresh) == all_of("eval/scores", "eval/report")

    @pytest.mark.exhaustive
    def test_an_inclusion_term(self, fresh_evidence, tabular):
        replace_text(tabular, "<note>Tangier disease</note>", "<note>Tangier island disease</note>")
        assert fresh_evidence.stale()[0] == {Target("icd/release")}
        slices = all_of("icd/chapter_codes", "icd/billable_codes", "icd/billable_titles")
        whole_release = all_of(
            "synthetic/coverage", "synthetic/nearest_code_index", "synthetic/nearest_codes", "synthetic/pairs",
            "knowledge_base/pairs",
        )  # fmt: skip
        assert rederived(fresh_evidence, definitions(with_systems=False)) == (
            {Target(f"icd/{name}") for name in ICD}
            | slices
            | of(ENDOCRINE, "gold/pairs", "silver/pairs", "knowledge_base/report")
            | whole_release
        )
        fresh_evidence.define(definitions())
        assert within_reach(fresh_evidence) == of("scl", "sft/dataset", "sft/adapter") | all_of(
            "eval/predictions", "eval/scores", "eval/report"
        )

    def test_a_title(self, fresh_evidence, tabular):
        replace_text(tabular, "<desc>Silent myocardial ischemia</desc>", "<desc>Silent ischemia of the heart</desc>")
        assert fresh_evidence.stale()[0] == {Target("icd/release")}
        slices = all_of("icd/chapter_codes", "icd/billable_codes", "icd/billable_titles")
        whole_release = all_of(
            "silver/extractions", "synthetic/coverage", "synthetic/nearest_code_index", "synthetic/nearest_codes",
            "synthetic/pairs", "knowledge_base/pairs",
        )  # fmt: skip
        assert rederived(fresh_evidence, definitions(with_systems=False)) == (
            {Target(f"icd/{name}") for name in ICD}
            | slices
            | of(CIRCULATORY, "gold/pairs", "silver/pairs", "knowledge_base/report")
            | whole_release
        )
        fresh_evidence.define(definitions())
        assert within_reach(fresh_evidence) == all_of(
            "sft/dataset", "sft/adapter", "eval/predictions", "eval/scores", "eval/report"
        ) | {Target("linking/coder", "human"), Target("linking/encoder")}

    def test_the_prompt_of_refinement(self, fresh_evidence, edit):
        edit("ccl_assets.prompts", "evidence_refinement.jinja", "=== system ===", "=== system ===\nThink.")
        changed = definitions(silver_assets, with_systems=False)
        fresh_evidence.define(changed)
        assert fresh_evidence.stale()[0] == all_of("silver/pairs")
        with_other_prompt = all_of("synthetic/coverage", "synthetic/pairs", "knowledge_base/pairs")
        assert rederived(fresh_evidence, changed) == all_of("silver/pairs") | with_other_prompt

    def test_observing_the_sources_in_the_ui_shows_the_same(self, fresh_evidence, tabular):
        replace_text(tabular, "<desc>Silent ischemia of the heart</desc>", "<desc>Silent myocardial ischemia</desc>")
        assert fresh_evidence.stale(observe_first=False) == (set(), set()), "nobody looked at the files yet"
        job = fresh_evidence.definitions.resolve_implicit_global_asset_job_def()
        for source in fresh_evidence.sources:
            key = dg.AssetKey.from_user_string(source)
            assert job.execute_in_process(instance=fresh_evidence.instance, asset_selection=[key]).success
        assert observe(fresh_evidence.instance, fresh_evidence.sources) == [], "a refresh would see what the job saw"
        ready, waiting = fresh_evidence.stale(observe_first=False)
        assert ready == {Target("icd/release")}
        assert Target("gold/pairs", CIRCULATORY) in waiting
