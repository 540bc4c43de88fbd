"""The third rung of the ladder: ``span_coder`` with all tiers of the knowledge base and no human span."""

from ccl_assets.coding.coding_system import SystemDescription
from ccl_assets.coding.span_coding import build_span_coding

SYSTEM = SystemDescription(
    name="span_coder_synthetic",
    rank=14,
    description="As span_coder, with gold, silver and synthetic terms.",
    rung="synthetic",
    build=build_span_coding,
)
