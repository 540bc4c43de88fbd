"""Vectors are kept for their encoder and text, whatever happens to the process or the file; texts are not."""

import sqlite3
import stat
import subprocess
import sys

import numpy as np
import pytest

from ccl_assets.resources.embedding.store import EmbeddingStore, EmbeddingStoreError

VECTOR = np.arange(4, dtype=np.float32)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "embeddings.sqlite"


@pytest.fixture
def store(path):
    return EmbeddingStore(path)


def test_what_was_put_is_found_by_another_store_of_the_same_file_for_its_encoder_only(store, path):
    store.put_many("e1", {"häufig": VECTOR, "": -VECTOR})
    found = EmbeddingStore(path).get_many("e1", ["häufig", "unknown", "", "häufig"])
    assert set(found) == {"häufig", ""}
    np.testing.assert_array_equal(found["häufig"], VECTOR)
    assert found[""].dtype == np.float32
    assert store.get_many("e2", ["häufig"]) == {}


def test_any_number_of_texts_can_be_asked_for_and_later_vectors_replace_earlier_ones(store):
    texts = [f"text {number}" for number in range(1203)]
    store.put_many("e", dict.fromkeys(texts, VECTOR))
    store.put_many("e", dict.fromkeys(texts[:2], 2 * VECTOR))
    found = store.get_many("e", [*texts, *(f"other {number}" for number in range(1203))])
    assert list(found) and set(found) == set(texts)
    np.testing.assert_array_equal(found["text 1"], 2 * VECTOR)
    assert store.get_many("e", []) == {}


def test_no_text_is_in_its_files_and_only_the_owner_can_read_them(store, path):
    store.put_many("e", {"SECRET text of a note \ud83d": VECTOR})
    files = list(path.parent.iterdir())
    assert {file.name for file in files} >= {path.name, f"{path.name}-wal"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert not any(b"SECRET" in file.read_bytes() for file in files)


def test_a_vector_that_was_changed_is_not_served(store, path):
    store.put_many("e", {"a": VECTOR, "b": VECTOR})
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE vectors SET vector = ? WHERE rowid = 1", ((VECTOR + 1).tobytes(),))
    assert set(store.get_many("e", ["a", "b"])) == {"b"}


def test_a_file_that_is_no_database_is_named_with_the_remedy_and_left_alone(store, path):
    path.parent.mkdir()
    path.write_text("SECRET " * 200)
    for use in (lambda: store.get_many("e", ["a"]), lambda: store.put_many("e", {"a": VECTOR})):
        with pytest.raises(EmbeddingStoreError, match=r"embeddings\.sqlite: .*must be moved away") as caught:
            use()
        assert "SECRET" not in str(caught.value)
    assert path.read_text().startswith("SECRET")


def test_a_database_damaged_inside_is_named_with_the_remedy(store, path):
    store.put_many("e", {str(number): VECTOR for number in range(2000)})
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:-4096] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(EmbeddingStoreError, match="must be moved away"):
        EmbeddingStore(path).get_many("e", map(str, range(2000)))


def test_a_put_that_fails_stores_nothing_and_the_next_one_works(store):
    class Broken:
        def astype(self, _):
            return self

        def tobytes(self):
            return None  # refused by the table

    store.put_many("e", {"a": VECTOR})
    with pytest.raises((EmbeddingStoreError, TypeError)):
        store.put_many("e", {"b": VECTOR, "c": Broken()})
    store.put_many("e", {"d": VECTOR})
    assert set(store.get_many("e", "abcd")) == {"a", "d"}


WRITER = """
import sys
from pathlib import Path
import numpy as np
from ccl_assets.resources.embedding.store import EmbeddingStore
store = EmbeddingStore(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    texts = [f"shared {number}", f"{sys.argv[2]} {number}"]
    store.put_many("e", {text: np.full(384, number, np.float32) for text in texts})
    print(number, flush=True)
"""


def test_processes_that_write_together_lose_nothing_not_even_a_killed_one(store, path):
    def start(name, count):
        command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    finishing, killed = [start("one", 60), start("two", 60)], start("killed", 1_000_000)
    done = 0
    for line in killed.stdout:
        done = int(line) + 1
        if done == 40:
            killed.kill()
    killed.wait()
    assert [len(process.communicate(timeout=60)[0].splitlines()) for process in finishing] == [60, 60]
    for name, count in (("one", 60), ("two", 60), ("shared", 60), ("killed", done)):
        found = store.get_many("e", [f"{name} {number}" for number in range(count)])
        assert [found[f"{name} {number}"][0] for number in range(count)] == list(range(count))
