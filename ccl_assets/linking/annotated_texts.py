"""Annotated notes from the corpus tables, each with the codes that are its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ccl_assets.linking.training import AnnotatedText

Row = Mapping[str, Any]


class NoLabelsError(ValueError):
    """A corpus has notes and no code for any of them."""


def annotated_texts(documents: Iterable[Row], labels: Iterable[Row], evidence: Iterable[Row]) -> list[AnnotatedText]:
    """Notes with their codes and spans; those without a code are left out.

    Codes of a chart belong to its note if it has one only, else to the notes whose human spans support them.

    Args:
        documents: Rows of ``corpus/documents``.
        labels: Rows of ``corpus/labels``.
        evidence: Rows of ``corpus/evidence``.
    """
    notes = list(documents)
    in_chart = Counter((row["corpus"], row["chart_id"]) for row in notes)
    of_note: dict[tuple[str, str], set[str]] = defaultdict(set)
    of_chart: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in labels:
        if row["document_id"]:
            of_note[row["corpus"], row["document_id"]].add(row["code"])
        else:
            of_chart[row["corpus"], row["chart_id"]].add(row["code"])
    spans: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for row in evidence:
        spans[row["corpus"], row["document_id"]].append((row["code"], row["evidence_text"]))
    texts = []
    for row in notes:
        key, chart = (row["corpus"], row["document_id"]), (row["corpus"], row["chart_id"])
        marked = tuple(spans.get(key, ()))
        codes = of_note.get(key, set()) | {code for code, _ in marked}
        if in_chart[chart] == 1:
            codes = codes | of_chart.get(chart, set())
        if codes:
            texts.append(AnnotatedText("/".join(key), "/".join(chart), row["text"], frozenset(codes), marked))
    return texts


def require_labels(corpus: str, documents: int, texts: Iterable[AnnotatedText]) -> None:
    """Refuse to learn from a corpus without codes.

    Raises:
        NoLabelsError: It has training notes and none has a code.
    """
    if documents and not any(text.note.startswith(f"{corpus}/") for text in texts):
        raise NoLabelsError(
            f"corpus {corpus} has {documents} training notes and a code for none: set the path of its labels, or leave it out"
        )
