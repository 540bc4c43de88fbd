"""Small plots as PNG bytes, for asset metadata and model cards.

Figures are drawn off screen without pyplot, which keeps global state and is not safe in threads.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart by colour-blind readers; yellow left out, it fades on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_STYLES = ("-", "--", "-.", ":")
_DPI = 110


def bar_chart(title: str, labels: Sequence[str], values: Sequence[float], unit: str) -> bytes:
    """Horizontal bars in the order given, each with its value.

    Args:
        title: Heading.
        labels: One per bar.
        values: One per bar; zero is always on the axis.
        unit: What the values are, written under the axis.

    Returns:
        A PNG.

    Raises:
        ValueError: Labels and values differ in number.
    """
    if len(labels) != len(values):
        raise ValueError(f"bar chart {title!r} has {len(labels)} labels but {len(values)} values; give one for each")
    figure, axes = _canvas(title, height=1.2 + 0.32 * max(len(labels), 1))
    positions = range(len(labels))
    bars = axes.barh(positions, values, color=COLOURS[0], height=0.7)
    axes.bar_label(bars, labels=[f"{value:,.4g}" if value % 1 else f"{value:,.0f}" for value in values], padding=3)
    axes.set_yticks(positions, [label.replace("$", r"\$") for label in labels])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel(unit)
    return _png(figure)


def line_plot(title: str, x_label: str, series: Mapping[str, Sequence[tuple[float, float]]]) -> bytes:
    """Lines of ``(x, y)`` points, told apart by colour and dash; a series of one point is drawn as a dot.

    Args:
        title: Heading.
        x_label: What runs along the axis, e.g. ``step``.
        series: Points by name of the line.

    Returns:
        A PNG.
    """
    figure, axes = _canvas(title, height=3.6)
    for number, (name, points) in enumerate(series.items()):
        axes.plot(
            [x for x, _ in points],
            [y for _, y in points],
            label=name,
            color=COLOURS[number % len(COLOURS)],
            linestyle=_STYLES[number % len(_STYLES)],
            marker="o" if len(points) == 1 else None,
        )
    axes.set_xlabel(x_label)
    if series:
        axes.legend(frameon=False)
    return _png(figure)


def as_markdown(png: bytes, alt: str) -> str:
    """A Markdown image that carries its own bytes."""
    words = alt.replace("[", "(").replace("]", ")")
    return f"![{words}](data:image/png;base64,{base64.b64encode(png).decode('ascii')})"


def _canvas(title: str, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, height), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title.replace("$", r"\$"), loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()
