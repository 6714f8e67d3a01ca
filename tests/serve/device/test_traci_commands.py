"""Commands to a real SUMO: one message each, harmless where half is refused, none to a signal of another's."""

import logging
import struct

import pytest

from leed_traffic.domain.safety.program import build_program
from tests.intersections import with_limits
from tests.serve.bundles import crossing
from tests.serve.device.line import (
    OURS,
    PROGRAM,
    Line,
    name,
    number,
    program_at,
    shown,
    standing,
)

pytestmark = pytest.mark.sumo


def test_every_command_is_one_message(opened):
    device = opened()
    line, stage = Line(device), standing(device)
    assert device.engage(0, stage)
    assert device.request(0, stage, 9.0)
    assert line.take() == [], "nothing is sent before the tick is over"
    device.commit()
    assert line.take() == ["logic ours phase note note hold"]
    for _ in range(3):
        assert shown(device).is_ours
    assert device.request(0, (stage + 1) % PROGRAM.n_stages, 9.0)
    device.read()
    assert line.take() == ["phase"]
    while PROGRAM.stage_of(shown(device).phase)[1]:
        pass
    assert device.release(0)
    device.commit()
    assert line.take() == ["own phase"]
    assert not shown(device).is_ours
    stage = standing(device)
    assert device.engage(0, stage)
    device.commit()
    assert line.take() == ["logic", "ours phase note note"], (
        "the phases first, unseen, then the change of the program"
    )


def test_a_clearance_without_all_red_is_extended_by_one_message(opened):
    intersection, timing = crossing()
    bare = with_limits(timing, all_red_s=((0.0,) * timing.n_stages,) * timing.n_stages)
    program = build_program(intersection, bare)
    device = opened(place=lambda: (intersection, bare))
    line, stage = Line(device), standing(device)
    assert device.engage(0, stage)
    device.read()
    assert device.request(0, (stage + 2) % 4, 5.0)
    while (seen := shown(device)) and program.extension_at(seen.phase, seen.spent_s, 1.0) is None:
        pass
    line.take()
    assert device.extend(0, 1.0)
    device.commit()
    assert line.take() == ["phase hold"]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_take_over_whose_program_is_refused_moves_nothing(opened, caplog, is_first):
    device = opened()
    if not is_first:
        assert device.engage(0, standing(device))
        device.read()
        assert device.release(0)
    while (stage := standing(device)) != 1:
        pass
    before, line = device._signals.displays[0].state, Line(device)
    if is_first:  # its phases are refused, so there is no such program to go to
        line.alter(number(0) + number(14 + stage), number(0) + number(99))
    else:
        to_signal = b"\x23" + struct.pack("!i", 1) + b"C"
        line.alter(to_signal + name(OURS), to_signal + name("leed-0000cccc"))
    assert device.engage(0, stage)
    device.commit()
    assert "C: taking over was refused" in caplog.text
    assert (program_at(device), device._connection.trafficlight.getRedYellowGreenState("C")) == ("0", before)
    assert not shown(device).is_ours


def test_a_hand_back_whose_program_is_refused_keeps_the_display(opened, caplog):
    device = opened()
    stage = standing(device)
    assert device.engage(0, stage)
    for _ in range(5):
        before = shown(device)
    Line(device).alter(name("0"), name("9"))
    with caplog.at_level(logging.ERROR):
        assert device.release(0)
        now = shown(device)
    assert "C: handing back was refused: Can not switch tls 'C' to program '9'" in caplog.text
    assert (now.state, now.is_ours, now.is_sound, now.phase) == (before.state, True, True, stage)


def test_a_hand_back_whose_phase_is_refused_is_taken_back_before_anybody_sees_it(opened, caplog):
    device = opened()
    stage = standing(device)
    assert device.engage(0, stage)
    for _ in range(5):
        before = shown(device)
    own = device._signals.in_force[0].phases[stage]
    Line(device).alter(number(own), number(99))
    with caplog.at_level(logging.ERROR):
        assert device.release(0)
        now = shown(device)
    assert "C: handing back was refused: The phase index 99" in caplog.text
    assert (now.state, now.is_ours, now.phase) == (before.state, True, stage)


def test_a_signal_that_somebody_else_has_moved_is_not_commanded(opened, caplog):
    device = opened()
    line, stage = Line(device), standing(device)
    assert device.engage(0, stage)
    device.read()
    other = PROGRAM.entries[stage][(stage + 1) % 4]
    device._connection.trafficlight.setPhase("C", device._signals.installed[0].number(other))
    line.take()
    assert not device.request(0, stage, 4.0), "the hold would have hit somebody's clearance"
    assert not device.request(0, (stage + 2) % 4, 4.0)
    assert not device.release(0)
    assert not device.extend(0, 1.0)
    assert "somebody else moved it since this tick's reading" in caplog.text
    device.commit()
    assert line.take() == []
    now = shown(device)
    assert now.phase == other
    assert device.request(0, PROGRAM.stage_of(other)[0], 4.0), "the next tick has seen it"


def test_what_somebody_has_set_is_not_taken_from_him(opened):
    device = opened()
    stage = standing(device)
    device._connection.trafficlight.setRedYellowGreenState("C", PROGRAM.phases[stage].state)
    assert shown(device).program == "online"
    assert not device.engage(0, stage)
