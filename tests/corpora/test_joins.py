"""Joins that match nothing are refused with the counts of both sides; ids that became floats are read as what they were."""

import pytest

from ccl_assets.corpora.documents import Corpus, CorpusFormatError, LoadCounts
from ccl_assets.corpora.joins import check_join, check_not_empty, plain_id
from ccl_assets.corpora.loaders import CorpusPaths
from ccl_assets.corpora.loaders import load as load_corpus
from ccl_assets.corpora.readers.mimic_iv import MimicIvFiles, read


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("29000001.0", "29000001"),
        ("29000001", "29000001"),
        ("123.", "123"),
        ("2.9000001E7", "29000001"),
        (" 7 ", "7"),
        ("1.5", "1.5"),
        ("D2N001", "D2N001"),
        ("", ""),
        ("007", "007"),
        ("1e400", "1e400"),
        ("S0004-1", "S0004-1"),
    ],
)
def test_ids_that_became_floats_are_plain_again(written, plain):
    assert plain_id(written) == plain


def mimic(write_mimic_iv, notes, codes):
    return Corpus.collect(
        lambda counts: read(
            MimicIvFiles.find(
                *write_mimic_iv(
                    [(f"n{number}", chart, "DS", "Asthma") for number, chart in enumerate(notes)],
                    [(chart, rank, code, version) for chart, rank, code, version in codes],
                )
            ),
            counts,
        )
    )


@pytest.mark.parametrize(
    ("notes", "charts"),
    [(["21.0", "22.0"], ["21", "22"]), (["21", "22"], ["21.0", "22.0"]), (["21", "22.0"], ["2.1e1", "22"])],
)
def test_float_ids_meet(write_mimic_iv, notes, charts):
    corpus = mimic(write_mimic_iv, notes, [(chart, "1.0", "J45909", "10.0") for chart in charts])
    assert len(corpus.documents) == len(corpus.labels) == 2
    assert {label.chart_id for label in corpus.labels} == {"21", "22"}


@pytest.mark.parametrize(
    ("notes", "codes", "said"),
    [
        (
            ["21", "22"],
            [("31", "1", "I10", "10"), ("32", "1", "I10", "10")],
            "of 2 admissions with a note and 2 admissions with codes only 0",
        ),
        (
            ["21", "22", "23"],
            [("21", "1", "I10", "10"), ("32", "1", "I10", "10"), ("33", "1", "I10", "10")],
            "only 1 meet",
        ),
        (["21"], [("21", "1", "4019", "9")], "none of 1 admissions has an ICD-10-CM code"),
        (["21"], [], "none of 0 admissions"),
        (["", ""], [("21", "1", "I10", "10")], "of 0 admissions with a note and 1"),
        ([], [("21", "1", "I10", "10")], "of 0 admissions with a note and 1"),
    ],
)
def test_notes_and_codes_that_do_not_meet_are_refused(write_mimic_iv, notes, codes, said):
    with pytest.raises(CorpusFormatError) as refused:
        mimic(write_mimic_iv, notes, codes)
    assert said in str(refused.value)


def test_a_part_of_the_notes_with_the_codes_of_all_is_read(write_mimic_iv):
    codes = [(str(chart), "1", "I10", "10") for chart in range(100, 140)]
    assert len(mimic(write_mimic_iv, ["101", "102"], codes).documents) == 2


def test_labels_of_another_export_of_aci_bench_are_refused(tmp_path, write_csv):
    stems = ("train", "valid", "clinicalnlp_taskB_test1", "clinicalnlp_taskC_test2", "clef_taskC_test3")
    for number, stem in enumerate(stems):
        write_csv(tmp_path / f"aci/{stem}.csv", ["encounter_id", "note"], [(f"D2N{number}", "Gout")])
    labels = [(f"D2N{number}", "M109") for number in (0, 7, 8, 9)]
    paths = CorpusPaths(
        aci_bench=tmp_path / "aci", aci_labels=write_csv(tmp_path / "l.csv", ["Document ID", "ICD10"], labels)
    )
    with pytest.raises(CorpusFormatError, match="of 5 notes and 4 documents with labels only 1 meet"):
        load_corpus("aci_bench", paths)


def test_counts_that_kept_nothing_are_refused_with_the_reasons(tmp_path):
    counts = LoadCounts()
    counts.drop("documents", "no_icd10_code", 7)
    with pytest.raises(CorpusFormatError, match=r"none of 7 documents is left \(7 no_icd10_code\)"):
        check_not_empty(tmp_path, counts)
    counts.keep("documents")
    check_not_empty(tmp_path, counts)
    counts.drop("labels", "malformed_code", 2)
    with pytest.raises(CorpusFormatError, match="none of 2 labels is left"):
        check_not_empty(tmp_path, counts)


@pytest.mark.parametrize(
    ("left", "right", "met", "is_refused"),
    [(4, 4, 2, False), (4, 4, 1, True), (4, 100, 4, False), (100, 4, 1, True), (0, 4, 0, True)],
)
def test_the_stated_share_is_of_the_smaller_side(tmp_path, left, right, met, is_refused):
    ask = lambda: check_join(tmp_path, ("a", range(left)), ("b", range(right)), met, "remedy")  # noqa: E731
    if is_refused:
        with pytest.raises(CorpusFormatError, match=f"of {left} a and {right} b only {met} meet"):
            ask()
    else:
        ask()
