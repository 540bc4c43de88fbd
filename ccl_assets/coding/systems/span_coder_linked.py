"""``span_coder`` with a linker: stretches of a note that no term says are linked to the nearest terms of the knowledge base."""

from ccl_assets.coding.coding_system import SystemDescription
from ccl_assets.coding.span_coding import build_span_coding

SYSTEM = SystemDescription(
    name="span_coder_linked",
    rank=18,
    description="As span_coder, with an encoder that links unseen wordings to terms.",
    rung="linked",
    build=build_span_coding,
)
