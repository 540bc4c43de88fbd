"""Lines of progress of a loop."""

from ccl_assets.lakehouse.pace import Pace


def lines_of(seconds_per_step, total):
    now = [0.0]
    said = []
    pace = Pace("notes coded", total, said.append, lambda: now[0])
    for _ in range(total):
        now[0] += seconds_per_step
        pace.step()
    return said


def test_a_quick_loop_says_its_last_line_only():
    assert lines_of(0.01, 100) == ["100/100 notes coded in 1 s"]


def test_a_slow_loop_tells_rate_and_time_left():
    said = lines_of(2, 10)
    assert said[0] == "3/10 notes coded in 6 s; 0.50 a second, about 14 s left"
    assert said[-1] == "10/10 notes coded in 20 s"


def test_a_loop_of_hours_says_a_line_a_minute():
    assert 150 < len(lines_of(1, 10_000)) < 250


def test_an_empty_loop_says_nothing():
    assert lines_of(1, 0) == []
