"""The upper bound of ``span_coder``: it codes the human-marked spans; no deployed system has them."""

from ccl_assets.coding.coding_system import SystemDescription
from ccl_assets.coding.span_coding import build_span_coding

SYSTEM = SystemDescription(
    name="span_coder_human_evidence",
    rank=81,
    description="As span_coder, given the human-marked spans; an upper bound.",
    rung="human",
    needs_human_evidence=True,
    build=build_span_coding,
)
