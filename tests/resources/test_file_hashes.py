"""Content hashes of source files: equal for equal content wherever it lies, and read again only when a file changed."""

import json
import os

import pytest

from ccl_assets.resources.file_hashes import FileHashes


@pytest.fixture
def hashes(tmp_path):
    return FileHashes(tmp_path / "home" / "file_hashes.json")


def write(folder, **contents):
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in contents.items():
        path = folder / f"{name}.csv"
        path.write_text(content)
        paths.append(path)
    return paths


def test_content_and_names_count(tmp_path, hashes):
    base = hashes.digest(write(tmp_path / "a", notes="x", codes="y"))
    assert hashes.digest(write(tmp_path / "b", notes="x", codes="z")) != base
    assert hashes.digest(write(tmp_path / "c", notes="y", codes="x")) != base
    assert hashes.digest(write(tmp_path / "d", notes="x")) != base
    assert hashes.digest(write(tmp_path / "e", notes="x", codes="y", other="")) != base


def test_order_of_the_files_and_place_of_the_folder_do_not_count(tmp_path, hashes):
    here, there = (write(tmp_path / name, notes="x", codes="y") for name in ("here", "there"))
    assert hashes.digest(reversed(there)) == hashes.digest(here)


def test_a_corpus_in_two_folders_hashes_alike_whichever_folder_sorts_first(tmp_path, hashes):
    """MIMIC-IV-Note and MIMIC-IV are set apart, and may be moved apart."""
    first = [*write(tmp_path / "1" / "note", notes="x"), *write(tmp_path / "2" / "hosp", codes="y")]
    second = [*write(tmp_path / "4" / "note", notes="x"), *write(tmp_path / "3" / "hosp", codes="y")]
    assert hashes.digest(first) == hashes.digest(second)


def test_touching_a_file_changes_nothing(tmp_path, hashes):
    files = write(tmp_path / "a", notes="x")
    before = hashes.digest(files)
    os.utime(files[0], ns=(1, 1))
    assert hashes.digest(files) == before


def test_an_unchanged_file_is_not_read_again_even_by_another_process(tmp_path, hashes):
    (file,) = write(tmp_path / "a", notes="x")
    before = hashes.digest([file])
    stat = file.stat()
    file.write_text("y")  # same size, and given the old time again: what no reader could notice without reading
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert FileHashes(tmp_path / "home" / "file_hashes.json").digest([file]) == before


@pytest.mark.parametrize("change", [{"content": "longer"}, {"content": "y", "time": 5}])
def test_another_size_or_time_is_noticed(tmp_path, hashes, change):
    (file,) = write(tmp_path / "a", notes="x")
    before = hashes.digest([file])
    file.write_text(change["content"])
    if "time" in change:
        os.utime(file, ns=(change["time"], change["time"]))
    assert hashes.digest([file]) != before


@pytest.mark.parametrize("damage", ["", "{", "[1]", "null", '{"%s": 3}', '{"%s": []}', '{"%s": [1, 2]}'])
def test_a_damaged_store_is_only_forgotten(tmp_path, hashes, damage):
    files = write(tmp_path / "a", notes="x")
    before = hashes.digest(files)
    store = tmp_path / "home" / "file_hashes.json"
    stamp = [files[0].stat().st_size, files[0].stat().st_mtime_ns]
    store.write_text(damage.replace("%s", str(files[0])).replace("[1, 2]", json.dumps(stamp)))
    assert hashes.digest(files) == before
    assert json.loads(store.read_text())[str(files[0])][2]


def test_a_missing_file_is_named(tmp_path, hashes):
    with pytest.raises(FileNotFoundError, match=r"gone\.csv"):
        hashes.digest([tmp_path / "gone.csv"])
