from pathlib import Path

import pytest


@pytest.mark.sumo
def test_the_kept_intersection_is_the_one_of_the_scenario():
    pytest.importorskip("sumo", reason="reads the net with SUMO's tools")
    from tests.serve.make_crossing import make

    kept = Path(__file__).with_name("crossing.json").read_text()
    assert make() == kept, "the scenario has changed: run python tests/serve/make_crossing.py"
