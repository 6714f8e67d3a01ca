"""Waits over connections, modes and processes: nobody is forgotten, nobody is invented."""

import itertools
from datetime import UTC, datetime

import numpy as np
import pytest

from leed_traffic.domain.detectors.detection import Detection, Vehicles, lanes_to_read
from leed_traffic.domain.network import GREEN
from leed_traffic.domain.safety.unwatched import lawful_waits, silent_cycle_s
from leed_traffic.domain.situation import StageDisplay
from leed_traffic.errors import DeviceError
from leed_traffic.serve.control.commands import CommandQueue, SetOperatingMode
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.control.waits import StreetWaits
from leed_traffic.serve.device.contract import SignalDisplay
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.serve.safety.kept_waits import KEEP_EVERY_S, KeptWaits, WaitStore
from leed_traffic.serve.safety.supervisor import OperatingMode
from tests.serve.bundles import crossing
from tests.serve.test_run import asks_for, drive, fake

JUNCTION, TIMING = crossing()
LANES = lanes_to_read([JUNCTION], 100.0)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CALLED = next(link for link in sorted(JUNCTION.stages[2].green) if link not in JUNCTION.pedestrian_links)


class OneSignal:
    """The waits of the crossing; stage 0 stands, nobody drives, walkers wait wherever it is red."""

    def __init__(self, **changes):
        options = {"tick_s": 1.0, "lease_s": 4.0, "sees_all": True}
        self.waits = StreetWaits([JUNCTION], [TIMING], **(options | changes))
        self._detection = Detection([JUNCTION], 100.0, {lane: k for k, lane in enumerate(LANES)})

    def look(self, time_s, *, stage=0, is_clearing=False, is_ours=True, calls=()):
        lane_of = {m.link: m.from_lane for m in JUNCTION.vehicle_movements}
        spans = {lane.id: lane.spans[0] for lane in JUNCTION.lanes}
        near = [spans[lane_of[link]] for link in calls]
        lanes = np.array([LANES.index(span.lane) for span in near], dtype=np.intp)
        vehicles = Vehicles(
            lane=lanes, position_m=np.array([s.to_m - 1.0 for s in near]), speed_mps=np.zeros(len(near))
        )
        program = "leed" if is_ours else "0"
        display = SignalDisplay(state=JUNCTION.stages[stage].state, program=program, phase=stage, spent_s=0.0)
        shown = StageDisplay(stage=stage, is_clearing=is_clearing, green_s=0.0)
        return self.waits.look(time_s, (display,), (shown,), self._detection.measure(vehicles))[0]


def walkers(stage):
    """Whether somebody on foot is served by a stage and not by stage 0."""
    return bool((JUNCTION.stages[stage].green - JUNCTION.stages[0].green) & JUNCTION.pedestrian_links)


FOOT = next(
    stage for stage in range(1, 4) if walkers(stage)
)  # a stage for which walkers wait while stage 0 stands


def test_at_the_beginning_of_a_device_s_time_nobody_has_waited():
    assert OneSignal().look(0.0) == (0.0,) * 4


def test_a_clock_of_a_few_seconds_bounds_every_wait():
    assert OneSignal().look(3.0)[FOOT] == 3.0


def test_where_nobody_has_counted_who_calls_has_waited_as_long_as_may_lawfully_be():
    found = OneSignal().look(5000.0)
    assert (
        found[FOOT]
        == lawful_waits([TIMING.max_red_s if walkers(k) else 0.0 for k in range(4)], 0, TIMING, horizon_s=1.0)[
            FOOT
        ]
    )
    assert found[FOOT] > 100.0


def test_who_is_not_there_does_not_wait_where_the_whole_street_is_seen():
    signal, without = OneSignal(), OneSignal(sees_all=False)
    assert CALLED not in JUNCTION.stages[FOOT].green or FOOT == 2
    assert signal.look(5000.0)[2] == (0.0 if FOOT != 2 else pytest.approx(signal.look(5000.0)[2]))
    assert without.look(5000.0)[2] > 0.0, "detectors that count do not tell who stands there at first"


def test_a_gap_counts_as_long_as_it_was():
    signal = OneSignal()
    signal.look(0.0)
    signal.look(1.0)
    signal.waits.lost([])
    assert signal.look(8.0)[FOOT] == 8.0
    assert signal.look(9.0)[FOOT] == 9.0


def test_whoever_called_before_a_gap_is_remembered_and_whoever_comes_in_it_has_waited_no_longer():
    signal = OneSignal()
    signal.look(0.0, calls=(CALLED,))
    signal.look(4.0, calls=())
    signal.waits.lost([])
    assert signal.look(10.0)[2] == 10.0
    fresh = OneSignal()
    fresh.look(0.0)
    fresh.look(4.0)
    fresh.waits.lost([])
    assert fresh.look(10.0, calls=(CALLED,))[2] >= 6.0


def test_a_green_after_a_gap_ends_the_wait():
    signal = OneSignal()
    signal.look(0.0)
    signal.waits.lost([])
    assert signal.look(30.0, stage=FOOT)[FOOT] == 0.0


def test_a_program_that_walked_alone_for_more_than_a_cycle_served_everybody_in_it():
    cycle_s = silent_cycle_s(TIMING)
    late_s = cycle_s + KEEP_EVERY_S + 4.0 + 5.0
    assert late_s < TIMING.max_red_s
    for gap_s, expected_s in ((late_s - 1.0, late_s - 1.0 + 40.0), (late_s, cycle_s)):
        signal = OneSignal()
        signal.look(0.0)
        signal.look(40.0)
        signal.waits.lost([])
        assert signal.look(40.0 + gap_s)[FOOT] == expected_s
        own = OneSignal()
        own.look(0.0, is_ours=False)
        own.look(40.0, is_ours=False)
        own.waits.lost([])
        assert own.look(40.0 + gap_s)[FOOT] == gap_s + 40.0, "its own program promises nothing"


def test_a_gap_beyond_the_maximum_red_is_one_in_which_nobody_counted():
    signal = OneSignal()
    signal.look(0.0, is_ours=False)
    signal.look(100.0, is_ours=False)
    signal.waits.lost([])
    assert signal.look(100.0 + TIMING.max_red_s)[FOOT] < TIMING.max_red_s


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_clock_that_goes_back_is_another_device(is_lost):
    signal = OneSignal()
    signal.look(500.0)
    signal.look(600.0)
    if is_lost:
        signal.waits.lost([])
    assert signal.look(2.0)[FOOT] == 2.0


def test_after_a_loss_every_stage_has_room_for_a_silence():
    signal = OneSignal()
    assert signal.waits.horizon_s == 1.0
    signal.look(0.0)
    assert signal.waits.horizon_s == 1.0
    signal.waits.lost([])
    assert signal.waits.horizon_s == 5.0


def note(time_s, foot_s, **changes):
    links = [0.0] * JUNCTION.n_links
    for link in JUNCTION.stages[FOOT].green:
        links[link] = foot_s
    return KeptWaits(**({"signal": JUNCTION.id, "wait_s": links, "time_s": time_s, "is_ours": False} | changes))


def test_the_next_process_goes_on_from_what_was_kept():
    signal = OneSignal(kept=[note(1000.0, 60.0)])
    assert signal.look(1010.0)[FOOT] == 70.0
    assert signal.waits.horizon_s == 5.0


def test_a_note_is_as_old_as_the_wall_clock_says_if_the_device_s_clock_says_less():
    assert OneSignal(kept=[note(1000.0, 60.0, away_s=45.0)]).look(1010.0)[FOOT] == 105.0


def test_a_note_of_another_device_s_time_or_another_junction_counts_for_nothing():
    unknown = OneSignal().look(5000.0)
    assert OneSignal(kept=[note(6000.0, 60.0)]).look(5000.0) == unknown
    assert OneSignal(kept=[note(4999.0, 60.0, wait_s=(1.0, 2.0))]).look(5000.0) == unknown
    assert OneSignal(kept=[note(4999.0, 60.0, signal="D")]).look(5000.0) == unknown


def test_a_note_is_left_when_somebody_was_served_and_every_ten_seconds(tmp_path):
    times = []

    class Store(WaitStore):
        def save(self, signals):
            times.append(signals[0].time_s)

    signal = OneSignal(store=Store(tmp_path, [JUNCTION.id], lambda: NOON))
    for time_s in range(25):
        signal.look(float(time_s), stage=FOOT if time_s >= 14 else 0)
    assert times == [0.0, 10.0, 14.0, 24.0]


class Street:
    """One signal that goes on while controllers come and go; counts the reds of links that walkers want."""

    def __init__(self, alone=1):
        self.device, self._alone, self.longest_s = fake(end_s=1e9), alone, 0.0
        self._since = dict.fromkeys(JUNCTION.pedestrian_links, 0.0)
        self._ticks = 0

    def _see(self):
        time_s, state = self.device._time_s, self.device._state()
        for link in self._since:
            if state[link] in GREEN:
                self._since[link] = time_s
            self.longest_s = max(self.longest_s, time_s - self._since[link])

    def connect(self, every):
        def connect(config, assignment, make_program, look):
            for _ in range(self._alone if self._ticks else 0):
                self.device._step()
                self._see()
            self.device._is_first = True
            read, left = type(self.device).read.__get__(self.device), itertools.count(1)

            def read_or_lose():
                if next(left) > every:
                    raise DeviceError("cut")
                snapshot = read()
                self._ticks += 1
                self._see()
                return snapshot

            self.device.read = read_or_lose
            return self.device

        return connect


def serve_on(street, bundle, every, stage, until_s, **changes):
    config = ServeConfig(bundle=bundle, port=1, until_s=until_s, **changes)
    return serve(
        config, clock=lambda: 0.0, stop=StopRequest(), connect=street.connect(every), decider=lambda b, i: asks_for(stage),
        sleep=lambda seconds: None,
    )  # fmt: skip


@pytest.mark.parametrize(("every", "stage", "alone"), [(9, 0, 1), (4, 1, 1), (7, 3, 2), (60, 1, 1), (9, 2, 6)])
def test_a_connection_that_is_lost_again_and_again_starves_nobody(crossing_bundle, every, stage, alone):
    street = Street(alone)
    summary = serve_on(street, crossing_bundle, every, stage, 600.0, retry_s=100.0)
    assert summary.reconnections > 600 / (every + alone) / 2
    assert summary.violations == []
    assert street.longest_s <= TIMING.max_red_s


@pytest.mark.parametrize(
    ("every", "stage", "alone", "has_state"), [(14, 0, 2, True), (60, 1, 5, True), (23, 2, 3, False)]
)
def test_a_controller_that_dies_again_and_again_starves_nobody(
    crossing_bundle, tmp_path, every, stage, alone, has_state
):
    street = Street(alone)
    state = {"state": tmp_path / "state"} if has_state else {}
    while street.device._time_s < 420.0:
        try:
            serve_on(street, crossing_bundle, every, stage, 420.0, **state)
        except DeviceError:
            continue
        break
    assert street.longest_s <= TIMING.max_red_s


@pytest.mark.parametrize(("lasts_s", "stage"), [(10.0, 0), (25.0, 2)])
def test_a_controller_that_hands_back_and_starts_again_starves_nobody(crossing_bundle, tmp_path, lasts_s, stage):
    street = Street()
    while street.device._time_s < 420.0:
        serve_on(street, crossing_bundle, 10**9, stage, street.device._time_s + lasts_s, state=tmp_path / "state")
    assert street.longest_s <= TIMING.max_red_s


def test_changes_of_mode_starve_nobody(crossing_bundle):
    """Handed back and taken over again at every chance; its own program and ours both show the display that stood."""
    street, commands, modes = (
        Street(),
        CommandQueue(),
        itertools.cycle([OperatingMode.SHADOW, OperatingMode.ACTIVE]),
    )

    def on_tick(time_s, end_s, note):
        if time_s % 11 == 0:
            commands.put(SetOperatingMode(mode=next(modes)), "a test")

    serve(
        ServeConfig(bundle=crossing_bundle, port=1, until_s=900.0), clock=lambda: 0.0, stop=StopRequest(),
        connect=street.connect(10**9), decider=lambda b, i: asks_for(0), commands=commands, on_tick=on_tick,
    )  # fmt: skip
    assert street.longest_s <= TIMING.max_red_s


def test_the_recording_of_a_process_that_went_on_is_decided_again(crossing_bundle, tmp_path):
    from leed_traffic.serve.logs.recording import Reader
    from leed_traffic.serve.replay.replay import replay

    for name in ("a", "b"):
        device = fake(end_s=1e9)
        device._time_s = 300.0 if name == "a" else 360.0
        device._switch_s += device._time_s
        until_s = device._time_s + 60.0
        drive(
            crossing_bundle,
            device,
            policy=asks_for(0),
            until_s=until_s,
            state=tmp_path / "state",
            events=tmp_path / name,
        )
    assert Reader(tmp_path / "b" / "recording.jsonl.gz").header.kept[0].signal == "C"
    report = replay(tmp_path / "b" / "recording.jsonl.gz", [crossing_bundle])
    assert report.rulings > 0
    assert report.first is None or report.first.recorded.startswith("asked")  # the recorded policy was no bundle's
