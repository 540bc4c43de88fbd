"""Agreement of two codings, worked by hand."""

import pytest

from ccl_assets.corpora.sample.agreement import agreement, read_coding

TEXTS = {"001.txt": "HTN and old stroke", "002.txt": "type 2 DM, HTN"}
FIRST = {"001.txt": {"I10": ["HTN"], "Z86.73": ["old stroke"]}, "002.txt": {"E11.9": ["type 2 DM"]}}
SECOND = {"001.txt": {"I10": ["HTN"], "I69.30": ["stroke"]}, "002.txt": {"E11.65": ["DM"], "I10": ["HTN"]}}


def test_codes_are_compared_by_chart():
    found = agreement(FIRST, SECOND, TEXTS)
    assert (found.charts, found.shared, found.only_first, found.only_second) == (2, 1, 2, 3)
    assert found.micro_f1 == pytest.approx(2 / 7)
    assert found.category_f1 == pytest.approx(4 / 7)  # I10 and E11


def test_kappa_is_of_the_code_within_a_category():
    # I10 is the only code of its category here, so that chance alone gives it; E11 differs: observed 1/2, expected 1/2
    assert agreement(FIRST, SECOND, TEXTS).kappa == pytest.approx(0.0)
    assert agreement(FIRST, FIRST, TEXTS).kappa == 1.0


def test_spans_are_compared_by_their_characters_where_both_gave_the_code():
    wider = {"001.txt": {"I10": ["HTN and"]}}
    assert agreement(FIRST, wider, TEXTS).span_f1 == pytest.approx(2 * 3 / (3 + 7))


def test_a_line_of_other_fields_is_named(tmp_path):
    path = tmp_path / "second.tsv"
    path.write_text("001.txt\tI10\tHTN\n001.txt\tI10\n")
    with pytest.raises(ValueError, match=r"second\.tsv, line 2: 2 fields"):
        read_coding(path)
