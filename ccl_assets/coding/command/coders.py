"""Span coders for the command line: those of the lakehouse, else ones learned from the packaged notes at the first start."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

from ccl_assets.coding.active_release import ActiveRelease, active_release
from ccl_assets.linking.coder import SpanCoder
from ccl_assets.linking.coder_folder import ReleaseCodes, read_codes, read_folder, write_folder
from ccl_assets.linking.rungs import RUNGS
from ccl_assets.linking.storage import VERSION, OtherReleaseError, UnreadableCoderError
from ccl_assets.linking.verifier import OtherFeaturesError
from ccl_assets.resources.settings import Settings

Say = Callable[[str], None]


def span_coders(
    chosen: Settings, rung: str, say: Say, day: date | None = None
) -> tuple[dict[str, SpanCoder], ActiveRelease]:
    """Coders of a rung by language, and the release whose codes they give.

    The lakehouse is asked first. Where it holds none, coders are learned from the release's terms and the packaged sample, once for
    each release, and kept below ``CCL_HOME``.

    Args:
        chosen: The settings.
        rung: Rung of the ladder.
        say: Receives a sentence where coders are learned, and why.
        day: Day of the note, where the release in force then is wanted.
    """
    wanted = active_release(chosen, False, say, day).label if day is not None else _label(chosen)
    stored = chosen.artifacts / "linking" / "coder" / rung
    if stored.is_dir():
        try:
            return _read(stored, wanted)
        except OtherReleaseError as error:
            say(f"{error}; until then coders are learned from the release and the packaged notes")
    kept = chosen.artifacts / "linking" / "packaged" / _key(wanted or chosen.icd_release, rung)
    if kept.is_dir():
        try:
            return _read(kept, wanted)
        except (UnreadableCoderError, OtherFeaturesError):
            pass  # of another version: learned again
    say("the first start learns the span coder from the release and the packaged notes; later ones take a moment")
    _learn(chosen, rung, kept, say, day)
    return _read(kept, wanted)


def _label(chosen: Settings) -> str | None:
    """Label of the release that the settings name; ``None``: they name none, or files."""
    given = (chosen.icd_release or "").strip()
    return given if given.upper().startswith("FY") else None


def _read(folder: Path, wanted: str | None) -> tuple[dict[str, SpanCoder], ActiveRelease]:
    codes = read_codes(folder)
    if wanted is not None and wanted.upper() != codes.label.upper():
        raise OtherReleaseError(
            f"the span coder gives codes of {codes.label}, and {wanted} is wanted: materialize linking/coder again"
        )
    coders = read_folder(folder, codes.label)
    return coders, ActiveRelease(codes.label, codes.titles, frozenset(codes.titles))


def _key(release: str | None, rung: str) -> str:
    return hashlib.sha256(f"{VERSION}|{rung}|{release or 'packaged'}".encode()).hexdigest()[:16]


def _learn(chosen: Settings, rung: str, folder: Path, say: Say, day: date | None) -> None:
    from ccl_assets.corpora.loaders import load
    from ccl_assets.linking.annotated_texts import annotated_texts
    from ccl_assets.linking.linker_training import encoders_of_rung
    from ccl_assets.linking.training import train
    from ccl_assets.resources.corpus_paths import CorpusPaths

    release = active_release(chosen, True, say, day)
    pairs = [
        dict(row, tier="gold", is_trainable=row["expansion"] in {"direct", "see", "default"})
        for row in release.gold_pairs or ()
    ]
    sample = load("sample", CorpusPaths())
    labels = [label.row() for label in sample.labels]
    evidence = [span.row() for span in sample.evidence]
    notes = {
        split: annotated_texts(
            [document.row() for document in sample.documents if document.split == split], labels, evidence
        )
        for split in ("train", "val")
    }
    titles = {code: title for code, title in release.titles.items() if code in release.billable}
    trained = train(
        "en",
        pairs,
        notes["train"],
        notes["val"],
        with_human="human" in RUNGS[rung],
        release=release.label,
        encoder_without=encoders_of_rung(rung, "en", pairs, titles, notes["train"]),
    )
    write_folder(folder, {"en": trained.coder}, ReleaseCodes(release.label, titles))
