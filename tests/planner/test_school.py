import json

import pytest

from leed_traffic.planner.school import write_lessons


@pytest.mark.sumo
@pytest.mark.slow
def test_a_study_that_is_repeated_simulates_nothing_anew_and_writes_the_same_lessons(tmp_path):
    told = []
    wanted = {
        "junctions": 2,
        "drawn": 1,
        "seed": 3,
        "workers": 1,
        "on_junction": lambda done, note: told.append(done),
    }
    first = write_lessons(tmp_path, **wanted)
    content = first.path.read_bytes()
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.glob("junctions/*/tried/*.json")}
    again = write_lessons(tmp_path, **wanted)
    assert told == [1, 1, 1, 1]
    assert again.path.read_bytes() == content
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("junctions/*/tried/*.json")} == stamps
    assert first.lessons == len(content.splitlines()) == 2 * 4 * (1 + 6 + 10)
    assert first.drawn == 2 * 4
    assert (
        first.delay_s["best of all tried"]
        <= first.delay_s["best of the embedded"]
        <= first.delay_s["max-wave 100 m"]
    )
    assert json.loads(content.splitlines()[0])["messages"][2]["role"] == "assistant"
