"""Training recipes: which examples an adapter sees and with which settings.

The recipes themselves are data (``recipes.toml``); this module reads, validates and hashes them.
"""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

RECIPE_NAMES = ("code_only", "evidence", "evidence_gold", "scl")
PROFILES = ("full", "quick")
DOCUMENT_FORMATS = ("evidence", "code_only")
SPAN_TIERS = ("gold", "silver", "synthetic")
LONG_NOTES = ("split", "leave_out")
NEAR_TEST_NOTES = ("refuse", "leave_out")
NEAR_TEST_SPANS = ("keep", "leave_out_long")
SCHEDULES = ("cosine", "linear", "constant")

_Settings = TypeVar("_Settings")


class RecipeError(ValueError):
    """A recipe is unknown or a value in it makes no sense; the message names file, key and remedy."""


def _require(is_met: bool, key: str, rule: str, value: object) -> None:
    if not is_met:
        raise RecipeError(f"{key} must be {rule}, found {value!r}")


def _is_count(value: object, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _require_limits(limits: Mapping[str, object], key: str, tiers: tuple[str, ...]) -> None:
    _require(isinstance(limits, Mapping), key, "a table of tier = count", limits)
    for tier, limit in limits.items():
        _require(tier in tiers, key, f"keyed by tiers of spans.tiers {tiers}", tier)
        _require(_is_count(limit, 0), f"{key}.{tier}", "a whole number >= 0", limit)


@dataclass(frozen=True)
class DocumentMix:
    """Choice of the notes that become document examples, and their repetitions.

    Attributes:
        max_train: Notes of the training split; ``None`` is all of them.
        max_validation: Notes of the validation split.
        copies: Times a training note's examples stand in the dataset, to weigh notes against spans.
        long_notes: ``split`` cuts a note that does not fit the window where its sections begin, if its evidence says which
            codes belong to which part; ``leave_out`` leaves it out. Either way what is left out is reported.
        near_test_notes: What is done about a training note that repeats a test note: ``refuse`` the dataset, or
            ``leave_out`` the training note and report it.
    """

    max_train: int | None = None
    max_validation: int | None = None
    copies: int = 1
    long_notes: str = "split"
    near_test_notes: str = "refuse"

    def __post_init__(self) -> None:
        """Refuse limits that are not counts and choices that are none."""
        for name in ("max_train", "max_validation"):
            value = getattr(self, name)
            _require(value is None or _is_count(value, 0), f"documents.{name}", "a whole number >= 0", value)
        _require(_is_count(self.copies), "documents.copies", "a whole number >= 1", self.copies)
        for name, choices in (("long_notes", LONG_NOTES), ("near_test_notes", NEAR_TEST_NOTES)):
            value = getattr(self, name)
            _require(value in choices, f"documents.{name}", f"one of {choices}", value)


@dataclass(frozen=True)
class SpanMix:
    """Choice of the knowledge-base pairs that become span examples, and their number.

    Attributes:
        tiers: Tiers used, the most trusted first; empty trains on documents only.
        max_per_code: Pairs of one code over all tiers; earlier tiers are served first.
        max_per_code_and_tier: Pairs of one code within a tier.
        max_per_tier: Pairs of a tier.
        max_total: Pairs in all.
        max_per_document_example: Pairs for each document example of the training split, copies counted.
        near_test_spans: What is done about phrases of notes that repeat a human span of a test document: ``keep``, or
            ``leave_out_long`` leaves out those of five words of meaning and more.
    """

    tiers: tuple[str, ...] = ()
    max_per_code: int | None = None
    max_per_code_and_tier: Mapping[str, int] = field(default_factory=dict)
    max_per_tier: Mapping[str, int] = field(default_factory=dict)
    max_total: int | None = None
    max_per_document_example: float | None = None
    near_test_spans: str = "leave_out_long"

    def __post_init__(self) -> None:
        """Refuse unknown tiers and limits that are not counts."""
        known = len(set(self.tiers)) == len(self.tiers) and set(self.tiers) <= set(SPAN_TIERS)
        _require(known, "spans.tiers", f"distinct tiers out of {SPAN_TIERS}", self.tiers)
        near = self.near_test_spans
        _require(near in NEAR_TEST_SPANS, "spans.near_test_spans", f"one of {NEAR_TEST_SPANS}", near)
        _require_limits(self.max_per_code_and_tier, "spans.max_per_code_and_tier", self.tiers)
        _require_limits(self.max_per_tier, "spans.max_per_tier", self.tiers)
        for name in ("max_per_code", "max_total"):
            value = getattr(self, name)
            _require(value is None or _is_count(value, 0), f"spans.{name}", "a whole number >= 0", value)
        ratio = self.max_per_document_example
        _require(
            ratio is None or (_is_number(ratio) and ratio >= 0),
            "spans.max_per_document_example",
            "a number >= 0",
            ratio,
        )


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adapter: rank, scale, dropout and the projections it sits on."""

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.05
    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

    def __post_init__(self) -> None:
        """Refuse values PEFT would fail on, or silently accept, later."""
        _require(_is_count(self.rank), "training.lora.rank", "a whole number >= 1", self.rank)
        _require(_is_count(self.alpha), "training.lora.alpha", "a whole number >= 1", self.alpha)
        is_share = _is_number(self.dropout) and 0 <= self.dropout < 1
        _require(is_share, "training.lora.dropout", "a number in [0, 1)", self.dropout)
        _require(bool(self.target_modules), "training.lora.target_modules", "a list of projections", ())


@dataclass(frozen=True)
class TrainingSettings:
    """Hyper-parameters.

    Attributes:
        epochs: Passes over the training examples.
        learning_rate: Peak learning rate of AdamW.
        schedule: ``cosine``, ``linear`` or ``constant`` after the warm-up.
        warmup_ratio: Share of the steps spent warming up.
        effective_batch_size: Examples per optimizer step.
        micro_batch_tokens: Tokens that go through the model at once, examples packed end to end. Unset: 256 on a CPU, where
            attention over more costs what larger batches gain, 2,048 on a GPU. A longer example goes through alone.
        max_length: Tokens of prompt and completion together; a longer example is an error, never cut.
        max_steps: Optimizer steps at most.
        max_seconds: Seconds of training, for each launch. Looked at between steps: a step that turns out slower than
            those before overruns it.
        checkpoint_every_steps: Steps between checkpoints; with early stopping there is one at each evaluation instead.
        evaluate_every_steps: Steps between evaluations on the validation split; unset: before and after training only.
        early_stopping_patience: Evaluations in a row without a new best after which training stops; the adapter is then that
            of the best evaluation.
        gradient_checkpointing: Compute activations twice to hold fewer; unset: on a GPU only.
        merge: Also write the base model with the adapter merged in, as ``merged/`` in the adapter's directory.
        lora: The adapter's shape.
    """

    epochs: int = 3
    learning_rate: float = 1e-4
    schedule: str = "cosine"
    warmup_ratio: float = 0.1
    effective_batch_size: int = 16
    micro_batch_tokens: int | None = None
    max_length: int = 8192
    max_steps: int | None = None
    max_seconds: float | None = None
    checkpoint_every_steps: int = 50
    evaluate_every_steps: int | None = None
    early_stopping_patience: int | None = None
    gradient_checkpointing: bool | None = None
    merge: bool = False
    lora: LoraSettings = LoraSettings()

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other before a model is loaded."""
        for name in ("epochs", "effective_batch_size", "max_length", "checkpoint_every_steps"):
            _require(_is_count(getattr(self, name)), f"training.{name}", "a whole number >= 1", getattr(self, name))
        for name in ("micro_batch_tokens", "max_steps", "evaluate_every_steps", "early_stopping_patience"):
            value = getattr(self, name)
            _require(value is None or _is_count(value), f"training.{name}", "a whole number >= 1", value)
        _require(
            self.early_stopping_patience is None or self.evaluate_every_steps is not None,
            "training.early_stopping_patience",
            "given together with evaluate_every_steps",
            self.early_stopping_patience,
        )
        recompute = self.gradient_checkpointing
        _require(recompute in (None, True, False), "training.gradient_checkpointing", "true or false", recompute)
        _require(isinstance(self.merge, bool), "training.merge", "true or false", self.merge)
        rate, warmup = self.learning_rate, self.warmup_ratio
        _require(_is_number(rate) and rate > 0, "training.learning_rate", "a number > 0", rate)
        _require(_is_number(warmup) and 0 <= warmup < 1, "training.warmup_ratio", "a number in [0, 1)", warmup)
        _require(self.schedule in SCHEDULES, "training.schedule", f"one of {SCHEDULES}", self.schedule)
        seconds = self.max_seconds
        _require(seconds is None or (_is_number(seconds) and seconds > 0), "training.max_seconds", "> 0", seconds)


@dataclass(frozen=True)
class Recipe:
    """One ablation row: its examples and its settings."""

    name: str
    description: str
    document_format: str
    seed: int
    documents: DocumentMix
    spans: SpanMix
    training: TrainingSettings

    def __post_init__(self) -> None:
        """Refuse a format or seed that means nothing, and a recipe that leaves nothing to train on."""
        _require(
            self.document_format in DOCUMENT_FORMATS,
            "document_format",
            f"one of {DOCUMENT_FORMATS}",
            self.document_format,
        )
        _require(_is_count(self.seed, 0), "seed", "a whole number >= 0", self.seed)
        has_spans = bool(self.spans.tiers) and self.spans.max_total != 0
        _require(
            has_spans or self.documents.max_train != 0,
            "documents.max_train",
            "above 0 where there are no spans, or nothing is left to train on",
            self.documents.max_train,
        )


def recipe_settings(recipe: Recipe) -> dict[str, str]:
    """Every value of a recipe as JSON, by its dotted name."""

    def walk(values: Mapping[str, Any], above: str) -> Iterator[tuple[str, str]]:
        for name, value in values.items():
            if isinstance(value, dict):
                yield from walk(value, f"{above}{name}.")
            else:
                yield f"{above}{name}", json.dumps(value, ensure_ascii=False)

    return dict(walk(asdict(recipe), ""))


def recipe_sha256(recipe: Recipe) -> str:
    """Hash of everything the recipe fixes, for provenance and for the adapter's code version."""
    return hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode()).hexdigest()


def load_recipe(name: str, profile: str = "full", path: Path | None = None) -> Recipe:
    """Read one recipe.

    Args:
        name: Recipe partition key.
        profile: ``full`` for the published settings, ``quick`` for the small embedded model on a CPU.
        path: Another recipe file than the packaged one.

    Raises:
        RecipeError: Unknown recipe, profile or key, or a value out of range.
    """
    recipes = load_recipes(profile, path)
    if name not in recipes:
        raise RecipeError(f"there is no recipe {name!r}; recipes are {', '.join(sorted(recipes))}")
    return recipes[name]


def load_recipes(profile: str = "full", path: Path | None = None) -> dict[str, Recipe]:
    """Read all recipes of ``recipes.toml`` (or ``path``) under a profile; see :func:`load_recipe`."""
    if profile not in PROFILES:
        raise RecipeError(f"there is no profile {profile!r}; profiles are {', '.join(PROFILES)}")
    source = path.name if path else "recipes.toml"
    text = path.read_text("utf-8") if path else files(__package__).joinpath("recipes.toml").read_text("utf-8")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{source} is not valid TOML: {error}") from None
    _refuse_unknown(data, {"defaults", "recipes", "quick"}, source)
    quick = data.get("quick", {}) if profile == "quick" else {}
    quick_common = {key: value for key, value in quick.items() if key != "recipes"}
    quick_recipes = quick.get("recipes", {})
    _refuse_unknown(quick_recipes, set(data.get("recipes", {})), f"{source} [quick.recipes]")
    recipes = {}
    for name, table in data.get("recipes", {}).items():
        merged: dict[str, Any] = {}
        for layer in (data.get("defaults", {}), table, quick_common, quick_recipes.get(name, {})):
            merged = _overlay(merged, layer)
        try:
            recipes[name] = _recipe(name, merged)
        except RecipeError as error:
            raise RecipeError(f"{source}, recipe {name!r}, profile {profile!r}: {error}") from None
    return recipes


def training_settings(values: Mapping[str, Any]) -> TrainingSettings:
    """Build settings from plain values, as read from TOML or JSON."""
    values = dict(values)
    lora = _build(LoraSettings, values.pop("lora", {}), "training.lora")
    return _build(TrainingSettings, {**values, "lora": lora}, "training")


def _recipe(name: str, values: dict[str, Any]) -> Recipe:
    parts = {
        "documents": _build(DocumentMix, values.pop("documents", {}), "documents"),
        "spans": _build(SpanMix, values.pop("spans", {}), "spans"),
        "training": training_settings(values.pop("training", {})),
    }
    return _build(Recipe, {"name": name, **values, **parts}, "recipe")


def _build(kind: type[_Settings], values: Mapping[str, Any], where: str) -> _Settings:
    _require(isinstance(values, Mapping), where, "a table", values)
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    _refuse_unknown(values, known, where)
    try:
        return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
    except TypeError as error:
        raise RecipeError(f"{where}: {error}") from None


def _refuse_unknown(table: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(table) - known):
        raise RecipeError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")


def _overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        is_nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _overlay(merged[key], value) if is_nested else value
    return merged
