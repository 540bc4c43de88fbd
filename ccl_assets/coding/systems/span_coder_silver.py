"""The second rung of the ladder: ``span_coder`` with terms of the release and those mined from notes."""

from ccl_assets.coding.coding_system import SystemDescription
from ccl_assets.coding.span_coding import build_span_coding

SYSTEM = SystemDescription(
    name="span_coder_silver",
    rank=13,
    description="As span_coder, with gold and silver terms.",
    rung="silver",
    build=build_span_coding,
)
