import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.resources.text_generation.endpoint.policy import Backoff, is_retried, retry_after_s


def test_waits_grow_exponentially_with_jitter():
    backoff = Backoff(first_s=1.0, longest_s=1000.0)
    for attempt in range(5):
        waits = [backoff.wait_s(attempt) for _ in range(200)]
        assert 0.5 * 2**attempt <= min(waits) < max(waits) <= 1.5 * 2**attempt
        assert max(waits) - min(waits) > 0.3 * 2**attempt


@given(st.integers(0, 2000), st.text(max_size=20))
def test_any_header_gives_a_bounded_wait(attempt, value):
    wait = Backoff(first_s=0.5, longest_s=60.0).wait_s(attempt, {"retry-after": value})
    assert 0 < wait <= 60.0


def test_retry_after_may_be_seconds_or_a_date():
    assert retry_after_s({"retry-after": "2.5"}) == 2.5
    assert 28 < retry_after_s({"retry-after": formatdate(time.time() + 30, usegmt=True)}) <= 30
    for value in ("", "-3", "soon", "nan", "inf", "0"):
        assert retry_after_s({"retry-after": value}) == 0.0


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, False), (401, False), (404, False), (422, False), (408, True), (429, True), (529, True)],
)
def test_only_what_may_go_away_is_tried_again(status, expected):
    assert is_retried(status) is expected
