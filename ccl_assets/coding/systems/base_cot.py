"""The base model, asked in words: reason briefly, then answer in the coding output format. What it reasons is not read."""

from ccl_assets.coding.coding_system import SystemDescription
from ccl_assets.coding.prompted_coder import PromptedCoder

SYSTEM = SystemDescription(
    name="base_cot",
    rank=20,
    description="Base model, zero-shot, brief reasoning first.",
    prompt="cot_coding",
    build=PromptedCoder,
)
