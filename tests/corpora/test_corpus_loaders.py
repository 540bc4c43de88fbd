import dataclasses
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from ccl_assets.corpora.documents import CorpusFormatError
from ccl_assets.corpora.loaders import CORPORA, CorpusNotConfiguredError, has_restricted_notes, load, source_files
from ccl_assets.corpora.readers import reader_modules
from ccl_assets.evaluation.benchmarks import BENCHMARK_SPLITS
from ccl_assets.lakehouse.code_versions import reached
from ccl_assets.resources.corpus_paths import CorpusPaths
from ccl_assets.resources.models.language_models import LanguageModels
from ccl_assets.resources.settings import Settings


def test_the_corpora_are_the_partitions_of_the_architecture():
    assert list(CORPORA) == ["sample", "mimic_iv", "mdace", "aci_bench", "codiesp"]
    assert {name for name, source in CORPORA.items() if source.is_restricted} == {"mimic_iv", "mdace"}


def test_a_corpus_is_declared_whole_in_its_module():
    for name, source in CORPORA.items():
        assert source is import_module(f"ccl_assets.corpora.readers.{name}").CORPUS
        assert source.benchmark_splits == BENCHMARK_SPLITS[name]
    with pytest.raises(ValueError, match="no_such_path"):
        dataclasses.replace(CORPORA["codiesp"], required=("no_such_path",))
    with pytest.raises(ValueError, match="train"):
        dataclasses.replace(CORPORA["codiesp"], benchmark_splits=("train",))


def test_a_changed_reader_gives_the_tables_of_the_corpora_another_code_version():
    assert set(reader_modules()) == {f"corpora.readers.{name}" for name in CORPORA}
    assert reached([("ccl_assets.corpora.readers.codiesp", "CORPUS")]).keys() >= {
        ("ccl_assets.corpora.readers.codiesp", "read"),
        ("ccl_assets.corpora.readers.codiesp", "_parse_positions"),
    }


PATHS = [field.name for field in dataclasses.fields(CorpusPaths) if field.default is None]


def test_every_path_a_corpus_names_is_a_setting():
    assert {field.name for field in dataclasses.fields(CorpusPaths)} <= set(Settings.model_fields)
    assert {name for source in CORPORA.values() for name in (*source.required, *source.optional)} == set(PATHS)


@pytest.mark.parametrize(
    ("name", "paths", "message"),
    [
        (
            "mimic_iv",
            CorpusPaths(),
            "needs CCL_MIMIC_IV_NOTE and CCL_MIMIC_IV: set CCL_MIMIC_IV_NOTE and CCL_MIMIC_IV,",
        ),
        ("mimic_iv", CorpusPaths(mimic_iv=Path()), "set CCL_MIMIC_IV_NOTE,"),
        ("mdace", CorpusPaths(mdace=Path()), "set CCL_MIMIC_III,"),
        ("aci_bench", CorpusPaths(aci_labels=Path()), "set CCL_ACI_BENCH,"),
        ("codiesp", CorpusPaths(), "set CCL_CODIESP,"),
    ],
)
def test_an_unset_path_is_named_by_its_setting(name, paths, message):
    assert not CORPORA[name].is_configured(paths)
    for ask in (load, source_files):
        with pytest.raises(CorpusNotConfiguredError, match=message):
            ask(name, paths)


@pytest.mark.parametrize("field", PATHS)
def test_a_path_that_does_not_exist_is_named_by_its_setting(tmp_path, field):
    paths = CorpusPaths(**dict.fromkeys(PATHS, tmp_path))
    paths = dataclasses.replace(paths, **{field: tmp_path / "absent"})
    name = next(name for name, source in CORPORA.items() if field in (*source.required, *source.optional))
    with pytest.raises(CorpusFormatError, match=f"no such file or folder; correct CCL_{field.upper()}$"):
        source_files(name, paths)


def test_paths_come_from_the_settings_with_the_home_folder_expanded(monkeypatch):
    monkeypatch.setenv("CCL_MDACE", "~/mdace")
    paths = CorpusPaths.from_settings(Settings())
    assert paths.mdace == Path.home() / "mdace"
    unset = dict.fromkeys(Settings.model_fields) | {"codiesp_language": "es"}
    assert CorpusPaths.from_settings(SimpleNamespace(**unset)) == CorpusPaths()


def test_restriction_can_be_overridden_and_is_written_on_every_document(write_mimic_iv):
    notes, hosp = write_mimic_iv([("n1", "21", "DS", "a")], [("21", "1", "I10", "10")])
    paths = CorpusPaths(mimic_iv_note=notes, mimic_iv=hosp)
    assert [document.is_restricted for document in load("mimic_iv", paths).documents] == [True]
    assert [document.is_restricted for document in load("mimic_iv", paths, is_restricted=False).documents] == [False]
    assert [document.is_restricted for document in load("sample", paths, is_restricted=True).documents][:1] == [True]


def test_source_files_are_all_files_a_load_reads(write_mimic_iv, write_mdace):
    notes, hosp = write_mimic_iv([], [])
    mdace, mimic_iii = write_mdace({100001: ("train", {501: ("ECG", "HTN", [("HTN", "I10")])})})
    paths = CorpusPaths(mimic_iv_note=notes, mimic_iv=hosp, mdace=mdace, mimic_iii=mimic_iii)
    assert [path.name for path in source_files("mimic_iv", paths)] == ["discharge.csv.gz", "diagnoses_icd.csv.gz"]
    assert [path.name for path in source_files("mdace", paths)] == [
        "100001-ICD-10.json",
        "MDace-ev-train.csv",
        "MDace-ev-val.csv",
        "MDace-ev-test.csv",
        "NOTEEVENTS.csv",
    ]


def test_open_corpora_load_through_the_registry(development_corpora):
    paths = CorpusPaths(
        aci_bench=development_corpora / "aci_bench",
        codiesp=development_corpora / "codiesp_v4",
        aci_labels=development_corpora / "format_examples/aci_icd/code_test.csv",
    )
    assert len(load("codiesp", paths).documents) == 750
    assert len(source_files("codiesp", paths)) == 754
    with pytest.raises(CorpusFormatError, match="no label belongs to a note"):
        load("aci_bench", paths)  # the made-up labels are of a note that does not exist
    assert len(load("aci_bench", dataclasses.replace(paths, aci_labels=None)).documents) == 207


@pytest.mark.parametrize("name", [name for name, source in CORPORA.items() if source.is_restricted])
def test_any_restricted_corpus_that_is_configured_makes_what_is_mined_restricted(name):
    source = CORPORA[name]
    assert not has_restricted_notes(CorpusPaths())
    assert has_restricted_notes(CorpusPaths(**{field: Path() for field in source.required}))
    some = source.required[:-1]
    assert not has_restricted_notes(CorpusPaths(**{field: Path() for field in some})), (
        "not configured whole, so never read"
    )


def test_a_restricted_corpus_that_somebody_adds_counts_without_another_line_of_code(monkeypatch):
    added = dataclasses.replace(CORPORA["codiesp"], name="clinic", is_restricted=True)
    monkeypatch.setitem(CORPORA, "clinic", added)
    assert has_restricted_notes(CorpusPaths(codiesp=Path()))


def test_models_take_notes_for_restricted_unless_told_otherwise():
    assert LanguageModels(Settings()).mines_restricted_notes
    assert not LanguageModels(Settings(), mines_restricted_notes=False).mines_restricted_notes
