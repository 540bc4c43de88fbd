import csv
import gzip
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.corpora.csv_files import check_columns, find_file, read_csv
from ccl_assets.corpora.documents import CorpusFormatError

SECRET = "MRS DOE HAS COPD"


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5), st.booleans())
def test_fields_come_back_code_point_for_code_point(tmp_path_factory, texts, packed):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["id", "text"], *([str(n), text] for n, text in enumerate(texts))])
    path = tmp_path_factory.mktemp("csv") / ("a.csv.gz" if packed else "a.csv")
    content = buffer.getvalue().encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    assert [row.values for row in read_csv(path, ["text", "id"])] == [(text, str(n)) for n, text in enumerate(texts)]


def test_rows_and_lines_are_counted_apart_in_multi_line_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'id,text\r\n1,"a\r\nb"\r\n2,c\r\n')
    assert [tuple(row) for row in read_csv(path, ["text"])] == [(1, 3, ("a\r\nb",)), (2, 4, ("c",))]


def test_columns_are_found_by_name_in_any_order_and_case_and_behind_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("\ufefftext,more,ROW_ID\nx,y,7\n".encode())
    assert [row.values for row in read_csv(path, ["row_id", "TEXT"])] == [("7", "x")]


def test_a_missing_column_is_refused_before_any_row_and_a_missing_heading_is_not_quoted(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"1,{SECRET}\n2,b\n")
    with pytest.raises(CorpusFormatError, match=r"line 1: the heading lacks id, text \(it has 2 columns\)") as error:
        check_columns(path, ["id", "text"])
    assert "DOE" not in str(error.value)


def test_an_empty_file_lacks_its_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"")
    with pytest.raises(CorpusFormatError, match="lacks id"):
        list(read_csv(path, ["id"]))


def test_a_gzip_file_cut_short_says_after_which_row(tmp_path):
    path = tmp_path / "a.csv.gz"
    rows = "".join(f'{n},"{SECRET} {n * 7919 % 10007}\nline two"\n' for n in range(20_000))
    whole = gzip.compress(("id,text\n" + rows).encode())
    path.write_bytes(whole[: len(whole) // 2])
    seen = []
    with pytest.raises(CorpusFormatError, match=r"a\.csv\.gz, line \d+: is cut short after row \d+; download") as error:
        seen += read_csv(path, ["id"])
    assert f"after row {len(list(_until_error(path)))};" in str(error.value)
    assert "DOE" not in str(error.value)
    assert error.value.__suppress_context__


def _until_error(path):
    rows = read_csv(path, ["id"])
    while True:
        try:
            yield next(rows)
        except CorpusFormatError:
            return


def test_a_damaged_gzip_file_is_named(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"id,text\n1,never packed\n")
    with pytest.raises(CorpusFormatError, match="is not gzip or is damaged after row 0"):
        list(read_csv(path, ["id"]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f'id,text\n1,x\n2,"{SECRET}', r"line 3: row 2 is not CSV \(unexpected end of data\)"),
        (f"id,text\n1,{SECRET}, and more\n", "line 2: row 1 has 3 fields, the heading 2"),
        (f'id,text\n1,x\n2,"{SECRET}"x"\n', "line 3: row 2 is not CSV"),
    ],
)
def test_broken_rows_are_named_and_not_quoted(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(CorpusFormatError, match=message) as error:
        list(read_csv(path, ["id", "text"]))
    assert "DOE" not in str(error.value)


def test_single_bad_rows_are_told_and_left_out_and_the_rows_around_them_come(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(f'id,text\n1,"a\n\xe9b"\n2,naïve\n3,{SECRET}, and more\n4,c\n'.encode("latin-1"))
    told = []
    rows = read_csv(path, ["id", "text"], lambda *fault: told.append(fault))
    assert [row.values for row in rows] == [("4", "c")]
    assert told == [("not_utf8", path, 3), ("not_utf8", path, 4), ("other_field_count", path, 5)]


def test_what_is_not_utf_8_in_an_unwanted_column_does_not_matter(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("id,text\n1,naïve\n".encode("latin-1"))
    assert [row.values for row in read_csv(path, ["id"])] == [("1",)]


def test_without_anyone_to_tell_a_bad_row_is_an_error(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("id,text\n1,naïve\n".encode("latin-1"))
    with pytest.raises(CorpusFormatError, match="line 2: row 1 is not UTF-8"):
        list(read_csv(path, ["id", "text"]))


def test_a_plain_file_that_ends_within_a_row_is_cut_short(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text\n1,x\n2,y\n3")
    with pytest.raises(CorpusFormatError, match=r"line 4: row 3 has 1 fields, the heading 2; the file is cut short"):
        list(read_csv(path, ["id", "text"], lambda *_: None))


def test_notes_longer_than_the_csv_module_likes_are_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"id,text\n1,{'x' * 300_000}\n")
    assert len(next(read_csv(path, ["text"])).values[0]) == 300_000


def test_rows_are_streamed_not_collected(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('id\n1\n2\n"3')
    rows = read_csv(path, ["id"])
    assert next(rows).values == ("1",)  # the broken end is not reached yet
    rows.close()


def test_files_are_found_packed_or_plain_and_a_wrong_folder_names_its_setting(tmp_path):
    (tmp_path / "hosp").mkdir()
    plain = tmp_path / "hosp/diagnoses_icd.csv"
    plain.touch()
    assert find_file(tmp_path, ("hosp", "."), "diagnoses_icd", "CCL_MIMIC_IV") == plain
    packed = tmp_path / "hosp/diagnoses_icd.csv.gz"
    packed.touch()
    assert find_file(tmp_path, ("hosp", "."), "diagnoses_icd", "CCL_MIMIC_IV") == packed
    assert find_file(plain, ("hosp",), "diagnoses_icd", "CCL_MIMIC_IV") == plain
    with pytest.raises(CorpusFormatError, match=r"no discharge\.csv\.gz or discharge\.csv in note/; correct CCL"):
        find_file(tmp_path, ("note",), "discharge", "CCL_MIMIC_IV_NOTE")
