"""Fine-tuned models: the base model with the adapter of a recipe, asked with the prompt it was trained on."""

from __future__ import annotations

from collections.abc import Container, Mapping

from ccl_assets.coding.systems.prompted_coder import CoderSettings, PromptedCoder
from ccl_assets.resources.text_generation.requests import TextGenerator

PROMPTS = {
    "sft_code_only": "code_only_coding",
    "sft_evidence": "document_coding",
    "sft_evidence_gold": "document_coding",
    "scl": "document_coding",
    "scl_human_evidence": "document_coding_with_evidence",
}


class AdapterCoder(PromptedCoder):
    """Codes with an adapter; the generator must carry the one that ``SYSTEMS[name].recipe`` names.

    ``scl_human_evidence`` is shown the human-marked spans in the user turn, below the note, in the section that
    span-level training shows, and writes the code section only: a generation request has no way to begin the answer for
    the model. Its scores tell how well codes are assigned once evidence is right; no deployed system has such spans.
    """

    def __init__(
        self,
        name: str,
        generator: TextGenerator,
        billable: Container[str],
        titles: Mapping[str, str] | None = None,
        settings: CoderSettings | None = None,
    ) -> None:
        """Prepare the system.

        Args:
            name: One of :data:`PROMPTS`.
            generator: Base model with adapter.
            billable: The release's billable codes.
            titles: Title per code, to report titles that are not the code's own.
            settings: How the model is asked.

        Raises:
            ValueError: ``name`` is no fine-tuned system.
        """
        if name not in PROMPTS:
            raise ValueError(f"{name!r} is no fine-tuned system; there are {sorted(PROMPTS)}")
        super().__init__(
            name,
            PROMPTS[name],
            generator,
            billable,
            titles,
            settings,
            gives_human_evidence=name == "scl_human_evidence",
        )
