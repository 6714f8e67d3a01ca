"""The signals of one scenario as an environment: requests in, observations and local rewards out.

Every decision step: the requests pass the envelope, stage changes are jumps in the stage program that each signal
carries, SUMO walks on for one decision interval, detectors are read once. Arrays over the N intersections are
padded (docs/architecture.md). An episode is one scenario hour and ends by truncation.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.artifacts.site import Site
from leed_traffic.domain.detectors.detection import (
    QUEUE_SPEED_MPS,
    Array,
    Detection,
    Readings,
    SpanTable,
    Vehicles,
    lanes_to_read,
)
from leed_traffic.domain.detectors.sensing import IDEAL, SensedDetection, Sensing, Sensors
from leed_traffic.domain.network import Intersection, Network, edge_of
from leed_traffic.domain.observation import DEFAULT_REACH_M, observation_spec
from leed_traffic.domain.road_users import crossings_of
from leed_traffic.domain.safety.envelope import hold_s
from leed_traffic.domain.safety.program import StageProgram, build_program
from leed_traffic.domain.safety.timing import DEFAULT_DECISION_INTERVAL_S, Timing
from leed_traffic.domain.situation import Observer, RequestRules, RuledRequest, Situation, StageDisplay
from leed_traffic.errors import SiteError
from leed_traffic.simulation.demand.demand import write_demand
from leed_traffic.simulation.env.clearance_watch import ClearanceWatch
from leed_traffic.simulation.env.loop_watch import LoopWatch
from leed_traffic.simulation.sumo.engine import Engine

Request = float | int | None


class Reward(StrEnum):
    """Reward of an intersection for a decision step, measured at its end, in vehicles; insertion backlog included.

    Vehicles count what the site says that they weigh, and persons who wait at a crossing are taken off with their
    weight.
    """

    QUEUE = "queue"  # - vehicles standing on its approaches
    TIME_LOSS = "time-loss"  # - sum of (1 - v / v_limit) over the vehicles on its approaches: the growth of delay
    PRESSURE = "pressure"  # - (vehicles on its approaches - mean vehicles on the exits of its movements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """Result of one decision step."""

    situation: Situation
    reward: Array  # (N,)
    stage: NDArray[np.int64]  # (N,) as ruled
    overrides: int  # requests that the envelope did not grant
    ended: bool  # truncated: the hour is over


class SignalEnv:
    """Signals of a scenario behind stage program and envelope, with a site's priorities before the ruling."""

    def __init__(
        self,
        scenario: Scenario,
        network: Network,
        site: Site,
        *,
        decision_interval_s: float = DEFAULT_DECISION_INTERVAL_S,
        reach_m: float = DEFAULT_REACH_M,
        reward: Reward = Reward.TIME_LOSS,
        sensing: Sensing = IDEAL,
        over: Literal["libsumo", "traci"] = "libsumo",
        record: Path | None = None,
        additional_files: Sequence[Path] = (),
    ) -> None:
        """Lay everything out; SUMO starts with `reset`.

        Args:
            scenario: what to simulate.
            network: its controllable signals.
            site: their limits, in the order of `network.intersections`.
            decision_interval_s: between two requests.
            reach_m: of the detectors behind the observation.
            reward: see `Reward`; measured from the truth, whatever the detectors report.
            sensing: what the site's detectors make of the traffic.
            over: libsumo (in a process of its own) or traci (a SUMO of its own over TCP).
            record: folder for the outputs from which `metrics.read_score` reads a run.
            additional_files: further requests to SUMO, beside the scenario's own.

        Raises:
            SiteError: a maximum green or the maximum red leaves no room for decisions so far apart.
        """
        self.scenario = scenario
        self.network = network
        self.site = site
        self.decision_interval_s = decision_interval_s
        self.record = record
        self._additional_files = tuple(additional_files)
        self.intersections: tuple[Intersection, ...] = network.intersections
        self.timings = tuple(_with_room(timing, decision_interval_s) for timing in site.timings)
        self.programs: tuple[StageProgram, ...] = tuple(
            build_program(i, t, step_s=scenario.step_length_s)
            for i, t in zip(self.intersections, self.timings, strict=True)
        )
        self._rules = [
            RequestRules(i, t, site.priority) for i, t in zip(self.intersections, self.timings, strict=True)
        ]
        self._crossings = crossings_of(self.intersections) if site.weights.counts_persons else []
        self._signals = tuple(i.id for i in self.intersections)
        self._engine = Engine(over=over)
        self._priority_classes = frozenset(kind for rule in site.priority for kind in rule.classes)
        self._clearances = ClearanceWatch(self._engine, self.programs, self.timings, horizon_s=decision_interval_s)
        self._lay_out(sensing, reach_m)
        self._reward = _RewardMeter(self.intersections, self._lane_index, reward, site.weights.persons)
        self._demand_folder = tempfile.TemporaryDirectory(prefix="leed-demand-")
        self.route_files: tuple[Path, ...] = ()
        self.vehicles: Vehicles
        self._now: Situation

    def _lay_out(self, sensing: Sensing, reach_m: float) -> None:
        """Lay out the observation, and the detectors of the observation and of the reward."""
        interval_s = self.decision_interval_s
        counts_persons = self.site.weights.counts_persons
        self.specs = tuple(
            observation_spec(i, decision_interval_s=interval_s, reach_m=reach_m, counts_persons=counts_persons)
            for i in self.intersections
        )
        self._observer = Observer(
            self.intersections,
            self.timings,
            horizon_s=interval_s,
            reach_m=reach_m,
            counts_persons=counts_persons,
        )
        self._sensors = None if sensing.is_perfect else Sensors(self.intersections, sensing)
        self._loops = LoopWatch(
            self._engine, self.intersections, self._sensors.sensing if self._sensors else IDEAL
        )
        self._lane_index: dict[str, int] = {}
        for detector in sensing.detectors:
            self._lane_index.setdefault(detector.lane, len(self._lane_index))
        self._truth = self._watch_truly([reach_m] * self.n)
        self._detection = self._sensed([reach_m] * self.n) or self._truth

    @property
    def n(self) -> int:
        """N."""
        return len(self.intersections)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D_max)."""
        return self._observer.shape

    @property
    def n_stages_max(self) -> int:
        """S_max."""
        return self._observer.n_stages_max

    def watch(self, reach_m: Sequence[float], *, truly: bool = False) -> Detection | SensedDetection:
        """Detectors with another reach per intersection, for plans; call before `reset`, measure `self.vehicles`.

        Vehicles count what the site says that they weigh; roadside detectors cannot tell one class from another.

        Args:
            reach_m: (N,)
            truly: the traffic as it is, whatever the site's detectors report: for whoever teaches in simulation.
        """
        truth = self._watch_truly(reach_m, is_weighted=True)
        return truth if truly else self._sensed(reach_m) or truth

    def _sensed(self, reach_m: Sequence[float]) -> SensedDetection | None:
        """The site's detectors; None where they are perfect."""
        if self._sensors is None:
            return None
        return SensedDetection(self._sensors, self.intersections, reach_m, self._lane_index)

    def _watch_truly(self, reach_m: Sequence[float], *, is_weighted: bool = False) -> Detection:
        for intersection, reach in zip(self.intersections, reach_m, strict=True):
            for lane in lanes_to_read([intersection], reach):
                self._lane_index.setdefault(lane, len(self._lane_index))
        return Detection(self.intersections, reach_m, self._lane_index, is_weighted=is_weighted)

    def reset(self, seed: int) -> Situation:
        """Begin anew with the demand and the drivers of a seed; every signal stands at its first stage."""
        self.route_files = write_demand(self.scenario, seed, Path(self._demand_folder.name))
        self._engine.start(
            self.scenario,
            seed=seed,
            route_files=self.route_files,
            record=self.record,
            additional_files=(*self._additional_files, *self._loops.lay_out(Path(self._demand_folder.name))),
            audit=self.record is not None,
        )
        if self._sensors is not None:
            self._sensors.begin(seed, self.scenario.end_s - self.scenario.begin_s)
        for program in self.programs:
            self._engine.install(program, 0)
        self._engine.watch_lanes(tuple(self._lane_index), self.site.weights)
        self._observer.reset()
        for rules in self._rules:
            rules.reset()
        self._clearances.reset()
        self._now = self._look(elapsed_s=0.0)
        return self._now

    def step(self, requests: Sequence[Request] | NDArray[np.integer]) -> Transition:
        """Rule on one request per intersection, let SUMO walk on for a decision interval, look again.

        Args:
            requests: (N,) stages; None, NaN or an unknown number is no request: that signal's lease runs out.
        """
        stages = np.empty(self.n, dtype=np.int64)
        overrides = 0
        horizon_s = self.decision_interval_s
        vehicles = self._engine.priority_vehicles(self._priority_classes) if self._priority_classes else []
        for n, wanted in enumerate(requests):
            ruled = self._rules[n].rule(
                wanted,
                self._now.states[n],
                vehicles,
                time_s=self._now.time_s,
                horizon_s=horizon_s,
                permission=self._now.permissions[n],
            )
            stages[n] = ruled.ruling.stage
            overrides += ruled.ruling.stage != ruled.request
            self._command(n, ruled)
        begin_s = self._engine.time_s
        self._clearances.advance(min(begin_s + horizon_s, self.scenario.end_s), self._now.states)
        self._now = self._look(elapsed_s=self._engine.time_s - begin_s)
        reward = self._reward.measure(self.vehicles, self._truth.measure, self._pending, self._persons)
        ended = self._engine.time_s >= self.scenario.end_s
        return Transition(situation=self._now, reward=reward, stage=stages, overrides=overrides, ended=ended)

    def _command(self, n: int, ruled: RuledRequest) -> None:
        """Send a signal into a clearance, or hold the stage that stands until after the next ruling."""
        if ruled.is_change:
            entry = self.programs[n].entries[ruled.state.stage][ruled.ruling.stage]
            self._engine.jump(self._signals[n], entry)
            self._clearances.begin(n, entry)
        elif ruled.is_renewal:
            until_next_s = self.decision_interval_s + self.scenario.step_length_s
            held_s = hold_s(ruled.state, self.timings[n], lease_s=until_next_s, shortest_s=until_next_s)
            self._engine.hold(self._signals[n], held_s)

    def standing(self, at_least_s: float) -> int:
        """Return how many vehicles in the net have not moved for so long."""
        return self._engine.standing(at_least_s)

    def close(self) -> None:
        """End the simulation; the recorded outputs are complete only after this."""
        self._engine.close()

    def __enter__(self) -> "SignalEnv":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._demand_folder.cleanup()

    def _look(self, *, elapsed_s: float) -> Situation:
        look = self._engine.look(self._signals, self._crossings)
        self.vehicles = look.vehicles
        self._persons = look.persons
        self._pending = look.pending
        if self._sensors is not None:
            self._sensors.take(self._engine.time_s - self.scenario.begin_s, elapsed_s, self._loops.read())
        displays = []
        for program, (phase, spent_s) in zip(self.programs, look.phases, strict=True):
            stage, is_clearing = program.stage_of(phase)
            green_s = 0.0 if is_clearing else spent_s
            displays.append(StageDisplay(stage=stage, is_clearing=is_clearing, green_s=green_s))
        return self._observer.look(
            self._engine.time_s - self.scenario.begin_s,
            displays,
            self._detection.measure(self.vehicles),
            elapsed_s,
            self._persons,
        )


class _RewardMeter:
    """Local rewards from the vehicles on whole approaches, farther than the detectors of the street see."""

    def __init__(
        self,
        intersections: Sequence[Intersection],
        lane_index: dict[str, int],
        reward: Reward,
        person_weight: float,
    ) -> None:
        self._kind = reward
        self._n = len(intersections)
        self._person_weight = person_weight
        walked = [n for n, i in enumerate(intersections) for _ in i.pedestrian_links]
        self._crossing_owner = np.array(walked, dtype=np.intp)
        spans = []
        limit = np.full(len(lane_index), np.inf)
        for n, intersection in enumerate(intersections):
            for lane in intersection.lanes:
                for span in lane.spans:
                    if span.lane in lane_index:
                        whole = replace(span, from_m=0.0) if span.lane == lane.id else span
                        spans.append((n, whole))
                        limit[lane_index[span.lane]] = min(limit[lane_index[span.lane]], lane.speed_mps)
        self._table = SpanTable(spans, self._n, lane_index)
        self._limit_mps = np.append(limit, np.inf)  # last: lanes that a plan watches beyond these, no approaches
        self._entries = _entry_edges(intersections)
        exits = [n for n, i in enumerate(intersections) for _ in i.vehicle_movements]
        self._exit_owner = np.array(exits, dtype=np.intp)

    def measure(
        self, vehicles: Vehicles, look: Callable[[Vehicles], Readings], pending: Sequence[str], persons: Array
    ) -> Array:
        """Measure what every intersection earned.

        Args:
            vehicles: on the watched lanes.
            look: counts the exits, for the kinds of reward that need them.
            pending: the edge on which each vehicle waits to enter the net.
            persons: who wait at the crossings.

        Returns:
            (N,) see `Reward`.
        """
        weight = 1.0 if vehicles.weight is None else vehicles.weight
        (cost,) = self._table.add_up(vehicles.key, [self._cost(vehicles) * weight])
        if self._person_weight:
            cost += self._person_weight * np.bincount(self._crossing_owner, weights=persons, minlength=self._n)
        for edge in pending:
            if edge in self._entries:
                cost[self._entries[edge]] += 1.0
        if self._kind is Reward.PRESSURE:
            out = np.bincount(self._exit_owner, weights=look(vehicles).exit_count_veh, minlength=self._n)
            cost = cost - out / np.maximum(1, np.bincount(self._exit_owner, minlength=self._n))
        return -cost

    def _cost(self, vehicles: Vehicles) -> Array:
        if self._kind is Reward.QUEUE:
            return (vehicles.speed_mps < QUEUE_SPEED_MPS).astype(np.float64)
        if self._kind is Reward.PRESSURE:
            return np.ones(len(vehicles.speed_mps))
        limit = self._limit_mps[np.minimum(vehicles.lane, len(self._limit_mps) - 1)]
        slowness: Array = np.maximum(0.0, 1.0 - vehicles.speed_mps / limit)
        return slowness


def _entry_edges(intersections: Sequence[Intersection]) -> dict[str, int]:
    """Return the intersection of every approach edge: vehicles that wait to enter the net count there."""
    edges: dict[str, int] = {}
    for n, intersection in enumerate(intersections):
        for lane in intersection.lanes:
            for span in lane.spans:
                edges.setdefault(edge_of(span.lane), n)
    return edges


def _with_room(timing: Timing, interval_s: float) -> Timing:
    """The same limits; by itself no stage ends before the next decision."""
    for stage, (low, high) in enumerate(zip(timing.min_green_s, timing.max_green_s, strict=True)):
        if low + interval_s > high:
            raise SiteError(
                f"{timing.intersection} stage {stage}: max_green_s {high} leaves no decision every {interval_s} s "
                f"after min_green_s {low}; raise it in the site file or decide more often"
            )
    if timing.round_at(interval_s) > timing.max_red_s:
        raise SiteError(
            f"{timing.intersection}: a round of all stages with decisions every {interval_s} s takes "
            f"{timing.round_at(interval_s)} s, max_red_s is {timing.max_red_s}; "
            "raise it in the site file or decide more often"
        )
    fallback = tuple(max(green, interval_s) for green in timing.fallback_green_s)
    return replace(timing, fallback_green_s=fallback)
