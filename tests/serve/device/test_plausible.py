import math
from dataclasses import replace
from itertools import pairwise

import pytest

from leed_traffic.domain.safety.program import PROGRAM_ID, build_program
from leed_traffic.serve.device.contract import SignalDisplay
from leed_traffic.serve.device.plausible import is_sound, phase_showing, read_display, read_step_length
from tests.serve.bundles import crossing
from tests.serve.device.test_contract import without_all_red
from tests.serve.test_run import asks_for, drive, fake

PROGRAM = build_program(*crossing())


def display(phase=0, spent_s=5.0, **changes):
    return SignalDisplay(
        **(
            {
                "state": PROGRAM.phases[min(max(phase, 0), 3)].state,
                "program": PROGRAM_ID,
                "phase": phase,
                "spent_s": spent_s,
            }
            | changes
        )
    )


@pytest.mark.parametrize("step", [0.0, -1.0, 5.1, math.nan, math.inf, 1, "1", None])
def test_a_step_that_cannot_be_is_refused(step):
    with pytest.raises(ValueError, match="a simulation step of"):
        read_step_length(step)


def test_sound_steps_pass():
    assert [read_step_length(step) for step in (0.1, 1.0, 5.0)] == [0.1, 1.0, 5.0]


@pytest.mark.parametrize(
    "values",
    [(1, "leed", 0, 1.0), ("Gr", 7, 0, 1.0), ("Gr", "leed", 0.0, 1.0), ("Gr", "leed", 0, "1"),
     ("Gr", "leed", 0, -1.0),
     ("Gr", "leed", 0, math.nan), ("Gr", "leed", 0, math.inf), (None, "leed", 0, 1.0)],
)  # fmt: skip
def test_values_of_another_kind_are_refused(values):
    with pytest.raises(ValueError, match="signal C reads"):
        read_display("C", *values)


@pytest.mark.parametrize("spent_s", [0.0, 0.5, 86400.0])
def test_sound_values_are_taken_as_they_are(spent_s):
    assert read_display("C", "Gr", "leed", 3, spent_s) == SignalDisplay(
        state="Gr", program="leed", phase=3, spent_s=spent_s
    )


@pytest.mark.parametrize(
    ("state", "likely", "phase"),
    [
        ("rG", 2, 2),  # the likely phase, though another shows the same
        ("rG", 0, 1),
        ("rG", 9, 1),
        ("rG", 4, 1),
        ("Gr", 3, 0),
        ("yr", 0, 3),
        ("rg", 0, 1),  # the same greens with another priority
        ("rg", 2, 1),
        ("rr", 0, None),  # red all over; a yellow phase has no greens either, but is not taken for it
        ("GG", 0, None),
        ("gg", 2, None),
    ],
)
def test_the_phase_with_a_display_is_found_else_one_with_its_greens(state, likely, phase):
    assert phase_showing(state, likely, ["Gr", "rG", "rG", "yr"]) == phase


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (None, display(), True),
        (None, display(phase=999, state="G"), False),
        (None, display(phase=-1, state="G"), False),
        (None, display(phase=-1, state=PROGRAM.phases[-1].state), False),
        (None, display(phase=len(PROGRAM.phases), state="G"), False),
        (None, display(phase=len(PROGRAM.phases) - 1, state=PROGRAM.phases[-1].state), True),
        (None, display(state=PROGRAM.phases[1].state), False),  # phase and letters of two stages
        (display(spent_s=5.0), display(spent_s=6.0), True),
        (display(spent_s=5.0), display(spent_s=7.0), True),  # a step more or less is rounding
        (display(spent_s=5.0), display(spent_s=5.0), True),
        (display(spent_s=5.0), display(spent_s=7.1), False),
        (display(spent_s=5.0), display(spent_s=4.9), False),
        (display(spent_s=5.0), display(phase=1, spent_s=2.0), True),
        (display(spent_s=5.0), display(phase=1, spent_s=2.1), False),
        (
            display(spent_s=5.0),
            display(spent_s=69.0),
            False,
        ),  # a bit of the time: the minimum green would seem over
        (display(spent_s=5.0), display(phase=1, spent_s=0.0), True),
        (display(spent_s=5.0), display(phase=1, spent_s=1.0), True),
        (display(spent_s=5.0), display(phase=1, spent_s=6.0), False),
        (display(spent_s=5.0, program="0"), display(spent_s=60.0), True),
        (replace(display(spent_s=5.0), is_sound=False), display(spent_s=60.0), True),
    ],
)
def test_phase_letters_and_time_must_fit_together(before, now, expected):
    assert is_sound(PROGRAM, before, now, elapsed_s=1.0) is expected


def held(program, *, spent_s=3.0, k=0, **changes):
    """The end of the way from stage 0 to stage 1, extended by k seconds."""
    phase = program.entries[0][1]
    while program.phases[phase].extension is None:
        phase = program.phases[phase].next
    if k and program.phases[phase].extension != phase:
        phase, spent_s = program.phases[phase].extension, 0.0
    values = {"state": program.phases[phase].state, "program": PROGRAM_ID, "phase": phase, "spent_s": spent_s + k}
    return SignalDisplay(**(values | changes))


@pytest.mark.parametrize("place", [crossing, without_all_red])
def test_an_extension_goes_on_soundly_and_damage_in_it_is_still_seen(place):
    program = build_program(*place())
    steps = [held(program, k=k) for k in range(16)]
    for before, now in pairwise(steps):
        assert is_sound(program, before, now, elapsed_s=1.0)
        assert not is_sound(program, before, replace(now, spent_s=now.spent_s + 64.0), elapsed_s=1.0)
        assert not is_sound(program, before, replace(now, state=program.phases[1].state), elapsed_s=1.0)
    assert is_sound(
        program, steps[-1], display(phase=1, spent_s=1.0, state=program.phases[1].state), elapsed_s=1.0
    )


def test_nothing_is_commanded_from_a_sighting_that_makes_no_sense(crossing_bundle):
    device = fake()
    read = device.read

    def garbled():
        snapshot = read()
        if snapshot is None or not 20.0 <= snapshot.time_s < 23.0:
            return snapshot
        return replace(snapshot, displays=(replace(snapshot.displays[0], phase=999, is_sound=False),))

    device.read = garbled
    summary, _ = drive(crossing_bundle, device, policy=asks_for(0), until_s=60.0)
    assert not {20.0, 21.0, 22.0} & {time_s for time_s, _, _ in device.requests}
    assert summary.violations == []
    assert summary.ended_by == "until"
