"""Downloading a file by URL: resumed where it broke off, checked, and under its final name only when whole."""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urldefrag, urlsplit

from ccl_assets.resources.progress import Rhythm, duration
from ccl_assets.resources.releases.download_part import HEAD_BYTES, DownloadError, Origin, PartFile

__all__ = ["DownloadError", "DownloadPolicy", "DownloadReport", "download", "is_url"]

Say = Callable[[str], None]

_CHUNK_BYTES = 256 * 1024
_PROGRESS_EVERY = 2.0  # seconds
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}
_RANGE_NOT_SATISFIABLE = 416
_REMEDIES = {
    401: "it asks for a login",
    403: "the server refuses it",
    404: "nothing is there",
    410: "it was taken away",
}
_PAGE_MARKS = (b"<!doctype html", b"<html")


@dataclass(frozen=True)
class DownloadPolicy:
    """Patience of a download.

    Attributes:
        timeout: Seconds without a byte after which an attempt is given up.
        attempts: Attempts in a row that bring nothing new.
        first_pause: Seconds before the second attempt; doubled for each further one.
        longest_pause: Seconds; where a server asks for a longer one, the download fails.
        largest: Bytes a file may have.
    """

    timeout: float = 30.0
    attempts: int = 5
    first_pause: float = 1.0
    longest_pause: float = 120.0
    largest: int = 2**30


@dataclass(frozen=True)
class DownloadReport:
    """Report of a download. ``seconds`` and ``resumed_from`` (a byte position) are of the last call, not of earlier ones."""

    url: str
    path: Path
    byte_count: int
    sha256: str
    seconds: float
    resumed_from: int
    attempts: int

    def __str__(self) -> str:
        """One line for the console."""
        resumed = f", resumed at byte {self.resumed_from:,}" if self.resumed_from else ""
        return f"{self.url}: {self.byte_count:,} bytes in {self.seconds:.1f} s{resumed}, sha256 {self.sha256}"


def is_url(text: str) -> bool:
    """Tell whether a text is a URL of any scheme, and not a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text) is not None


def download(
    url: str,
    target: Path,
    say: Say = lambda _: None,
    policy: DownloadPolicy | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> DownloadReport:
    """Fetch a file. A part that an earlier call left is continued if the server still has the same file.

    Args:
        url: ``http`` or ``https``; ``#sha256=...`` at its end is compared with what arrives.
        target: Where the file goes. Until it is whole, ``NAME.part`` and ``NAME.part.json`` lie beside it.
        say: Receives progress lines.
        policy: Patience; ``None`` for the default.
        sleep: Waits between attempts.

    Raises:
        DownloadError: Not to be had, not a file, not the expected one, or the disk is full.
    """
    address, fragment = urldefrag(url)
    expected = expected_sha256(fragment)
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DownloadError(f"{address}: only http and https URLs can be fetched; for a file on disk give its path")
    if "@" in parts.netloc:
        raise DownloadError("a URL with a login in it is not taken; download the file yourself and give its path")
    return _Download(address, target, expected, say, policy or DownloadPolicy(), sleep).run()


def expected_sha256(fragment: str) -> str | None:
    """The hash out of a URL's fragment, ``sha256=...``; ``None`` if it is empty.

    Raises:
        DownloadError: The fragment is something else.
    """
    if not fragment:
        return None
    found = re.fullmatch(r"sha256=([0-9a-fA-F]{64})", fragment)
    if found is None:
        raise DownloadError(f"#{fragment}: after # only sha256= and 64 hexadecimal digits can follow")
    return found[1].lower()


class _TemporaryError(Exception):
    """An attempt failed in a way that another may not; ``after`` is how many seconds the server asks to wait."""

    def __init__(self, problem: str, after: float | None = None) -> None:
        super().__init__(problem)
        self.after = after


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        schemes = ("https",) if req.full_url.startswith("https:") else ("http", "https")
        if urlsplit(newurl).scheme not in schemes:
            raise DownloadError(f"{req.full_url}: leads on to {newurl}, which is not followed; download it yourself")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Download:
    def __init__(
        self,
        url: str,
        target: Path,
        expected: str | None,
        say: Say,
        policy: DownloadPolicy,
        sleep: Callable[[float], None],
    ) -> None:
        self._url, self._target, self._expected = url, target, expected
        self._say, self._policy, self._sleep = say, policy, sleep
        self._part = PartFile(target)
        self._opener = urllib.request.build_opener(_Redirects)
        self._resumed_from: int | None = None

    def run(self) -> DownloadReport:
        started = time.monotonic()
        attempts = failures = 0
        furthest = self._part.size
        while True:
            attempts += 1
            try:
                self._attempt()
                break
            except _TemporaryError as problem:
                failures = 1 if self._part.size > furthest else failures + 1
                furthest = max(furthest, self._part.size)
                self._wait(problem, failures)
        self._refuse_page(self._part.head, None)
        size, sha256 = self._part.size, self._part.sha256()
        if self._expected is not None and sha256 != self._expected:
            self._part.discard()
            raise DownloadError(
                f"{self._url}: its sha256 is {sha256}, not the expected {self._expected}; compare both with the publisher's"
            )
        self._part.finish()
        seconds = time.monotonic() - started
        report = DownloadReport(self._url, self._target, size, sha256, seconds, self._resumed_from or 0, attempts)
        self._say(str(report))
        return report

    def _wait(self, problem: _TemporaryError, failures: int) -> None:
        if failures >= self._policy.attempts:
            raise DownloadError(
                f"{self._url}: {problem}, {failures} times in a row without a new byte; run again later (what arrived is "
                "kept), or download it yourself and give its path"
            )
        pause = self._policy.first_pause * 2 ** (failures - 1)
        if problem.after is not None:
            if problem.after > self._policy.longest_pause:
                raise DownloadError(f"{self._url}: {problem}; it asks to wait {problem.after:.0f} s: run again then")
            pause = problem.after
        pause = min(pause, self._policy.longest_pause)
        self._say(f"{self._target.name}: {problem}; once more in {pause:.0f} s")
        self._sleep(pause)

    def _attempt(self) -> None:
        origin = self._part.origin(self._url)
        headers = {"User-Agent": "ccl-assets", "Accept-Encoding": "identity"}
        if origin is not None and origin.validator is not None:
            headers |= {"Range": f"bytes={self._part.size}-", "If-Range": origin.validator}
        request = urllib.request.Request(quote(self._url, safe="%/:=&?~#+!$,;'@()*[]"), headers=headers)  # noqa: S310
        try:
            with self._opener.open(request, timeout=self._policy.timeout) as response:
                total = self._place(response, origin)
                if self._resumed_from is None:
                    self._resumed_from = self._part.size
                self._receive(response, total)
        except urllib.error.HTTPError as error:
            self._judge_status(error, origin)
        except http.client.InvalidURL as error:
            raise DownloadError(f"{self._url}: {error}; correct the URL") from None
        except (OSError, http.client.HTTPException) as error:  # URLError, timeouts and resets are OSErrors
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise _TemporaryError(f"the connection failed ({reason or type(error).__name__})") from None

    def _place(self, response: Any, origin: Origin | None) -> int | None:
        """Make the part ready for what the response brings; returns the size of the whole file, where it is told."""
        if response.status == http.client.PARTIAL_CONTENT and origin is not None:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
            total = int(found[2]) if found and found[2] != "*" else None
            answered = Origin.of_response(self._url, response.headers, total)
            is_same = all(
                now is None or was is None or now == was
                for now, was in (
                    (answered.etag, origin.etag),
                    (answered.last_modified, origin.last_modified),
                    (answered.total, origin.total),
                )
            )
            if found and int(found[1]) == self._part.size and is_same:
                return total
            self._part.discard()
            raise _TemporaryError("the file has changed since its first part came", after=0)
        if response.status != http.client.OK:
            raise DownloadError(
                f"{self._url}: the server answers {response.status} {response.reason}, which is no file"
            )
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isdigit() else None
        self._part.begin(Origin.of_response(self._url, response.headers, total))
        return total

    def _receive(self, response: Any, total: int | None) -> None:
        progress = _Progress(self._target.name, self._part.size, total, self._say)
        if total is not None and total > self._policy.largest:
            self._refuse_size()
        size = self._part.size
        while chunk := response.read1(_CHUNK_BYTES):
            if size == 0:
                self._refuse_page(chunk, response.headers.get_content_type())
            size += len(chunk)
            if size > self._policy.largest:
                self._refuse_size()
            self._part.append(chunk)
            progress.at(size)
        if total is not None and size != total:
            raise _TemporaryError(f"the connection ended after {size:,} of {total:,} bytes")
        if size == 0:
            raise _TemporaryError("the server sends an empty file")

    def _judge_status(self, error: urllib.error.HTTPError, origin: Origin | None) -> None:
        """Return if the part turns out to be the whole file, else raise."""
        with error:
            if error.code == _RANGE_NOT_SATISFIABLE and origin is not None:
                if (
                    error.headers.get("Content-Range") == f"bytes */{self._part.size}"
                    and origin.total == self._part.size
                ):
                    self._resumed_from = self._part.size if self._resumed_from is None else self._resumed_from
                    return
                self._part.discard()
                raise _TemporaryError("the file has changed since its first part came", after=0)
            said = f"the server answers {error.code} {error.reason}"
            if error.code in _TEMPORARY:
                raise _TemporaryError(said, _retry_after(error.headers.get("Retry-After")))
            remedy = _REMEDIES.get(error.code)
            raise DownloadError(
                f"{self._url}: {said}{f' ({remedy})' if remedy else ''}; correct the URL, or download the file yourself and "
                "give its path"
            )

    def _refuse_page(self, head: bytes, content_type: str | None) -> None:
        start = head[:HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        is_html = content_type == "text/html" and not start.startswith(b"<?xml")
        is_page = start.startswith(b"<") and (is_html or any(mark in start for mark in _PAGE_MARKS))
        if is_page:
            self._part.discard()
            raise DownloadError(
                f"{self._url}: the server sends a web page (HTML) and not a file; open it in a browser and take the URL of the "
                "file itself"
            )

    def _refuse_size(self) -> None:
        self._part.discard()
        raise DownloadError(f"{self._url}: larger than {self._policy.largest / 1e6:,.0f} MB, which no release file is")


class _Progress:
    """A line after two seconds, later ever more rarely: how much, how fast, how long still."""

    def __init__(self, name: str, start: int, total: int | None, say: Say) -> None:
        self._name, self._start, self._total, self._say = name, start, total, say
        self._rhythm = Rhythm(time.monotonic, _PROGRESS_EVERY)

    def at(self, size: int) -> None:
        if not self._rhythm.is_due():
            return
        rate = (size - self._start) / self._rhythm.seconds
        if self._total is None:
            self._say(f"{self._name}: {size / 1e6:.1f} MB, {rate / 1e6:.1f} MB/s")
            return
        left = (self._total - size) / rate
        self._say(
            f"{self._name}: {size / 1e6:.1f} of {self._total / 1e6:.1f} MB, {rate / 1e6:.1f} MB/s, about {duration(left)} left"
        )


def _retry_after(value: str | None) -> float | None:
    """Seconds out of ``Retry-After``: a number or a date; ``None`` if it says neither."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
