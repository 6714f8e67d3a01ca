"""Verdicts on collisions, from what the signal showed, as SUMO recorded it, and from the limits that a person signs.

A collision or an emergency stop is the signal's if

    conflict          both movements had priority green at the same moment since the parties began to enter
    short clearance   one turned green before the other's yellow and all-red (a crossing: its whole clearance) were over
    short yellow      a party entered on red, or braked for it, after less yellow than the site gives that movement
    unknown           what the parties did cannot be told: counted against the signal

and is not if

    permissive        both were green, and one had to yield
    still inside      the other turned green after the whole clearance, and a vehicle or walker had not left the junction yet
    red run           a party entered on red after its whole yellow, or braked late for it
    following         the parties came out of the same lanes, or their paths do not conflict
    elsewhere         no controlled signal was being passed
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from leed_traffic.domain.network import Intersection, Network, edge_of
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.simulation.score.audit import StateRun
from leed_traffic.simulation.score.incidents import DrivenRoute, Incident, IncidentKind

_GREEN = "Gg"
_YELLOW = "yY"
_MAY_ENTER = frozenset("GgyYs")  # s: a turn on red after a stop
_SLACK_S = 1e-6
_LOOK_BACK_S = 120.0  # s before a stop in which its yellow is looked for


class Verdict(StrEnum):
    """See the module's head."""

    CONFLICT = "conflict"
    SHORT_YELLOW = "short yellow"
    SHORT_CLEARANCE = "short clearance"
    UNKNOWN = "unknown"
    RED_RUN = "red run"
    PERMISSIVE = "permissive"
    STILL_INSIDE = "still inside"
    FOLLOWING = "following"
    ELSEWHERE = "elsewhere"

    @property
    def is_the_signals(self) -> bool:
        """True if the signal is to blame."""
        return self in _OF_THE_SIGNAL


_OF_THE_SIGNAL = frozenset({Verdict.CONFLICT, Verdict.SHORT_YELLOW, Verdict.SHORT_CLEARANCE, Verdict.UNKNOWN})
_WORST_FIRST = tuple(Verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passage:
    """A party on its way over a signal's junction."""

    n: int  # the intersection
    links: tuple[int, ...]
    entered_s: float


class Attribution:
    """Judges the incidents of one run."""

    def __init__(
        self, network: Network, limits: Sequence[Timing], shown: Mapping[str, Sequence[StateRun]], *, step_s: float
    ) -> None:
        """Lay out who is who.

        Args:
            network: N intersections.
            limits: (N,) clearances that should have been kept, whatever was in force.
            shown: what each signal showed, by id.
            step_s: of the record.
        """
        self._intersections = network.intersections
        self._limits = tuple(limits)
        self._step_s = step_s
        self._shown = [tuple(shown.get(i.id, ())) for i in network.intersections]
        self._foes = [{frozenset(pair) for pair in i.foes} for i in network.intersections]
        self._links_of: dict[tuple[str, str], tuple[int, set[int]]] = {}
        self._links_at: dict[str, tuple[int, set[int]]] = {}
        for n, intersection in enumerate(network.intersections):
            for m in intersection.vehicle_movements:
                self._links_of.setdefault((edge_of(m.from_lane), edge_of(m.to_lane)), (n, set()))[1].add(m.link)
                self._links_at.setdefault(m.from_lane, (n, set()))[1].add(m.link)

    def judge(self, incident: Incident, ways: Mapping[str, DrivenRoute]) -> Verdict:
        """Verdict on an incident."""
        if incident.kind is IncidentKind.EMERGENCY_STOP:
            return self._judge_stop(incident, ways)
        if any(vehicle not in ways for vehicle in incident.vehicles):
            return Verdict.UNKNOWN if incident.lane.startswith(":") else Verdict.ELSEWHERE
        passages = [self._passage(ways[vehicle], incident.time_s) for vehicle in incident.vehicles]
        found = [passage for passage in passages if passage is not None]
        if len(found) < len(passages) or len({passage.n for passage in found}) > 1:
            return Verdict.ELSEWHERE
        if incident.is_with_person:
            return self._judge_walker(found[0], incident.time_s)
        return self._judge_pair(found[0], found[1], incident.time_s)

    def _judge_pair(self, one: _Passage, other: _Passage, time_s: float) -> Verdict:
        pairs = [(a, b) for a in one.links for b in other.links if frozenset((a, b)) in self._foes[one.n]]
        if not pairs:
            return Verdict.FOLLOWING
        verdicts = [self._entry(one), self._entry(other)]
        until_s = min(max(one.entered_s, other.entered_s) + self._step_s, time_s)
        if one.entered_s <= other.entered_s:
            verdicts += [self._compare(one.n, a, b, self._green_since(one), until_s) for a, b in pairs]
        if other.entered_s <= one.entered_s:
            verdicts += [self._compare(one.n, b, a, self._green_since(other), until_s) for a, b in pairs]
        return _worst(verdicts)

    def _judge_walker(self, vehicle: _Passage, time_s: float) -> Verdict:
        """Judge a walker. Crossing and begin are not recorded: the worst of all that the vehicle's way meets."""
        n = vehicle.n
        crossings = self._intersections[vehicle.n].pedestrian_links
        pairs = [(a, c) for a in vehicle.links for c in crossings if frozenset((a, c)) in self._foes[n]]
        if not pairs:
            return Verdict.ELSEWHERE
        begin_s = self._green_since(vehicle)
        orders = [order for a, c in pairs for order in ((a, c), (c, a))]
        return _worst(
            [*(self._compare(n, first, second, begin_s, time_s) for first, second in orders), self._entry(vehicle)]
        )

    def _judge_stop(self, stop: Incident, ways: Mapping[str, DrivenRoute]) -> Verdict:
        """A signal is to blame that gave too little yellow before the red for which somebody braked."""
        if stop.lane not in self._links_at or not stop.is_at_red:
            return Verdict.ELSEWHERE
        n, links = self._links_at[stop.lane]
        way = ways.get(stop.vehicles[0])
        if way is not None and edge_of(stop.lane) in way.edges[:-1]:
            after = way.edges[way.edges.index(edge_of(stop.lane)) + 1]
            links = links & self._links_of.get((edge_of(stop.lane), after), (n, links))[1] or links
        return _worst([self._yellow_before(n, link, stop.time_s) for link in links])

    def _passage(self, way: DrivenRoute, time_s: float) -> _Passage | None:
        """The signal that a vehicle has entered last and whose exit edge it has not left."""
        for k in range(len(way.edges) - 2, -1, -1):
            if k < len(way.left_s) and way.left_s[k] <= time_s + _SLACK_S:
                is_gone = k + 1 < len(way.left_s) and way.left_s[k + 1] < time_s - _SLACK_S
                known = self._links_of.get((way.edges[k], way.edges[k + 1]))
                if known is None or is_gone:
                    return None
                return _Passage(n=known[0], links=tuple(sorted(known[1])), entered_s=way.left_s[k])
        return None

    def _green_since(self, passage: _Passage) -> float:
        """The begin of the green on which it entered, or its entry where it entered on none."""
        entry_s = passage.entered_s - self._step_s
        begins = [
            begin_s
            for link in passage.links
            for begin_s, end_s in self._greens(passage.n, link)
            if begin_s <= passage.entered_s and end_s > entry_s
        ]
        return min([entry_s, *begins])

    def _entry(self, passage: _Passage) -> Verdict:
        """Entry of a party: on green or yellow there is nothing to say."""
        moments = (passage.entered_s - self._step_s, passage.entered_s)
        letters = {self._letter(passage.n, link, moment) for link in passage.links for moment in moments}
        if letters & _MAY_ENTER:
            return Verdict.ELSEWHERE
        return _worst([self._yellow_before(passage.n, link, passage.entered_s) for link in passage.links])

    def _compare(self, n: int, first: int, second: int, begin_s: float, end_s: float) -> Verdict:
        """Compare the displays of the first party's link and of the second's between two moments."""
        shown = [
            run for run in self._shown[n] if run.end_s > begin_s + _SLACK_S and run.begin_s <= end_s + _SLACK_S
        ]
        if any(run.state[first] == run.state[second] == "G" for run in shown):
            return Verdict.CONFLICT
        ends = [at_s for _, at_s in self._greens(n, first)]
        starts = [at_s for at_s, _ in self._greens(n, second) if begin_s - _SLACK_S <= at_s <= end_s + _SLACK_S]
        for start_s in starts:
            red_since_s = max((at_s for at_s in ends if at_s <= start_s + _SLACK_S), default=-math.inf)
            is_short = start_s - red_since_s < self._needed_s(n, first, second) - _SLACK_S
            if is_short and not self._is_green(n, first, start_s):
                return Verdict.SHORT_CLEARANCE
        both = any(run.state[first] in _GREEN and run.state[second] in _GREEN for run in shown)
        return Verdict.PERMISSIVE if both else Verdict.STILL_INSIDE

    def _yellow_before(self, n: int, link: int, time_s: float) -> Verdict:
        """Return whether the yellow before the red at a moment was long enough."""
        ends = [end_s for _, end_s in self._greens(n, link) if time_s - _LOOK_BACK_S <= end_s <= time_s + _SLACK_S]
        if not ends:
            return Verdict.RED_RUN
        yellow_s = 0.0
        for run in self._shown[n]:
            if run.begin_s >= ends[-1] - _SLACK_S and run.state[link] not in _YELLOW:
                break
            yellow_s += run.duration_s if run.begin_s >= ends[-1] - _SLACK_S else 0.0
        return Verdict.SHORT_YELLOW if yellow_s < self._yellow_s(n, link) - _SLACK_S else Verdict.RED_RUN

    def _greens(self, n: int, link: int) -> list[tuple[float, float]]:
        """(begin, end) of each green of a link."""
        greens: list[tuple[float, float]] = []
        for run in self._shown[n]:
            if run.state[link] in _GREEN:
                if greens and greens[-1][1] == run.begin_s:
                    greens[-1] = (greens[-1][0], run.end_s)
                else:
                    greens.append((run.begin_s, run.end_s))
        return greens

    def _letter(self, n: int, link: int, time_s: float) -> str:
        return next(
            (run.state[link] for run in self._shown[n] if run.begin_s <= time_s + _SLACK_S < run.end_s), "r"
        )

    def _is_green(self, n: int, link: int, time_s: float) -> bool:
        return self._letter(n, link, time_s) in _GREEN

    def _needed_s(self, n: int, ending: int, starting: int) -> float:
        """The shortest clearance that the limits know between the end of one link and the start of another."""
        intersection = self._intersections[n]
        timing = self._limits[n]
        walks = ending in intersection.walk_only_links
        ways = _ways(intersection, ending, starting)
        return min(
            (
                timing.clearance_s(i, j)
                if walks
                else timing.clearances.yellow_s[i][j] + timing.clearances.all_red_s[i][j]
                for i, j in ways
            ),
            default=0.0,
        )

    def _yellow_s(self, n: int, link: int) -> float:
        timing = self._limits[n]
        return min(
            (timing.clearances.yellow_s[i][j] for i, j in _ways(self._intersections[n], link, None)), default=0.0
        )


def count_verdicts(found: Iterable[tuple[Incident, Verdict]]) -> dict[str, int]:
    """Number of each kind, as "collision: permissive"."""
    counts = Counter(f"{incident.kind}: {verdict}" for incident, verdict in found)
    return dict(sorted(counts.items()))


def _ways(intersection: Intersection, ending: int, starting: int | None) -> list[tuple[int, int]]:
    """The ordered pairs of stages between which one link ends and, if asked for, the other starts."""
    green = [stage.green for stage in intersection.stages]
    pairs = [(i, j) for i in range(len(green)) for j in range(len(green)) if ending in green[i] - green[j]]
    return [(i, j) for i, j in pairs if starting is None or starting in green[j] - green[i]]


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    return min(verdicts, key=_WORST_FIRST.index)
