"""Pages that show a chapter's knowledge base: each code's phrases by tier, with what was left out of training and why.

One page per category, so that none grows with the chapter, and an index of them. Neither network nor script is needed;
everything is escaped by the template engine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from ccl_assets.evidence.gold.expansions import STATED
from ccl_assets.evidence.gold.pairs import EXPANSIONS
from ccl_assets.evidence.knowledge_base.pairs import TIERS
from ccl_assets.text.folding import fold

Row = Mapping[str, Any]
HIDDEN = "(phrase of a restricted note)"
_MOST_REACHED = 12
"""Phrases shown of those that only reach a code from above; how many more there are is said."""


@dataclass(frozen=True)
class Phrase:
    """One line of a code: the text, its origin, what notes say, and why it is not trained on, if it is not."""

    text: str
    tier: str
    source: str
    notes: str
    share: str
    collides: tuple[str, ...]
    left_out: str
    mark: str


@dataclass(frozen=True)
class CodeView:
    """A code with its phrases, best first, and how many more reach it only from above."""

    code: str
    title: str
    phrases: tuple[Phrase, ...]
    more_count: int
    trained_count: int


def chapter_pages(
    chapter: str, rows: Iterable[Row], titles: Mapping[str, str], *, shows_silver: bool
) -> Iterator[tuple[str, str]]:
    """File names and contents of a chapter's pages, the index last.

    Args:
        chapter: Chapter key.
        rows: Rows of ``knowledge_base/pairs`` of the chapter.
        titles: Long title by code, categories included.
        shows_silver: Whether phrases of notes may be shown; if not, their counts are.
    """
    by_category: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    codes_of: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_category[row["code"][:3]][row["code"]].append(row)
        if row["expansion"] in STATED:
            codes_of[fold(row["evidence"])].append(row["code"])
    listed = []
    for category, by_code in sorted(by_category.items()):
        views = [
            _code_view(code, titles.get(code, ""), found, codes_of, shows_silver)
            for code, found in sorted(by_code.items())
        ]
        trained = sum(view.trained_count for view in views)
        bare = sum(not view.trained_count for view in views)
        listed.append((category, titles.get(category, ""), len(views), trained, bare))
        yield (
            f"{category}.html",
            _template().render(
                chapter=chapter, heading=f"{category} {titles.get(category, '')}", views=views, listed=[]
            ),
        )
    yield "index.html", _template().render(chapter=chapter, heading=chapter, views=[], listed=listed)


def _code_view(
    code: str, title: str, rows: Sequence[Row], codes_of: Mapping[str, Sequence[str]], shows_silver: bool
) -> CodeView:
    ordered = sorted(rows, key=lambda row: (row["expansion"] not in STATED, TIERS.index(row["tier"]), row["rank"]))
    stated = [row for row in ordered if row["expansion"] in STATED]
    reached = ordered[len(stated) :]
    shown = [_phrase(row, codes_of, shows_silver) for row in [*stated, *reached[:_MOST_REACHED]]]
    more = max(0, len(reached) - _MOST_REACHED)
    return CodeView(code, title, tuple(shown), more, sum(row["is_trainable"] for row in rows))


def _phrase(row: Row, codes_of: Mapping[str, Sequence[str]], shows_silver: bool) -> Phrase:
    is_hidden = row["tier"] == "silver" and not shows_silver
    others = () if row["expansion"] not in STATED else codes_of.get(fold(row["evidence"]), ())
    return Phrase(
        text=HIDDEN if is_hidden else row["evidence"],
        tier=row["tier"],
        source=row["source"],
        notes=f"{row['document_count']:,} of {row['assigned_count']:,}" if row["assigned_count"] else "",
        share="" if row["share"] is None else f"{row['share']:.0%}",
        collides=tuple(sorted({other for other in others if other != row["code"]})),
        left_out=reason(row),
        mark=f"{row['benchmark_overlap']} to a test span" if row["benchmark_overlap"] else "",
    )


def reason(row: Row) -> str:
    """The reason why a row is not trained on; empty where it is."""
    if row["is_trainable"]:
        return ""
    if row["expansion"] not in STATED:
        return EXPANSIONS[row["expansion"]]
    if row["is_ambiguous"]:
        return "does not say which of its codes is meant"
    return f"means {row['resolved_code']}"


@lru_cache(maxsize=1)
def _template() -> Template:
    text = files(__package__).joinpath("chapter_pages.html.jinja").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text)
