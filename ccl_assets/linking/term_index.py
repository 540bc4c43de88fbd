"""Terms by their vectors: for a text the nearest codes, each with its nearest term."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ccl_assets.linking.static_encoder import Floats

_MORE = 5  # terms looked at per code wanted: a code has several
_FEW = 10_000  # terms that are compared with one by one in any case
_LISTS, _PROBES, _SEED = 256, 6, 0


@dataclass(frozen=True, slots=True)
class NearTerm:
    """A code near a text.

    Attributes:
        code: The code.
        term: Number of its nearest term.
        similarity: Cosine of the two.
    """

    code: str
    term: int
    similarity: float


class TermIndex:
    """Unit vectors of terms and the codes of each."""

    def __init__(self, vectors: Floats, codes: Sequence[Sequence[str]], is_exact: bool = True) -> None:
        """Take a vector for each term, its codes, and whether each search compares with every term."""
        if len(vectors) != len(codes):
            raise ValueError(f"{len(vectors)} vectors for {len(codes)} terms")
        self.is_exact = is_exact or len(vectors) < _FEW
        self.vectors, self.codes = np.ascontiguousarray(vectors, np.float32), codes

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def _faiss(self) -> Any:
        import faiss

        index: Any = faiss.IndexFlatIP(self.vectors.shape[1])
        if not self.is_exact:
            index = faiss.IndexIVFFlat(index, self.vectors.shape[1], _LISTS, faiss.METRIC_INNER_PRODUCT)
            index.cp.seed, index.nprobe = _SEED, _PROBES
            index.train(self.vectors)
        index.add(self.vectors)
        return index

    def search(self, queries: Floats, count: int) -> tuple[Floats, NDArray[np.int64]]:
        """Similarities and numbers of the nearest terms of each query, nearest first."""
        if not len(self) or not len(queries):
            return np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
        similarities, numbers = self._faiss.search(np.ascontiguousarray(queries, np.float32), min(count, len(self)))
        return similarities, numbers

    def nearest_codes(self, queries: Floats, count: int) -> list[list[NearTerm]]:
        """The nearest codes of each query; of a code the nearest term."""
        found = []
        for similarities, numbers in zip(*self.search(queries, count * _MORE), strict=True):
            codes: dict[str, NearTerm] = {}
            for similarity, number in zip(similarities.tolist(), numbers.tolist(), strict=True):
                for code in self.codes[number]:
                    if code not in codes:
                        codes[code] = NearTerm(code, number, similarity)
            found.append(list(codes.values())[:count])
        return found
