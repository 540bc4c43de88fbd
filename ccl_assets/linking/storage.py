"""A span coder as files: JSON and arrays, no pickles; read back in a moment, since terms are stored as they are searched."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ccl_assets.linking.coder import SpanCoder
from ccl_assets.linking.likeness import Likeness
from ccl_assets.linking.linker import Linker
from ccl_assets.linking.near_terms import NearTerms
from ccl_assets.linking.reliability import Counts, Reliability
from ccl_assets.linking.static_encoder import StaticEncoder, UnreadableEncoderError
from ccl_assets.linking.terms import Meaning, Terms
from ccl_assets.linking.verifier import Verifier

VERSION = 2
_HEAD, _TERMS, _COUNTS, _LIKENESS = "coder.json", "terms.json.gz", "reliability.json.gz", "likeness.npz"
_ENCODER = "encoder"


class UnreadableCoderError(ValueError):
    """The files of a span coder cannot be used; the message says what to do."""


class OtherReleaseError(ValueError):
    """A span coder gives codes of another release than the one in force."""


def write(coder: SpanCoder, folder: Path) -> None:
    """Write a coder of a language; what stood in the folder is replaced once all is written."""
    made = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    human = sorted(
        {note for meanings in coder.terms.meanings for meaning in meanings.values() for note in meaning.notes}
    )
    number = {note: place for place, note in enumerate(human)}
    terms = [
        [
            " ".join(key),
            [[code, m.tier, sorted((number[n], count) for n, count in m.notes.items()), m.is_learned] for code, m in of.items()],
        ]
        for key, of in zip(coder.terms.keys, coder.terms.meanings, strict=True)
    ]  # fmt: skip
    _write_gz(made / _TERMS, terms)
    counts = [[term, of.notes, of.held] for term, of in coder.reliability.counts.items()]
    _write_gz(made / _COUNTS, counts)
    if coder.likeness is not None:
        np.savez(made / _LIKENESS, **coder.likeness.arrays())
    if coder.linker is not None:
        coder.linker.encoder.write(made / _ENCODER)
    head = {
        "version": VERSION,
        "language": coder.terms.language,
        "release": coder.release,
        "verifier": coder.verifier.as_json(),
        "worth": coder.reliability.worth,
        "code_notes": dict(coder.reliability.code_notes),
        "note_count": coder.reliability.note_count,
        "span_notes": len(human),
        "rarity": coder.near.rarity if coder.near else None,
        "unknown_rarity": coder.near.unknown if coder.near else None,
        "has_linker": coder.linker is not None,
        "near_terms": sorted(coder.near.numbers) if coder.near else None,
    }
    (made / _HEAD).write_text(json.dumps(head, ensure_ascii=False, sort_keys=True), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)


def read(folder: Path, release: str | None = None) -> SpanCoder:
    """Read a coder.

    Args:
        folder: Where :func:`write` put it.
        release: The release in force; ``None``: whichever.

    Raises:
        UnreadableCoderError: A file is missing or of another version.
        OtherReleaseError: It gives codes of another release.
        OtherFeaturesError: Its verifier weighs other features.
    """
    try:
        head = json.loads((folder / _HEAD).read_text(encoding="utf-8"))
        stored_terms = _read_gz(folder / _TERMS)
        stored_counts = _read_gz(folder / _COUNTS)
    except (OSError, ValueError) as error:
        raise UnreadableCoderError(
            f"{folder} holds no whole span coder ({type(error).__name__}): materialize linking/coder again"
        ) from None
    if head.get("version") != VERSION:
        raise UnreadableCoderError(f"{folder} was written by another version: materialize linking/coder again")
    if release is not None and head["release"] != release:
        raise OtherReleaseError(
            f"the span coder gives codes of {head['release'] or 'an unnamed release'}, and {release} is in force: "
            "materialize linking/coder again, or set CCL_ICD_RELEASE"
        )
    terms = Terms(head["language"])
    for text, meanings in stored_terms:
        terms.put(
            tuple(text.split(" ")),
            {
                code: Meaning(tier, Counter({str(note): count for note, count in notes}), is_learned)
                for code, tier, notes, is_learned in meanings
            },
        )
    reliability = Reliability(
        {term: Counts(notes, held) for term, notes, held in stored_counts},
        {tier: (alone, covered) for tier, (alone, covered) in head["worth"].items()},
        Counter(head["code_notes"]),
        head["note_count"],
    )
    near = None
    if head["near_terms"] is not None:
        keys = {number: terms.keys[number] for number in head["near_terms"]}
        near = NearTerms.stored(keys, head["rarity"], head["unknown_rarity"])
    likeness = None
    if (path := folder / _LIKENESS).is_file():
        with np.load(path, allow_pickle=False) as arrays:
            likeness = Likeness.from_arrays({name: arrays[name] for name in arrays.files})
    linker = None
    if head["has_linker"]:
        try:
            linker = Linker(StaticEncoder.read(folder / _ENCODER), terms)
        except UnreadableEncoderError:
            raise UnreadableCoderError(f"{folder} holds no whole encoder: materialize linking/coder again") from None
    verifier = Verifier.from_json(head["verifier"])
    return SpanCoder(terms, reliability, verifier, near, likeness, head["release"], linker)


def content_version(folder: Path) -> str:
    """Hash of a coder's files, for its data version."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def _write_gz(path: Path, value: Any) -> None:
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0, filename="") as file:
        file.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _read_gz(path: Path) -> Any:
    with gzip.open(path) as file:
        return json.loads(file.read())
