import contextlib
import csv
import itertools
import signal
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from leed_traffic.artifacts.policy import Policy
from leed_traffic.artifacts.site import make_site
from leed_traffic.domain.detectors.detection import lanes_to_read
from leed_traffic.domain.network import Network
from leed_traffic.domain.safety.envelope import Reason
from leed_traffic.drill.rig.linear_policy import write_linear_bundle
from leed_traffic.errors import BundleError, DeviceError, ExitCode, MismatchError
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.serve.safety.supervisor import OperatingMode, SignalMode
from tests.intersections import with_limits
from tests.serve.bundles import crossing
from tests.serve.fake_device import FakeDevice


@dataclass
class ScriptedPolicy:
    """Answers from a function of the decision's number; keeps what it was shown."""

    answer: object
    observations: list = field(default_factory=list)

    def decide(self, observation, legal):
        self.observations.append(observation.copy())
        return self.answer(len(self.observations) - 1, observation, legal)


def drive(bundle, device=None, *, policy=None, on_tick=None, stop=None, **changes):
    """(summary, device) of a run on the fake."""
    intersection, timing = crossing()
    opened = []

    def connect(config, assignment, make_program, look):
        opened.append(device or FakeDevice(intersection, timing, assignment.lanes))
        return opened[0]

    ticks = itertools.count()
    config = ServeConfig(**({"bundle": bundle, "port": 1} | changes))
    summary = serve(
        config,
        clock=lambda: next(ticks) * 0.001,
        stop=stop or StopRequest(),
        on_tick=on_tick or (lambda time_s, end_s, note: None),
        connect=connect,
        decider=Policy if policy is None else lambda bundle, ids: policy,
    )
    assert opened[0].is_closed
    return summary, opened[0]


def fake(**changes):
    intersection, timing = crossing()
    return FakeDevice(intersection, timing, lanes_to_read([intersection], 100.0), **changes)


def read_events(folder):
    with (folder / "events.csv").open() as file:
        return [(row["TimeStamp"], int(row["EventId"]), int(row["Parameter"])) for row in csv.DictReader(file)]


def asks_for(stage):
    return ScriptedPolicy(lambda k, observation, legal: [float(stage)])


def test_a_run_to_the_end_serves_every_stage_and_ends_well(crossing_bundle):
    summary, device = drive(crossing_bundle, fake(queues={lane.id: 3 for lane in crossing()[0].lanes}))
    assert summary.exit_code is ExitCode.OK
    assert summary.ended_by == "end"
    assert summary.ticks == 600
    assert summary.decisions == 120
    assert summary.modes == {"C": SignalMode.ENGAGED}
    assert summary.violations == []
    assert {stage for _, stage, _ in device.requests} == {0, 1, 2, 3}


def test_the_display_does_not_change_at_take_over(crossing_bundle):
    device = fake()
    states = []
    read = device.read

    def watched():
        snapshot = read()
        if snapshot is not None:
            states.append((snapshot.displays[0].is_ours, snapshot.displays[0].state))
        return snapshot

    device.read = watched
    drive(crossing_bundle, device, until_s=20.0)
    assert [ours for ours, _ in states[:2]] == [False, True]
    assert states[0][1] == states[1][1]


def test_take_over_waits_until_the_own_program_shows_a_stage(crossing_bundle):
    device = fake()
    device._go(1)  # walkers are being cleared: not a stage of ours
    seen = []
    drive(crossing_bundle, device, on_tick=lambda time_s, end_s, note: seen.append(note), until_s=60.0)
    assert seen[0] == "1 standby"
    first = seen.index("1 engaged")
    assert (
        first == 9 + 4 + 2 + 1
    )  # s, what is left of the own program before its next stage, and the tick that sees it


def test_the_lease_is_short_but_never_shorter_than_the_minimum_green(crossing_bundle):
    _, device = drive(crossing_bundle, policy=asks_for(0), until_s=30.0)
    holds = [hold for time_s, stage, hold in device.requests if stage == 0]
    assert holds[0] == 7.0  # s, the minimum green of stage 0
    assert holds[1] == 6.0
    assert holds[5:10] == [4.0] * 5


def test_silence_lets_the_signal_walk_on_by_itself_and_good_decisions_bring_it_back(crossing_bundle):
    policy = ScriptedPolicy(lambda k, observation, legal: [None if 4 <= k < 8 else 0.0])
    seen = []
    summary, _ = drive(
        crossing_bundle, policy=policy, on_tick=lambda time_s, end_s, note: seen.append(note), until_s=100.0
    )
    assert seen[19] == "1 engaged"
    assert set(seen[20:50]) == {"1 degraded"}  # 4 bad decisions, then 3 good ones: the third ends it
    assert seen[50] == "1 engaged"
    assert summary.transitions["degraded: no_request"] == 1
    assert summary.rulings["unknown_request"] > 0


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), None])
def test_a_senseless_request_is_never_passed_on(crossing_bundle, answer):
    policy = ScriptedPolicy(lambda k, observation, legal: [answer])
    summary, device = drive(crossing_bundle, policy=policy, until_s=50.0)
    assert device.requests == []
    assert summary.modes == {"C": SignalMode.FALLBACK}
    assert summary.exit_code is ExitCode.FALLBACK_AT_END


def test_an_unknown_stage_is_refused_by_the_envelope(crossing_bundle):
    summary, device = drive(crossing_bundle, policy=asks_for(17), until_s=50.0)
    assert {stage for _, stage, _ in device.requests} <= {0, 1, 2, 3}
    assert summary.rulings[str(Reason.UNKNOWN_REQUEST)] > 0


def test_a_policy_that_breaks_is_logged_and_the_signal_goes_back_to_its_own_program(crossing_bundle, caplog):
    def answer(k, observation, legal):
        if k >= 2:
            raise ZeroDivisionError("a fault of the policy")
        return [0.0]

    summary, device = drive(crossing_bundle, policy=ScriptedPolicy(answer), until_s=200.0)
    assert "a fault of the policy" in caplog.text
    assert summary.modes == {"C": SignalMode.FALLBACK}
    assert summary.transitions["degraded: no_decision"] == 1
    assert summary.transitions["fallback: silent_too_long"] == 1
    assert summary.exit_code is ExitCode.FALLBACK_AT_END
    assert not device._ours


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("at_s", range(8, 40, 3))
def test_a_stop_hands_back_at_the_same_display_after_clearance_and_minimum_green(
    crossing_bundle, number, code, at_s
):
    device, stop, shown = fake(queues={lane.id: 3 for lane in crossing()[0].lanes}), StopRequest(), []
    release = device.release

    def watched(n):
        was_ours, before, green_s = device._ours, device._sighting().state, device._time_s - device._since_s
        done = release(n)
        if was_ours and done:
            shown.append((before, device._sighting().state, green_s))
        return done

    device.release = watched
    summary, _ = drive(
        crossing_bundle, device, stop=stop, on_tick=lambda time_s, end_s, note: time_s == at_s and stop(number)
    )
    assert summary.exit_code == code
    assert summary.handed_back
    ((before, after, green_s),) = shown
    assert before == after
    assert green_s >= 5.0
    assert summary.end_s <= at_s + 25.0


def test_until_hands_back_and_ends_well(crossing_bundle):
    summary, device = drive(crossing_bundle, until_s=50.0)
    assert (summary.exit_code, summary.ended_by, summary.handed_back) == (ExitCode.OK, "until", True)
    assert not device._ours


def test_a_lost_device_is_an_error_and_the_logs_are_complete(crossing_bundle, tmp_path):
    with pytest.raises(DeviceError, match="lost"):
        drive(crossing_bundle, fake(lost_at_s=20.0), events=tmp_path / "logs")
    assert len(read_events(tmp_path / "logs")) > 2
    assert pq.read_table(tmp_path / "logs" / "events.parquet").num_rows == len(read_events(tmp_path / "logs"))


def test_a_monitor_trip_hands_the_signal_back_for_good(crossing_bundle, caplog):
    device = fake()

    def break_it(time_s, end_s, note):
        device.shown_by_others = "G" * 18 if time_s == 20.0 else None

    summary, _ = drive(crossing_bundle, device, on_tick=break_it, policy=asks_for(0))
    assert summary.exit_code is ExitCode.MONITOR_VIOLATION
    assert any("conflict" in line for line in summary.violations)
    assert summary.modes == {"C": SignalMode.FALLBACK}
    assert not device._ours
    assert max(time_s for time_s, _, _ in device.requests) < 30.0
    assert "monitor: conflict" in caplog.text


def test_a_program_that_somebody_else_changed_is_left_alone_for_a_while(crossing_bundle):
    device, notes = fake(), []

    def take_away(time_s, end_s, note):
        notes.append(note)
        if time_s == 20.0:
            device.take_away()

    summary, _ = drive(crossing_bundle, device, policy=asks_for(0), on_tick=take_away)
    assert notes[21] == "1 fallback"
    assert set(notes[21:130]) == {"1 fallback"}
    assert "1 engaged" in notes[135:]
    assert summary.transitions["fallback: program_lost"] == 1


@pytest.mark.parametrize("control", [OperatingMode.MONITOR, OperatingMode.SHADOW])
def test_watching_sends_nothing(crossing_bundle, control, tmp_path):
    summary, device = drive(crossing_bundle, control=control, events=tmp_path, until_s=120.0)
    assert device.requests == []
    assert not device._ours
    assert summary.exit_code is ExitCode.OK
    decisions = (tmp_path / "decisions.csv").read_text().splitlines()
    assert (len(decisions) > 1) == (control is OperatingMode.SHADOW)
    codes = {code for _, code, _ in read_events(tmp_path)}
    assert {1, 7, 8, 9, 10, 11} <= codes


def test_events_tell_the_way_from_one_stage_to_the_next(crossing_bundle, tmp_path):
    policy = ScriptedPolicy(lambda k, observation, legal: [0.0 if k < 3 else 1.0])
    drive(crossing_bundle, policy=policy, events=tmp_path, until_s=40.0)
    events = read_events(tmp_path)
    assert events[:2] == [
        ("1970-01-01 00:00:00.000", 1, 3),
        ("1970-01-01 00:00:00.000", 21, 5),
    ]  # east-west, its walkers
    change = [
        (stamp[17:21], code, phase)
        for stamp, code, phase in events
        if stamp >= "1970-01-01 00:00:15" and code < 81
    ]
    assert change[:9] == [
        ("15.0", 22, 5),  # asked for at 15 s; walkers first, while vehicles stay green for 3.5 s, rounded up
        ("19.0", 6, 3),
        ("19.0", 7, 3),
        ("19.0", 8, 3),
        ("23.0", 9, 3),
        ("23.0", 10, 3),
        ("25.0", 11, 3),
        ("25.0", 1, 4),
        ("25.0", 23, 5),
    ]
    table = pq.read_table(tmp_path / "events.parquet")
    assert table.column_names == ["TimeStamp", "DeviceId", "EventId", "Parameter"]
    assert table.num_rows == len(events)


def test_equal_runs_write_equal_bytes(crossing_bundle, tmp_path):
    for name in ("a", "b"):
        drive(crossing_bundle, fake(queues={crossing()[0].lanes[0].id: 4}), events=tmp_path / name, until_s=90.0)
    for file in ("events.csv", "decisions.csv", "events.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_an_altered_bundle_is_refused_before_anybody_connects(crossing_bundle):
    victim = next(crossing_bundle.glob("*/policy.onnx"))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    with pytest.raises(BundleError, match="altered"):
        serve(ServeConfig(bundle=crossing_bundle, port=1), clock=lambda: 0.0, stop=StopRequest(), connect=None)


def test_an_unknown_intersection_is_refused(crossing_bundle):
    with pytest.raises(MismatchError, match="has no intersection X"):
        drive(crossing_bundle, intersections=("X",))


def test_a_device_that_refuses_degrades_the_signal(crossing_bundle):
    device = fake()
    device.request = lambda n, stage, hold_s: False
    summary, _ = drive(crossing_bundle, device, policy=asks_for(0), until_s=12.0)
    assert summary.transitions["degraded: refused"] == 1


def test_a_policy_sees_the_waits_at_its_own_rhythm(crossing_bundle):
    """The same numbers as in training, where the waits are counted at decisions only."""
    policy = asks_for(0)
    lane = crossing()[0].lanes[0].id
    drive(crossing_bundle, fake(queues={lane: 2}), policy=policy, until_s=31.0)
    waits = np.array(policy.observations)[:, 0, -crossing()[0].n_stages :] * crossing()[1].max_red_s
    steps = np.diff(waits.max(axis=1))
    assert set(np.round(steps, 3)) == {5.0}


def test_a_fault_in_every_tick_ends_in_a_hand_back(crossing_bundle, caplog):
    """As when somebody replaces our program by another of the same name: the display no longer makes sense to us."""
    device = fake()
    read = device.read

    def garbled():
        snapshot = read()
        if snapshot is not None and 20.0 <= snapshot.time_s < 32.0:
            return replace(snapshot, displays=(replace(snapshot.displays[0], phase=999),))
        return snapshot

    device.read = garbled
    summary, _ = drive(crossing_bundle, device, policy=asks_for(0))
    assert summary.ended_by == "fault"
    assert summary.exit_code is ExitCode.FALLBACK_AT_END
    assert summary.handed_back
    assert not device._ours
    assert "a fault at 20.0 s" in caplog.text


def test_a_controller_that_starts_again_takes_over_its_own_program(crossing_bundle):
    device = fake()
    device.read()
    assert device.engage(0, 0)
    summary, _ = drive(crossing_bundle, device, until_s=40.0)
    assert summary.modes == {"C": SignalMode.ENGAGED}
    assert summary.exit_code is ExitCode.OK
    assert not device._ours


def test_a_stop_before_the_first_tick_touches_nothing(crossing_bundle):
    stop = StopRequest()
    stop(signal.SIGTERM)
    summary, device = drive(crossing_bundle, stop=stop)
    assert summary.exit_code is ExitCode.TERMINATED
    assert summary.ticks == 1  # to see whether an earlier run has left anything to hand back
    assert device.requests == []


@pytest.mark.parametrize("seed", range(4))
def test_no_sequence_of_requests_makes_the_monitor_trip(crossing_bundle, seed):
    rng = np.random.default_rng(seed)
    choices = [0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0, None, float("nan"), 2.5, -1.0, 99.0]
    policy = ScriptedPolicy(lambda k, observation, legal: [choices[rng.integers(len(choices))]])
    device = fake(end_s=3000.0, queues={lane.id: int(rng.integers(4)) for lane in crossing()[0].lanes})
    summary, _ = drive(crossing_bundle, device, policy=policy)
    assert summary.violations == []
    assert summary.rulings["granted"] > 0


def test_a_device_of_too_long_steps_is_refused_before_a_signal_is_touched(crossing_bundle):
    device = fake()
    device.step_s = 1.001
    with pytest.raises(
        MismatchError, match=r"steps of 1\.001 s, expected up to 1 s; start SUMO with --step-length 1"
    ):
        drive(crossing_bundle, device)
    assert device.is_closed
    assert device.requests == []


@pytest.mark.parametrize(
    ("yellow_s", "step_s", "is_seen"), [(0.5, 0.5, False), (0.9, 0.1, False), (1.0, 0.5, True), (0.5, 1.0, True)]
)
def test_a_yellow_between_two_looks_is_refused(tmp_path, yellow_s, step_s, is_seen):
    intersection, timing = crossing()
    short = tuple(tuple(yellow_s if s else 0.0 for s in row) for row in timing.clearances.yellow_s)
    site = make_site("short", [with_limits(timing, yellow_s=short)])
    bundle = write_linear_bundle(tmp_path / "short", "crossing", Network(intersections=(intersection,)), site).path
    device = fake(end_s=3.0)
    device.step_s = step_s
    refused = pytest.raises(MismatchError, match=f"C: a yellow of {yellow_s:g} s ends between two looks")
    with contextlib.nullcontext() if is_seen else refused:
        drive(bundle, device)
