"""How well the span coder codes notes whose codes are known: micro-F1, MAP, calibration, what each part adds, and its speed.

Corpora are read from a folder laid out as ``aci_bench``, ``aci_labels``, ``codiesp_v4``. Trained on training splits; scored on
validation splits, which set nothing (the threshold comes of the training notes, each judged by a coder that has not seen it),
and on ACI-Bench's train and valid notes by cross-validation, and by a coder trained on the sample alone (out of domain).

    python benchmarks/span_coder.py --corpora FOLDER [--only codiesp_es codiesp_en aci sample speed]
        [--release PATH-or-label] [--linker]

With ``--linker`` stretches of a note that no term says are linked to the nearest terms besides.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ccl_assets.coding.active_release import active_release
from ccl_assets.corpora.loaders import load
from ccl_assets.linking.annotated_texts import annotated_texts
from ccl_assets.linking.calibration import calibration_error, reliability_bins, share_at_precision
from ccl_assets.linking.coder import FoundCode, SpanCoder
from ccl_assets.linking.encoder_training import packaged_start
from ccl_assets.linking.linker_training import linker_encoders
from ccl_assets.linking.training import AnnotatedText, EncoderWithout, train
from ccl_assets.resources.corpus_paths import CorpusPaths
from ccl_assets.resources.settings import Settings

Linked = Callable[[str, list[dict[str, Any]], Sequence[AnnotatedText]], EncoderWithout] | None


def texts(corpus: str, paths: CorpusPaths, splits: Sequence[str]) -> list[AnnotatedText]:
    """Annotated notes of some splits."""
    read = load(corpus, paths)
    rows = [document.row() for document in read.documents if document.split in splits]
    return annotated_texts(rows, [label.row() for label in read.labels], [span.row() for span in read.evidence])


def pairs_of(location: str | None, home: Path) -> tuple[list[dict[str, Any]], str, dict[str, str]]:
    """Direct gold pairs of a release, as rows of the knowledge base, its label, and titles of the codes that these have."""
    release = active_release(Settings(home=home, icd_release=location), needs_gold_pairs=True, say=print)
    rows = release.gold_pairs or ()
    pairs = [dict(row, tier="gold", is_trainable=row["expansion"] in ("direct", "see", "default")) for row in rows]
    return pairs, release.label, {row["code"]: release.titles[row["code"]] for row in pairs if row["is_trainable"]}


def score(
    notes: Sequence[AnnotatedText], rank: Callable[[AnnotatedText], tuple[list[FoundCode], float]], space: bool = False
) -> dict[str, float]:
    """Figures over notes.

    Args:
        notes: The notes.
        rank: Candidates of a note and the threshold.
        space: Count codes of these notes only (label space ``gold``).
    """
    every = frozenset(code for note in notes for code in note.codes)
    right = found = given = 0
    precisions: list[float] = []
    probabilities: list[float] = []
    truth: list[bool] = []
    for note in notes:
        ranked, threshold = rank(note)
        ranked = [one for one in ranked if not space or one.code in every]
        hits, total = 0, 0.0
        for place, one in enumerate(ranked, start=1):
            if one.code in note.codes:
                hits += 1
                total += hits / place
        precisions.append(total / len(note.codes))
        probabilities += [one.probability for one in ranked]
        truth += [one.code in note.codes for one in ranked]
        kept = {one.code for one in ranked if one.probability >= threshold}
        right, found, given = right + len(kept & note.codes), found + len(kept), given + len(note.codes)
    return {
        "F1": 200 * right / max(1, found + given), "P": 100 * right / max(1, found), "R": 100 * right / max(1, given),
        "MAP": sum(precisions) / max(1, len(precisions)), "ceiling": 100 * sum(truth) / max(1, given),
        "ECE": 100 * calibration_error(reliability_bins(probabilities, truth)),
        "unread": 100 * share_at_precision(probabilities, truth) * len(truth) / max(1, given),
    }  # fmt: skip


def show(name: str, figures: Mapping[str, float], note: str = "") -> None:
    """Print a line."""
    cells = "".join(f"{value:8.3f}" if key == "MAP" else f"{value:8.1f}" for key, value in figures.items())
    print(f"  {name:44}{cells}  {note}", flush=True)


def encoders(
    language: str, pairs: list[dict[str, Any]], titles: Mapping[str, str], notes: Sequence[AnnotatedText]
) -> EncoderWithout:
    """Encoders of the linker."""
    pieces, table = packaged_start()
    return linker_encoders(language, pairs, titles, notes, pieces, table)


def held_out(
    name: str, language: str, pairs: list[dict[str, Any]], training: Any, notes: Any, space: bool, linked: Linked = None
) -> SpanCoder:
    """Train on some notes, score on others, with all parts and without some."""
    begun = time.process_time()
    trained = train(language, pairs, training, encoder_without=linked(language, pairs, training) if linked else None)
    took = time.process_time() - begun
    coder = trained.coder
    kept = [
        given for p, given in zip(trained.probabilities, trained.is_given, strict=True) if p >= coder.verifier.threshold
    ]
    f1 = 200 * sum(kept) / max(1, len(kept) + trained.given_count)
    print(
        f"  {name}: of training notes, each judged without its own fold, F1 {f1:.1f}; {len(trained.probabilities):,} candidates"
    )
    coder.rank(notes[0].text)
    begun = time.process_time()
    ranked = {note.note: coder.rank(note.text) for note in notes}
    speed = len(notes) / max(1e-9, time.process_time() - begun)
    show(name, score(notes, lambda note: (ranked[note.note], coder.verifier.threshold), space),
         f"trained in {took:.1f} s, {speed:.0f} notes/s, {len(coder.terms):,} terms")  # fmt: skip
    bare = coder.without("verifier", "near", "likeness", "linker")
    show("  without verifier", score(notes, lambda note: (bare.rank(note.text), bare.verifier.threshold), space))
    return coder


def cross_validated(
    name: str, language: str, pairs: list[dict[str, Any]], notes: Sequence[AnnotatedText],
    more: Sequence[AnnotatedText], folds: int = 5, linked: Linked = None,
) -> None:  # fmt: skip
    """Score notes by coders trained on the others, and on further notes."""
    ranked: dict[str, tuple[list[FoundCode], float]] = {}
    for fold in range(folds):
        held = [note for place, note in enumerate(notes) if place % folds == fold]
        others = [note for place, note in enumerate(notes) if place % folds != fold]
        training = [*others, *more]
        of_linker = linked(language, pairs, training) if linked else None
        coder = train(language, pairs, training, encoder_without=of_linker).coder
        for note in held:
            ranked[note.note] = coder.rank(note.text), coder.verifier.threshold
    show(name, score(notes, lambda note: ranked[note.note], True), "label space gold")
    show(name, score(notes, lambda note: ranked[note.note], False), "label space release")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--release")
    parser.add_argument("--only", nargs="*", default=["codiesp_es", "codiesp_en", "aci", "sample"])
    parser.add_argument("--linker", action="store_true", help="link stretches that no term says to the nearest terms")
    parser.add_argument("--test", action="store_true", help="score the sample's test split too")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        pairs, label, titles = pairs_of(chosen.release, Path(home))
    print(f"{label}: {sum(row['is_trainable'] for row in pairs):,} direct gold pairs")
    print(f"  {'':44}" + "".join(f"{name:>8}" for name in ("F1", "P", "R", "MAP", "ceiling", "ECE", "unread")))
    of_base: dict[str, EncoderWithout] = {}  # an encoder of the knowledge base serves whichever notes

    def by_language(language: str, given: list[dict[str, Any]], notes: Sequence[AnnotatedText]) -> EncoderWithout:
        if given and language in of_base:
            return of_base[language]
        made = encoders(language, given, titles, notes)
        return of_base.setdefault(language, made) if given else made

    linked = by_language if chosen.linker else None
    sample = texts("sample", CorpusPaths(), ("train", "val"))
    for language in ("es", "en"):
        if f"codiesp_{language}" in chosen.only:
            paths = CorpusPaths(codiesp=chosen.corpora / "codiesp_v4", codiesp_language=language)
            given = pairs if language == "en" else []
            training, validation = (texts("codiesp", paths, (split,)) for split in ("train", "val"))
            held_out(f"CodiEsp dev {language}", language, given, training, validation, False, linked)
    if "aci" in chosen.only:
        paths = CorpusPaths(aci_bench=chosen.corpora / "aci_bench", aci_labels=chosen.corpora / "aci_labels")
        notes = texts("aci_bench", paths, ("train", "val"))
        held_out("ACI-Bench train+valid, trained on the sample", "en", pairs, sample, notes, True, linked)
        cross_validated("ACI-Bench train+valid, cross-validated", "en", pairs, notes, sample, linked=linked)
    if "sample" in chosen.only:
        cross_validated("sample train+val, cross-validated", "en", pairs, sample, (), linked=linked)
    if chosen.test:
        held_out("sample test", "en", pairs, sample, texts("sample", CorpusPaths(), ("test",)), False, linked)
    return 0


if __name__ == "__main__":
    sys.exit(main())
