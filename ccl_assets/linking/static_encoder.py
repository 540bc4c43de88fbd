"""A static encoder: a text is the mean of the vectors of its word pieces, at thousands of texts a second and without torch.

Words are folded as in notes and split into word pieces (the longest that is known first). What a piece is worth is learned from
terms of the same code: see :mod:`ccl_assets.linking.encoder_training`.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ccl_assets.text.note_tokens import fold_words

Floats = NDArray[np.float32]
VERSION = 1
_HEAD, _TABLE = "encoder.json", "encoder.npz"
_LONGEST_WORD = 40
_GRAMS = (3, 4, 5)


class UnreadableEncoderError(ValueError):
    """The files of an encoder cannot be used; the message says what to do."""


class StaticEncoder:
    """Word pieces and parts of words by number, and a vector for each."""

    def __init__(self, pieces: Sequence[str], table: Floats, buckets: int = 0) -> None:
        """Take the table.

        Args:
            pieces: Word pieces; those that go on begin with ``##``.
            table: A row for each piece, then one for each bucket.
            buckets: Buckets of hashed letter sequences; 0: none.

        Raises:
            ValueError: Rows and pieces are not as many.
        """
        if len(table) != len(pieces) + buckets:
            raise ValueError(f"{len(table)} vectors for {len(pieces)} word pieces and {buckets} buckets")
        self.pieces, self.table, self.buckets = list(pieces), table, buckets
        self._number = {piece: number for number, piece in enumerate(self.pieces)}
        self._parts: dict[str, tuple[int, ...]] = {}
        self._vectors: dict[str, Floats] = {}

    @property
    def width(self) -> int:
        """Numbers of a vector."""
        return int(self.table.shape[1])

    def parts_of(self, word: str) -> tuple[int, ...]:
        """Rows of a folded word; none if no part is known."""
        parts = self._parts.get(word)
        if parts is None:
            parts = (*self._pieces_of(word), *self._buckets_of(word))
            self._parts[word] = parts
        return parts

    def parts_of_text(self, text: str) -> list[int]:
        """Rows of all words of a text."""
        return [part for word in fold_words(text) for part in self.parts_of(word)]

    def of_word(self, word: str) -> Floats:
        """Sum of the vectors of a folded word."""
        vector = self._vectors.get(word)
        if vector is None:
            vector = self.table[list(self.parts_of(word))].sum(0, dtype=np.float32)
            self._vectors[word] = vector
        return vector

    def encode(self, texts: Iterable[str]) -> Floats:
        """Unit vectors of texts; zeros where no word is known."""
        return unit(self.sums(fold_words(text) for text in texts))

    def sums(self, texts: Iterable[Iterable[str]]) -> Floats:
        """Sums of the vectors of the words of texts that are split and folded already."""
        zero = np.zeros(self.width, np.float32)
        rows = [sum((self.of_word(word) for word in words), zero) for words in texts]
        return np.array(rows, np.float32).reshape(len(rows), self.width)

    def _pieces_of(self, word: str) -> list[int]:
        found: list[int] = []
        begin, limit = 0, min(len(word), _LONGEST_WORD)
        while begin < limit:
            prefix = "##" if begin else ""
            for end in range(limit, begin, -1):
                number = self._number.get(prefix + word[begin:end])
                if number is not None:
                    found.append(number)
                    begin = end
                    break
            else:
                begin += 1
        return found

    def _buckets_of(self, word: str) -> list[int]:
        if not self.buckets:
            return []
        framed = f"<{word[:_LONGEST_WORD]}>"
        grams = {framed, *(framed[at : at + size] for size in _GRAMS for at in range(len(framed) - size + 1))}
        return [len(self.pieces) + zlib.crc32(gram.encode()) % self.buckets for gram in sorted(grams)]

    @property
    def fingerprint(self) -> str:
        """Hash of the table and the pieces."""
        digest = hashlib.sha256(json.dumps([self.pieces, self.buckets]).encode())
        digest.update(np.ascontiguousarray(self.table).tobytes())
        return digest.hexdigest()[:32]

    def write(self, folder: Path) -> None:
        """Write the encoder; the table with half precision."""
        folder.mkdir(parents=True, exist_ok=True)
        head = {"version": VERSION, "buckets": self.buckets, "pieces": self.pieces}
        (folder / _HEAD).write_text(json.dumps(head, ensure_ascii=False), encoding="utf-8")
        np.savez(folder / _TABLE, table=self.table.astype(np.float16))

    @classmethod
    def read(cls, folder: Path) -> StaticEncoder:
        """Read an encoder.

        Raises:
            UnreadableEncoderError: A file is missing, damaged, or of another version.
        """
        try:
            head = json.loads((folder / _HEAD).read_text(encoding="utf-8"))
            with np.load(folder / _TABLE, allow_pickle=False) as arrays:
                table = arrays["table"].astype(np.float32)
            if head["version"] != VERSION:
                raise ValueError
            return cls(head["pieces"], table, head["buckets"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnreadableEncoderError(
                f"{folder} holds no whole encoder of this version ({type(error).__name__}): materialize linking/encoder again"
            ) from None


def unit(vectors: Floats) -> Floats:
    """Vectors of length one; zeros stay zeros."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1.0), np.float32)
