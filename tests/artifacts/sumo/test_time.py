import pytest

from leed_traffic.artifacts.sumo.time import clock_seconds, departure_seconds, duration_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0), ("90.5", 90.5), ("1e1", 10.0), ("-5", -5.0), (" 20", 20.0), ("0:01:30", 90.0), ("01:30:00", 5400.0),
        ("1:00:00:00", 86400.0), ("0:0:20.5", 20.5), ("7:00:00", 25200.0), ("0:00:00.25", 0.25),
        ("-1:00:07", -3593.0), ("-0:00:07", 7.0), ("-1:00:00:07", -86393.0),
    ],
)  # fmt: skip
def test_a_time_is_seconds_or_a_clock(text, seconds):
    assert clock_seconds(text) == duration_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "triggered", "begin", "1:30", "1:2:3:4:5", "nan", "inf", "1_0", "a:00:00", "1.5:00:00"]
)
def test_anything_else_is_no_time(text):
    assert clock_seconds(text) is None
    with pytest.raises(ValueError, match="expected seconds or H:M:S"):
        duration_seconds(text)


def test_the_word_begin_is_the_begin_of_the_simulation_and_events_are_no_time():
    assert departure_seconds("begin", 25200.0) == 25200.0
    assert departure_seconds("7:00:10", 0.0) == 25210.0
    assert departure_seconds("triggered", 0.0) is None
