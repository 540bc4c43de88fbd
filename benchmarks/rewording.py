"""Where the line between a rewording and another finding lies: behind ``evidence.silver.rewording.THRESHOLD``.

Every span that people marked in the sample notes is taken for a phrase a model might have proposed. Of its own code it should be
accepted; of other codes (all of its category that the sample has, and the three whose phrases are nearest to it) it should not.
What a code is known by are its title, its inclusion terms and the other spans marked for it; no phrase is compared with itself.

    python benchmarks/rewording.py [--embedder DIRECTORY_OR_HUB_ID] [--show 20]
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ccl_assets.corpora.loaders import CorpusPaths, load
from ccl_assets.evidence.silver.rewording import THRESHOLD
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.resources.embedding.embedder import Embedder
from ccl_assets.text.distinctions import are_told_apart
from ccl_assets.text.folding import fold

_NEAREST_OTHERS = 3


@dataclass(frozen=True)
class Comparison:
    """A phrase against what a code is known by: the nearest known phrase with and without regard to distinguishing words."""

    phrase: str
    code: str
    is_own: bool
    plain: tuple[float, str]
    guarded: tuple[float, str]


def spans_by_code() -> dict[str, dict[str, str]]:
    """The sample's human spans: code -> folded text -> text."""
    corpus = load("sample", CorpusPaths())
    texts = {document.document_id: document.text for document in corpus.documents}
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for span in corpus.evidence:
        text = " ".join(" ".join(texts[span.document_id][begin:end] for begin, end in span.fragments).split())
        found[span.code].setdefault(fold(text), text)
    return dict(found)


def known_by_code(spans: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """What each of these codes is known by, the spans included."""
    release = open_release()
    codes = {row["code"]: row for row in parse_tabular(release.tabular, release.label).codes}
    return {
        code: {fold(text): text for text in (codes[code]["long_title"], *codes[code]["inclusion_terms"])} | dict(own)
        for code, own in spans.items()
        if code in codes
    }


def compare(embedder: Embedder) -> list[Comparison]:
    """Every span against its own code and against the codes it is most easily taken for."""
    spans = spans_by_code()
    known = known_by_code(spans)
    texts = sorted({text for phrases in known.values() for text in phrases.values()})
    vectors = dict(zip(texts, embedder.encode(texts), strict=True))

    def nearest(folded: str, phrase: str, code: str, *, is_guarded: bool) -> tuple[float, str]:
        others = [
            text
            for key, text in known[code].items()
            if key != folded and not (is_guarded and are_told_apart(phrase, text))
        ]
        return max(((float(vectors[phrase] @ vectors[text]), text) for text in others), default=(-1.0, ""))

    found = []
    for own in known:
        for folded, phrase in spans[own].items():
            plain = {
                code: nearest(folded, phrase, code, is_guarded=False)
                for code in known
                if code == own or folded not in known[code]
            }
            others = sorted(plain.keys() - {own}, key=lambda code: (-plain[code][0], code))
            wrong = {*others[:_NEAREST_OTHERS], *(code for code in others if code[:3] == own[:3])}
            found += [
                Comparison(phrase, code, code == own, plain[code], nearest(folded, phrase, code, is_guarded=True))
                for code in sorted({own} | wrong)
            ]
    return found


def main() -> None:
    """Print the table, and with ``--show`` the wrong codes that come nearest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--embedder", default="packaged")
    parser.add_argument("--show", type=int, default=0, help="wrong acceptances to list")
    arguments = parser.parse_args()
    comparisons = compare(Embedder(arguments.embedder))
    own_count = sum(one.is_own for one in comparisons)
    print(
        f"{own_count} spans against their own code, {len(comparisons) - own_count} against codes they may be taken for"
    )
    print("             any nearest phrase            no distinguishing word changed")
    print("threshold    recall  wrong  precision      recall  wrong  precision")
    for threshold in np.arange(0.60, 0.97, 0.02).round(2):
        cells = []
        for kind in ("plain", "guarded"):
            accepted = [one for one in comparisons if getattr(one, kind)[0] >= threshold]
            right = sum(one.is_own for one in accepted)
            precision = right / len(accepted) if accepted else 1.0
            cells.append(f"{right / own_count:6.3f}  {len(accepted) - right:5d}  {precision:9.3f}")
        chosen = "  <- chosen" if np.isclose(threshold, THRESHOLD) else ""
        print(f"{threshold:9.2f}    {cells[0]}      {cells[1]}{chosen}")
    wrong = sorted((one for one in comparisons if not one.is_own), key=lambda one: -one.guarded[0])
    for one in wrong[: arguments.show]:
        print(f"{one.guarded[0]:.3f}  {one.phrase!r} taken for {one.code} by {one.guarded[1]!r}")


if __name__ == "__main__":
    main()
