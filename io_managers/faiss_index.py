"""FAISS indexes as artifacts: vectors, id map and what they were built from, verified by checksum when loaded."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, get_args

import dagster as dg
import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]
Kind = Literal["exact", "hnsw"]

_ORIGIN, _LOCK = "origin.json", ".lock"
_REMEDY = "materialize synthetic/nearest_code_index again"
_SHOWN = 5
_UNIT = 1e-3  # by which a unit vector's length may be off
# Of 33,438 titles the graph finds 99.8 % of the ten nearest; links and breadth cost time in building, effort in searching.
_HNSW = {"links": 32, "breadth": 100, "effort": 64}


class IndexMismatchError(RuntimeError):
    """A stored index is damaged or was built from something else."""


class Encoder(Protocol):
    """Interface of an encoder of queries."""

    @property
    def model_name(self) -> str:
        """Name for people."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of what decides its vectors."""
        ...


@dataclass(frozen=True)
class Origin:
    """Origin of an index: encoder, texts and kind.

    Attributes:
        release: Release label.
        embedder: Name of the encoder.
        fingerprint: Hash of the encoder's files.
        kind: ``exact`` compares with every vector, ``hnsw`` walks a graph.
        parameters: Of the kind.
        dimension: Of the vectors.
        code_count: Codes in the index.
        checksum: SHA-256 over all of the above, the codes and their texts: equal where nothing changed.
    """

    release: str
    embedder: str
    fingerprint: str
    kind: str
    parameters: Mapping[str, int]
    dimension: int
    code_count: int
    checksum: str = ""


@dataclass(frozen=True)
class NearestCodeIndex:
    """Covered codes with their unit vectors.

    Attributes:
        codes: Code at each position.
        origin: What it was built from.
        faiss_index: Index by inner product, of shape (codes, dimension).
    """

    codes: Sequence[str]
    origin: Origin
    faiss_index: Any

    @classmethod
    def build(
        cls,
        codes: Sequence[str],
        vectors: Vectors,
        embedder: str,
        release: str,
        *,
        fingerprint: str = "",
        texts: Sequence[str] = (),
        kind: Kind = "exact",
    ) -> NearestCodeIndex:
        """Build from unit vectors; equal input gives equal bytes.

        Args:
            codes: Covered codes.
            vectors: Shape (codes, dimension).
            embedder: Name of the encoder.
            release: Release label.
            fingerprint: Hash of the encoder's files.
            texts: What was embedded for each code; it only enters the checksum.
            kind: ``hnsw`` pays from some 50,000 codes on: it takes 0.3 s a thousand codes to build and finds nearly all.

        Raises:
            ValueError: No codes, another number of vectors, or vectors that are not finite, zero or of another length than one.
        """
        import faiss

        if not len(codes):
            raise ValueError("no covered code to index: materialize gold/pairs and synthetic/coverage first")
        if vectors.shape[0] != len(codes):
            raise ValueError(f"{len(codes)} codes but {vectors.shape[0]} vectors")
        _refuse_bad(codes, vectors, embedder)
        index, parameters = _empty(kind, vectors.shape[1])
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)  # several threads build another graph each time
        try:
            index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        finally:
            faiss.omp_set_num_threads(threads)
        origin = Origin(release, embedder, fingerprint, kind, parameters, vectors.shape[1], len(codes))
        checksum = _checksum([asdict(origin), list(codes), list(texts)])
        return cls(tuple(codes), replace(origin, checksum=checksum), index)

    def require(self, release: str, encoder: Encoder) -> None:
        """Refuse to be searched for another release, or by the vectors of another encoder.

        Args:
            release: Label of the release whose codes are looked up.
            encoder: Who embeds the queries.

        Raises:
            IndexMismatchError: The index is of another one; the message says what to do.
        """
        if (self.origin.release, self.origin.fingerprint) != (release, encoder.fingerprint):
            raise IndexMismatchError(
                f"the index was built of {self.origin.release} with {self.origin.embedder} "
                f"[{self.origin.fingerprint[:12]}], not of {release} with {encoder.model_name} "
                f"[{encoder.fingerprint[:12]}]: {_REMEDY}"
            )

    def search(self, queries: Vectors, count: int) -> tuple[Vectors, NDArray[np.int64]]:
        """Nearest positions by cosine similarity, both results of shape (queries, count); position -1 where there is none.

        Raises:
            ValueError: Queries of another dimension, or that are not finite.
        """
        import faiss

        if not len(queries):
            return np.empty((0, count), dtype=np.float32), np.empty((0, count), dtype=np.int64)
        if queries.shape[1] != self.origin.dimension:
            raise ValueError(f"queries of {queries.shape[1]} dimensions to an index of {self.origin.dimension}")
        if bad := int((~np.isfinite(queries).all(axis=1)).sum()):
            raise ValueError(f"{bad} of {len(queries)} queries are not finite")
        effort = None
        if self.origin.kind == "hnsw":
            breadth = max(self.origin.parameters["effort"], 2 * count)
            effort = faiss.SearchParametersHNSW(efSearch=breadth)  # type: ignore[attr-defined]
        similarities, positions = self.faiss_index.search(
            np.ascontiguousarray(queries, dtype=np.float32), count, params=effort
        )
        return similarities, positions

    def vectors(self, positions: Sequence[int]) -> Vectors:
        """Vectors at positions."""
        found: Vectors = self.faiss_index.reconstruct_batch(np.asarray(positions, dtype=np.int64))
        return found


class FaissIndexIOManager(dg.IOManager):
    """One directory per index asset."""

    def __init__(self, root: Path) -> None:
        """Store below ``root``."""
        self._root = root

    def handle_output(self, context: dg.OutputContext, obj: NearestCodeIndex) -> None:
        """Write the index in place of the one before."""
        directory = self._directory(context.asset_key)
        write_index(obj, directory)
        context.add_output_metadata(
            {
                "path": dg.MetadataValue.path(str(directory)),
                "embedder": obj.origin.embedder,
                "embedder_fingerprint": obj.origin.fingerprint,
                "release": obj.origin.release,
                "kind": obj.origin.kind,
                "codes": obj.origin.code_count,
                "dimension": obj.origin.dimension,
                "checksum": obj.origin.checksum,
            }
        )

    def load_input(self, context: dg.InputContext) -> NearestCodeIndex:
        """Read and verify."""
        return read_index(self._directory(context.asset_key))

    def _directory(self, key: dg.AssetKey) -> Path:
        return self._root.joinpath(*key.path)


def write_index(index: NearestCodeIndex, directory: Path) -> None:
    """Write an index in place of the one before.

    The vectors' file is named after its content; the origin, which names that file and holds the id map, replaces the one before in
    one step. Whenever the process is killed, the old index can be read or the new one.
    """
    import faiss

    vectors = faiss.serialize_index(index.faiss_index).tobytes()
    sha256 = hashlib.sha256(vectors).hexdigest()
    content: dict[str, Any] = {"vectors": f"{sha256[:32]}.faiss", "vectors_sha256": sha256, **asdict(index.origin)}
    content["codes"] = list(index.codes)
    content["file_checksum"] = _checksum(content)
    with _alone(directory):
        unnamed = directory / "unnamed.tmp"
        for name, written in ((content["vectors"], vectors), (_ORIGIN, json.dumps(content).encode())):
            unnamed.write_bytes(written)
            unnamed.replace(directory / name)
        for file in directory.iterdir():  # of the index before, or of one whose writing was interrupted
            if file.name not in (content["vectors"], _ORIGIN, _LOCK):
                file.unlink()


def read_index(directory: Path) -> NearestCodeIndex:
    """Load an index directory.

    Raises:
        IndexMismatchError: Something is missing, or a checksum differs.
    """
    import faiss

    stored = _stored(directory)
    path = directory / str(stored["vectors"])
    while True:
        try:
            vectors = path.read_bytes()
            break
        except OSError:
            before, stored = path, _stored(directory)  # replaced since its origin was read?
            path = directory / str(stored["vectors"])
            if path == before:
                raise IndexMismatchError(f"{path} is missing or cannot be read: {_REMEDY}") from None
    if hashlib.sha256(vectors).hexdigest() != stored["vectors_sha256"]:
        raise IndexMismatchError(f"{path} was changed: {_REMEDY}")
    origin = Origin(**{name: stored[name] for name in Origin.__dataclass_fields__})
    index = faiss.deserialize_index(np.frombuffer(vectors, dtype=np.uint8))
    return NearestCodeIndex(tuple(stored["codes"]), origin, index)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Alone among the writers of a directory: each removes what the others left."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _stored(directory: Path) -> dict[str, Any]:
    """What the origin says, if it is whole."""
    try:
        content: dict[str, Any] = json.loads((directory / _ORIGIN).read_text(encoding="utf-8"))
        if content.pop("file_checksum") == _checksum(content):
            return content
    except OSError:
        raise IndexMismatchError(f"{directory} holds no nearest-code index: {_REMEDY}") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        pass
    raise IndexMismatchError(f"{directory / _ORIGIN} was changed or is of another version: {_REMEDY}")


def _empty(kind: Kind, dimension: int) -> tuple[Any, dict[str, int]]:
    import faiss

    if kind == "exact":
        return faiss.IndexFlatIP(dimension), {}
    if kind == "hnsw":
        index = faiss.IndexHNSWFlat(dimension, _HNSW["links"], faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = _HNSW["breadth"]
        return index, dict(_HNSW)
    raise ValueError(f"no index of kind {kind!r}; there are {', '.join(get_args(Kind))}")


def _refuse_bad(codes: Sequence[str], vectors: Vectors, embedder: str) -> None:
    lengths = np.linalg.norm(vectors, axis=1)
    for bad, what in (
        (~np.isfinite(lengths), "not finite"),
        (lengths == 0, "zero"),
        (~(np.abs(lengths - 1) < _UNIT), "not of length one"),
    ):
        if bad.any():
            first = ", ".join(codes[position] for position in np.flatnonzero(bad)[:_SHOWN])
            raise ValueError(
                f"the encoder {embedder} gave vectors that are {what}: {bad.sum()} of {len(codes)}, first of {first}; check "
                "CCL_EMBEDDER"
            )


def _checksum(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
