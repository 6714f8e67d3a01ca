"""Words of `running.py`; its questions to SUMO are tested where they are asked: test_engine.py and test_own_process.py."""

import pytest

from leed_traffic.simulation.sumo.running import first_line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Error: No net.\nQuitting (on error).", "No net."),
        ("\n\n  Error:   spaces  \n", "spaces"),
        ("plain words", "plain words"),
        ("", "no reason given"),
        ("\n \n", "no reason given"),
    ],
)
def test_the_first_line_of_a_complaint_stands_alone(text, said):
    assert first_line(text) == said
