"""Every gate stops what it is there to stop: each table is damaged where its rows are made, and what is below it stays as it was.

The graph is the project's, run once over one chapter, the sample corpus, one recipe and one system; language model, encoder and
training are stood in for. Then each case damages one table in one way and materializes it together with something below it.
"""

import hashlib
import importlib
import json
import math
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from ccl_assets.contracts import CONTRACTS
from ccl_assets.corpora.loaders import CorpusPaths, load
from ccl_assets.icd.release.contents import ReleaseFile, open_release
from ccl_assets.io_managers.artifact_directory import ArtifactDirectoryIOManager
from ccl_assets.io_managers.faiss_index import FaissIndexIOManager
from ccl_assets.linking.encoder_recall import Recall
from ccl_assets.refresh import frontier
from ccl_assets.refresh.frontier import Target
from ccl_assets.refresh.selection import Selection
from ccl_assets.resources.settings import settings
from ccl_assets.resources.text_generation.scripted import ScriptedGenerator
from ccl_assets.sft.training.log import LOG_FILE
from ccl_assets.tables.last_built import LastBuilt

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("gates")]

CATEGORIES = {
    "A41", "C18", "D62", "E78", "F32", "G47", "H25", "H61", "I10", "J45", "K21", "L40", "M81", "N17", "O90", "P07", "Q90", "R50",
    "S27", "T81", "T83", "U07", "W00", "Y92", "Z79",
}  # fmt: skip
CHAPTER = "19_S00-T88"  # has mined codes, and codes that no title covers
CHOSEN = (CHAPTER, "sample", "shard_00", "index_lookup", "human", "scl")  # one partition of each kind
INDEX = (
    "<?xml version='1.0'?><ICD10CM.index><version>2026</version><title>ICD-10-CM INDEX TO DISEASES</title><letter><title>P</title>"
    "<mainTerm><title>Pneumothorax</title><code>S27.0</code></mainTerm></letter></ICD10CM.index>"
)
NOT_BILLABLE = "S99.999Q"
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


# -- what stands in for models ------------------------------------------------------------------------------------------------


def answer_by_rule(request):
    """Quotes the note's first words for every code, keeps the first candidate, writes the title as evidence."""
    prompt = request.messages[-1].content
    if "CANDIDATES" in prompt:
        return "- " + re.search(r"CANDIDATES \(notes\): (.*?) \(\d+\)", prompt)[1]
    if title := re.search(r"^TITLE: (.*)", prompt, re.MULTILINE):
        return "- " + title[1]
    words = " ".join(prompt.split("\n\nCodes:\n")[0].split()[-12:-9])
    return json.dumps(dict.fromkeys(request.json_schema["properties"], words))


class Models:
    """Gives every role the scripted model; a tokenizer stands for the base model."""

    mines_restricted_notes = False
    base_model_name = "tests/tokenizer"

    def __init__(self, directory):
        self.directory, self.answer = directory, answer_by_rule

    def base_model(self):
        return self.directory

    def model_name(self, role):
        return "scripted"

    def generator(self, role, adapter=None, adapter_name=""):
        return ScriptedGenerator(self.answer, supports_json_schema=True)


class Encoder:
    """A unit vector per text, by its hash."""

    model_name = fingerprint = "hash"

    def encode(self, texts, say=None):
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) for text in texts]
        vectors = np.array([np.random.default_rng(seed).normal(size=8) for seed in seeds], np.float32).reshape(-1, 8)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Training:
    """Stands for the training process: leaves the files that are read of an adapter, its weights without content."""

    losses = (2.0, 1.5, 1.0)
    leaves_weights = True

    def run(self, command, env, context):
        output = Path(json.loads(Path(command[-1]).read_text())["output_directory"])
        output.mkdir(parents=True, exist_ok=True)
        lines = [{"step": n, "epoch": 1, "seconds": n, "loss": loss} for n, loss in enumerate(self.losses, 1)]
        (output / LOG_FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
        for name in ("training_summary.json", "adapter_config.json"):
            (output / name).write_text("{}")
        (output / "loss.png").write_bytes(b"\x89PNG")
        (output / "adapter_model.safetensors").write_bytes(b"")
        if not self.leaves_weights:
            (output / "adapter_model.safetensors").unlink()


def tokenizer(directory):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer, learned.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2000, special_tokens=["<|pad|>", "<|end|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    learned.train_from_iterator((document.text for document in load("sample", CorpusPaths()).documents), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=learned, eos_token="<|end|>", pad_token="<|pad|>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(directory)
    return directory


def write_releases(folder):
    """A release of few categories with Index and order file, and one of the year before, which has a category more."""
    from lxml import etree

    from ccl_assets.icd.tabular.tabular_list import parse_tabular

    found = []
    for year, wanted in ((2026, CATEGORIES), (2025, CATEGORIES | {"R51"})):
        root = etree.fromstring(open_release().tabular.content)
        root.find("version").text = str(year)
        for section in root.iterfind("chapter/section"):
            for diag in section.findall("diag"):
                if diag.findtext("name") not in wanted:
                    section.remove(diag)
        place = folder / str(year)
        place.mkdir()
        (place / "tabular.xml").write_bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))
        found.append(place)
    codes = parse_tabular(ReleaseFile("tabular", "", (found[0] / "tabular.xml").read_bytes()), "FY2026").codes
    lines = [
        f"{n:05} {row['code'].replace('.', ''):7} {row['is_billable']:d} {row['title'][:60]:60} {row['long_title']}"
        for n, row in enumerate(codes, 1)
    ]
    (found[0] / "order.txt").write_text("\n".join(lines), encoding="utf-8")
    (found[0] / "index.xml").write_text(INDEX, encoding="utf-8")
    return found


# -- the graph, whole ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lakehouse(new_lakehouse, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    made = new_lakehouse(home, *map(str, write_releases(home)))
    made.artifacts = home / "artifacts"
    made.models, made.training = Models(tokenizer(home / "tokenizer")), Training()
    resources = {
        **made.definitions.resources, "language_models": made.models, "embedder": Encoder(), "pipes": made.training,
        "faiss_index": FaissIndexIOManager(made.artifacts), "artifact_directory": ArtifactDirectoryIOManager(made.artifacts),
    }  # fmt: skip
    made.definitions = dg.Definitions(
        assets=made.definitions.assets, resources=resources, executor=dg.in_process_executor
    )
    made.graph = made.definitions.resolve_asset_graph()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings(), "home", home)
        patch.setattr(settings(), "profile", "full")  # the other only warns of what it leaves out itself
        made.check_adapter_loads = adapter_module().check_adapter_loads
        loaded = adapter_module().AdapterCheck(1, 1.0, "0" * 64)
        patch.setattr(adapter_module(), "check_adapter_loads", lambda *_: loaded)
        made.outcome = frontier.refresh(
            made.definitions, made.instance, partitions(made.graph), made.sources, say=lambda _: None
        )
        yield made


def adapter_module():
    return importlib.import_module("ccl_assets.sft.adapter.directory")


def partitions(graph):
    """For each asset the one partition that is looked at."""
    return {target.asset: [target.partition] for target in map(chosen(graph), graph.materializable_asset_keys)}


def chosen(graph):
    def target(key):
        definition = graph.get(key).partitions_def
        keys = definition.get_partition_keys() if definition else []
        return Target(key.to_user_string(), next((name for name in CHOSEN if name in keys), None))

    return target


def below(graph, target):
    """Something that reads the table; of the same partition where there is such a thing, so that one run can hold both."""
    if target.asset == "sft/adapter":
        return Target("eval/predictions", target.partition)
    if target.asset == "linking/coder":
        return Target("eval/predictions", "span_coder")
    node = graph.get(target.key)
    readers = sorted(map(chosen(graph), node.child_keys - node.execution_set_asset_keys))
    return min(readers, key=lambda reader: not share_partition(graph, reader, target), default=None)


def share_partition(graph, one, other):
    return graph.get(one.key).partitions_def == graph.get(other.key).partitions_def


def test_undamaged_everything_passes_its_gates(lakehouse):
    assert lakehouse.outcome.failed == {}
    assert lakehouse.outcome.waiting == []
    empty = {name for name in CONTRACTS if not lakehouse.read(name).num_rows}
    assert empty <= {"icd/guidelines"}, "a table without rows cannot be damaged"


TRAINER = "linking.training.train"


def without_terms(trained):
    return replace(trained, coder=replace(trained.coder, terms=type(trained.coder.terms)("en")))


def not_finite(trained):
    verifier = trained.coder.verifier
    wrong = replace(verifier, weights=(math.nan, *verifier.weights[1:]))
    return replace(trained, coder=replace(trained.coder, verifier=wrong))


def overconfident(trained):
    return replace(trained, probabilities=(0.95,) * 10, is_given=(False,) * 10)


ENCODING = "linking.encoder_languages.train_language"


def vectors_not_finite(trained):
    table = np.full_like(trained.encoder.table, np.nan)
    return replace(trained, encoder=type(trained.encoder)(trained.encoder.pieces, table, trained.encoder.buckets))


def learned_nothing(trained):
    return replace(trained, before={"all": Recall(500, 0.5, 0.9)}, after={"all": Recall(500, 0.4, 0.9)})


# -- damages ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Damage:
    """One way to damage a table.

    Attributes:
        gate: ``table:name`` of the gate that must fail, and no other.
        inflict: Does the damage, given the lakehouse and a monkeypatch.
        says: Pattern of each of these details of the gate.
    """

    gate: str
    inflict: Callable
    says: Mapping[str, str]

    @property
    def table(self):
        return self.gate.split(":")[0]

    @property
    def name(self):
        return self.gate.split(":")[1]


def made_by(place, spoil):
    """Spoil what a function or method gives, e.g. ``evidence.gold_assets.gold_pairs``, where the asset's body finds it."""

    def inflict(_, monkeypatch):
        owner, name = place.rsplit(".", 1)
        owner = pkgutil.resolve_name(f"ccl_assets.{owner}")
        original = getattr(owner, name)
        monkeypatch.setattr("ccl_assets.icd.assets._NOTES_READ", LastBuilt())  # read before the damage, kept after it
        monkeypatch.setattr(owner, name, lambda *values, **named: spoil(original(*values, **named)))

    return inflict


def stored(table):
    """Let storage give back a table's rows twice, as after a write that went past the gates."""

    def inflict(lakehouse, monkeypatch):
        read = lakehouse.tables.read

        def twice(contract, *given, **named):
            rows = read(contract, *given, **named)
            return pa.concat_tables([rows, rows]) if contract.name == table else rows

        monkeypatch.setattr(lakehouse.tables, "read", twice)

    return inflict


def twice(rows):
    rows = list(rows)
    return [*rows, rows[0]]


def first(**changed):
    return lambda rows: [{**next(iter(rows)), **changed}, *list(rows)[1:]]


def one_more(**changed):
    """Another row, like the last but for what is changed."""
    return lambda rows: [*rows, {**rows[-1], "pair_id": "damaged", **changed}]


def not_trained_on(**changed):
    return one_more(is_trainable=False, **changed)


def first_row_twice(rows):
    return pa.concat_tables([rows, rows.slice(0, 1)])


def moved(chapter, other):
    return lambda rows: [{**row, "chapter": other if row["chapter"] == chapter else row["chapter"]} for row in rows]


def retitled(code):
    return lambda rows: [{**row, "long_title": "x"} if row["code"] == code else row for row in rows]


def notes_name(code):
    return lambda rows: [{**row, "reference_first": [code], "reference_last": [code]} for row in rows]


def with_rows(spoil):
    return lambda built: replace(built, rows=spoil(built.rows))


def codes(spoil):
    return made_by("icd.assets.parse_tabular", lambda tabular: replace(tabular, codes=spoil(tabular.codes)))


def instructions(spoil):
    return made_by(
        "icd.assets.parse_tabular", lambda tabular: replace(tabular, instructions=spoil(tabular.instructions))
    )


def release_files(role, **changed):
    """Another file of a role."""

    def inflict(lakehouse, monkeypatch):
        release = lakehouse.release.open()
        files = (*release.files, replace(release.file(role), **changed))
        monkeypatch.setattr(lakehouse.release, "open", lambda: replace(release, files=files))

    return inflict


def guideline_sections(spoil):
    section = {
        "release": "FY2026",
        "section_id": "I.A",
        "title": "Conventions",
        "chapter": None,
        "section_text": "Words.",
    }

    def inflict(_, monkeypatch):
        from ccl_assets.icd import assets

        opened = assets.open_unchanged
        with_pdf = lambda *given: replace(  # noqa: E731
            release := opened(*given), files=(*release.files, ReleaseFile("guidelines", "guidelines.pdf", b""))
        )
        monkeypatch.setattr(assets, "open_unchanged", with_pdf)
        monkeypatch.setattr(assets, "parse_guidelines", lambda *_: spoil([section]))

    return inflict


def newer_previous_release(lakehouse, monkeypatch):
    newer = replace(lakehouse.previous.open(), label="FY2099")
    monkeypatch.setattr(lakehouse.previous, "open", lambda: newer)


def notes(spoil):
    return made_by("corpora.assets.read", lambda found: spoil(list(found)))


def of_notes(part, spoil):
    """Spoil labels or evidence of every note, as they are of the release's edition."""
    return made_by(
        "corpora.edition.Edition.apply",
        lambda note: replace(note, **{part: spoil(getattr(note, part))}) if getattr(note, part) else note,
    )


def unreadable_notes(lakehouse, monkeypatch):
    from ccl_assets.corpora import assets

    read = assets.read

    def with_refusals(name, paths, counts):
        yield from read(name, paths, counts)
        counts.refuse("documents", "no_text", Path("notes.csv"), 7)

    monkeypatch.setattr(assets, "read", with_refusals)


def bare_note_twice(found):
    return [*found, replace(found[0], labels=(), evidence=())]


def of_another_chart(labels):
    return tuple(replace(label, chart_id=f"not {label.chart_id}") for label in labels)


def shifted(spans):
    begin, end = spans[0].fragments[0]
    return (replace(spans[0], fragments=((begin + 1, end + 1), *spans[0].fragments[1:])), *spans[1:])


def miner(answer):
    return lambda lakehouse, monkeypatch: monkeypatch.setattr(lakehouse.models, "answer", answer)


def ungrounded(rows):
    return [{**row, "grounding": "ungrounded", "is_trainable": True} for row in rows]


def misquote(request):
    if request.json_schema is None:
        return answer_by_rule(request)
    return json.dumps(dict.fromkeys(request.json_schema["properties"], "zebra finches over Greenland"))


def without_a_code(rows):
    return [row for row in rows if row["code"] != rows[0]["code"]]


def same_for_another_code(rows):
    given = next(row for row in rows if row.get("is_trainable", True))
    other = next(row["code"] for row in rows if row["code"] != given["code"])
    return [*rows, {**given, "pair_id": "damaged", "code": other}]


def trained_on_what_is_tested(_, monkeypatch):
    from ccl_assets.sft import assets

    rows = assets.dataset_rows

    def leaking(recipe, sources, counter, account):
        texts = [row for batch in sources.training_texts for row in batch.to_pylist()]
        return rows(recipe, replace(sources, training_texts=texts, test_texts=texts), counter, account)

    monkeypatch.setattr(assets, "dataset_rows", leaking)


def counted_short(_, monkeypatch):
    """Examples are longer than what let them pass."""
    from ccl_assets.sft.dataset import building as dataset

    counted = dataset._with_counts
    monkeypatch.setattr(dataset, "_with_counts", lambda example, *_: counted(example, 2048, 1))


def no_examples(_, monkeypatch):
    from ccl_assets.sft import assets

    monkeypatch.setattr(assets, "dataset_rows", lambda *_: iter(()))


def setting(**changed):
    def inflict(_, monkeypatch):
        for name, value in changed.items():
            monkeypatch.setattr(settings(), name, value)

    return inflict


def losses(*values):
    return lambda lakehouse, monkeypatch: monkeypatch.setattr(lakehouse.training, "losses", values)


def adapter_without_weights(lakehouse, monkeypatch):
    monkeypatch.setattr(adapter_module(), "check_adapter_loads", lakehouse.check_adapter_loads)
    monkeypatch.setattr(lakehouse.training, "leaves_weights", False)


above_one = first(metric="micro_f1", value=1.5)


def all_but_one(coded):
    return list(coded)[1:]


def with_invented_codes(coded):
    invented = {"is_valid": False, "evidence": None, "begin": None, "end": None, "evidence_status": "none"}
    invented |= {"code": NOT_BILLABLE, "confidence": None, "repaired_from": None}
    return [replace(note, predictions=[*note.predictions, invented]) for note in coded]


SOME = r"[1-9]\d*"
REPEATS = {"rows": SOME, "violations": r"\d+ rows repeat the key .*, first rows \[.*\]"}
NOTES = {"first": r"sample/\S+ [A-Z]\d\S+(; .*)?"}
MALFORMED = {"pairs": SOME, "malformed": "1", "first": "damaged"}
NOT_IN_RELEASE = {"codes": SOME, "not_billable": "1", "first": NOT_BILLABLE}
TWO_CODES = {"first": r"[ST]\S+ [ST]\S+"}
LEFT_OUT = {"first": r"[ST]\S+"}


NEWER = {"previous": "FY2099", "active": "FY2026"}
PAIR_IDS = {"first": "[0-9a-f]{16}(; [0-9a-f]{16})*"}


def has_empty(column):
    return {"rows": SOME, "violations": rf"column '{column}' has 1 empty values, first rows \[\d+\]"}


GOLD, EXTRACTION = "evidence.gold.assets.gold_pairs", "evidence.silver.extraction.ExtractionPrompt.rows"
SILVER, SYNTHESIS = "evidence.silver.assets.silver_rows", "evidence.synthetic.synthesis.Synthesis.rows"
KNOWLEDGE, DATASET = "evidence.knowledge_base.assets.knowledge_base", "sft.assets.dataset_rows"
CODER, SCORER = "coding.systems.index_lookup.IndexLookup.code", "evaluation.assets.score_system"
COVERAGE, COUNTS = "evidence.synthetic.assets.compute_coverage", "corpora.code_count_assets.code_counts"

BLOCKING = [
    Damage("icd/release:fits_contract", release_files("index"), REPEATS),
    Damage("icd/release:has_tabular_list", release_files("tabular", file_name="again.xml"), {"tabular_lists": "2"}),
    Damage("icd/codes:fits_contract", codes(first(title=None)), has_empty("title")),
    Damage("icd/codes:every_parent_exists", codes(first(parent_code="A4Q")), {"orphans": "1", "first": "A41"}),
    Damage("icd/codes:all_chapters_present", codes(moved("22_U00-U85", "21_Z00-Z99")), {"missing": "22_U00-U85"}),
    Damage("icd/codes:equals_order_file", codes(retitled("I10")), {"other_title": "1", "first": "I10"}),
    Damage("icd/chapter_codes:fits_contract", stored("icd/codes"), REPEATS),
    Damage("icd/chapter_index_terms:fits_contract", stored("icd/index_terms"), REPEATS),
    Damage("icd/billable_codes:fits_contract", stored("icd/codes"), REPEATS),
    Damage("icd/billable_titles:fits_contract", stored("icd/codes"), REPEATS),
    Damage("icd/instructions:fits_contract", instructions(twice), REPEATS),
    Damage("icd/index_terms:fits_contract", made_by("icd.assets.resolve", twice), REPEATS),
    Damage("icd/guidelines:fits_contract", guideline_sections(twice), REPEATS),
    Damage("icd/release_diff:fits_contract", made_by("icd.change_assets.release_diff", twice), REPEATS),
    Damage("icd/release_diff:previous_release_is_older", newer_previous_release, NEWER),
    Damage("icd/crosswalk:fits_contract", made_by("icd.change_assets.build_crosswalk", with_rows(twice)), REPEATS),
    Damage("icd/crosswalk:previous_release_is_older", newer_previous_release, NEWER),
    Damage("corpus/documents:fits_contract", notes(bare_note_twice), REPEATS),
    Damage("corpus/documents:rows_readable", unreadable_notes, {"unreadable": "1", "first": "notes.csv, line 7: .*"}),
    Damage("corpus/labels:fits_contract", of_notes("labels", twice), REPEATS),
    Damage("corpus/labels:labels_of_known_notes", of_notes("labels", of_another_chart), {"stray": SOME, "first": ".+"}),
    Damage("corpus/evidence:fits_contract", of_notes("evidence", twice), REPEATS),
    Damage("corpus/evidence:offsets_inside_notes", of_notes("evidence", shifted), {"outside": SOME, "first": r".*?:\d+-\d+.*"}),
    Damage("corpus/code_counts:fits_contract", made_by(COUNTS, first_row_twice), REPEATS),
    Damage("gold/pairs:fits_contract", made_by(GOLD, first(evidence="x", term_id=None)), has_empty("term_id")),
    Damage("gold/pairs:codes_billable", made_by(GOLD, one_more(code=NOT_BILLABLE)), NOT_IN_RELEASE),
    Damage("gold/pairs:evidence_well_formed", made_by(GOLD, one_more(evidence=" - ")), MALFORMED),
    Damage("silver/extractions:fits_contract", made_by(EXTRACTION, twice), REPEATS),
    Damage("silver/extractions:answers_parsed", miner(lambda _: "I cannot help."), NOTES | {"unparsed": SOME, "share": "1.0"}),
    Damage("silver/candidates:fits_contract", made_by("evidence.silver.assets.candidate_rows", twice), REPEATS),
    Damage("silver/pairs:fits_contract", made_by(SILVER, twice), REPEATS),
    Damage("silver/pairs:codes_billable", made_by(SILVER, first(code=NOT_BILLABLE)), NOT_IN_RELEASE),
    Damage("silver/pairs:evidence_well_formed", made_by(SILVER, first(evidence="word " * 99)), PAIR_IDS | {"malformed": SOME}),
    Damage("silver/pairs:grounded", made_by(SILVER, ungrounded), PAIR_IDS | {"ungrounded_and_trained_on": SOME}),
    Damage("synthetic/coverage:fits_contract", made_by(COVERAGE, twice), REPEATS),
    Damage("synthetic/nearest_codes:fits_contract", made_by("evidence.synthetic.assets.nearest_rows", twice), REPEATS),
    Damage("synthetic/pairs:fits_contract", made_by(SYNTHESIS, first(family_code=None)), has_empty("family_code")),
    Damage("synthetic/pairs:codes_billable", made_by(SYNTHESIS, one_more(code=NOT_BILLABLE, evidence="x")), NOT_IN_RELEASE),
    Damage("synthetic/pairs:evidence_well_formed", made_by(SYNTHESIS, one_more(evidence="?")), MALFORMED),
    Damage("synthetic/pairs:no_sibling_duplicates", made_by(SYNTHESIS, same_for_another_code), TWO_CODES | {"shared": "1"}),
    Damage("synthetic/pairs:every_uncovered_code_written", made_by(SYNTHESIS, without_a_code), LEFT_OUT | {"not_written": "1"}),
    Damage("knowledge_base/pairs:fits_contract", made_by(KNOWLEDGE, first(source=None)), has_empty("source")),
    Damage("knowledge_base/pairs:codes_billable", made_by(KNOWLEDGE, not_trained_on(code=NOT_BILLABLE)), NOT_IN_RELEASE),
    Damage("knowledge_base/pairs:evidence_well_formed", made_by(KNOWLEDGE, not_trained_on(evidence="")), MALFORMED),
    Damage("knowledge_base/pairs:every_code_covered", made_by(KNOWLEDGE, without_a_code), LEFT_OUT | {"uncovered": "1"}),
    Damage("knowledge_base/pairs:ambiguity_resolved", made_by(KNOWLEDGE, same_for_another_code), TWO_CODES | {"unresolved": "1"}),
    Damage(
        "sft/recipes:fits_contract",
        made_by("sft.assets.recipe_settings", lambda found: {**found, "seed": None}),
        has_empty("value"),
    ),
    Damage("sft/dataset:fits_contract", made_by(DATASET, twice), REPEATS),
    Damage("sft/dataset:no_test_text", trained_on_what_is_tested, {"near_duplicates": SOME, "first": r"\S+ ~ .*"}),
    Damage("sft/dataset:fits_window", counted_short, {"kept_and_too_long": SOME, "first": ".+"}),
    Damage("sft/dataset:is_not_empty", no_examples, {"training_examples": "0"}),
    Damage("sft/adapter:loss_finite_and_falling", losses(2.0, math.nan), {"steps_not_finite": "1", "first": "2"}),
    Damage("sft/adapter:loads_on_base", adapter_without_weights, {"problem": r".*no adapter_model\.safetensors.*"}),
    Damage("linking/coder:has_terms", made_by(TRAINER, without_terms), {"terms": "0", "empty_tiers": "gold; .*"}),
    Damage("linking/coder:weights_finite", made_by(TRAINER, not_finite), {"not_finite": "en: reliability"}),
    Damage("linking/encoder:vectors_finite", made_by(ENCODING, vectors_not_finite), {"vectors": SOME, "languages": "en"}),
    Damage("linking/encoder:recall_above_words", made_by(ENCODING, learned_nothing), {"held_out": "500", "not_above": "en 0.5.*"}),
    Damage("eval/predictions:fits_contract", made_by(CODER, twice), REPEATS),
    Damage("eval/predictions:every_document_predicted", made_by(CODER, all_but_one), {"missing": "1", "first": r"\S+"}),
    Damage("eval/scores:fits_contract", made_by(SCORER, first(metric=None)), {"rows": SOME, "violations": "column 'metric' .*"}),
    Damage("eval/scores:scores_in_bounds", made_by(SCORER, above_one), {"out_of_bounds": "1", "first": r"micro_f1 .*"}),
]  # fmt: skip
WARNING = [
    Damage("linking/coder:calibrated", made_by(TRAINER, overconfident), {"calibration_error": r"0\.9.*", "over": "en .*"}),
    Damage("icd/instructions:references_known", instructions(notes_name("A4Q")), {"unknown": "1", "first": "A4Q"}),
    Damage("icd/index_terms:codes_known", made_by("icd.assets.resolve", first(code="A4Q")), {"unknown": "1", "first": "A4Q"}),
    Damage("silver/extractions:quotes_verbatim", miner(misquote), NOTES | {"not_verbatim": SOME, "verbatim_share": "0.0"}),
    Damage("sft/dataset:fits_window", setting(context_tokens=150), {"window": "150", "left_out": SOME, "first": ".+"}),
    Damage("eval/predictions:codes_valid", made_by(CODER, with_invented_codes), {"invalid": SOME, "invalid_rate": r"0?\.?\d+|1.0"}),
]  # fmt: skip


def evaluations(lakehouse):
    """What the last run found of each gate, by ``table:gate``."""
    run = lakehouse.instance.get_runs(limit=1)[0]
    logs = lakehouse.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [log.dagster_event.event_specific_data for log in logs]
    return {f"{one.asset_key.to_user_string()}:{one.check_name}": one for one in found}


def unsaid(damage, evaluation):
    """Details that the gate should give and does not, and those it gives."""
    given = {name: str(value.value) for name, value in evaluation.metadata.items()}
    missing = [name for name, pattern in damage.says.items() if not re.fullmatch(pattern, given.get(name, ""))]
    return [*missing, given] if missing else []


def state(lakehouse, targets):
    """What is stored of the targets, and when Dagster last saw each materialized."""
    found = {}
    for target in targets:
        record = lakehouse.instance.get_latest_data_version_record(target.key, False, target.partition)
        if contract := CONTRACTS.get(target.asset):
            stored = DeltaTable(lakehouse.tables.uri(contract)).version()
        else:
            files = lakehouse.artifacts.joinpath(target.asset, target.partition or "").rglob("*")
            stored = {file.name: file.read_bytes() for file in files if file.is_file()}
        found[target] = (record and record.storage_id, stored)
    return found


@pytest.mark.parametrize("damage", BLOCKING, ids=lambda damage: damage.gate)
def test_damage_is_refused_with_its_remedy_and_nothing_below_it_runs(lakehouse, monkeypatch, damage):
    graph = lakehouse.graph
    table = chosen(graph)(dg.AssetKey.from_user_string(damage.table))
    reader = below(graph, table)
    together = sorted(map(chosen(graph), graph.get(table.key).execution_set_asset_keys))
    targets = [*together, *([reader] if reader else [])]
    before = state(lakehouse, targets)
    damage.inflict(lakehouse, monkeypatch)
    if reader is None or share_partition(graph, reader, table):
        outcome = lakehouse.run(targets)
    else:  # a run holds one partition: what a refresh makes of the two
        keys = tuple(target.partition for target in (table, reader) if target.partition)
        only = dict.fromkeys(partitions(graph), ()) | {target.asset: [target.partition] for target in targets}
        outcome = frontier.refresh(
            lakehouse.definitions, lakehouse.instance, only, lakehouse.sources, say=lambda _: None,
            selection=Selection((table.asset, reader.asset), keys, again=True),
        )  # fmt: skip
    assert outcome.materialized == []
    assert set(outcome.failed) == set(together)
    assert outcome.waiting == ([reader] if reader else [])
    assert state(lakehouse, targets) == before
    found = evaluations(lakehouse)
    errors = {name for name, one in found.items() if not one.passed and one.severity is dg.AssetCheckSeverity.ERROR}
    assert errors == {damage.gate}
    assert unsaid(damage, found[damage.gate]) == []
    remedy = found[damage.gate].metadata["remedy"].value
    assert len(remedy) > 15
    # the run's own message, which the command line shows, says the same
    assert all(words in outcome.failed[table] for words in (f"{damage.table} was not written", damage.name, remedy))


@pytest.mark.parametrize("damage", WARNING, ids=lambda damage: damage.gate)
def test_what_only_warns_is_written_all_the_same(lakehouse, monkeypatch, damage):
    table = chosen(lakehouse.graph)(dg.AssetKey.from_user_string(damage.table))
    damage.inflict(lakehouse, monkeypatch)
    outcome = lakehouse.run([table])
    assert outcome.failed == {} and outcome.materialized == [table]
    found = evaluations(lakehouse)[damage.gate]
    assert not found.passed and found.severity is dg.AssetCheckSeverity.WARN
    assert unsaid(damage, found) == []
    assert len(found.metadata["remedy"].value) > 15


def test_no_gate_is_without_a_damage_that_trips_it(lakehouse):
    declared = {f"{key.asset_key.to_user_string()}:{key.name}" for key in lakehouse.graph.asset_check_keys}
    assert declared == {damage.gate for damage in [*BLOCKING, *WARNING]}
