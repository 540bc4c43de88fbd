"""Interface, description and ingredients of a system that codes notes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ccl_assets.coding.coder_settings import CoderSettings
from ccl_assets.coding.prediction import CodedNote, NoteToCode
from ccl_assets.linking.coder import SpanCoder
from ccl_assets.resources.text_generation.requests import TextGenerator


@runtime_checkable
class CodingSystem(Protocol):
    """A system: notes in, coded notes out."""

    @property
    def name(self) -> str:
        """Its key among the systems."""
        ...

    @property
    def prompt_sha256(self) -> str | None:
        """Hash of the prompt template; ``None`` for systems without a model."""
        ...

    def code(self, notes: Sequence[NoteToCode]) -> Iterator[CodedNote]:
        """Code every note exactly once, in any order."""
        ...


@dataclass(frozen=True)
class Ingredients:
    """Ingredients of systems; each takes what it needs.

    Attributes:
        billable: The release's billable codes.
        titles: Title per code of the release, headers included: to report titles that are not the code's own, to constrain and to
            repair.
        generator: The model, with the adapter of the system's recipe; for systems with a model.
        gold_pairs: Rows of ``gold/pairs`` of all chapters (code, evidence, source, expansion).
        settings: How the model is asked.
        span_coders: Span coders of the system's rung, by language.
    """

    billable: Collection[str]
    titles: Mapping[str, str] | None = None
    generator: TextGenerator | None = None
    gold_pairs: Iterable[Mapping[str, Any]] | None = None
    settings: CoderSettings = field(default_factory=CoderSettings)
    span_coders: Mapping[str, SpanCoder] | None = None


@dataclass(frozen=True, kw_only=True)
class SystemDescription:
    """Description of a system and of its needs.

    Attributes:
        name: Its key, and the name of its module.
        rank: Its place among the systems wherever they are listed; ties go by name.
        description: One sentence for people.
        build: Makes it.
        prompt: Prompt template; ``None`` for systems without a model.
        recipe: Recipe whose adapter the model carries; ``None``: no adapter.
        rung: Rung of the ladder whose span coders it uses; ``None``: none.
        needs_gold_pairs: Whether it looks up gold pairs.
        is_costly: Coding a note takes long for another reason than a text generator, e.g. a model of its own.
        needs_human_evidence: Whether it is shown human-marked spans, so that its scores are an upper bound only.
    """

    name: str
    rank: int
    description: str
    build: Callable[[SystemDescription, Ingredients], CodingSystem]
    prompt: str | None = None
    recipe: str | None = None
    rung: str | None = None
    needs_gold_pairs: bool = False
    is_costly: bool = False
    needs_human_evidence: bool = False

    @property
    def needs_generator(self) -> bool:
        """Tell whether it asks a text generator, which is then among its ingredients."""
        return self.prompt is not None

    @property
    def is_bounded(self) -> bool:
        """Tell whether a profile bounds the notes it codes: it asks a text generator, or says that a note costs much."""
        return self.needs_generator or self.is_costly
