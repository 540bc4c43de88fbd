"""The bytes that each token of a model stands for: what an answer says so far, known token by token."""

from __future__ import annotations

import codecs
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_SAMPLE = "### ICD-10-CM Codes\n- I10 – Ménière's disease (primary)"
_BLANK = "▁"  # how SentencePiece writes a space


@dataclass(frozen=True, eq=False)
class TokenBytes:
    """A tokenizer's vocabulary as bytes.

    Attributes:
        of: Bytes of every token id that says something; special tokens are not among them.
        free: Ids of added tokens that are not special; no grammar needs them.
    """

    of: Mapping[int, bytes]
    free: frozenset[int] = frozenset()

    def __getitem__(self, token: int) -> bytes:
        return self.of.get(token, b"")

    @cached_property
    def in_order(self) -> tuple[list[bytes], list[int]]:
        """All bytes in order, and the token of each."""
        ordered = sorted((said, token) for token, said in self.of.items() if said and token not in self.free)
        return [said for said, _ in ordered], [token for _, token in ordered]

    @cached_property
    def token_of(self) -> dict[bytes, int]:
        """A token for each byte sequence that has one."""
        texts, tokens = self.in_order
        return dict(zip(reversed(texts), reversed(tokens), strict=True))

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.token_of), default=0)

    def spell(self, said: bytes) -> list[int] | None:
        """Tokens that say just this, the longest first at each place; ``None`` if the vocabulary lacks some of it."""
        tokens = []
        while said:
            length = next((n for n in range(min(self._longest, len(said)), 0, -1) if said[:n] in self.token_of), None)
            if length is None:
                return None
            tokens.append(self.token_of[said[:length]])
            said = said[length:]
        return tokens


def read_token_bytes(tokenizer: Any) -> TokenBytes | None:
    """The bytes of every token, or ``None`` for a tokenizer that is neither a byte-level one nor SentencePiece's.

    Args:
        tokenizer: A transformers tokenizer.
    """
    added = tokenizer.added_tokens_decoder
    read = _read_byte_level if "ByteLevel" in _decoders(tokenizer) else _read_sentence_piece
    said: dict[int, bytes] = {}
    for word, token in tokenizer.get_vocab().items():
        if token not in added:
            if (text := read(word)) is None:
                return None
            said[token] = text
    free = {token: str(entry.content).encode() for token, entry in added.items() if not entry.special}
    made = TokenBytes(said | free, frozenset(free))
    sample = b"".join(made[token] for token in tokenizer.encode(_SAMPLE, add_special_tokens=False))
    return made if sample.strip() == _SAMPLE.encode() else None


def token_ends(pieces: Sequence[bytes], text: str) -> tuple[int, ...]:
    """End of each token in a text that the tokens say, or say with more behind it.

    A character whose bytes are spread over tokens belongs to the last of them. Blanks before the text, which decoding may have
    dropped, belong to no place in it.

    Args:
        pieces: Bytes of each token.
        text: What was made of them.

    Returns:
        Ends in code points for as many tokens as the text takes; the last one is the text's end. Empty where the tokens say
        something else.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    lengths, said = [], []
    length = 0
    for piece in pieces:
        said.append(decoder.decode(piece))
        length += len(said[-1])
        lengths.append(length)
    whole = "".join(said) + decoder.decode(b"", final=True)
    begin = 0 if whole.startswith(text) else len(whole) - len(whole.lstrip())
    if not text or not whole.startswith(text, begin):
        return ()
    end = begin + len(text)
    count = bisect_left(lengths, end) + 1
    # bytes that end in the midst of a character count for it only once the answer is over
    ends = [max(length - begin, 0) for length in lengths[:count]]
    ends[-1] = len(text)
    return tuple(ends)


def _decoders(tokenizer: Any) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return "" if backend is None or backend.decoder is None else bytes(backend.decoder.__getstate__()).decode()


def _read_byte_level(word: str) -> bytes | None:
    try:
        return bytes(_BYTE_OF[character] for character in word)
    except KeyError:
        return None


def _read_sentence_piece(word: str) -> bytes | None:
    if len(word) == 6 and word.startswith("<0x") and word.endswith(">"):
        return bytes.fromhex(word[3:5])
    return word.replace(_BLANK, " ").encode()


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's characters for bytes: printable ones stand for themselves, the others for code points from 256 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


_BYTE_OF = _byte_alphabet()
