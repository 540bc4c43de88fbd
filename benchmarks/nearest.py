"""What the nearest codes of a whole release cost: embedding, building and searching, exact and approximate.

All billable codes are embedded (full title and first inclusion terms, more than the assets ever embed) and each is looked up among
all. Beside them, in the same run and on a sample, the naive ways: one text at a time, and numpy instead of FAISS.

    python benchmarks/nearest.py [--release PATH] [--threads 2] [--codes 5000]

Exit status 1 if a measure is missed. Wall times are worth something on an idle machine only; CPU times hold beside other processes.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.io_managers.faiss_index import Kind, NearestCodeIndex
from ccl_assets.resources.embedding.embedder import Embedder
from ccl_assets.resources.embedding.store import EmbeddingStore

_COUNT = 10
_MOST_S = 15 * 60
_LEAST_RECALL = 0.95
_NAIVE_TEXTS, _NAIVE_QUERIES = 256, 4096
_CHUNK = 1024  # queries that numpy compares at a time


@dataclass(frozen=True)
class Timed:
    """A result and what it took."""

    result: Any
    wall_s: float
    cpu_s: float


def timed(work: Callable[[], Any]) -> Timed:
    """Run and time."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return Timed(result, time.perf_counter() - wall, time.process_time() - cpu)


def row(what: str, count: int, took: Timed, note: str = "") -> None:
    """Print a line of the table: wall and CPU seconds, items a second, peak memory so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = count / took.wall_s if took.wall_s else 0.0
    print(f"{what:34}{count:9,}{took.wall_s:10.2f}{took.cpu_s:10.2f}{rate:12,.0f}{peak:10,.0f}  {note}", flush=True)


def code_texts(path: Path | None) -> tuple[str, dict[str, str]]:
    """Label, and a text for each billable code."""
    release = open_release(path)
    codes = parse_tabular(release.tabular, release.label).codes
    texts = {
        code["code"]: "; ".join((code["long_title"], *code["inclusion_terms"][:2]))
        for code in codes
        if code["is_billable"]
    }
    return release.label, texts


def by_numpy(vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> NDArray[np.float32]:
    """Similarities of the nearest codes as one would find them without FAISS."""
    found = []
    for start in range(0, len(queries), _CHUNK):
        similarities = queries[start : start + _CHUNK] @ vectors.T
        nearest = np.argpartition(-similarities, _COUNT, axis=1)[:, :_COUNT]
        found.append(-np.sort(-np.take_along_axis(similarities, nearest, axis=1), axis=1))
    return np.concatenate(found)


def measure(embedder: str, path: Path | None, threads: int, limit: int | None, folder: Path) -> bool:
    """Print the table; says whether all measures are met."""
    import faiss
    import torch

    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)
    label, texts = code_texts(path)
    codes = random.Random(0).sample(sorted(texts), min(limit or len(texts), len(texts)))
    wanted = [texts[code] for code in codes]
    store = EmbeddingStore(folder / "embeddings.sqlite")
    print(f"{label}: {len(codes):,} codes, {threads} threads, load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
    print(f"{'':34}{'items':>9}{'wall s':>10}{'CPU s':>10}{'items/s':>12}{'peak MB':>10}")
    begun = time.perf_counter()

    warm = Embedder(embedder, threads)
    row("load the encoder", 1, timed(lambda: warm.encode(["warm up"])), warm.model_name)
    sample = random.Random(1).sample(wanted, min(_NAIVE_TEXTS, len(wanted)))
    naive = timed(lambda: [warm.encode([text]) for text in sample])
    row("embed, one text at a time", len(sample), naive)
    batched = timed(lambda: warm.encode(sample))
    row(
        "embed, the same texts in batches",
        len(sample),
        batched,
        f"{naive.cpu_s / batched.cpu_s:.1f} times as fast (CPU)",
    )
    embedding = timed(
        lambda: Embedder(embedder, threads, store).encode(wanted, lambda line: print(f"  {line}", flush=True))
    )
    vectors = embedding.result
    row("embed all", len(codes), embedding)
    row("embed all again, from the store", len(codes), timed(lambda: Embedder(embedder, threads, store).encode(wanted)))

    recalls: dict[str, float] = {}
    nearest: NDArray[np.float32] | None = None
    for kind in get_args(Kind):
        build = timed(
            lambda kind=kind: NearestCodeIndex.build(
                codes, vectors, warm.model_name, label, fingerprint=warm.fingerprint, texts=wanted, kind=kind
            )
        )
        index = build.result
        row(f"{kind}: build", len(codes), build, f"{faiss.serialize_index(index.faiss_index).nbytes / 1e6:.0f} MB")
        search = timed(lambda index=index: index.search(vectors, _COUNT)[0])
        if nearest is None:
            nearest = search.result
        # by similarity, since codes of equal texts are equally near
        recalls[kind] = float((search.result >= nearest[:, -1:] - 1e-5).mean())
        row(f"{kind}: search, {_COUNT} nearest of each", len(codes), search, f"recall {recalls[kind]:.4f}")
    took = time.perf_counter() - begun

    queries = vectors[:_NAIVE_QUERIES]
    exact = NearestCodeIndex.build(codes, vectors, warm.model_name, label)
    by_faiss = timed(lambda: exact.search(queries, _COUNT)[0])
    row("exact: search, a sample", len(queries), by_faiss)
    plain = timed(lambda: by_numpy(vectors, queries))
    np.testing.assert_allclose(plain.result, by_faiss.result, atol=1e-5)
    row(
        "numpy: search, the same sample",
        len(queries),
        plain,
        f"FAISS takes {by_faiss.cpu_s / plain.cpu_s:.2f} of its CPU time",
    )

    measures = {
        f"all of it in {_MOST_S // 60} minutes ({took / 60:.1f})": took < _MOST_S,
        f"the approximate index finds {_LEAST_RECALL:.0%} of the {_COUNT} nearest": min(recalls.values())
        >= _LEAST_RECALL,
    }
    print(f"load at the end {os.getloadavg()[0]:.1f}")
    for text, is_met in measures.items():
        print(f"{'met   ' if is_met else 'MISSED'}  {text}")
    return all(measures.values())


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", default="packaged", help="`packaged`, a directory or a hub id")
    parser.add_argument("--release", type=Path, help="path of a release; the packaged one if not given")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--codes", type=int, help="take only so many codes")
    parser.add_argument("--store", type=Path, help="folder that keeps vectors for the next run; not timed then")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = chosen.store or Path(folder)
        return 0 if measure(chosen.embedder, chosen.release, chosen.threads, chosen.codes, store) else 1


if __name__ == "__main__":
    sys.exit(main())
