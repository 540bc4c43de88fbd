"""Policy for endpoints: the text they may see, the failures that are tried again, and the waiting times."""

from __future__ import annotations

import ipaddress
import random
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

_RETRIED_STATUSES = frozenset({408, 409, 425, 429})


def host_of(base_url: str) -> str:
    """Host of an endpoint, in lower case.

    Raises:
        ValueError: This is no HTTP address.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("CCL_ENDPOINT is no HTTP address: it must look like http://127.0.0.1:8000/v1")
    return parts.hostname.lower()


def keeps_text(host: str, trusted_hosts: Collection[str]) -> bool:
    """Tell whether restricted text may be sent to a host: this machine's loopback, or one the user listed."""
    if host == "localhost" or host in {trusted.strip().lower() for trusted in trusted_hosts}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_retried(status: int) -> bool:
    """Tell whether an HTTP status may go away by itself."""
    return status in _RETRIED_STATUSES or status >= 500


@dataclass(frozen=True)
class Backoff:
    """Waiting times between attempts: exponential, jittered, never shorter than the server asked for.

    Attributes:
        first_s: Wait after the first failure, before jitter.
        longest_s: Longest wait, whatever the server asks for.
    """

    first_s: float = 0.5
    longest_s: float = 60.0

    def wait_s(self, attempt: int, headers: Mapping[str, str] | None = None) -> float:
        """Seconds to wait after failed attempt ``attempt`` (0 is the first).

        The jitter (half to one and a half times) keeps requests that failed together from coming back together.
        """
        wait = min(self.first_s * 2.0 ** min(attempt, 64), self.longest_s) * random.uniform(0.5, 1.5)  # noqa: S311
        return min(max(wait, retry_after_s(headers or {})), self.longest_s)


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds a server asks to wait in ``Retry-After`` (a number or a date); 0 if it does not."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return 0.0
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return 0.0
    return seconds if 0.0 < seconds < float("inf") else 0.0
