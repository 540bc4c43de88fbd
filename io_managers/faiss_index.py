"""FAISS indexes as artifacts: the index, its id map and what it was built from, verified by checksum when loaded."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
from numpy.typing import NDArray


class IndexMismatchError(RuntimeError):
    """A stored index is damaged or was built from something else."""


@dataclass(frozen=True)
class NearestCodeIndex:
    """Covered codes with their unit vectors in an exact inner-product index.

    Attributes:
        codes: Code at each position.
        embedder: Name of the encoder.
        release: Release label.
        faiss_index: ``faiss.IndexFlatIP`` of shape (codes, dimension).
    """

    codes: Sequence[str]
    embedder: str
    release: str
    faiss_index: Any

    @classmethod
    def build(cls, codes: Sequence[str], vectors: NDArray[np.float32], embedder: str, release: str) -> NearestCodeIndex:
        """Build from unit vectors of shape (codes, dimension).

        Raises:
            ValueError: No codes, another number of vectors, or a vector that is not finite.
        """
        import faiss

        if not len(codes):
            raise ValueError("no covered code to index: materialize gold/pairs and synthetic/coverage first")
        if vectors.shape[0] != len(codes):
            raise ValueError(f"{len(codes)} codes but {vectors.shape[0]} vectors")
        if not np.isfinite(vectors).all():
            raise ValueError(f"the encoder {embedder} gave vectors that are not finite")
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(tuple(codes), embedder, release, index)

    def search(self, queries: NDArray[np.float32], count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Nearest positions by cosine similarity, both results of shape (queries, count)."""
        similarities, positions = self.faiss_index.search(np.ascontiguousarray(queries, dtype=np.float32), count)
        return similarities, positions

    def vectors(self, positions: Sequence[int]) -> NDArray[np.float32]:
        """Vectors at positions."""
        found: NDArray[np.float32] = self.faiss_index.reconstruct_batch(np.asarray(positions, dtype=np.int64))
        return found


class FaissIndexIOManager(dg.IOManager):
    """One directory per index asset: ``index.faiss``, ``codes.json``, ``origin.json``; replaced as a whole."""

    def __init__(self, root: Path) -> None:
        """Store below ``root``."""
        self._root = root

    def handle_output(self, context: dg.OutputContext, obj: NearestCodeIndex) -> None:
        """Write to a temporary directory, then swap."""
        import faiss

        target = self._directory(context.asset_key)
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(dir=target.parent, prefix=".staged-"))
        faiss.write_index(obj.faiss_index, str(staged / "index.faiss"))
        (staged / "codes.json").write_text(json.dumps(list(obj.codes)), encoding="utf-8")
        origin = {
            "embedder": obj.embedder,
            "release": obj.release,
            "index_sha256": _sha256(staged / "index.faiss"),
            "codes_sha256": _sha256(staged / "codes.json"),
        }
        (staged / "origin.json").write_text(json.dumps(origin, indent=2), encoding="utf-8")
        old = target.with_name(f".old-{target.name}")
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.replace(old)
        staged.replace(target)
        shutil.rmtree(old, ignore_errors=True)
        context.add_output_metadata({"path": dg.MetadataValue.path(str(target)), **origin})

    def load_input(self, context: dg.InputContext) -> NearestCodeIndex:
        """Read and verify."""
        return read_index(self._directory(context.asset_key))

    def _directory(self, key: dg.AssetKey) -> Path:
        return self._root.joinpath(*key.path)


def read_index(directory: Path) -> NearestCodeIndex:
    """Load an index directory.

    Raises:
        IndexMismatchError: Something is missing, or a checksum differs.
    """
    import faiss

    remedy = "materialize synthetic/nearest_code_index again"
    try:
        origin = json.loads((directory / "origin.json").read_text(encoding="utf-8"))
        embedder, release = str(origin["embedder"]), str(origin["release"])
    except (OSError, ValueError, LookupError, TypeError):
        raise IndexMismatchError(f"{directory} holds no nearest-code index: {remedy}") from None
    for name, key in (("index.faiss", "index_sha256"), ("codes.json", "codes_sha256")):
        if not (directory / name).exists() or _sha256(directory / name) != origin.get(key):
            raise IndexMismatchError(f"{directory / name} is missing or was changed: {remedy}")
    codes = json.loads((directory / "codes.json").read_text(encoding="utf-8"))
    index = faiss.read_index(str(directory / "index.faiss"))
    return NearestCodeIndex(tuple(codes), embedder, release, index)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
