"""The base model, asked in words: reason briefly, then answer in the coding output format."""

from __future__ import annotations

from collections.abc import Container, Mapping

from ccl_assets.coding.systems.prompted_coder import CoderSettings, PromptedCoder
from ccl_assets.resources.text_generation.requests import TextGenerator


class BaseCot(PromptedCoder):
    """Zero-shot chain of thought; the generator must carry no adapter. What the model reasons is not read."""

    def __init__(
        self,
        generator: TextGenerator,
        billable: Container[str],
        titles: Mapping[str, str] | None = None,
        settings: CoderSettings | None = None,
    ) -> None:
        """Prepare the system; arguments as those of :class:`PromptedCoder`."""
        super().__init__("base_cot", "cot_coding", generator, billable, titles, settings)
