"""Two things that make decoding on a CPU fast: attention that copies no keys, and a cache that does not grow by copying.

Measured with SmolLM2 on one thread, 8 prompts of 900 tokens: a decoding step takes 392 ms with what transformers does by itself,
214 ms with the attention below, 194 ms with attention and cache.
"""

from __future__ import annotations

from functools import cache
from typing import Any

_NAME = "ccl_grouped"


@cache
def grouped_attention_name() -> str:
    """Register the attention with transformers; the name is one for ``attn_implementation``.

    Where several query heads share a key head, transformers repeats the keys for every query head before it attends under a mask.
    When a single position is decoded, the query heads of a group can stand side by side as positions instead. Everything else goes
    to transformers' own SDPA attention.
    """
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    AttentionInterface.register(_NAME, _attend)
    AttentionMaskInterface.register(_NAME, sdpa_mask)
    return _NAME


def _attend(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float | None = None, **options: Any
) -> tuple[Any, None]:
    import torch
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    batch, heads, positions, width = query.shape
    groups = key.shape[1]
    is_plain = options.get("position_bias") is None and options.get("softcap") is None
    if positions != 1 or groups == heads or not is_plain:
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
        return output, None
    scores = torch.matmul(query.reshape(batch, groups, heads // groups, width), key.transpose(2, 3))
    scores = scores * (width**-0.5 if scaling is None else scaling)
    if attention_mask is not None:
        if attention_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
        else:
            scores = scores + attention_mask
    output = torch.matmul(torch.softmax(scores, dim=-1), value)
    return output.reshape(batch, 1, heads, width), None


def preallocated_cache(config: Any, capacity: int) -> Any:
    """A key-value cache with room for ``capacity`` positions; layers with a sliding window keep transformers' own.

    Args:
        config: The model's configuration.
        capacity: Positions of prompt and answer together.
    """
    from transformers.cache_utils import DynamicCache, DynamicLayer

    class PreallocatedLayer(DynamicLayer):
        """Full attention over a buffer that is filled in place."""

        is_preallocated = True

        def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
            begin = self.get_seq_length()
            end = begin + key_states.shape[-2]
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
                self._buffers = [
                    states.new_empty(*states.shape[:-2], max(capacity, end), states.shape[-1])
                    for states in (key_states, value_states)
                ]
            for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
                buffer[..., begin:end, :] = states
            self.keys, self.values = (buffer[..., :end, :] for buffer in self._buffers)
            return self.keys, self.values

        def batch_select_indices(self, indices: Any) -> None:
            end = self.get_seq_length()
            self._buffers = [buffer[indices] for buffer in self._buffers]
            self.keys, self.values = (buffer[..., :end, :] for buffer in self._buffers)

    made = DynamicCache(config=config)
    made.layers = [PreallocatedLayer() if type(layer) is DynamicLayer else layer for layer in made.layers]
    return made


def sees_all(cache: Any) -> bool:
    """Tell whether every layer attends to all positions; with a sliding window, padding between two tokens would count."""
    return all(getattr(layer, "is_preallocated", False) for layer in cache.layers)
