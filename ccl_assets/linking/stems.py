"""Content words of a phrase in a form that can be compared: folded, stop words out, stemmed (Snowball), per language."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from ccl_assets.text.note_tokens import fold_words

_STEMMERS = {"en": "english", "es": "spanish"}


@cache
def stop_words(language: str) -> frozenset[str]:
    """Words without a finding.

    Raises:
        ValueError: There is no list for the language.
    """
    if language not in _STEMMERS:
        raise ValueError(f"there are no stop words for language {language!r}; there are {', '.join(_STEMMERS)}")
    lines = files(__package__).joinpath("words", f"stop_{language}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


class Stems:
    """Stems of folded words; each distinct word is stemmed once."""

    def __init__(self, language: str) -> None:
        """Take the stop words and the stemmer of a language (``en`` or ``es``)."""
        import snowballstemmer

        self._stop = stop_words(language)
        self._stemmer = snowballstemmer.stemmer(_STEMMERS[language])
        self._known: dict[str, str] = {}

    def of_word(self, word: str) -> str:
        """Stem of a folded word; empty for a stop word."""
        stem = self._known.get(word)
        if stem is None:
            stem = "" if word in self._stop else word if any(map(str.isdigit, word)) else self._stemmer.stemWord(word)
            self._known[word] = stem
        return stem

    def of_words(self, words: Iterable[str]) -> list[str]:
        """Stem of each word, empty where it is a stop word."""
        return [self.of_word(word) for word in words]

    def of_text(self, text: str) -> tuple[str, ...]:
        """Stems of a phrase, stop words left out."""
        return tuple(stem for word in fold_words(text) if (stem := self.of_word(word)))
