"""Figures of subsets of the codes: seen and unseen, by tier, by frequency, by chapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ccl_assets.evaluation.report.grid import SPACE, UNIT, Cell, Figures, Grid, TableRow, cell
from ccl_assets.evaluation.scoring.code_subsets import SUBSETS

SHADES = 10
_CHAPTER = "chapter:"
_ALSO_UNSEEN = "frequency:0"
_TEXTS = {
    "seen": "Seen in training",
    "unseen": "Unseen in training",
    "unseen:gold": "Unseen, best pair gold",
    "unseen:silver": "Unseen, best pair silver",
    "unseen:synthetic": "Unseen, best pair synthetic",
    "unseen:none": "Unseen, no pair",
}


def subset_grids(figures: Figures, systems: Sequence[str]) -> tuple[Grid, ...]:
    """Micro-F1 and recall by subset; none where only all codes together were scored."""
    found = {row["subset"] for row in figures.rows} - {_ALSO_UNSEEN}
    subsets = [name for name in SUBSETS if name in found and not name.startswith(_CHAPTER)]
    captions = {
        "micro_f1": "Micro-F1, gold and predicted codes cut to the subset",
        "micro_recall": "Recall: what was found of the subset's gold codes",
    }
    return tuple(
        Grid(
            f"{caption}; unit {UNIT}, label space {SPACE}, percent; below: 95 % interval.",
            tuple(systems),
            tuple(
                TableRow(
                    _subset_text(subset),
                    _gold_pairs(figures, systems, subset),
                    tuple(cell(figures.find(system, metric, subset=subset)) for system in systems),
                )
                for subset in subsets
            ),
        )
        for metric, caption in captions.items()
        if subsets
    )


def heat_map(figures: Figures, systems: Sequence[str], titles: Mapping[str, str]) -> Grid | None:
    """Micro-F1 by chapter and system, shaded; ``None`` where chapters were not scored.

    Args:
        figures: Scores of a benchmark.
        systems: Columns.
        titles: Chapter titles by key.
    """
    found = {row["subset"] for row in figures.rows}
    subsets = [name for name in SUBSETS if name in found and name.startswith(_CHAPTER)]
    lines = []
    for subset in subsets:
        chapter = subset.removeprefix(_CHAPTER)
        hint = ", ".join(filter(None, (titles.get(chapter, ""), _gold_pairs(figures, systems, subset))))
        cells = []
        for system in systems:
            row = figures.find(system, "micro_f1", subset=subset)
            written = cell(row)
            has_figure = row is not None and row["value"] is not None
            cells.append(Cell(written.value, written.interval, shade(row["value"]) if row and has_figure else None))
        lines.append(TableRow(chapter.replace("_", " "), hint, tuple(cells)))
    caption = (
        f"Micro-F1 within each chapter, unit {UNIT}, label space {SPACE}, percent; the darker, the higher. Below: 95 % "
        "interval. A dash: the chapter's codes were neither expected nor predicted."
    )
    return Grid(caption, tuple(systems), tuple(lines)) if lines else None


def shade(share: float) -> int:
    """Step of the scale, 0 for the lightest to ``SHADES - 1``."""
    return min(int(share * SHADES), SHADES - 1)


def _subset_text(subset: str) -> str:
    kind, _, detail = subset.partition(":")
    if kind == "frequency":
        return f"{detail[0].upper()}{detail[1:].replace('-', '–')} training charts"
    return _TEXTS.get(subset, subset)


def _gold_pairs(figures: Figures, systems: Sequence[str], subset: str) -> str:
    """Gold pairs of a subset; systems asked about different notes have different numbers of them."""
    rows = [figures.find(system, "gold_pairs", subset=subset) for system in systems]
    counts = sorted({int(row["value"]) for row in rows if row is not None and row["value"] is not None})
    if not counts:
        return ""
    said = " to ".join(f"{count:,}" for count in (counts[:1] + counts[1:][-1:]))
    return f"{said} gold pair{'' if counts == [1] else 's'}"
