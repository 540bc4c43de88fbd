r"""Evidence metrics of MDACE (Cheng et al., ACL 2023): exact and position-independent, for spans and for tokens.

Keys are compared as sets within a unit:

- exact span: note, begin, end, code (of a discontinuous span the outermost positions);
- position-independent span: lower-cased text, code (fragments in reading order, joined by one space);
- exact token: note, begin of the token, code (words between fragments are no evidence);
- position-independent token: lower-cased token, code.

Tokens are ``\w+``. A quote that stands nowhere in its note is a false positive for both exact metrics; the
position-independent ones go by its words.
"""

from __future__ import annotations

import re
import string
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

Fragments = tuple[tuple[int, int], ...]
Criterion = Literal["span_exact", "span_position_independent", "token_exact", "token_position_independent"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)
SpanKeys = dict[Criterion, set[Hashable]]

_TOKEN = re.compile(r"\w+")
_GAP = frozenset(string.punctuation + string.whitespace)


@dataclass(frozen=True)
class SpanRules:
    """Choices that move the figures.

    Attributes:
        numbers: Which all-digit tokens are dropped: ``longer_than_10`` those of more than ten digits,
            ``greater_than_10`` those whose value is above ten (what MDACE's own scripts do).
        trims_edges: Take one punctuation mark off each edge of a span first.
        merges_adjacent: Join spans of one note and code first where only white space or punctuation parts them.
    """

    numbers: Literal["longer_than_10", "greater_than_10"] = "longer_than_10"
    trims_edges: bool = False
    merges_adjacent: bool = False


DEFAULT_RULES = SpanRules()


@dataclass(frozen=True)
class EvidenceSpan:
    """Evidence for a code in a note.

    Attributes:
        document_id: The note.
        code: The code it supports.
        fragments: End-exclusive code points in the raw note, sorted; empty for a quote found nowhere in it.
        quote: The words quoted, used only where there are no fragments.
    """

    document_id: str
    code: str
    fragments: Fragments
    quote: str = ""

    @classmethod
    def at(cls, document_id: str, code: str, fragments: Iterable[tuple[int, int]]) -> EvidenceSpan:
        """A span in the note; fragments may come in any order."""
        return cls(document_id, code, tuple(sorted(fragments)))

    def text(self, note: str) -> str:
        """The words of the evidence as written."""
        return " ".join(note[begin:end] for begin, end in self.fragments) if self.fragments else self.quote


def span_keys(spans: Sequence[EvidenceSpan], note: str, rules: SpanRules = DEFAULT_RULES) -> SpanKeys:
    """Keys by which the evidence in one note is compared, for each criterion.

    Args:
        spans: Human or quoted spans of the note, all codes.
        note: Its raw text.
        rules: Preparation of spans and tokens.
    """
    keys: SpanKeys = {criterion: set() for criterion in CRITERIA}
    for span in _prepared(spans, note, rules):
        text = span.text(note).lower()
        place: tuple[Hashable, ...] = (span.document_id, span.code)
        keys["span_position_independent"].add((text, span.code))
        if span.fragments:
            keys["span_exact"].add((*place, span.fragments[0][0], max(end for _, end in span.fragments)))
            pieces = [(begin, note[begin:end]) for begin, end in span.fragments]
        else:
            # A quote without a place gets keys that no human span can have.
            place = (*place, "quote", text)
            keys["span_exact"].add(place)
            pieces = [(0, span.quote)]
        for offset, piece in pieces:
            for begin, token in tokens(piece, rules):
                keys["token_exact"].add((*place, offset + begin))
                keys["token_position_independent"].add((token, span.code))
    return keys


def match_keys(gold: Iterable[SpanKeys], predicted: Iterable[SpanKeys]) -> dict[Criterion, tuple[int, int, int]]:
    """True positives, false positives and false negatives of one unit (a note, or all notes of a chart)."""
    gold, predicted = list(gold), list(predicted)
    matches: dict[Criterion, tuple[int, int, int]] = {}
    for criterion in CRITERIA:
        wanted = set[Hashable]().union(*(keys[criterion] for keys in gold))
        given = set[Hashable]().union(*(keys[criterion] for keys in predicted))
        hits = len(wanted & given)
        matches[criterion] = (hits, len(given) - hits, len(wanted) - hits)
    return matches


def tokens(text: str, rules: SpanRules = DEFAULT_RULES) -> Iterator[tuple[int, str]]:
    """Begin and lower-cased form of each token that counts."""
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token.isdecimal() and (len(token) > 10 or (rules.numbers == "greater_than_10" and int(token) > 10)):
            continue
        yield match.start(), token.lower()


def trim_edges(span: EvidenceSpan, note: str) -> EvidenceSpan:
    """Take one punctuation mark off each outer edge, unless nothing would be left."""
    if not span.fragments:
        return span
    fragments = [list(fragment) for fragment in span.fragments]
    first, last = fragments[0], fragments[-1]
    if first[1] - first[0] > 1 and note[first[0]] in string.punctuation:
        first[0] += 1
    if last[1] - last[0] > 1 and note[last[1] - 1] in string.punctuation:
        last[1] -= 1
    return replace(span, fragments=tuple((begin, end) for begin, end in fragments))


def merge_adjacent(spans: Sequence[EvidenceSpan], note: str) -> list[EvidenceSpan]:
    """Join unbroken spans of one code that overlap, touch, or are parted by white space and punctuation only."""
    merged: list[EvidenceSpan] = []
    unbroken = [span for span in spans if len(span.fragments) == 1]
    for span in sorted(unbroken, key=lambda span: (span.code, span.fragments)):
        previous = merged[-1] if merged else None
        if previous and previous.code == span.code:
            ((left, right),), ((begin, end),) = previous.fragments, span.fragments
            if _GAP.issuperset(note[right:begin]):
                merged[-1] = replace(previous, fragments=((left, max(right, end)),))
                continue
        merged.append(span)
    return [span for span in spans if len(span.fragments) != 1] + merged


def _prepared(spans: Sequence[EvidenceSpan], note: str, rules: SpanRules) -> Sequence[EvidenceSpan]:
    if rules.merges_adjacent:
        spans = merge_adjacent(spans, note)
    return [trim_edges(span, note) for span in spans] if rules.trims_edges else spans
