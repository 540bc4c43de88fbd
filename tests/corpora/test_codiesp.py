from collections import Counter

import pytest

from ccl_assets.corpora.documents import Corpus, CorpusFormatError
from ccl_assets.corpora.readers.codiesp import article_of, find_splits, read


def load(files):
    return Corpus.collect(lambda counts: read(files, counts))


TEXT = 'Paciente "naïve" con dolor\r\nabdominal intenso y HTA.'


@pytest.fixture
def write_codiesp(tmp_path):
    def write(references, codes=("X0000-1\tr10.9", "X0000-1\ti10"), split="train", texts=None):
        folder = tmp_path / split
        (folder / "text_files").mkdir(parents=True)
        for name, text in (texts or {"X0000-1": TEXT}).items():
            (folder / f"text_files/{name}.txt").write_bytes(text.encode())
        (folder / f"{split}D.tsv").write_text("".join(f"{line}\n" for line in codes), "utf-8")
        (folder / f"{split}X.tsv").write_text("".join("\t".join(line) + "\n" for line in references), "utf-8")
        return tmp_path

    return write


def reference(words, code="r10.9", kind="DIAGNOSTICO", document="X0000-1"):
    """Words at their first place in the text, one part per word group."""
    parts = words.split("|")
    places = ";".join(f"{TEXT.index(part)} {TEXT.index(part) + len(part)}" for part in parts)
    return (document, kind, code, " ".join(part.replace("\r\n", " ") for part in parts), places)


def test_codes_get_upper_case_and_their_dot_and_keep_the_source_form(write_codiesp):
    corpus = load(find_splits(write_codiesp([])))
    assert [(label.code, label.source_code, label.position) for label in corpus.labels] == [
        ("R10.9", "r10.9", 1),
        ("I10", "i10", 2),
    ]


def test_offsets_are_code_points_of_the_raw_text(write_codiesp):
    corpus = load(find_splits(write_codiesp([reference("dolor\r\nabdominal"), reference("HTA", "i10")])))
    assert [span.evidence_text for span in corpus.evidence] == ["dolor\r\nabdominal", "HTA"]
    assert corpus.documents[0].text == TEXT


def test_parts_out_of_order_are_brought_into_reading_order(write_codiesp):
    corpus = load(find_splits(write_codiesp([reference("intenso|dolor")])))
    (span,) = corpus.evidence
    assert span.evidence_text == "dolor intenso"
    assert span.fragments == tuple(sorted(span.fragments))
    assert corpus.counts.remarks["spans_with_parts_out_of_order"] == 1


def test_procedures_are_counted_not_kept(write_codiesp):
    corpus = load(find_splits(write_codiesp([reference("HTA", "bt41zzz", "PROCEDIMIENTO"), reference("HTA", "i10")])))
    assert [span.code for span in corpus.evidence] == ["I10"]
    assert corpus.counts.dropped == {("evidence", "procedure"): 1}


def test_empty_parts_are_left_out_and_a_second_reading_of_an_extent_is_counted(write_codiesp, check_rows):
    begin, end = TEXT.index("dolor"), TEXT.index("intenso") + 7
    gap = ("X0000-1", "DIAGNOSTICO", "r10.9", "dolor  intenso", f"{begin} {begin + 5};{end} {end};{end - 7} {end}")
    corpus = load(
        find_splits(write_codiesp([gap, reference("dolor\r\nabdominal intenso"), reference("dolor|intenso")]))
    )
    (span,) = corpus.evidence
    assert span.fragments == ((begin, begin + 5), (end - 7, end))
    assert corpus.counts.remarks["empty_fragments"] == 1
    assert corpus.counts.dropped == {("evidence", "same_extent_other_fragments"): 1, ("evidence", "repeated_span"): 1}
    check_rows(corpus)


def test_dev_is_the_validation_split_and_shared_articles_are_counted(write_codiesp):
    write_codiesp([])
    root = write_codiesp([], ["X0000-2\ti10"], "dev", {"X0000-2": "HTA", "X0001-1": "DM"})
    corpus = load(find_splits(root))
    assert {document.document_id: document.split for document in corpus.documents} == {
        "X0000-1": "train",
        "X0000-2": "val",
        "X0001-1": "val",
    }
    assert corpus.counts.remarks["val_documents_of_a_train_article"] == 1
    assert article_of("S0004-06142005000900016-1") == "S0004-06142005000900016"


def test_a_text_at_other_positions_than_its_reference_is_counted_and_not_quoted(write_codiesp):
    document, kind, code, words, _ = reference("HTA", "i10")
    root = write_codiesp([reference("HTA", "i10"), (document, kind, code, words, "0 3")])
    corpus = load(find_splits(root))
    assert [span.evidence_text for span in corpus.evidence] == ["HTA"]
    assert corpus.counts.places == [f"{root / 'train/trainX.tsv'}, line 2: text_is_not_the_reference"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (("X0000-1", "DIAGNOSTICO", "i10", "HTA"), "other_field_count"),
        (("X0000-1", "DIAGNOSTICO", "i10", "HTA", "1-3"), "malformed_positions"),
        (("X0000-1", "DIAGNOSTICO", "i10", "HTA", "9000 9003"), "positions_outside_text"),
        (("X0009-1", "DIAGNOSTICO", "i10", "HTA", "1 3"), "no_text"),
        (("X0000-1", "DIAGNOSTICO", "hta", "HTA", "1 3"), "malformed_code"),
        (("X0000-1", "OTRO", "i10", "HTA", "1 3"), "unknown_kind"),
    ],
)
def test_a_single_bad_line_is_counted_with_its_place(write_codiesp, line, reason):
    root = write_codiesp([reference("HTA", "i10"), line])
    corpus = load(find_splits(root))
    assert len(corpus.evidence) == 1
    assert corpus.counts.unreadable == {("evidence", reason): 1}
    assert corpus.counts.places == [f"{root / 'train/trainX.tsv'}, line 2: {reason}"]


def test_a_file_of_another_layout_is_refused(write_codiesp):
    with pytest.raises(CorpusFormatError, match=r"trainX\.tsv, line 1: has 4 tab-separated fields, not 5"):
        load(find_splits(write_codiesp([("X0000-1", "DIAGNOSTICO", "i10", "HTA")])))


def test_a_report_that_is_not_utf_8_or_empty_is_counted_with_its_codes(write_codiesp):
    root = write_codiesp([reference("HTA", "i10")], texts={"X0000-1": TEXT, "X0001-1": "", "X0002-1": "x"})
    (root / "train/text_files/X0000-1.txt").write_bytes(TEXT.encode("latin-1"))
    corpus = load(find_splits(root))
    assert [document.document_id for document in corpus.documents] == ["X0002-1"]
    assert corpus.counts.unreadable == {
        ("documents", "not_utf8"): 1,
        ("documents", "empty_text"): 1,
        ("labels", "no_text"): 2,
        ("evidence", "no_text"): 1,
    }


def test_a_line_that_is_not_utf_8_is_counted(write_codiesp):
    root = write_codiesp([reference("HTA", "i10")])
    with (root / "train/trainX.tsv").open("ab") as file:
        file.write("X0000-1\tDIAGNOSTICO\ti10\tañejo\t1 3\n".encode("latin-1"))
    assert load(find_splits(root)).counts.unreadable == {("evidence", "not_utf8"): 1}


def test_a_wrong_or_incomplete_folder_is_refused(write_codiesp, tmp_path):
    with pytest.raises(CorpusFormatError, match="set CCL_CODIESP"):
        find_splits(tmp_path)
    (write_codiesp([]) / "train/trainX.tsv").unlink()
    with pytest.raises(CorpusFormatError, match=r"trainX\.tsv or text_files"):
        find_splits(tmp_path)


def test_the_published_splits_are_read_whole_and_every_span_is_verbatim(development_corpora, check_rows):
    corpus = load(find_splits(development_corpora / "codiesp_v4"))
    assert Counter(document.split for document in corpus.documents) == {"train": 500, "val": 250}
    assert len(corpus.labels) == 5_639 + 2_677
    assert len(corpus.evidence) == 7_209 + 3_431 - 29
    assert corpus.counts.dropped == {
        ("evidence", "procedure"): 1_972 + 1_046,
        ("evidence", "same_extent_other_fragments"): 29,
    }
    assert corpus.counts.remarks["val_documents_of_a_train_article"] == 20
    assert corpus.counts.remarks["references_that_differ_at_an_edge"] <= 6
    assert corpus.counts.remarks["evidence_codes_without_label"] == 0
    texts = {document.document_id: document.text for document in corpus.documents}
    for span in corpus.evidence:
        quoted = [texts[span.document_id][begin:end] for begin, end in span.fragments]
        assert " ".join(quoted) == span.evidence_text
        assert all(quoted)
    check_rows(corpus)


def test_the_published_layout_is_read(development_corpora):
    corpus = load(find_splits(development_corpora / "format_examples/codiesp"))
    assert [(label.code, label.source_code) for label in corpus.labels] == [("R10.9", "r10.9"), ("I10", "i10")]
    assert [span.evidence_text for span in corpus.evidence] == ["dolor intenso", "HTA"]


def test_translated_reports_have_the_codes_and_no_evidence(development_corpora):
    spanish, english = (load(find_splits(development_corpora / "codiesp_v4", language)) for language in ("es", "en"))
    assert {(label.document_id, label.code) for label in english.labels} == {
        (label.document_id, label.code) for label in spanish.labels
    }
    assert len(english.documents) == len(spanish.documents) == 750
    assert not english.evidence
    assert " the " in english.documents[0].text and " the " not in spanish.documents[0].text


def test_a_release_without_translations_says_so(write_codiesp):
    with pytest.raises(CorpusFormatError, match="text_files_en"):
        find_splits(write_codiesp([]), "en")
