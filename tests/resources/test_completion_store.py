import sqlite3
import stat
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from ccl_assets.resources.text_generation.requests import Completion
from ccl_assets.resources.text_generation.store import CompletionStore, CompletionStoreError

ANSWER = Completion("r", "### Evidence\n- häufig\x00", "stop", 10, 4, 1.5)
ERROR = Completion("r", "", "error", error="HTTP 500")


@pytest.fixture
def store(tmp_path):
    return CompletionStore(tmp_path / "home" / "completions.sqlite")


def test_what_was_put_is_served_as_cached_by_another_store_of_the_same_file(store):
    store.put("k", ANSWER, "m")
    served = CompletionStore(store.path).get_many(["k", "unknown"])
    assert served == {"k": Completion("k", ANSWER.text, "stop", 10, 4, 1.5, is_cached=True)}


def test_token_probabilities_come_back_as_they_were(store):
    answer = replace(ANSWER, token_ends=(3, 3, 18), log_probabilities=(-0.1, 0.0, -1e-300))
    store.put("k", answer, "m")
    assert store.get_many(["k"])["k"] == replace(answer, request_id="k", is_cached=True)


def test_a_store_older_than_token_probabilities_goes_on_and_takes_them(store):
    store.put("old", ANSWER, "m")
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("ALTER TABLE completions DROP COLUMN token_probabilities")
    connection.close()
    answer = replace(ANSWER, token_ends=(18,), log_probabilities=(-2.5,))
    writers = [CompletionStore(store.path) for _ in range(4)]
    threads = [threading.Thread(target=w.put, args=(f"k{n}", answer, "m")) for n, w in enumerate(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    served = CompletionStore(store.path).get_many(["old", "k0", "k1", "k2", "k3"])
    assert served["old"].text == ANSWER.text
    assert served["old"].log_probabilities == ()
    assert {served[f"k{n}"].log_probabilities for n in range(4)} == {(-2.5,)}


def test_any_number_of_keys_can_be_asked_for(store):
    for number in range(1203):
        store.put(f"k{number}", ANSWER, "m")
    assert len(store.get_many(f"k{number}" for number in range(5000))) == 1203
    assert store.get_many([]) == {}


def test_an_error_is_kept_as_a_record_but_not_served(store):
    store.put("k", ERROR, "m")
    store.put("k", ERROR, "m")
    assert store.get_many(["k"]) == {}
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("SELECT error, attempt_count, model FROM completions").fetchall() == [
            ("HTTP 500", 2, "m")
        ]


def test_an_answer_replaces_an_error_and_never_the_other_way_round(store):
    store.put("k", ERROR, "m")
    store.put("k", ANSWER, "m")
    store.put("k", ERROR, "m")
    assert store.get_many(["k"])["k"].text == ANSWER.text


def test_an_error_without_words_is_an_error(store):
    store.put("k", Completion("r", "", "error"), "m")
    assert store.get_many(["k"]) == {}


def test_only_the_owner_can_read_any_of_its_files(store):
    store.put("k", ANSWER, "m")
    files = list(store.path.parent.iterdir())
    assert len(files) == 3  # the database, its write-ahead log and the log's index
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_file_others_could_read_is_closed_to_them(store):
    store.path.parent.mkdir()
    store.path.touch(0o644)
    store.put("k", ANSWER, "m")
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_a_file_that_is_no_database_is_named_with_the_remedy_and_left_alone(store):
    store.path.parent.mkdir()
    store.path.write_text("SECRET NOTE " * 100)
    with pytest.raises(CompletionStoreError, match=r"completions\.sqlite.*moved away") as caught:
        store.get_many(["k"])
    assert "SECRET" not in str(caught.value)
    assert store.path.read_text().startswith("SECRET")


def test_an_exception_quotes_no_text(store):
    with pytest.raises(CompletionStoreError) as caught:
        store.put("k", Completion("r", "SECRET \ud83d", "stop"), "m")
    assert "SECRET" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CompletionStoreError, match="file/completions"):
        CompletionStore(tmp_path / "file" / "completions.sqlite").put("k", ANSWER, "m")


def test_threads_share_a_store(store):
    def put_many(thread):
        for number in range(50):
            store.put(f"{thread}-{number}", ANSWER, "m")
            assert store.get_many([f"{thread}-{number}"])

    threads = [threading.Thread(target=put_many, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.get_many(f"{t}-{n}" for t in range(8) for n in range(50))) == 400


WRITER = """
import sys
from pathlib import Path
from ccl_assets.resources.text_generation.store import CompletionStore
from ccl_assets.resources.text_generation.requests import Completion
store = CompletionStore(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    store.put(f"{sys.argv[2]}-{number}", Completion("r", "text " * 100, "stop"), "m")
    print(number, flush=True)
"""


def test_processes_that_start_together_lose_nothing(store):
    def start(name):
        return subprocess.Popen([sys.executable, "-c", WRITER, store.path, name, "100"], stdout=subprocess.DEVNULL)

    processes = [start(f"p{number}") for number in range(6)]
    assert [process.wait(timeout=60) for process in processes] == [0] * 6
    assert len(store.get_many(f"p{p}-{n}" for p in range(6) for n in range(100))) == 600


def test_a_killed_process_loses_nothing_it_put(store):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, store.path, "p", "100000"], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if int(line) == 150:
            process.kill()
            break
    reported = 150 + sum(1 for _ in process.stdout)
    process.wait()
    assert len(store.get_many(f"p-{number}" for number in range(reported + 1))) == reported + 1


def test_a_forked_child_opens_the_file_anew(store):
    import os

    store.put("k", ANSWER, "m")
    child = os.fork()
    if child == 0:
        store.put("child", ANSWER, "m")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert set(store.get_many(["k", "child"])) == {"k", "child"}


def test_a_closed_store_opens_again(store):
    store.put("k", ANSWER, "m")
    store.close()
    assert "k" in store.get_many(["k"])
