"""Plots are PNGs, the same bytes for the same input."""

import base64

import pytest

from ccl_assets.plots import as_markdown, bar_chart, line_plot

PNG = b"\x89PNG\r\n\x1a\n"


def test_plots_are_png_and_repeatable() -> None:
    bars = bar_chart("Codes by chapter", ["01_A00-B99", "02_C00-D49"], [1059, 0.5], "codes")
    assert bars.startswith(PNG)
    assert bars == bar_chart("Codes by chapter", ["01_A00-B99", "02_C00-D49"], [1059, 0.5], "codes")
    assert line_plot("Loss", "step", {"train": [(1, 2.0), (2, 1.5)], "val": [(2, 1.7)]}).startswith(PNG)


def test_nothing_to_draw_is_still_a_plot() -> None:
    assert bar_chart("Empty", [], [], "codes").startswith(PNG)
    assert line_plot("Empty", "step", {}).startswith(PNG)


def test_dollar_signs_are_text_not_formulas() -> None:
    assert bar_chart("Cost in $", ["$x_{", "y$"], [1, 2], "$").startswith(PNG)


def test_labels_and_values_must_pair_up() -> None:
    with pytest.raises(ValueError, match="2 labels but 1 values"):
        bar_chart("Codes", ["a", "b"], [1], "codes")


def test_markdown_carries_the_bytes() -> None:
    markdown = as_markdown(b"abc", "loss [train]")
    assert markdown == f"![loss (train)](data:image/png;base64,{base64.b64encode(b'abc').decode()})"
