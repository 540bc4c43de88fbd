"""Releases side by side: each whole or not there, the same one known again, another one of its label refused."""

import io
import json
import shutil
import zipfile

import pytest

from ccl_assets.icd.release.contents import ReleaseError, open_release
from ccl_assets.resources.file_hashes import FileHashes
from ccl_assets.resources.releases import store as module
from ccl_assets.resources.releases.download import DownloadError
from ccl_assets.resources.releases.source import ReleaseSource
from ccl_assets.resources.releases.store import ReleaseStore
from ccl_assets.resources.settings import Settings

TABULAR = b"<ICD10CM.tabular>\n<version>2026</version>\n</ICD10CM.tabular>"
ORDER = b"00001 A00     0 Cholera                                                      Cholera\r\n"
XML_URL = "https://example.org/pub/icd10cm-XML.zip"
ORDER_URL = "https://example.org/pub/Code%20Descriptions.zip"


def zipped(name, content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


class Web:
    """Stands for the network: contents by URL, and what was asked for."""

    def __init__(self):
        self.files = {XML_URL: zipped("tabular.xml", TABULAR), ORDER_URL: zipped("order.txt", ORDER)}
        self.asked = []

    def fetch(self, url, target, say):
        self.asked.append(url)
        content = self.files[url.partition("#")[0]]
        if content is None:
            raise DownloadError(f"{url}: the server answers 404 Not Found")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        say(f"fetched {target.name}")


@pytest.fixture
def web(monkeypatch):
    state = Web()
    monkeypatch.setattr(ReleaseStore.add, "__kwdefaults__", ReleaseStore.add.__kwdefaults__ | {"fetch": state.fetch})
    return state


@pytest.fixture
def hashes(tmp_path):
    return FileHashes(tmp_path / "home" / "file_hashes.json")


@pytest.fixture
def store(tmp_path, hashes):
    return ReleaseStore(tmp_path / "home" / "releases", hashes)


@pytest.fixture
def tabular(tmp_path):
    """Writes a Tabular List of a year, perhaps with a remark that makes it another one; returns its path."""

    def write(year=2026, remark="", name=None):
        path = tmp_path / "given" / (name or f"t{remark}" + ".xml")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(TABULAR.replace(b"2026", str(year).encode()) + f"<!-- {remark} -->".encode())
        return path

    return write


def left_behind(store):
    """What the store's folder holds beside its releases and the lock."""
    labels = {release.label for release in store.releases()}
    return {path.name for path in store.folder.iterdir()} - labels - {".lock"}


# adding


def test_a_release_is_kept_as_it_came_and_opened_from_there(store, tmp_path):
    folder = tmp_path / "icd 2026"
    (folder / "xml files").mkdir(parents=True)
    (folder / "xml files" / "X.ZIP").write_bytes(zipped("tabular.xml", TABULAR))
    (folder / "order.txt").write_bytes(ORDER)
    (folder / "readme.md").write_bytes(b"anything")
    stored = store.add([str(folder)])
    assert stored.path == store.folder / "FY2026" / "files"
    assert {file.name: file.location for file in stored.files} == dict.fromkeys(
        ["icd 2026/order.txt", "icd 2026/readme.md", "icd 2026/xml files/X.ZIP"], str(folder)
    )
    assert (stored.path / "icd 2026/xml files/X.ZIP").read_bytes() == zipped("tabular.xml", TABULAR)
    assert stored.byte_count == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    shutil.rmtree(folder)
    release = open_release(stored.path, label=stored.label)
    assert [file.role for file in release.files] == ["tabular", "order_file"]
    assert left_behind(store) == set()


def test_releases_stand_side_by_side_in_the_order_of_time(store, tabular):
    for year, label in ((2026, "FY2026-April"), (2027, None), (2025, None), (2026, "FY2026"), (2021, "FY2021-January")):
        store.add([str(tabular(year, label))], label)
    assert [release.label for release in store.releases()] == [
        "FY2021-January",
        "FY2025",
        "FY2026",
        "FY2026-April",
        "FY2027",
    ]
    assert store.get("FY2026-April").is_label_given
    assert not store.get("FY2027").is_label_given


def test_published_releases_are_stored_as_they_come(store, published_folders):
    for year, label in ((2016, "FY2016"), (2017, "FY2017")):
        folder = published_folders(year)
        stored = store.add([str(file) for file in sorted(folder.iterdir())])
        assert stored.label == label
        assert {file.name for file in stored.files} == {file.name for file in folder.iterdir()}
        given = open_release(folder)
        assert [file.sha256 for file in open_release(stored.path).files] == [file.sha256 for file in given.files]


@pytest.fixture
def published_folders(published_releases):
    return lambda year: published_releases / f"fy{year}"


def test_adding_the_same_files_again_changes_nothing(store, tabular):
    first = store.add([str(tabular())])
    stamp = (store.folder / "FY2026" / "release.json").stat().st_mtime_ns
    assert store.add([str(tabular())]) == first
    assert (store.folder / "FY2026" / "release.json").stat().st_mtime_ns == stamp


def test_other_files_of_a_label_need_to_be_asked_for(store, tabular):
    first = store.add([str(tabular())])
    with pytest.raises(
        ReleaseError, match=r"has FY2026 with other files, from .*t\.xml; to replace it: .* --replace .*tb\.xml"
    ):
        store.add([str(tabular(remark="b"))])
    assert store.get("FY2026") == first
    second = store.add([str(tabular(remark="b"))], replace=True)
    assert [file.name for file in second.files] == ["tb.xml"]
    assert left_behind(store) == set()


def test_a_folder_that_is_in_the_way_is_left_alone(store, tabular):
    (store.folder / "FY2026").mkdir(parents=True)
    (store.folder / "FY2026" / "my notes.txt").write_text("mine")
    for replace in (False, True):
        with pytest.raises(ReleaseError, match="FY2026 is in the way"):
            store.add([str(tabular())], replace=replace)
    assert (store.folder / "FY2026" / "my notes.txt").read_text() == "mine"


def test_files_of_the_same_name_are_kept_apart(store, tmp_path):
    for part, content in (("a", TABULAR), ("b", ORDER)):
        (tmp_path / part).mkdir()
        (tmp_path / part / "data").write_bytes(content)
    stored = store.add([str(tmp_path / "a" / "data"), str(tmp_path / "b" / "data")])
    assert [file.name for file in stored.files] == ["0/data", "1/data"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "is not an ICD-10-CM release"),
        ({"a.xml": b"<html/>"}, "is not an ICD-10-CM release"),
        ({"a.zip": zipped("t.xml", TABULAR)[:-30]}, r"a\.zip is damaged or cut short"),
        ({"a.xml": TABULAR[:-5]}, r"a\.xml, line 3: not well-formed XML"),
        ({"a.xml": b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + TABULAR}, r"a\.xml, line 1: declares a document type"),
        ({"a.xml": TABULAR, "b.xml": TABULAR + b"\n"}, r"two files for the role 'tabular': a\.xml and b\.xml"),
        ({"a.xml": TABULAR, "order_2019.txt": ORDER}, "mixes releases of different years"),
    ],
)
def test_what_is_no_release_leaves_nothing(store, tmp_path, files, says):
    folder = tmp_path / "given"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises(ReleaseError, match=says):
        store.add([str(folder)])
    assert store.releases() == []
    assert left_behind(store) == set()


def test_a_full_disk_leaves_nothing(store, tabular, monkeypatch):
    def copyfile(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.shutil, "copyfile", copyfile)
    with pytest.raises(OSError, match="No space left"):
        store.add([str(tabular())])
    assert left_behind(store) == set()


def test_a_folder_too_large_for_a_release_is_not_copied(store, tabular, monkeypatch):
    monkeypatch.setattr(module, "_LARGEST", 10)
    with pytest.raises(ReleaseError, match="too much for a release"):
        store.add([str(tabular())])


def test_a_label_that_is_none_is_refused_before_anything_is_fetched(store, web):
    with pytest.raises(ReleaseError, match="'latest' is no release label"):
        store.add([XML_URL], "latest")
    assert web.asked == []
    assert not store.folder.exists()


def test_a_mistyped_path_is_refused_before_anything_is_fetched(store, web, tmp_path):
    with pytest.raises(ReleaseError, match="nowhere does not exist"):
        store.add([XML_URL, str(tmp_path / "nowhere")])
    assert web.asked == []


# looking up


def test_an_unknown_label_is_answered_with_the_known_ones(store, tabular):
    with pytest.raises(ReleaseError, match=r"has no release FY2027 \(it has: none\); add it"):
        store.get("FY2027")
    store.add([str(tabular())])
    with pytest.raises(ReleaseError, match=r"it has: FY2026\)"):
        store.get("FY2027")


@pytest.mark.parametrize("damage", ["changed", "removed", "added", "all gone"])
def test_a_release_that_is_not_whole_is_refused_and_can_be_added_again(store, tabular, damage):
    stored = store.add([str(tabular())])
    file = stored.path / "t.xml"
    if damage == "changed":
        file.write_bytes(b"other")
    elif damage == "added":
        (stored.path / "more.xml").write_bytes(b"")
    elif damage == "removed":
        file.unlink()
    else:
        shutil.rmtree(stored.path)
    with pytest.raises(ReleaseError, match=r"files of FY2026 were changed, .*add it again: .* --replace .*t\.xml"):
        store.get("FY2026")
    assert store.is_whole(store.add([str(tabular())]))


def test_files_that_operating_systems_leave_do_not_count(store, tabular):
    stored = store.add([str(tabular())])
    (stored.path / ".DS_Store").write_bytes(b"\x00")
    assert store.get("FY2026") == stored


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"label": "FY2025"}', None])
def test_a_folder_without_a_manifest_that_fits_is_no_release(store, tabular, content):
    store.add([str(tabular())])
    manifest = store.folder / "FY2026" / "release.json"
    if content is None:
        (store.folder / "FY2026").rename(store.folder / "copy")
    else:
        manifest.write_text(content)
    assert store.releases() == []


# by URL


def test_several_urls_make_one_release(store, web):
    lines = []
    stored = store.add([XML_URL, ORDER_URL], say=lines.append)
    assert stored.label == "FY2026"
    assert [file.name for file in stored.files] == ["icd10cm-XML.zip", "Code Descriptions.zip"]
    assert stored.locations == (XML_URL, ORDER_URL)
    assert [file.role for file in open_release(stored.path).files] == ["tabular", "order_file"]
    assert lines == ["fetched icd10cm-XML.zip", "fetched Code Descriptions.zip"]
    assert left_behind(store) == set()


def test_what_was_fetched_before_another_url_failed_is_used_by_the_next_call(store, web):
    whole, web.files[ORDER_URL] = web.files[ORDER_URL], None
    with pytest.raises(DownloadError, match="404"):
        store.add([XML_URL, ORDER_URL])
    assert store.releases() == []
    web.files[ORDER_URL] = whole
    web.asked.clear()
    store.add([XML_URL, ORDER_URL])
    assert web.asked == [ORDER_URL]


def test_a_download_that_is_no_release_is_fetched_anew_by_the_next_call(store, web):
    whole, web.files[XML_URL] = web.files[XML_URL], zipped("a.txt", b"nothing")
    with pytest.raises(ReleaseError, match="is not an ICD-10-CM release"):
        store.add([XML_URL])
    web.files[XML_URL] = whole
    assert store.add([XML_URL]).label == "FY2026"


def test_a_download_whose_label_is_taken_is_kept_for_the_replacing(store, web, tabular):
    store.add([str(tabular())])
    with pytest.raises(ReleaseError, match=f"--replace {XML_URL}"):
        store.add([XML_URL])
    store.add([XML_URL], replace=True)
    assert web.asked == [XML_URL]


# the setting


@pytest.fixture
def source(store, hashes):
    def make(value):
        return ReleaseSource(value, store, hashes, say=lambda _: None)

    return make


@pytest.mark.parametrize(("value", "is_set"), [(None, False), ("", False), (" ", False), ("packaged", True)])
def test_without_a_setting_it_is_the_packaged_release(source, value, is_set):
    found = source(value)
    assert found.is_set is is_set
    assert found.open().label == "FY2026-April"
    assert found.version() == source(str(found.path)).version()


def test_a_path_is_opened_where_it_lies_and_again_only_when_it_changed(source, tabular):
    path = tabular()
    found = source(str(path))
    assert (found.path, found.open().label) == (path, "FY2026")
    assert found.open() is found.open()
    before = found.version()
    path.write_bytes(TABULAR.replace(b"2026", b"2027") + b"\n\n")
    assert found.version() != before
    assert found.open().label == "FY2027"


def test_a_path_may_hold_commas_and_a_tilde(source, tabular, monkeypatch):
    path = tabular(name="icd, 2026.xml")
    monkeypatch.setenv("HOME", str(path.parent))
    assert source("~/icd, 2026.xml").open().label == "FY2026"


def test_several_paths_are_one_release(source, tabular, tmp_path):
    order = tmp_path / "order.txt"
    order.write_bytes(ORDER)
    found = source(f"{tabular()}, {order}")
    assert [file.role for file in found.open().files] == ["tabular", "order_file"]
    before = found.version()
    order.write_bytes(ORDER * 2)
    assert found.version() != before


def test_a_label_names_a_release_of_the_store(source, store, tabular):
    stored = store.add([str(tabular())])
    found = source("FY2026")
    assert (found.path, found.open().label) == (stored.path, "FY2026")
    assert found.version() == source(str(stored.path)).version()


def test_a_label_that_was_given_is_that_of_the_opened_release_and_part_of_its_version(source, store, tabular):
    store.add([str(tabular())], "FY2026-April")
    found = source("FY2026-April")
    assert found.open().label == "FY2026-April"
    assert found.version().endswith("-FY2026-April")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("FY2031", "has no release FY2031"),
        ("fy2031-april", "has no release fy2031-april"),
        ("nowhere.zip", "nowhere.zip does not exist: set CCL_ICD_RELEASE"),
        (f"here, {XML_URL}", "paths and URLs cannot be mixed in a setting; .*releases add here https://"),
        ("x" * 300 + "," + "y" * 300, "does not exist|too long"),
    ],
)
def test_a_setting_that_leads_nowhere_says_so(source, value, says):
    for ask in (source(value).open, source(value).version):
        with pytest.raises((ReleaseError, OSError), match=says):
            ask()


def test_urls_are_fetched_once_and_the_network_is_not_asked_again(source, store, web):
    value = f"{XML_URL}, {ORDER_URL}"
    first = source(value)
    assert (first.open().label, first.path) == ("FY2026", store.folder / "FY2026" / "files")
    assert len(web.asked) == 2
    web.files.clear()
    again = source(f"{ORDER_URL},{XML_URL}")
    assert (again.version(), again.open().label) == (first.version(), "FY2026")
    assert len(web.asked) == 2


def test_a_stored_copy_that_is_not_whole_is_fetched_again(source, store, web):
    source(XML_URL).open()
    (store.folder / "FY2026" / "files" / "icd10cm-XML.zip").write_bytes(b"PK\x03\x04 half")
    assert source(XML_URL).open().label == "FY2026"
    assert web.asked == [XML_URL, XML_URL]


def test_a_hash_that_the_stored_copy_has_not_leads_to_the_network(source, web):
    source(XML_URL).open()
    sha256 = source(XML_URL)._resolve()[1].files[0].sha256
    source(f"{XML_URL}#sha256={sha256}").open()
    assert len(web.asked) == 1
    source(f"{XML_URL}#sha256={'0' * 64}").open()  # here nobody compares; the download would
    assert len(web.asked) == 2


def test_the_same_files_from_other_urls_are_known_from_then_on(source, web):
    source(XML_URL).open()
    mirror = "https://mirror.example.org/icd10cm-XML.zip"
    web.files[mirror] = web.files[XML_URL]
    source(mirror).open()
    source(mirror).open()
    assert web.asked == [XML_URL, mirror]


def test_a_release_that_cannot_be_fetched_is_an_error_and_leaves_nothing(source, store, web):
    web.files[XML_URL] = None
    with pytest.raises(DownloadError, match="404"):
        source(XML_URL).version()
    assert store.releases() == []


# the command


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    from ccl_assets.releases import command as releases

    def run(*arguments, **setting):
        for name in ("CCL_ICD_RELEASE", "CCL_ICD_PREVIOUS_RELEASE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("CCL_HOME", str(tmp_path / "home"))
        for name, value in setting.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(releases, "settings", Settings)
        status = releases.main(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_the_command_adds_and_lists(command, store, tabular, tmp_path):
    status, out, _ = command("list")
    assert (status, out.splitlines()) == (
        0,
        [
            f"no release in {store.folder}",
            "active (*): the packaged release (CCL_ICD_RELEASE)",
            "previous:   none (CCL_ICD_PREVIOUS_RELEASE)",
        ],
    )
    note = tmp_path / "given" / "note.txt"
    path = tabular()
    note.write_text("a note")
    status, out, _ = command("add", str(path), str(note))
    assert status == 0
    for line in ("FY2026 in ", "tabular          t.xml", "not used:        note.txt", "CCL_ICD_RELEASE=FY2026"):
        assert line in out
    command("add", str(tabular(2027)), "--label", "FY2027-April")
    status, out, _ = command("list", CCL_ICD_RELEASE="FY2027-April")
    assert status == 0
    assert [line[:14].strip() for line in out.splitlines()[:2]] == ["FY2026", "* FY2027-April"]


def test_the_command_fails_with_one_clear_line(command, tmp_path):
    status, out, err = command("add", str(tmp_path / "nowhere"))
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "nowhere does not exist" in err
    assert command("list", CCL_PROFILE="nonsense")[::2] == (
        2,
        "setting CCL_PROFILE: Input should be 'quick' or 'full'\n",
    )


def test_the_manifest_can_be_read_by_a_person(store, tabular):
    path = tabular()
    store.add([str(path)])
    manifest = json.loads((store.folder / "FY2026" / "release.json").read_text())
    assert set(manifest) == {"label", "is_label_given", "locations", "files", "digest"}
    assert manifest["locations"] == [str(path)]
