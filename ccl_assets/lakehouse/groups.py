"""The groups of the asset graph: their names in reading order, and where to read on about each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_PAPER = "https://arxiv.org/html/2603.15270"
_PAGES = Path(__file__).parents[2] / "docs"


@dataclass(frozen=True)
class Group:
    """One group.

    Attributes:
        name: Carries a number, since the UI sorts groups by name.
        section: Of the paper (arXiv 2603.15270); empty where the paper says nothing of it.
        anchor: Of that section on the paper's page.
        page: File name of the page under ``docs/`` that goes on where descriptions end.
    """

    name: str
    section: str
    anchor: str
    page: str

    @property
    def paper_url(self) -> str:
        """Address of the section."""
        return f"{_PAPER}#{self.anchor}"

    @property
    def page_text(self) -> str:
        """The page in Markdown; empty where the package was installed without ``docs/``."""
        path = _PAGES / self.page
        return path.read_text(encoding="utf-8") if path.is_file() else ""


_GROUPS = {
    "source": Group("0_source", "", "", "annual_update.md"),
    "icd": Group("1_icd", "A.4", "A1.SS4", "annual_update.md"),
    "corpus": Group("2_corpus", "4.1", "S4.SS1", "adding_a_corpus.md"),
    "gold": Group("3_gold", "3.3", "S3.SS3", "naming.md"),
    "silver": Group("4_silver", "3.3", "S3.SS3", "naming.md"),
    "synthetic": Group("5_synthetic", "3.3", "S3.SS3", "choosing_an_encoder.md"),
    "knowledge_base": Group("6_knowledge_base", "3.3", "S3.SS3", "naming.md"),
    "linking": Group("7_linking", "3.2", "S3.SS2", "decisions.md"),
    "sft": Group("7_sft", "3.2", "S3.SS2", "decisions.md"),
    "eval": Group("8_eval", "4", "S4", "decisions.md"),
}


def group_of(asset: str) -> Group:
    """The group of an asset by the first part of its key; one that is not listed goes by that part alone.

    Args:
        asset: Key as ``group/table``.
    """
    first = asset.split("/")[0]
    return _GROUPS.get(first, Group(first, "", "", ""))
