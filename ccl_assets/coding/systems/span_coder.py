"""The coder of a machine without a GPU: spans looked up, weighed and verified, of all tiers and of training notes."""

from ccl_assets.coding.coding_system import SystemDescription
from ccl_assets.coding.span_coding import build_span_coding

SYSTEM = SystemDescription(
    name="span_coder",
    rank=19,
    description="Spans looked up, weighed by training notes and verified; no language model.",
    rung="human",
    build=build_span_coding,
)
