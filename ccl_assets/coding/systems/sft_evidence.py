"""Ablation: trained on notes with evidence, without spans."""

from ccl_assets.coding.coding_system import SystemDescription
from ccl_assets.coding.prompted_coder import PromptedCoder

SYSTEM = SystemDescription(
    name="sft_evidence",
    rank=50,
    description="Fine-tuned on notes, their evidence and codes.",
    prompt="document_coding",
    recipe="evidence",
    build=PromptedCoder,
)
