"""The method's upper bound: ``scl``, shown the human-marked spans.

They stand in the user turn, below the note, in the section that span-level training shows; the model writes the code section only,
since a generation request has no way to begin the answer for the model. Scores tell how well codes are assigned once evidence is
right; no deployed system has such spans.
"""

from ccl_assets.coding.coding_system import SystemDescription
from ccl_assets.coding.prompted_coder import PromptedCoder

SYSTEM = SystemDescription(
    name="scl_human_evidence",
    rank=80,
    description="As scl, shown the human-marked spans, in the user turn; an upper bound.",
    prompt="document_coding_with_evidence",
    recipe="scl",
    needs_human_evidence=True,
    build=PromptedCoder,
)
