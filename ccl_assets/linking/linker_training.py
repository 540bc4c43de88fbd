"""Encoders for the linker of a coder: trained on stems, and never on spans of the notes that they are used for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ccl_assets.linking.encoder_languages import BUCKETS, RECIPES, WIDTH, pair_terms, span_terms, start_of
from ccl_assets.linking.encoder_training import Recipe, TermOfCode, packaged_start, train_encoder
from ccl_assets.linking.rungs import LINKED
from ccl_assets.linking.static_encoder import Floats, StaticEncoder
from ccl_assets.linking.stems import Stems
from ccl_assets.linking.training import AnnotatedText, EncoderWithout

# Spanish has human spans alone, an encoder for each fold then, and gains nothing: see docs/decisions.md.
LINKED_LANGUAGES = ("en",)


def encoders_of_rung(
    rung: str,
    language: str,
    pairs: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str],
    notes: Sequence[AnnotatedText],
) -> EncoderWithout | None:
    """Encoders for the coder of a rung; ``None`` where nothing is linked.

    Args:
        rung: The rung.
        language: ``en`` or ``es``.
        pairs: Rows of ``knowledge_base/pairs``.
        titles: Title of each code that may be assigned; those that no pair has are left out.
        notes: Training notes.
    """
    if rung != LINKED or language not in LINKED_LANGUAGES or not notes:
        return None
    stated = {row["code"] for row in pairs if row["is_trainable"]}
    named = {code: title for code, title in titles.items() if code in stated}
    return linker_encoders(language, pairs, named, notes, *packaged_start())


def linker_encoders(
    language: str,
    pairs: Iterable[Mapping[str, Any]],
    titles: Mapping[str, str],
    notes: Sequence[AnnotatedText],
    pieces: Sequence[str],
    table: Floats,
    recipe: Recipe | None = None,
) -> EncoderWithout:
    """Encoders that have not seen the spans of some notes.

    Where the knowledge base has terms, one encoder of these serves all notes. Else human spans teach it, and each set of hidden
    notes has its own, made when it is asked for.

    Args:
        language: ``en`` or ``es``.
        pairs: Rows of ``knowledge_base/pairs``.
        titles: Title of each code; of another language than the spans it helps all the same: many words are alike.
        notes: Training notes.
        pieces: Word pieces to start from.
        table: Their vectors.
        recipe: How long and how fast; ``None``: that of the language.
    """
    stems = Stems(language)
    start = start_of(pieces, table, min(WIDTH, table.shape[1]), BUCKETS[language])
    names = {code: " ".join(stems.of_text(title)) for code, title in titles.items()}
    of_base = pair_terms(pairs)
    made: dict[frozenset[str], StaticEncoder] = {}

    def train(terms: Iterable[TermOfCode]) -> StaticEncoder:
        stemmed = (TermOfCode(" ".join(stems.of_text(term.text)), term.code, term.tier) for term in terms)
        distinct = list({(term.text, term.code): term for term in stemmed if term.text}.values())
        return train_encoder(start, distinct, names, recipe or RECIPES[language]).encoder

    def without(hidden: frozenset[str]) -> StaticEncoder:
        key = frozenset() if of_base else hidden
        if key not in made:
            spans = (span for note in notes if note.note not in hidden for span in note.spans)
            made[key] = train(of_base or span_terms(spans))
        return made[key]

    return without
