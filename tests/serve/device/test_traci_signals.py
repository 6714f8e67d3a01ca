"""Signals as a real SUMO reports them: whose program runs, which own one is in force, how long a stage stands."""

import pytest

from leed_traffic.drill.rig.gateway import Gateway
from tests.intersections import with_limits
from tests.serve.bundles import crossing
from tests.serve.device.line import ALONE, PROGRAM, THEIRS, Line, program_at, shown, standing

pytestmark = pytest.mark.sumo


def test_a_restart_finds_its_program_and_begins_nothing_anew(start_sumo, opened):
    with Gateway(start_sumo().port, steps_alone=ALONE) as gateway:
        first = opened(gateway.port)
        stage = standing(first)
        assert first.engage(0, stage)
        first.read()
        first.close()
        again = opened(gateway.port)
        line, now = Line(again), again.read().displays[0]
        assert (now.is_ours, now.is_sound, now.phase, now.spent_s) == (True, True, stage, 1.0 + ALONE)
        assert again.engage(0, stage)
        later = shown(again)
        assert line.take() == []
        assert (later.spent_s, later.is_sound) == (2.0 + ALONE, True)
        assert again.release(0)
        assert not shown(again).is_ours


def test_a_restart_hands_back_to_the_program_that_was_in_force_before(start_sumo, opened, tmp_path):
    with Gateway(start_sumo(additional=[plans(tmp_path, "night", "day")]).port, steps_alone=ALONE) as gateway:
        first = opened(gateway.port)
        first._connection.trafficlight.setProgram("C", "night")
        first.read()
        assert first.engage(0, standing(first))
        first.read()
        first.close()
        again = opened(gateway.port)
        assert again.read().displays[0].is_ours
        assert again.release(0)
        assert shown(again).program == "night"


def test_another_owners_program_is_never_commanded_until_a_person_adopts_it(start_sumo, opened, caplog):
    with Gateway(start_sumo().port, steps_alone=ALONE) as gateway:
        gone = opened(gateway.port, name=THEIRS)
        stage = standing(gone)
        assert gone.engage(0, stage)
        gone.close()
        caplog.clear()
        device = opened(gateway.port)
        line, now = Line(device), device.read().displays[0]
        assert (now.program, now.is_ours, now.is_foreign) == (THEIRS, False, True)
        assert not device.engage(0, stage)
        assert not device.request(0, stage, 5.0)
        assert not device.extend(0, 1.0)
        assert device.release(0), "what is not ours is not handed back"
        device.commit()
        assert line.take() == []
        assert f"if that controller is gone for good: --adopt {THEIRS}" in caplog.text
        device.close()
        heir = opened(gateway.port, adopted=frozenset({THEIRS}))
        now = heir.read().displays[0]
        assert not now.is_foreign
        assert heir.engage(0, stage)
        mine = shown(heir)
        assert (mine.is_ours, mine.state) == (True, now.state)
        assert heir.release(0)
        heir.commit()
        assert program_at(heir) == "0", "the signal's own program is remembered at the device"


def test_a_program_without_a_mark_is_nobodys_and_may_be_adopted(start_sumo, opened):
    with Gateway(start_sumo().port, steps_alone=ALONE) as gateway:
        old = opened(gateway.port, name="leed")
        stage = standing(old)
        assert old.engage(0, stage)
        old.close()
        device = opened(gateway.port)
        now = device.read().displays[0]
        assert (now.is_ours, now.is_foreign) == (False, True)
        assert not device.engage(0, stage)
        device.close()
        heir = opened(gateway.port, adopted=frozenset({"leed"}))
        heir.read()
        assert heir.engage(0, stage)
        assert shown(heir).is_ours


def test_our_program_with_other_phases_is_not_taken_for_the_one_of_now(start_sumo, opened):
    intersection, timing = crossing()
    longer = with_limits(
        timing, all_red_s=tuple(tuple(s + 2.0 for s in row) for row in timing.clearances.all_red_s)
    )
    with Gateway(start_sumo().port, steps_alone=ALONE) as gateway:
        before = opened(gateway.port, place=lambda: (intersection, longer))
        stage = standing(before)
        assert before.engage(0, stage)
        before.close()
        device = opened(gateway.port)
        now = device.read().displays[0]
        assert (now.is_ours, now.is_foreign) == (False, False)
        assert device.engage(0, stage)
        after = shown(device)
        assert (after.is_ours, after.is_sound, after.state) == (True, True, now.state)


def plans(tmp_path, *names):
    """Further programs of the crossing's own, each with longer greens."""
    intersection, _ = crossing()
    rows = "".join(
        f'<phase duration="{p.duration_s + 11.0}" state="{p.state}"/>' for p in intersection.own_program
    )
    path = tmp_path / "plans.add.xml"
    logics = "".join(f'<tlLogic id="C" type="static" programID="{n}" offset="0">{rows}</tlLogic>' for n in names)
    path.write_text(f"<additional>{logics}</additional>")
    return path


def test_a_hand_back_goes_to_the_program_in_force_not_to_that_of_the_connection(
    start_sumo, opened, tmp_path, caplog
):
    device = opened(start_sumo(additional=[plans(tmp_path, "night", "day")]).port)
    assert "have several programs of their own: C (0, day, night)" in caplog.text
    begun = shown(device).program
    assert begun == "day"
    device._connection.trafficlight.setProgram("C", "night")  # a plan, or a person
    device.read()
    stage = standing(device)
    assert device.engage(0, stage)
    before = shown(device)
    assert device.release(0)
    now = shown(device)
    assert (now.program, now.state) == ("night", before.state)


def test_a_plan_that_takes_the_signal_from_us_gets_it_back_later(start_sumo, opened, tmp_path):
    device = opened(start_sumo(additional=[plans(tmp_path, "night", "day")]).port)
    assert device.engage(0, standing(device))
    device.read()
    device._connection.trafficlight.setProgram("C", "night")
    assert shown(device).program == "night"
    assert device.engage(0, standing(device))
    assert shown(device).is_ours
    assert device.release(0)
    assert shown(device).program == "night"


def test_under_a_plan_that_never_shows_a_stage_nothing_is_taken_over(start_sumo, opened, tmp_path, caplog):
    device = (
        opened(start_sumo(additional=[plans(tmp_path, "short", leave_out=2)]).port, place=lambda: crossing())
        if False
        else None
    )
    assert device is None
    sumo = start_sumo()
    device = opened(sumo.port)
    device.read()
    lights = device._connection.trafficlight
    rows = [lights.Phase(20.0, p.state, 20.0, 20.0) for p in crossing()[0].own_program[:4]]
    lights.setProgramLogic("C", lights.Logic("short", 0, 0, rows))  # a person writes a new program
    stage = standing(device)
    assert not device.engage(0, stage)
    assert "its own program is short now; it never shows stage 1: not taken over while it runs" in caplog.text


def test_a_plan_that_is_rewritten_under_ours_is_met_where_it_shows_one_of_our_stages(opened):
    device = opened()
    stage = standing(device)
    assert device.engage(0, stage)
    device.read()
    lights, other = device._connection.trafficlight, (stage + 1) % 4
    rows = [lights.Phase(20.0, PROGRAM.phases[k].state, 20.0, 20.0) for k in range(4) if k != stage]
    lights.setProgramLogic("C", lights.Logic("0", 0, 0, rows))
    assert not device.release(0)
    while PROGRAM.stage_of(now := shown(device).phase)[1]:
        pass
    assert now == other
    before = shown(device).state
    assert device.release(0)
    after = shown(device)
    assert (after.program, after.state) == ("0", before)


def test_who_connects_after_a_take_over_counts_its_green_from_then(start_sumo, opened):
    """SUMO counts a phase from when it last began, even under another: a minimum green would be over at once."""
    with Gateway(start_sumo().port, steps_alone=0) as gateway:
        first = opened(gateway.port)
        shown(first)
        assert first.engage(0, 0)
        for _ in range(8):
            shown(first)
        assert first.release(0)
        for _ in range(3):
            shown(first)
        assert first.engage(0, 0)
        assert shown(first).spent_s == 1.0
        first.close()
        assert gateway.was_alone(5.0)
        again = shown(opened(gateway.port))
        assert (again.phase, again.spent_s) == (0, 1.0)
