"""The first rung of the ladder: ``span_coder`` with terms of the release alone."""

from ccl_assets.coding.coding_system import SystemDescription
from ccl_assets.coding.span_coding import build_span_coding

SYSTEM = SystemDescription(
    name="span_coder_gold",
    rank=12,
    description="As span_coder, with terms of the release alone.",
    rung="gold",
    build=build_span_coding,
)
