"""Ablation: trained on notes and their codes, without evidence."""

from ccl_assets.coding.coding_system import SystemDescription
from ccl_assets.coding.prompted_coder import PromptedCoder

SYSTEM = SystemDescription(
    name="sft_code_only",
    rank=40,
    description="Fine-tuned on notes and their codes.",
    prompt="code_only_coding",
    recipe="code_only",
    build=PromptedCoder,
)
