"""The method: trained on notes with evidence and on spans of all three tiers."""

from ccl_assets.coding.coding_system import SystemDescription
from ccl_assets.coding.prompted_coder import PromptedCoder

SYSTEM = SystemDescription(
    name="scl",
    rank=70,
    description="Fine-tuned on notes with evidence and on gold, silver and synthetic spans.",
    prompt="document_coding",
    recipe="scl",
    build=PromptedCoder,
)
