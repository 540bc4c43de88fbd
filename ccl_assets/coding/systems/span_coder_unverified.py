"""``span_coder`` without its verifier: what stated priors and asserted terms are worth."""

from ccl_assets.coding.coding_system import SystemDescription
from ccl_assets.coding.span_coding import build_unverified

SYSTEM = SystemDescription(
    name="span_coder_unverified",
    rank=15,
    description="As span_coder, without its verifier.",
    rung="human",
    build=build_unverified,
)
