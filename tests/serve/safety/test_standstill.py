"""Who leads a signal: a foreign program, a display that stands; and what is none of it."""

from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.domain.detectors.detection import Detection, Vehicles, lanes_to_read
from leed_traffic.errors import ExitCode
from leed_traffic.serve.device.contract import SignalDisplay
from leed_traffic.serve.operations.status import StatusBoard
from leed_traffic.serve.safety.standstill import UNSOUND_S, Standstills
from leed_traffic.serve.safety.supervisor import Cause, ModeEvent, ModeState, OperatingMode, SignalMode, transition
from tests.serve.bundles import crossing
from tests.serve.operations.test_metrics import drive_watched
from tests.serve.test_run import asks_for, drive, fake, read_events

JUNCTION, TIMING = crossing()
LANES = lanes_to_read([JUNCTION], 100.0)
LIMIT_S = TIMING.max_red_s
GREEN = JUNCTION.stages[0].state
DARK = "r" * len(GREEN)
CLOSED = next(
    lane
    for lane in JUNCTION.lanes
    if all(GREEN[m.link] == "r" for m in JUNCTION.vehicle_movements if m.from_lane == lane.id)
)


def look(judge, time_s, state, *, cars=0, **changes):
    near = CLOSED.spans[0]
    vehicles = Vehicles(
        lane=np.full(cars, LANES.index(near.lane)),
        position_m=np.full(cars, near.to_m - 1.0),
        speed_mps=np.zeros(cars),
    )
    readings = Detection([JUNCTION], 100.0, {lane: k for k, lane in enumerate(LANES)}).measure(vehicles)
    display = SignalDisplay(**({"state": state, "program": "0", "phase": 0, "spent_s": 0.0} | changes))
    return judge.causes(time_s, (display,), readings)[0]


def judge(*, sees_who_stands=True, junction=JUNCTION):
    return Standstills([junction], [TIMING], sees_who_stands=sees_who_stands)


def test_a_foreign_program_is_one_at_once():
    assert look(judge(), 0.0, GREEN, is_foreign=True) is Cause.FOREIGN_PROGRAM
    assert look(judge(), 0.0, GREEN) is None


def test_a_program_of_our_name_that_is_not_as_we_put_it_there_is_a_foreign_one_after_half_a_minute():
    one, ours = judge(), {"program": "leed", "is_sound": False}
    assert look(one, 5.0, GREEN, **ours) is None
    assert look(one, 5.0 + UNSOUND_S, GREEN, **ours) is None, "damaged readings are no program"
    assert look(one, 6.0 + UNSOUND_S, GREEN, **ours) is Cause.FOREIGN_PROGRAM
    assert look(one, 7.0 + UNSOUND_S, GREEN, program="leed") is None
    assert look(one, 8.0 + UNSOUND_S, GREEN, **ours) is None


def test_a_signal_without_any_green_stands_after_its_maximum_red():
    one = judge()
    assert look(one, 0.0, GREEN) is None
    assert look(one, 1.0, DARK) is None
    assert look(one, LIMIT_S, DARK.replace("r", "y", 1)) is None, "other letters, no green"
    assert look(one, LIMIT_S + 0.1, DARK) is Cause.STANDSTILL
    assert look(one, LIMIT_S + 1.0, GREEN) is None


@pytest.mark.parametrize("letters", ["o", "O", "r", "y", "u"])
def test_letters_that_are_no_green_are_none(letters):
    one = judge()
    look(one, 0.0, letters * len(GREEN))
    assert look(one, LIMIT_S + 0.1, letters * len(GREEN)) is Cause.STANDSTILL


def test_what_stood_before_we_looked_counts():
    assert look(judge(), 1000.0, DARK, spent_s=LIMIT_S) is None
    assert look(judge(), 1000.0, DARK, spent_s=LIMIT_S + 0.1) is Cause.STANDSTILL


def test_a_main_road_that_rests_in_green_while_nobody_else_comes_is_in_order():
    one = judge()
    assert all(look(one, float(t), GREEN) is None for t in range(0, 2000, 7))


def test_a_vehicle_before_a_red_that_does_not_end_is_a_standstill():
    one = judge()
    assert all(look(one, float(t), GREEN, cars=1) is None for t in range(int(LIMIT_S) + 1))
    assert look(one, LIMIT_S + 1.0, GREEN, cars=1) is Cause.STANDSTILL
    assert look(one, LIMIT_S + 2.0, JUNCTION.stages[1].state, cars=1) is None, "it moves"


def test_who_comes_late_waits_from_then_on():
    one = judge()
    for t in range(300):
        look(one, float(t), GREEN)
    assert all(look(one, float(t), GREEN, cars=1) is None for t in range(300, 300 + int(LIMIT_S)))
    assert look(one, 301.0 + LIMIT_S, GREEN, cars=1) is Cause.STANDSTILL


def test_where_a_count_is_no_sight_of_a_vehicle_only_the_greens_are_judged():
    one = judge(sees_who_stands=False)
    assert all(look(one, float(t), GREEN, cars=1) is None for t in range(500))


def test_a_phase_of_its_own_program_may_be_longer_than_the_maximum_red():
    first, *others = JUNCTION.own_program
    slow = replace(JUNCTION, own_program=(replace(first, duration_s=LIMIT_S + 60.0), *others))
    one = judge(junction=slow)
    look(one, 0.0, DARK)
    assert look(one, LIMIT_S + 60.0, DARK) is None
    assert look(one, LIMIT_S + 61.0, DARK) is Cause.STANDSTILL


@pytest.mark.parametrize("mode", list(SignalMode))
@pytest.mark.parametrize("finding", [ModeEvent.FOREIGN_PROGRAM, ModeEvent.STANDSTILL])
def test_an_alarm_holds_whatever_the_data_are_worth_until_the_signal_moves(mode, finding):
    alarmed = transition(ModeState(mode=mode, cause=Cause.SOUND), finding)
    assert (alarmed.mode, alarmed.cause) == (SignalMode.FALLBACK, Cause(finding.value))
    for _ in range(100):
        alarmed = transition(alarmed, ModeEvent.GOOD_DECISION)
    assert alarmed.mode is SignalMode.FALLBACK
    assert transition(alarmed, ModeEvent.PROGRAM_LOST) == alarmed
    after = transition(alarmed, ModeEvent.MOVES_AGAIN)
    assert after == ModeState(cause=Cause.PROGRAM_LOST)
    assert transition(ModeState(mode=mode, cause=Cause.SOUND), ModeEvent.MOVES_AGAIN).mode is mode


def test_a_latch_outlives_an_alarm():
    tripped = ModeState(cause=Cause.MONITOR_TRIP, is_latched=True)
    assert transition(tripped, ModeEvent.FOREIGN_PROGRAM) == tripped


def frozen(device, from_s, *, until_s=1e9, state=None):
    """Another client freezes what is shown at `from_s`, or another state, and lets go again."""
    read, shown = device.read, [] if state is None else [state]

    def read_or_frozen():
        snapshot = read()
        if snapshot is None or not from_s <= snapshot.time_s < until_s:
            return snapshot
        if device._ours:
            stage, _ = device._program.stage_of(device._phase)
            shown.append(state or snapshot.displays[0].state)
            device._ours = False
            device._go(JUNCTION.stages[stage].own_phase)
        letters = shown[-1] if shown else snapshot.displays[0].state
        display = SignalDisplay(
            state=letters, program="online", phase=0, spent_s=snapshot.time_s - from_s, is_foreign=True
        )
        return replace(snapshot, displays=(display,))

    device.read = read_or_frozen
    return device


@pytest.mark.parametrize("control", list(OperatingMode))
def test_a_signal_that_another_client_froze_is_alarmed_and_not_handed_back(
    crossing_bundle, tmp_path, caplog, control
):
    summary, _ = drive(
        crossing_bundle, frozen(fake(), 50.0), policy=asks_for(0), until_s=300.0, control=control, events=tmp_path
    )
    assert summary.exit_code is ExitCode.FALLBACK_AT_END
    assert not summary.handed_back
    assert summary.alarms == {"foreign_program": 1}
    assert summary.modes == {"C": SignalMode.FALLBACK}
    assert caplog.text.count("nobody leads this signal") == 1
    assert [(stamp[17:19], value) for stamp, code, value in read_events(tmp_path) if code == 174] == [("50", 8)]


def test_what_somebody_else_sets_is_alarmed_and_latches_nothing(crossing_bundle):
    """A green of ours that another client cuts to dark is no fault of ours that a person has to reset."""
    device = frozen(fake(), 50.0, state="o" * len(GREEN))
    summary, _ = drive(crossing_bundle, device, policy=asks_for(0), until_s=120.0)
    assert (summary.exit_code, summary.violations, summary.latched) == (ExitCode.FALLBACK_AT_END, [], {})
    assert summary.alarms == {"foreign_program": 1}


def test_a_signal_that_moves_again_is_earned_back(crossing_bundle, tmp_path):
    device = frozen(fake(end_s=1e9), 50.0, until_s=80.0)
    summary, _ = drive(crossing_bundle, device, policy=asks_for(0), until_s=300.0, events=tmp_path)
    assert summary.exit_code is ExitCode.OK
    assert summary.handed_back
    assert summary.modes == {"C": SignalMode.ENGAGED}
    assert [value for _, code, value in read_events(tmp_path) if code == 174] == [8, 0]


def test_health_says_that_nobody_leads_a_signal(crossing_bundle):
    board, health = StatusBoard(lambda: 0.0), {}
    drive_watched(
        crossing_bundle,
        board,
        device=frozen(fake(), 50.0),
        on_tick=lambda t, end, note: health.update({t: board.health()}),
    )
    assert health[49.0].status == "ok"
    assert (health[119.0].status, health[119.0].reasons) == ("degraded", ("C: fallback (foreign_program)",))


def test_the_metrics_count_who_is_led_by_nobody(crossing_bundle):
    pytest.importorskip("prometheus_client", reason="metrics are in the extra 'serve'")
    from leed_traffic.serve.operations.metrics import Metrics

    metrics = Metrics()
    drive_watched(crossing_bundle, metrics, device=frozen(fake(), 50.0))
    assert metrics.registry.get_sample_value("leed_alarmed_signals") == 1.0
    assert (
        metrics.registry.get_sample_value("leed_fallback_transitions_total", {"reason": "foreign_program"}) == 1.0
    )
