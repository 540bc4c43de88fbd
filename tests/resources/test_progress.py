"""When a line of progress is due, and how durations are written."""

import itertools

import pytest

from ccl_assets.resources.progress import Rhythm, duration


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2.0 h"), (86400, "24.0 h")],
)
def test_durations_are_written_in_the_unit_that_people_use(seconds, said):
    assert duration(seconds) == said


def test_lines_are_due_after_the_shortest_silence_then_more_rarely_and_every_minute_at_the_latest():
    now = [0.0]
    rhythm = Rhythm(lambda: now[0], shortest_silence_s=10)
    due = []
    for second in range(1, 3601):
        now[0] = float(second)
        if rhythm.is_due():
            due.append(second)
    assert due[0] == 10
    assert rhythm.seconds == 3600
    pauses = [later - earlier for earlier, later in itertools.pairwise(due)]
    assert pauses == sorted(pauses) and max(pauses) == 60
