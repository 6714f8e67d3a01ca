import math
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

from leed_traffic.artifacts.policy import Policy
from leed_traffic.domain.situation import StageDisplay
from leed_traffic.errors import UsageError
from leed_traffic.serve.control.commands import CommandQueue, Reload, Rollback
from leed_traffic.serve.control.hot_swap import Generation, HotSwap
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.logs.events import ChangeKind
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.serve.safety.supervisor import SignalMode
from tests.serve.bundles import crossing, write_crossing_bundle
from tests.serve.test_run import asks_for, fake, read_events

NOTHING = np.zeros((2, 1), dtype=np.float32), np.ones((2, 4), dtype=bool)


@dataclass
class Wants:
    """Asks for the same stage at both signals."""

    stage: object

    def decide(self, observation, legal):
        return [self.stage, self.stage]


def generation(name, stage):
    return Generation(bundle=SimpleNamespace(digest=name), decider=Wants(stage))


def two_signals(probation_s=100.0):
    timing = crossing()[1]
    return HotSwap(generation("old", 0.0), [timing, replace(timing, intersection="D")], probation_s=probation_s)


def green(stage, green_s=1.0):
    return StageDisplay(stage=stage, is_clearing=False, green_s=green_s)


CLEARING = StageDisplay(stage=1, is_clearing=True, green_s=0.0)


def test_each_signal_moves_when_its_own_stage_begins_and_never_in_a_clearance():
    swap = two_signals()
    swap.look([green(0), green(0)], [True, True], 1.0)
    swap.begin(generation("new", 1.0), "reload")
    for time_s in (2.0, 3.0):
        swap.look([CLEARING, green(0)], [True, True], time_s)
        assert swap.decide(*NOTHING) == [0.0, 0.0]
    swap.look([green(1), CLEARING], [True, True], 4.0)
    assert swap.decide(*NOTHING) == [1.0, 0.0]
    swap.look([green(1), green(1)], [True, True], 5.0)
    assert swap.decide(*NOTHING) == [1.0, 1.0]
    assert [(c.step, c.n) for c in swap.changes] == [
        (ChangeKind.BEGUN, None), (ChangeKind.MOVED, 0), (ChangeKind.MOVED, 1), (ChangeKind.COMPLETE, None),
    ]  # fmt: skip


def test_a_signal_that_rests_moves_at_its_maximum_green_and_one_that_is_not_ours_at_once():
    longest_s = crossing()[1].max_green_s[0]
    swap = two_signals()
    swap.look([green(0), green(0)], [True, False], 1.0)
    swap.begin(generation("new", 1.0), "reload")
    swap.look([green(0, longest_s - 0.1), green(0)], [True, False], 2.0)
    assert swap.decide(*NOTHING) == [0.0, 1.0]
    swap.look([green(0, longest_s), green(0)], [True, False], 3.0)
    assert swap.decide(*NOTHING) == [1.0, 1.0]


def moved(probation_s=100.0, stage=1.0):
    swap = two_signals(probation_s)
    swap.begin(generation("new", stage), "reload")
    swap.look([green(0), green(0)], [False, False], 10.0)
    return swap


@pytest.mark.parametrize("nonsense", [None, math.nan, math.inf, -1.0, 4.0, 1.5])
def test_on_probation_nonsense_brings_the_old_answers_in_the_same_tick(nonsense):
    swap = moved(stage=nonsense)
    assert swap.decide(*NOTHING) == [0.0, 0.0]
    assert swap.target.bundle.digest == "old"
    (rolled,) = [c for c in swap.changes if c.step is ChangeKind.ROLLED_BACK]
    assert rolled.digest == "new"
    assert "its policy asked for" in rolled.why


def test_probation_ends_on_its_second_and_then_nothing_leads_back():
    swap = moved(probation_s=100.0)
    swap.look([green(0), green(0)], [True, True], 109.9)
    assert swap.is_on_probation
    swap.look([green(0), green(0)], [True, True], 110.0)
    assert not swap.is_on_probation
    swap.trip("monitor")
    assert swap.target.bundle.digest == "new"
    assert swap.previous.bundle.digest == "old"


def test_a_trip_on_probation_leads_everybody_back_at_once_even_in_a_clearance():
    swap = two_signals()
    swap.look([green(0), green(0)], [True, True], 1.0)
    swap.begin(generation("new", 1.0), "reload")
    swap.look([green(1), CLEARING], [True, True], 2.0)
    swap.trip("C: monitor: conflict")
    assert swap.decide(*NOTHING) == [0.0, 0.0]
    assert not swap.is_on_probation
    assert swap.n_waiting == 0


def test_a_second_reload_on_probation_keeps_the_proven_bundle_to_go_back_to():
    swap = moved()
    swap.begin(generation("newer", 2.0), "reload")
    swap.look([green(0), green(0)], [False, False], 20.0)
    assert swap.decide(*NOTHING) == [2.0, 2.0]
    swap.trip("a fault")
    assert swap.target.bundle.digest == "old"


def test_a_person_goes_back_once_and_then_there_is_nothing_to_go_back_to():
    swap = moved()
    assert swap.go_back("by order")
    swap.look([green(0), green(0)], [False, False], 30.0)
    assert swap.decide(*NOTHING) == [0.0, 0.0]
    assert swap.previous is None
    assert not swap.go_back("by order")


def test_bundles_are_numbered_as_patterns_of_the_device_are():
    swap = two_signals()
    for k in range(300):
        swap.begin(generation(f"b{k}", 1.0), "reload")
        swap.look([green(0), green(0)], [False, False], float(k))
        assert 1 <= swap.at(0).pattern <= 253


def serve_two(bundles, on_tick, *, policies=None, device=None, clock=lambda: 0.0, **changes):
    """Serve the first of the bundles on the fake; `on_tick(time_s, commands, generations)` may order."""
    commands, device = CommandQueue(), device or fake(queues={lane.id: 3 for lane in crossing()[0].lanes})
    policies = policies or {}

    def decider(bundle, ids):
        return policies.get(bundle.digest) or Policy(bundle, ids)

    generations = [Generation(bundle=b, decider=decider(b, b.ids)) for b in bundles]
    summary = serve(
        ServeConfig(bundle=bundles[0].path, port=1, **changes), clock=clock, stop=StopRequest(),
        on_tick=lambda time_s, end_s, note: on_tick(time_s, commands, generations),
        connect=lambda *_: device, decider=decider, commands=commands,
    )  # fmt: skip
    return summary, device


@pytest.fixture
def bundles(tmp_path):
    size = write_crossing_bundle(tmp_path / "a")
    n = size.specs[0].size
    weights = np.zeros((n, 4), dtype=np.float32)
    weights[-4:] = np.eye(4) * 2.0
    return [size, write_crossing_bundle(tmp_path / "b", weights)]


def test_a_reload_changes_the_pattern_at_a_stage_boundary(bundles, tmp_path):
    def on_tick(time_s, commands, generations):
        if time_s == 40.0:
            commands.put(Reload(generation=generations[1]), "test")

    summary, _ = serve_two(bundles, on_tick, events=tmp_path / "logs", until_s=200.0)
    assert summary.bundle_digest == bundles[1].digest
    assert summary.steps == {"begun": 1, "complete": 1, "moved": 1}
    assert summary.modes == {"C": SignalMode.ENGAGED}
    events = read_events(tmp_path / "logs")
    assert [(stamp[17:], pattern) for stamp, code, pattern in events if code == 131] == [
        ("00.000", 1), ("57.000", 2), ("22.000", 254),
    ]  # fmt: skip
    assert "1970-01-01 00:00:56.000" in [stamp for stamp, code, _ in events if code == 1], (
        "seen a second after its green began"
    )
    lines = (tmp_path / "logs" / "changes.csv").read_text().splitlines()
    assert lines[1] == f"40.0,begun,,{bundles[1].digest},2,reload"
    assert "stage boundary" in lines[2]


@pytest.mark.parametrize("answer", [None, math.nan])
def test_a_new_policy_that_fails_is_demoted_without_a_tick_lost(bundles, answer, tmp_path, caplog):
    bad = asks_for(0)
    bad.answer = lambda k, observation, legal: [answer]

    def on_tick(time_s, commands, generations):
        if time_s == 40.0:
            commands.put(Reload(generation=generations[1]), "test")

    summary, _ = serve_two(
        bundles, on_tick, policies={bundles[1].digest: bad}, events=tmp_path / "logs", until_s=200.0
    )
    assert summary.bundle_digest == bundles[0].digest
    assert summary.steps["rolled_back"] == 1
    assert "degraded: no_request" not in summary.transitions
    assert summary.modes == {"C": SignalMode.ENGAGED}
    assert (131, 1) in [
        (code, pattern) for stamp, code, pattern in read_events(tmp_path / "logs") if stamp > "1970-01-01 00:00:41"
    ]
    assert "rolled_back" in caplog.text


class SlowPolicy:
    """Asks for stage 0, or for what another policy says, and takes a while by the clock that it is."""

    def __init__(self, seconds, policy=None):
        self.seconds, self.policy, self.now_s = seconds, policy, 0.0

    def __call__(self):
        return self.now_s

    def decide(self, observation, legal):
        self.now_s += self.seconds
        return [0.0] if self.policy is None else self.policy.decide(observation, legal)


@pytest.mark.parametrize(("seconds", "stays"), [(0.4, True), (0.6, False)])
def test_a_new_policy_that_takes_too_long_is_demoted_at_the_next_tick(bundles, seconds, stays, tmp_path):
    slow = SlowPolicy(seconds)

    def on_tick(time_s, commands, generations):
        if time_s == 40.0:
            commands.put(Reload(generation=generations[1]), "test")

    policies = {bundles[1].digest: slow}
    summary, _ = serve_two(
        bundles, on_tick, policies=policies, clock=slow, events=tmp_path / "logs", until_s=200.0
    )
    assert summary.bundle_digest == bundles[stays].digest
    assert summary.steps.get("rolled_back", 0) == (not stays)
    assert summary.modes == {"C": SignalMode.ENGAGED}
    if not stays:
        assert "a decision took 0.60 s, allowed 0.5" in (tmp_path / "logs" / "changes.csv").read_text()
        assert slow.now_s == pytest.approx(seconds)  # it was never asked again


def test_a_proven_bundle_is_not_demoted_for_one_slow_decision(bundles):
    slow = SlowPolicy(2.0)
    summary, _ = serve_two(bundles, lambda *_: None, policies={bundles[0].digest: slow}, clock=slow, until_s=60.0)
    assert summary.bundle_digest == bundles[0].digest
    assert "rolled_back" not in summary.steps


def test_a_new_policy_that_breaks_costs_three_decisions_and_is_demoted(bundles, caplog):
    def answer(k, observation, legal):
        raise ZeroDivisionError("a fault of the policy")

    bad = asks_for(0)
    bad.answer = answer

    def on_tick(time_s, commands, generations):
        if time_s == 40.0:
            commands.put(Reload(generation=generations[1]), "test")

    summary, _ = serve_two(bundles, on_tick, policies={bundles[1].digest: bad}, until_s=200.0)
    assert summary.bundle_digest == bundles[0].digest
    assert summary.transitions["degraded: no_decision"] == 1
    assert summary.modes == {"C": SignalMode.ENGAGED}


def test_a_trip_of_the_monitor_on_probation_demotes_the_bundle(bundles, caplog):
    device = fake()

    def on_tick(time_s, commands, generations):
        if time_s == 40.0:
            commands.put(Reload(generation=generations[1]), "test")
        device.shown_by_others = "G" * 18 if time_s == 150.0 else None

    summary, _ = serve_two(bundles, on_tick, device=device, until_s=300.0)
    assert summary.bundle_digest == bundles[0].digest
    assert summary.steps["rolled_back"] == 1
    assert summary.latched == {"C": "conflict"}


def test_without_a_bundle_before_a_rollback_is_refused(bundles):
    waiting = []

    def on_tick(time_s, commands, generations):
        if time_s == 40.0:
            waiting.append(commands.put(Rollback(), "test"))

    serve_two(bundles, on_tick, until_s=60.0)
    with pytest.raises(UsageError, match="no bundle to go back to"):
        waiting[0].answer.result(0.0)


def test_a_hundred_swaps_break_no_limit_and_leave_one_bundle_behind(bundles):
    device = fake(end_s=4000.0, queues={lane.id: 3 for lane in crossing()[0].lanes})

    def on_tick(time_s, commands, generations):
        if time_s % 35.0 == 0.0:
            commands.put(Reload(generation=generations[int(time_s // 35.0) % 2]), "test")

    summary, _ = serve_two(bundles, on_tick, device=device)
    assert summary.steps["complete"] >= 100
    assert summary.violations == []
    assert summary.modes == {"C": SignalMode.ENGAGED}
