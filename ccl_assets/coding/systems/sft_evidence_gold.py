"""Ablation: trained on notes with evidence and on the release's own terms."""

from ccl_assets.coding.coding_system import SystemDescription
from ccl_assets.coding.prompted_coder import PromptedCoder

SYSTEM = SystemDescription(
    name="sft_evidence_gold",
    rank=60,
    description="Fine-tuned on notes with evidence and on gold spans.",
    prompt="document_coding",
    recipe="evidence_gold",
    build=PromptedCoder,
)
