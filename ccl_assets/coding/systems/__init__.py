"""The systems that code the benchmark notes: one interface, one table of what each is and needs."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ccl_assets.coding.index_lookup_terms import TermTable
from ccl_assets.coding.prediction import CodedNote, NoteToCode
from ccl_assets.coding.systems.adapter_coder import PROMPTS, AdapterCoder
from ccl_assets.coding.systems.base_cot import BaseCot
from ccl_assets.coding.systems.index_lookup import IndexLookup
from ccl_assets.coding.systems.prompted_coder import CoderSettings
from ccl_assets.resources.text_generation.requests import TextGenerator

__all__ = ["SYSTEMS", "CoderSettings", "CodingSystem", "SystemDescription", "build_system"]


@runtime_checkable
class CodingSystem(Protocol):
    """A system: notes in, coded notes out."""

    @property
    def name(self) -> str:
        """Key in :data:`SYSTEMS`."""
        ...

    @property
    def prompt_sha256(self) -> str | None:
        """Hash of the prompt template; ``None`` for systems without a model."""
        ...

    def code(self, notes: Sequence[NoteToCode]) -> Iterator[CodedNote]:
        """Code every note exactly once, in any order."""
        ...


@dataclass(frozen=True)
class SystemDescription:
    """What a system is and needs.

    Attributes:
        description: One sentence for people.
        needs_model: Whether it asks a language model.
        recipe: Recipe whose adapter the model carries; ``None``: no adapter.
        prompt: Prompt template; ``None`` without a model.
        needs_human_evidence: Whether it is shown human-marked spans, so that its scores are an upper bound only.
    """

    description: str
    needs_model: bool = True
    recipe: str | None = None
    prompt: str | None = None
    needs_human_evidence: bool = False


SYSTEMS: dict[str, SystemDescription] = {
    "index_lookup": SystemDescription(
        "Release terms looked up in the note, negation aside; no model.", needs_model=False
    ),
    "base_cot": SystemDescription("Base model, zero-shot, brief reasoning first.", prompt="cot_coding"),
    "sft_code_only": SystemDescription(
        "Fine-tuned on notes and their codes.", recipe="code_only", prompt=PROMPTS["sft_code_only"]
    ),
    "sft_evidence": SystemDescription(
        "Fine-tuned on notes, their evidence and codes.", recipe="evidence", prompt=PROMPTS["sft_evidence"]
    ),
    "sft_evidence_gold": SystemDescription(
        "Fine-tuned on notes with evidence and on gold spans.",
        recipe="evidence_gold",
        prompt=PROMPTS["sft_evidence_gold"],
    ),
    "scl": SystemDescription(
        "Fine-tuned on notes with evidence and on gold, silver and synthetic spans.",
        recipe="scl",
        prompt=PROMPTS["scl"],
    ),
    "scl_human_evidence": SystemDescription(
        "As scl, shown the human-marked spans, in the user turn; an upper bound.",
        recipe="scl",
        prompt=PROMPTS["scl_human_evidence"],
        needs_human_evidence=True,
    ),
}


def build_system(
    name: str,
    billable: Container[str],
    *,
    generator: TextGenerator | None = None,
    gold_pairs: Iterable[Mapping[str, Any]] | None = None,
    titles: Mapping[str, str] | None = None,
    settings: CoderSettings | None = None,
) -> CodingSystem:
    """Build a system by name.

    Args:
        name: Key in :data:`SYSTEMS`.
        billable: The release's billable codes.
        generator: The model, with the adapter of the system's recipe; for systems with a model.
        gold_pairs: Rows of ``gold/pairs`` of all chapters (code, evidence, source, expansion); for ``index_lookup``.
        titles: Title per code, to report titles that are not the code's own.
        settings: How the model is asked.

    Raises:
        ValueError: There is no such system, or what it needs was not given.
    """
    if name not in SYSTEMS:
        raise ValueError(f"there is no system {name!r}; there are {', '.join(SYSTEMS)}")
    if not SYSTEMS[name].needs_model:
        if gold_pairs is None:
            raise ValueError(f"system {name!r} needs gold_pairs")
        return IndexLookup(TermTable.from_pairs(gold_pairs), billable)
    if generator is None:
        raise ValueError(f"system {name!r} needs a generator")
    if name == "base_cot":
        return BaseCot(generator, billable, titles, settings)
    return AdapterCoder(name, generator, billable, titles, settings)
