"""Downloads against a local server that breaks off, forgets, lies and redirects: resumed, refused, never left half done."""

import errno
import hashlib
import http.server
import json
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ccl_assets.resources.releases import download as module
from ccl_assets.resources.releases import download_part
from ccl_assets.resources.releases.download import DownloadError, DownloadPolicy, download, is_url

CONTENT = b"PK\x03\x04" + bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FAST = DownloadPolicy(timeout=1.0)


class Server:
    """Answers every GET with the next of ``plan`` (the last one again and again) and keeps what it was asked."""

    def __init__(self):
        self.content = CONTENT
        self.etag = '"v1"'
        self.last_modified = None
        self.has_ranges = True
        self.plan = [{}]
        self.requests = []

    def next(self):
        return self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server.state
        server.requests.append((self.path, dict(self.headers)))
        step = server.next()
        self.close_connection = True
        if "before" in step:
            step["before"](server)
        if step.get("hang"):
            self.connection.recv(1)
            return
        if step.get("reset"):
            return
        if "status" in step:
            body = step.get("body", b"")
            self.send_response(step["status"])
            for name, value in step.get("headers", {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self._send_file(server, step)

    def _send_file(self, server, step):
        start = 0
        asked = self.headers.get("Range")
        valid = self.headers.get("If-Range") in (server.etag, server.last_modified) or step.get("ignores_if_range")
        if asked and server.has_ranges and valid:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        if start >= len(server.content) and start:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = server.content[start:]
        if asked and server.has_ranges and valid:
            self.send_response(206)
            shown = step.get("wrong_start", start)
            self.send_header("Content-Range", f"bytes {shown}-{len(server.content) - 1}/{len(server.content)}")
        else:
            self.send_response(200)
        if server.etag:
            self.send_header("ETag", server.etag)
        if server.last_modified:
            self.send_header("Last-Modified", server.last_modified)
        if step.get("chunked"):
            self.send_header("Transfer-Encoding", "chunked")
        elif not step.get("no_length"):
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", step.get("type", "application/zip"))
        self.end_headers()
        if step.get("chunked"):
            sent = body[: step.get("cut", len(body))]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(sent), sent))
            if "cut" not in step:
                self.wfile.write(b"0\r\n\r\n")
            return
        self.wfile.write(body[: step.get("cut", len(body))])
        if step.get("stall"):
            self.wfile.flush()
            self.connection.recv(1)


@contextmanager
def serving():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.state = Server()
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        server.state.root = f"http://127.0.0.1:{server.server_address[1]}"
        yield server.state
        server.shutdown()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as state:
        yield state


@pytest.fixture
def fetch(server, tmp_path):
    """Downloads ``/order.zip``; keeps pauses and lines; checks that nothing half done has the final name."""
    target = tmp_path / "downloads" / "order.zip"

    def run(url=None, policy=FAST):
        try:
            return download(url or f"{server.root}/order.zip", target, run.lines.append, policy, run.pauses.append)
        finally:
            assert not target.exists() or target.read_bytes() == server.content

    run.lines, run.pauses, run.target = [], [], target
    run.part = target.with_name("order.zip.part")
    return run


def ranges(server):
    return [headers.get("Range") for _, headers in server.requests]


def test_a_file_is_fetched_whole_and_reported(server, fetch):
    report = fetch()
    assert (report.byte_count, report.sha256, report.resumed_from, report.attempts) == (len(CONTENT), SHA256, 0, 1)
    assert fetch.target.read_bytes() == CONTENT
    assert [file.name for file in fetch.target.parent.iterdir()] == ["order.zip"]
    assert fetch.lines == [f"{server.root}/order.zip: 1,024,004 bytes in {report.seconds:.1f} s, sha256 {SHA256}"]


@pytest.mark.parametrize("cut", [1, 4, 500_000, len(CONTENT) - 1])
def test_a_body_cut_short_is_continued_where_it_broke_off(server, fetch, cut):
    server.plan = [{"cut": cut}, {}]
    report = fetch()
    assert ranges(server) == [None, f"bytes={cut}-"]
    assert server.requests[1][1]["If-Range"] == '"v1"'
    assert (report.sha256, report.attempts, report.resumed_from) == (SHA256, 2, 0)
    assert fetch.lines[0] == f"order.zip: the connection ended after {cut:,} of 1,024,004 bytes; once more in 1 s"


def test_an_interrupted_download_is_continued_by_the_next_call(server, fetch):
    server.plan = [{"cut": 300_000}, {"status": 500}]
    with pytest.raises(
        DownloadError, match=r"answers 500 .*, 5 times in a row.*run again later \(what arrived is kept\)"
    ):
        fetch()
    assert fetch.part.stat().st_size == 300_000
    server.plan = [{}]
    report = fetch()
    assert (report.resumed_from, report.byte_count, report.sha256) == (300_000, len(CONTENT), SHA256)
    assert "resumed at byte 300,000" in str(report)


def test_the_time_of_change_serves_where_there_is_no_etag(server, fetch):
    server.etag, server.last_modified = None, "Wed, 18 Jun 2025 10:00:00 GMT"
    server.plan = [{"cut": 1000}, {}]
    assert fetch().sha256 == SHA256
    assert server.requests[1][1]["If-Range"] == server.last_modified


@pytest.mark.parametrize("etag", [None, 'W/"v1"'])
def test_without_a_strong_validator_it_starts_again(server, fetch, etag):
    server.etag = etag
    server.plan = [{"cut": 1000}, {}]
    assert fetch().sha256 == SHA256
    assert ranges(server) == [None, None]


def test_a_server_without_ranges_is_asked_for_all_again(server, fetch):
    server.has_ranges = False
    server.plan = [{"cut": 1000}, {"cut": 700_000}, {}]
    assert fetch().sha256 == SHA256
    assert ranges(server) == [None, "bytes=1000-", "bytes=700000-"]


def change(server):
    server.content, server.etag = CONTENT[::-1].replace(b"<", b"("), '"v2"'


@pytest.mark.parametrize("step", [{}, {"ignores_if_range": True}])
def test_a_file_that_changed_between_attempts_is_fetched_anew(server, fetch, step):
    server.plan = [{"cut": 1000}, {"before": change, **step}, {}]
    report = fetch()
    assert report.sha256 == hashlib.sha256(server.content).hexdigest() != SHA256


def test_a_file_that_became_shorter_is_fetched_anew(server, fetch):
    def shorten(server):
        server.content, server.etag = CONTENT[:500], '"v2"'

    server.plan = [{"cut": 1000}, {"before": shorten, "ignores_if_range": True}, {}]
    assert fetch().byte_count == 500


def test_a_part_that_is_already_whole_is_taken(server, fetch):
    server.plan = [{"cut": 1000}, {"status": 404}]
    with pytest.raises(DownloadError):
        fetch()
    fetch.part.write_bytes(CONTENT)
    server.plan = [{}]
    assert fetch().resumed_from == len(CONTENT)


def test_a_server_that_continues_elsewhere_is_not_believed(server, fetch):
    server.plan = [{"cut": 1000}, {"wrong_start": 900}, {}]
    assert fetch().sha256 == SHA256


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"url": 1}', b'{"surprise": 1}'])
def test_a_part_of_unknown_origin_is_not_continued(server, fetch, damage):
    fetch.part.parent.mkdir(parents=True)
    fetch.part.write_bytes(b"other bytes")
    fetch.part.with_name("order.zip.part.json").write_bytes(damage)
    assert fetch().sha256 == SHA256
    assert ranges(server) == [None]


def test_a_part_of_another_url_is_not_continued(server, fetch):
    server.plan = [{"cut": 1000}, {"status": 404}]
    with pytest.raises(DownloadError):
        fetch()
    server.plan = [{}]
    assert fetch(f"{server.root}/other/order.zip").resumed_from == 0
    assert ranges(server)[-1] is None


def test_a_file_of_untold_length_is_taken_when_its_chunks_end(server, fetch):
    server.plan = [{"chunked": True, "cut": 5000}, {"chunked": True}]
    assert fetch().sha256 == SHA256
    assert len(server.requests) == 2


@pytest.mark.parametrize("step", [{"reset": True}, {"hang": True}, {"stall": True, "cut": 1000}])
def test_a_dead_connection_is_tried_again(server, fetch, step):
    server.plan = [step, {}]
    assert fetch(policy=DownloadPolicy(timeout=0.2)).sha256 == SHA256
    assert "the connection failed" in fetch.lines[0]


def test_it_gives_up_after_attempts_that_bring_nothing_new(server, fetch):
    server.plan = [{"cut": 1000, "before": lambda server: setattr(server, "etag", None)}]
    with pytest.raises(DownloadError, match=r"ended after 1,000 of 1,024,004 bytes, 5 times in a row"):
        fetch()
    assert fetch.pauses == [1, 2, 4, 8]


def test_attempts_that_bring_something_do_not_count(server, fetch):
    server.plan = [*({"cut": 100_000} for _ in range(9)), {}]
    assert fetch().attempts == 10
    assert set(fetch.pauses) == {1}


def test_nobody_there_is_an_error_with_a_remedy(fetch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DownloadError, match=r"the connection failed .*download it yourself and give its path"):
        fetch(f"http://127.0.0.1:{port}/order.zip")


@pytest.mark.parametrize(
    ("status", "says"), [(404, "nothing is there"), (403, "refuses"), (401, "login"), (410, "taken")]
)
def test_a_refusal_is_final(server, fetch, status, says):
    server.plan = [{"status": status, "body": b"<html>"}]
    with pytest.raises(DownloadError, match=rf"/order\.zip: the server answers {status} .*{says}.*correct the URL"):
        fetch()
    assert len(server.requests) == 1
    assert not fetch.target.exists()


@pytest.mark.parametrize("status", [204, 203])
def test_a_success_that_is_no_file_is_refused(server, fetch, status):
    server.plan = [{"status": status}]
    with pytest.raises(DownloadError, match=f"answers {status} .*, which is no file"):
        fetch()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(server, fetch, status):
    server.plan = [{"status": status}, {"status": status}, {}]
    assert fetch().attempts == 3
    assert fetch.pauses == [1, 2]


def test_it_waits_as_long_as_the_server_asks(server, fetch):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    retry = [{"status": 429, "headers": {"Retry-After": value}} for value in ("7", later, "soon", "0")]
    server.plan = [*retry, {}]
    fetch()
    assert fetch.pauses[0] == 7
    assert 50 < fetch.pauses[1] <= 60
    assert fetch.pauses[2:] == [4, 0]


def test_too_long_a_wait_is_left_to_the_user(server, fetch):
    server.plan = [{"status": 503, "headers": {"Retry-After": "86400"}}]
    with pytest.raises(DownloadError, match=r"asks to wait 86400 s: run again then"):
        fetch()
    assert fetch.pauses == []


def test_redirects_are_followed_with_the_range(server, fetch):
    def redirect():
        return {"status": 302, "headers": {"Location": "/elsewhere/order.zip"}}

    server.plan = [redirect(), {"cut": 1000}, redirect(), {}]
    assert fetch().sha256 == SHA256
    assert [path for path, _ in server.requests] == ["/order.zip", "/elsewhere/order.zip"] * 2
    assert ranges(server)[-1] == "bytes=1000-"


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/order.zip"])
def test_redirects_to_other_schemes_are_not_followed(server, fetch, location):
    server.plan = [{"status": 301, "headers": {"Location": location}}]
    with pytest.raises(DownloadError, match=r"is not followed|is not allowed"):
        fetch()


def test_a_redirect_from_https_to_http_is_not_followed():
    import urllib.request

    request = urllib.request.Request("https://127.0.0.1/order.zip")
    with pytest.raises(DownloadError, match="leads on to http:"):
        module._Redirects().redirect_request(request, None, 302, "Found", {}, "http://127.0.0.1/order.zip")


def test_redirects_in_a_circle_end(server, fetch):
    server.plan = [{"status": 302, "headers": {"Location": "/order.zip"}}]
    with pytest.raises(DownloadError, match="302"):
        fetch()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<!DOCTYPE html><html>Sign in</html>", "text/html"),
        (b"\xef\xbb\xbf\r\n <HTML><body>Sign in</body></html>", "application/zip"),
        (b"<?xml version='1.0'?><!DOCTYPE html PUBLIC 'x'><html/>", "application/xhtml+xml"),
        (b"<!-- maintenance --><p>Back soon</p>", "text/html; charset=utf-8"),
    ],
)
def test_a_web_page_is_not_taken_for_the_file(server, fetch, body, content_type):
    server.content = body
    server.plan = [{"type": content_type}]
    with pytest.raises(DownloadError, match="sends a web page"):
        fetch()
    assert list(fetch.target.parent.iterdir()) == []


@pytest.mark.parametrize("body", [b"<?xml version='1.0'?><ICD10CM.tabular/>", CONTENT, b"00001 A00     0 Cholera"])
def test_a_file_that_is_only_called_html_is_taken(server, fetch, body):
    server.content = body
    server.plan = [{"type": "text/html"}]
    assert fetch().byte_count == len(body)


def test_an_empty_file_is_refused(server, fetch):
    server.content = b""
    with pytest.raises(DownloadError, match="sends an empty file, 5 times"):
        fetch()


@pytest.mark.parametrize("step", [{}, {"no_length": True}])
def test_a_file_without_end_is_refused(server, fetch, step):
    server.plan = [step]
    with pytest.raises(DownloadError, match="larger than 1 MB, which no release file is"):
        fetch(policy=DownloadPolicy(timeout=1, largest=1_000_000))
    assert not fetch.part.exists()


def test_an_expected_hash_is_compared(server, fetch):
    assert fetch(f"{server.root}/order.zip#sha256={SHA256.upper()}").sha256 == SHA256
    fetch.target.unlink()
    with pytest.raises(DownloadError, match=f"its sha256 is {SHA256}, not the expected {'0' * 64}; compare"):
        fetch(f"{server.root}/order.zip#sha256={'0' * 64}")
    assert list(fetch.target.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://host/order.zip", "only http and https"),
        ("file:///etc/passwd", "only http and https URLs can be fetched; for a file on disk give its path"),
        ("http:///order.zip", "only http and https"),
        ("https://name:secret@host/order.zip", "a URL with a login"),
        ("https://host/order.zip#page=3", "after # only sha256="),
        ("https://host/order.zip#sha256=12", "after # only sha256="),
    ],
)
def test_other_urls_are_refused_before_anything_happens(fetch, url, says):
    with pytest.raises(DownloadError, match=says) as caught:
        fetch(url)
    assert "secret" not in str(caught.value)
    assert not fetch.target.parent.exists()


def test_spaces_and_letters_of_other_languages_in_a_url_are_encoded(server, fetch):
    assert fetch(f"{server.root}/ICD10-CM Code Descriptions ü%20%2B.zip?a=b&c").sha256 == SHA256
    assert server.requests[0][0] == "/ICD10-CM%20Code%20Descriptions%20%C3%BC%20%2B.zip?a=b&c"


def test_a_full_disk_is_named_and_what_was_written_is_kept(server, fetch, monkeypatch):
    written = []

    def append(part, chunk):
        with download_part._writing(part._path):
            if sum(written) > 300_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(len(chunk))
            with part._path.open("ab") as stream:
                stream.write(chunk)

    with monkeypatch.context() as patch:
        patch.setattr(download_part.PartFile, "append", append)
        with pytest.raises(DownloadError, match=r"cannot write .*order\.zip\.part: No space left on device; make room"):
            fetch()
    assert len(server.requests) == 1
    report = fetch()
    assert (report.resumed_from, report.sha256) == (sum(written), SHA256)


def test_a_folder_that_cannot_be_made_is_named(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DownloadError, match=r"cannot write .*order\.zip\.part: .*correct its rights"):
        download(f"{server.root}/order.zip", tmp_path / "file" / "order.zip")


def test_progress_tells_how_much_how_fast_and_how_long(server, fetch, monkeypatch):
    ticks = iter(range(0, 10_000, 1))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(ticks)))
    server.plan = [{}]
    fetch()
    assert fetch.lines[0].startswith("order.zip: ")
    assert "of 1.0 MB, " in fetch.lines[0]
    assert fetch.lines[0].endswith("s left")
    fetch.target.unlink()
    server.plan = [{"no_length": True}]
    fetch.lines.clear()
    fetch()
    assert fetch.lines[0].endswith(" MB/s")


def test_the_state_beside_a_part_says_where_it_is_from(server, fetch):
    server.plan = [{"cut": 1000}, {"status": 404}]
    with pytest.raises(DownloadError):
        fetch()
    state = json.loads(fetch.part.with_name("order.zip.part.json").read_text())
    assert state == {
        "url": f"{server.root}/order.zip",
        "etag": '"v1"',
        "last_modified": None,
        "total": len(CONTENT),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a/b", True),
        ("file:///a", True),
        ("FY2026", False),
        ("/a/b", False),
        ("C:\\a", False),
        ("a://b", False),
    ],
)
def test_urls_are_told_from_paths(text, expected):
    assert is_url(text) is expected
