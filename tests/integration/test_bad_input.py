"""``python -m ccl_assets.refresh`` with a wrong setting or source: a clear message, and not one table is written."""

import csv
import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

MINIMAL_TABULAR = b'<?xml version="1.0"?><ICD10CM.tabular><version>2026</version></ICD10CM.tabular>'
BAD_INPUT = 2


@pytest.fixture
def refresh(tmp_path):
    """Run a refresh with settings of its own; returns exit status and what it said to standard error."""
    home = tmp_path / "home"

    def run(**settings):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("CCL_", "DAGSTER_"))}
        environment |= {name: str(value) for name, value in settings.items()} | {"CCL_HOME": str(home)}
        done = subprocess.run(
            [sys.executable, "-m", "ccl_assets.refresh"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert not (home / "lakehouse").exists(), "a table was written"
        return done.returncode, done.stderr

    return run


def write_csv(path, heading, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([heading, *rows])


@pytest.fixture
def mimic_iv(tmp_path):
    """MIMIC-IV in its published layout, one note; returns both folders."""
    write_csv(
        tmp_path / "mimic-iv-note/note/discharge.csv.gz",
        ["note_id", "subject_id", "hadm_id", "note_type", "note_seq", "charttime", "storetime", "text"],
        ["1-DS-1", "1", "11", "DS", "1", "", "", "a private note"],
    )
    write_csv(
        tmp_path / "mimic-iv/hosp/diagnoses_icd.csv.gz",
        ["subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"],
        ["1", "11", "1", "I10", "10"],
    )
    return {"CCL_MIMIC_IV_NOTE": tmp_path / "mimic-iv-note", "CCL_MIMIC_IV": tmp_path / "mimic-iv"}


def test_an_unknown_profile_is_refused_with_the_known_ones(refresh):
    status, said = refresh(CCL_PROFILE="nonsense")
    assert status == BAD_INPUT
    assert said == "setting CCL_PROFILE: Input should be 'quick' or 'full'\n"


def missing(folder: Path) -> Path:
    return folder / "fy2027.zip"


def half_a_zip(folder: Path) -> Path:
    import io
    import random
    import zipfile

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tabular.xml", MINIMAL_TABULAR + random.Random(1).randbytes(5000))
    content = packed.getvalue()
    path = folder / "release.zip"
    path.write_bytes(content[: len(content) // 2])
    return path


def other_xml(folder: Path) -> Path:
    path = folder / "menu.xml"
    path.write_text("<menu><dish>soup</dish></menu>")
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            missing,
            "release path {path} does not exist: set CCL_ICD_RELEASE to the zip or folder of an official release",
        ),
        (half_a_zip, "{path}: the zip release.zip is damaged or cut short"),
        (
            other_xml,
            "{path} is not an ICD-10-CM release: the Tabular List (XML with root <ICD10CM.tabular>) is not in it",
        ),
    ],
    ids=["missing", "half a zip", "another XML"],
)
def test_a_release_that_is_none_is_refused_by_its_path(refresh, tmp_path, make, message):
    path = make(tmp_path)
    status, said = refresh(CCL_ICD_RELEASE=path)
    assert status == BAD_INPUT
    assert message.format(path=path) in said


def test_a_note_file_that_lacks_a_column_is_refused_before_anything_is_computed(refresh, mimic_iv):
    path = mimic_iv["CCL_MIMIC_IV_NOTE"] / "note/discharge.csv.gz"
    write_csv(path, ["note_id", "subject_id", "note_type", "text"], ["1-DS-1", "1", "DS", "a private note"])
    status, said = refresh(**mimic_iv)
    assert status == BAD_INPUT
    assert f"{path}, line 1: the heading lacks hadm_id" in said
    assert "take the file as published" in said
    assert "private" not in said


def test_a_corpus_folder_without_its_file_names_the_setting(refresh, mimic_iv, tmp_path):
    (tmp_path / "empty").mkdir()
    status, said = refresh(**mimic_iv | {"CCL_MIMIC_IV": tmp_path / "empty"})
    assert status == BAD_INPUT
    assert "no diagnoses_icd.csv.gz or diagnoses_icd.csv in" in said
    assert "correct CCL_MIMIC_IV" in said


class TestHeadings:
    """What a refresh checks of each corpus, without the cost of a process."""

    @pytest.fixture
    def check(self, mimic_iv):
        from ccl_assets.corpora.loaders import check_headings
        from ccl_assets.resources.corpus_paths import CorpusPaths

        paths = {name.removeprefix("CCL_").lower(): path for name, path in mimic_iv.items()}
        return lambda **more: check_headings("mimic_iv", CorpusPaths(**paths, **more))

    def test_whole_files_pass(self, check):
        check()

    def test_the_codes_are_checked_like_the_notes(self, check, mimic_iv):
        write_csv(mimic_iv["CCL_MIMIC_IV"] / "hosp/diagnoses_icd.csv.gz", ["hadm_id", "icd_code"], ["11", "I10"])
        with pytest.raises(ValueError, match="heading lacks seq_num, icd_version"):
            check()

    def test_a_split_file_that_is_none_is_refused(self, check, tmp_path):
        (tmp_path / "split.feather").write_bytes(b"not feather")
        with pytest.raises(ValueError, match=r"split\.feather: not a feather file.*CCL_EDIN_SPLIT"):
            check(edin_split=tmp_path / "split.feather")

    def test_the_sample_passes(self):
        from ccl_assets.corpora.loaders import check_headings
        from ccl_assets.resources.corpus_paths import CorpusPaths

        check_headings("sample", CorpusPaths())

    def test_other_corpora_are_checked_too(self, tmp_path):
        from ccl_assets.corpora.loaders import check_headings
        from ccl_assets.corpora.readers.aci_bench import _SPLIT_OF_FILE
        from ccl_assets.resources.corpus_paths import CorpusPaths

        for stem in _SPLIT_OF_FILE:
            (tmp_path / f"{stem}.csv").write_text("encounter_id,dialogue\n1,x\n")
        with pytest.raises(ValueError, match=r"train\.csv, line 1: the heading lacks note"):
            check_headings("aci_bench", CorpusPaths(aci_bench=tmp_path))
