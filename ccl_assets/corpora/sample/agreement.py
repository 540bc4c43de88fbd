"""Agreement of the sample's two codings: ``python -m ccl_assets.corpora.sample.agreement``.

``codings/first.tsv`` is what the writers of the notes coded, ``codings/second.tsv`` what a second coder made of the bare text, not
seeing the first; the notes carry the settled coding. Each line is a file, a code and its words in the note.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

CODINGS = Path(__file__).parent / "codings"
Spans = Mapping[str, Mapping[str, Collection[str]]]  # by file, then by code: quotes


@dataclass(frozen=True)
class Agreement:
    """Agreement of two codings; shares between 0 and 1.

    Attributes:
        charts: Charts that both coded.
        shared: Codes of charts that both gave.
        only_first: Codes that only the first gave.
        only_second: Codes that only the second gave.
        micro_f1: Twice the shared codes over all given.
        category_f1: The same on three-character categories.
        kappa: Cohen's kappa of the exact code where both gave one code of a category in a chart.
        span_f1: Overlap in characters of the words quoted for a code that both gave in a note: twice the common over all.
    """

    charts: int
    shared: int
    only_first: int
    only_second: int
    micro_f1: float
    category_f1: float
    kappa: float
    span_f1: float


def read_coding(path: Path) -> dict[str, dict[str, list[str]]]:
    """Read a coding: file, code, quotes.

    Raises:
        ValueError: A line does not have three fields; the message names file and line.
    """
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fields = line.split("\t")
        if len(fields) != 3:
            raise ValueError(f"{path}, line {number}: {len(fields)} fields instead of file, code and quote")
        name, code, quote = fields
        found[name][code].append(quote.replace("\\n", "\n"))
    return found


def agreement(first: Spans, second: Spans, texts: Mapping[str, str]) -> Agreement:
    """Compare two codings on the charts that both have.

    Args:
        first: One coding.
        second: The other.
        texts: Text of each file.
    """
    one, other = _by_chart(first), _by_chart(second)
    charts = sorted(one.keys() & other.keys())
    shared = sum(len(one[chart] & other[chart]) for chart in charts)
    only_first = sum(len(one[chart] - other[chart]) for chart in charts)
    only_second = sum(len(other[chart] - one[chart]) for chart in charts)
    of_category = [({code[:3] for code in one[c]}, {code[:3] for code in other[c]}) for c in charts]
    return Agreement(
        charts=len(charts),
        shared=shared,
        only_first=only_first,
        only_second=only_second,
        micro_f1=_f1(shared, 2 * shared + only_first + only_second),
        category_f1=_f1(sum(len(a & b) for a, b in of_category), sum(len(a) + len(b) for a, b in of_category)),
        kappa=_kappa([pair for chart in charts for pair in _pairs(one[chart], other[chart])]),
        span_f1=_span_f1(first, second, texts),
    )


def _by_chart(coding: Spans) -> dict[str, set[str]]:
    charts: dict[str, set[str]] = defaultdict(set)
    for name, codes in coding.items():
        charts[name[:3]] |= set(codes)
    return charts


def _f1(common: int, total: int) -> float:
    return 2 * common / total if total else 1.0


def _pairs(one: Iterable[str], other: Iterable[str]) -> list[tuple[str, str]]:
    """The two codes of each category of which both coders gave exactly one."""
    sides: list[dict[str, list[str]]] = []
    for codes in (one, other):
        side: dict[str, list[str]] = defaultdict(list)
        for code in codes:
            side[code[:3]].append(code)
        sides.append(side)
    return [
        (sides[0][category][0], sides[1][category][0])
        for category in sorted(sides[0].keys() & sides[1].keys())
        if len(sides[0][category]) == len(sides[1][category]) == 1
    ]


def _kappa(pairs: list[tuple[str, str]]) -> float:
    """Cohen's kappa; chance is that of the codes within their own category."""
    if not pairs:
        return 1.0
    observed = sum(a == b for a, b in pairs) / len(pairs)
    left: dict[str, Counter[str]] = defaultdict(Counter)
    right: dict[str, Counter[str]] = defaultdict(Counter)
    for a, b in pairs:
        left[a[:3]][a] += 1
        right[b[:3]][b] += 1
    expected = 0.0
    for category, codes in left.items():
        count = codes.total()
        expected += sum(codes[code] * right[category][code] for code in codes) / count
    expected /= len(pairs)
    return (observed - expected) / (1 - expected) if expected < 1 else 1.0


def _span_f1(first: Spans, second: Spans, texts: Mapping[str, str]) -> float:
    common = total = 0
    for name in first.keys() & second.keys():
        for code in first[name].keys() & second[name].keys():
            one, other = (_characters(texts[name], coding[name][code]) for coding in (first, second))
            common += len(one & other)
            total += len(one) + len(other)
    return _f1(common, total)


def _characters(text: str, quotes: Iterable[str]) -> set[int]:
    found: set[int] = set()
    for quote in quotes:
        begin = text.find(quote)
        while begin >= 0 and quote:
            found |= set(range(begin, begin + len(quote)))
            begin = text.find(quote, begin + 1)
    return found


def main() -> None:
    """Print the agreement of the two codings that are kept, and of each with the settled one."""
    from ccl_assets.corpora.sample import NOTES
    from ccl_assets.corpora.sample.compile import packaged_titles, read_notes

    notes = {
        f"{note.number:03d}{'abc'[note.place] if note.place else ''}.txt": note
        for note in read_notes(NOTES, packaged_titles())
        if note.split != "mimic"
    }
    texts = {name: note.text.replace("\r\n", "\n") for name, note in notes.items()}
    settled: dict[str, dict[str, list[str]]] = {name: defaultdict(list) for name in notes}
    for name, note in notes.items():
        for mark in note.marks:
            settled[name][mark.code].append(note.text[mark.begin : mark.end].replace("\r\n", "\n"))
    first, second = (read_coding(CODINGS / f"{which}.tsv") for which in ("first", "second"))
    print("| | charts | shared | only one | only other | micro-F1 | category F1 | kappa in category | span F1 |")
    print("|---|---|---|---|---|---|---|---|---|")
    for what, one, other in (
        ("first, second", first, second),
        ("first, settled", first, settled),
        ("second, settled", second, settled),
    ):
        found = agreement(one, other, texts)
        print(
            f"| {what} | {found.charts} | {found.shared} | {found.only_first} | {found.only_second} | {found.micro_f1:.3f} "
            f"| {found.category_f1:.3f} | {found.kappa:.3f} | {found.span_f1:.3f} |"
        )


if __name__ == "__main__":
    main()
