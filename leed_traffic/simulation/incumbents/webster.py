"""Webster's method: cycle, splits and offsets from counted demand; queues extend the greens.

    y_s = critical flow ratio of stage s, flow over saturation flow            Y = sum_s y_s
    C   = (1.5 L + 5) / (1 - Y)                                                 (Webster 1958, Road Research Technical Paper 39)
    g_s = y_s / Y (C - L)

L is the sum of the clearances: start-up lost time and the green's extension into yellow are about 2 s each and
cancel (Highway Capacity Manual). Signals share the longest cycle; an offset is the neighbour's offset plus the
travel time on the heavier direction, along the tree of the heaviest links between signals (as in Little's
time-space diagrams, 1966).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leed_traffic.domain.network import Intersection
from leed_traffic.domain.plan import Extension, Period, SequencePlan, Step
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.simulation.demand.turning_counts import Turn, TurningCounts

SATURATION_VEHPH = 1800.0  # veh/h per lane: a headway of 2 s (HCM's base of 1,900 with some trucks and turns)
PERMISSIVE_SHARE = 0.5  # of a lane's saturation flow, for turns that yield to oncoming traffic
Y_MAX = 0.9  # beyond it Webster's cycle runs off to infinity; the longest cycle serves as well
CYCLE_MIN_S = 30.0
CYCLE_MAX_S = 120.0  # s, common practice
# maximum green over the fixed split where no cycle has to be kept (common practice: 1.25 to 1.5)
FREE_STRETCH = 1.5
EXTENSION_REACH_M = 50.0  # m: a gap of about 3.5 s at 50 km/h


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPlan:
    """A fixed-time plan of one intersection: stages in order, the coordinated one first, from `offset_s` on."""

    cycle_s: float
    offset_s: float
    stages: tuple[int, ...]
    green_s: tuple[float, ...]  # in the order of `stages`


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """Cycle and greens of one intersection in one period."""

    cycle_s: float
    green_s: tuple[float, ...]  # (S,)
    flow_ratio: tuple[float, ...]  # (S,) critical


def webster_plans(briefs: Sequence[TurningCounts], *, coordinated: bool) -> dict[str, SequencePlan]:
    """One plan per intersection.

    Args:
        briefs: one per intersection, with demand.
        coordinated: share one cycle per period, with offsets; else every signal runs its own, free of its
            neighbours.
    """
    n_periods = len(briefs[0].period_starts_s)
    ratios = {b.intersection.id: [flow_ratios(b, p) for p in range(n_periods)] for b in briefs}
    periods: dict[str, list[Period]] = {b.intersection.id: [] for b in briefs}
    for p in range(n_periods):
        cycle_s = max(webster_cycle(ratios[b.intersection.id][p], b.timing) for b in briefs)
        main = {b.intersection.id: _main_stage(b, ratios[b.intersection.id][p]) for b in briefs}
        offsets = _offsets(briefs, p, cycle_s) if coordinated else {}
        for brief in briefs:
            name = brief.intersection.id
            own_s = cycle_s if coordinated else webster_cycle(ratios[name][p], brief.timing)
            splits = split_greens(ratios[name][p], own_s, brief.timing)
            period = _period(
                brief, splits, brief.period_starts_s[p], main[name], offsets.get(name) if coordinated else None
            )
            periods[name].append(period)
    return {name: _plan(name, parts, coordinated) for name, parts in periods.items()}


def fixed_plans(counts: Sequence[TurningCounts]) -> dict[str, FixedPlan]:
    """Webster's plan as an engineer would set it: one common cycle, fixed greens in whole seconds, offsets by travel time.

    Args:
        counts: demand of every intersection; its first period is planned for.
    """
    ratios = {c.intersection.id: flow_ratios(c, 0) for c in counts}
    cycle_s = max(fixed_cycle(ratios[c.intersection.id], c.timing) for c in counts)
    offsets = _offsets(counts, 0, cycle_s)
    plans = {}
    for counted in counts:
        name = counted.intersection.id
        timing = counted.timing
        main = _main_stage(counted, ratios[name])
        order = timing.fallback_order
        start = order.index(main)
        stages = (*order[start:], *order[:start])
        splits = split_greens(ratios[name], cycle_s, timing)
        greens = [float(max(round(splits.green_s[s]), math.ceil(timing.min_green_s[s]))) for s in stages]
        greens[0] = max(greens[0] + cycle_s - sum(greens) - whole_lost_time(timing), timing.min_green_s[main])
        plans[name] = FixedPlan(cycle_s=cycle_s, offset_s=offsets[name], stages=stages, green_s=tuple(greens))
    return plans


def fixed_cycle(flow_ratio: Sequence[float], timing: Timing) -> float:
    """Webster's cycle where fixed minimum greens bind: what a stage gets beyond its share is lost to the others.

    Args:
        flow_ratio: (S,) critical flow ratios.
        timing: limits and clearances.
    """
    free = set(range(timing.n_stages))
    lost_s = whole_lost_time(timing)
    while True:
        total = sum(flow_ratio[s] for s in free)
        # C = (1.5 L + 5) / (1 - Y), with L the clearances and the minimum greens that bind, Y over the other stages
        cycle_s = (1.5 * lost_s + 5.0) / (1.0 - min(total, Y_MAX))
        short = {s for s in free if flow_ratio[s] * (cycle_s - lost_s) < timing.min_green_s[s] * total}
        bound = {s for s in free if flow_ratio[s] == 0.0} or short
        if not bound or bound == free:
            break
        free -= bound
        lost_s += sum(timing.min_green_s[s] for s in bound)
    shortest = max(CYCLE_MIN_S, sum(timing.min_green_s) + whole_lost_time(timing))
    return float(math.ceil(min(max(cycle_s, shortest), max(shortest, CYCLE_MAX_S))))


def whole_lost_time(timing: Timing) -> float:
    """Seconds of a cycle in which nobody has green where every part of a clearance takes whole seconds."""
    changes = [timing.clearances.between(s, timing.next_in_fallback(s)) for s in range(timing.n_stages)]
    return float(sum(math.ceil(seconds - 1e-9) for change in changes for seconds in change))


def webster_cycle(flow_ratio: Sequence[float], timing: Timing) -> float:
    """Cycle with the least delay, in whole seconds, within what the site's limits allow.

    Args:
        flow_ratio: (S,) critical flow ratios.
        timing: limits and clearances.
    """
    lost_s = lost_time(timing)
    shortest = max(CYCLE_MIN_S, sum(timing.min_green_s) + lost_s)
    longest = max(shortest, min(CYCLE_MAX_S, sum(timing.max_green_s) + lost_s))
    # C = (1.5 L + 5) / (1 - Y)
    cycle_s = (1.5 * lost_s + 5.0) / (1.0 - min(sum(flow_ratio), Y_MAX))
    return float(round(min(max(cycle_s, shortest), longest)))


def lost_time(timing: Timing) -> float:
    """Seconds of a cycle in which nobody has green: the clearances along the fallback order."""
    return sum(timing.clearance_s(s, timing.next_in_fallback(s)) for s in range(timing.n_stages))


def split_greens(flow_ratio: Sequence[float], cycle_s: float, timing: Timing) -> Splits:
    """Greens in proportion to the flow ratios, none below its minimum or above its maximum."""
    stages = range(timing.n_stages)
    left_s = cycle_s - lost_time(timing)
    green = dict.fromkeys(stages, 0.0)
    free = set(stages)
    while free:
        total = sum(flow_ratio[s] for s in free)
        # g_s = y_s / Y (C - L), over the stages that no limit binds
        share = {s: left_s * (flow_ratio[s] / total if total > 0.0 else 1.0 / len(free)) for s in sorted(free)}
        short = {s for s in free if share[s] < timing.min_green_s[s]}
        bound = short or {s for s in free if share[s] > timing.max_green_s[s]}
        for s in bound or free:
            green[s] = min(max(share[s], timing.min_green_s[s]), timing.max_green_s[s])
            left_s -= green[s]
        free -= bound or free
    return Splits(cycle_s=cycle_s, green_s=tuple(green[s] for s in stages), flow_ratio=tuple(flow_ratio))


def own_splits(counts: TurningCounts, period: int) -> Splits:
    """Cycle and greens of one intersection by itself in one period."""
    ratios = flow_ratios(counts, period)
    return split_greens(ratios, webster_cycle(ratios, counts.timing), counts.timing)


def flow_ratios(brief: TurningCounts, period: int) -> tuple[float, ...]:
    """(S,) critical flow ratio of each stage: the fullest of the lanes that it has to serve.

    What only one stage serves is assigned first; a stage serves the rest of what others have left over.
    """
    needs = _lane_needs(brief.intersection, lane_flows(brief.turns, period))
    ratio = [0.0] * brief.intersection.n_stages
    for shares, need in sorted(needs, key=lambda item: (sum(share > 0.0 for share in item[0]), item[0], item[1])):
        missing = need - sum(share * ratio[s] for s, share in enumerate(shares))
        if missing > 1e-9 and max(shares) > 0.0:
            best = max(range(len(shares)), key=lambda s: (shares[s], ratio[s], -s))
            ratio[best] += missing / shares[best]
    return tuple(ratio)


def lane_flows(turns: Sequence[Turn], period: int) -> dict[tuple[str, Turn], float]:
    """veh/h of every turn on every lane that it may use: drivers choose lanes so that they fill evenly."""
    load: dict[str, float] = {lane: 0.0 for turn in turns for lane in turn.lanes}
    flows: dict[tuple[str, Turn], float] = {}
    for turn in sorted(turns, key=lambda t: (len(t.lanes), t.from_edge, t.to_edge)):
        for lane, part in _fill_evenly({lane: load[lane] for lane in turn.lanes}, turn.flow_vehph[period]).items():
            load[lane] += part
            flows[lane, turn] = part
    return flows


def _fill_evenly(load: Mapping[str, float], flow: float) -> dict[str, float]:
    """Add a flow to lanes so that the fullest of them stays as empty as possible."""
    lanes = sorted(load, key=lambda lane: (load[lane], lane))
    for n in range(len(lanes), 0, -1):
        level = (flow + sum(load[lane] for lane in lanes[:n])) / n
        if n == 1 or level >= load[lanes[n - 1]]:
            return {lane: level - load[lane] if lane in lanes[:n] else 0.0 for lane in lanes}
    return {}


def _lane_needs(
    intersection: Intersection, flows: Mapping[tuple[str, Turn], float]
) -> list[tuple[tuple[float, ...], float]]:
    """Per lane and set of stages that serve it: how well each stage does so, and the flow ratio to be served."""
    weight = {"G": 1.0, "g": PERMISSIVE_SHARE}
    needs: dict[tuple[str, tuple[float, ...]], float] = {}
    for (lane, turn), flow in flows.items():
        links = [m.link for m in intersection.vehicle_movements if m.from_lane == lane and m.link in turn.links]
        shares = tuple(
            max((weight.get(st.state[k], 0.0) for k in links), default=0.0) for st in intersection.stages
        )
        key = (lane, shares)
        needs[key] = needs.get(key, 0.0) + flow / SATURATION_VEHPH
    return [(shares, need) for (_, shares), need in needs.items()]


def _main_stage(brief: TurningCounts, flow_ratio: Sequence[float]) -> int:
    """The stage to coordinate: most vehicles from other signals, else the most demanded."""
    arriving = {up.to_approach: 0.0 for up in brief.upstream}
    for up in brief.upstream:
        arriving[up.to_approach] += sum(up.flow_vehph)
    served = [0.0] * brief.intersection.n_stages
    for s in range(brief.intersection.n_stages):
        shares = brief.intersection.lane_shares(s, permissive=PERMISSIVE_SHARE)
        by_approach: dict[str, float] = {}
        for lane, share in zip(brief.intersection.lanes, shares, strict=True):
            by_approach[lane.approach] = max(by_approach.get(lane.approach, 0.0), share)
        served[s] = sum(arriving.get(approach, 0.0) * share for approach, share in by_approach.items())
    return max(range(len(served)), key=lambda s: (served[s], flow_ratio[s], -s))


def _offsets(briefs: Sequence[TurningCounts], period: int, cycle_s: float) -> dict[str, float]:
    """Start of each main green in the common cycle: travel times along the tree of the heaviest links (Kruskal 1956)."""
    links: dict[tuple[str, str], tuple[float, float]] = {}
    for brief in briefs:
        for up in brief.upstream:
            flow, time_s = links.get((up.neighbour, brief.intersection.id), (0.0, up.travel_time_s))
            links[up.neighbour, brief.intersection.id] = (flow + up.flow_vehph[period], time_s)
    group = {brief.intersection.id: brief.intersection.id for brief in briefs}
    offset = dict.fromkeys(group, 0.0)
    for (before, after), (_, time_s) in sorted(links.items(), key=lambda item: (-item[1][0], item[0])):
        if before not in group or group[before] == group[after]:
            continue
        shift = offset[before] + time_s - offset[after]
        moved = group[after]
        for name in [name for name, root in group.items() if root == moved]:
            offset[name] += shift
            group[name] = group[before]
    return {name: float(round(value % cycle_s)) % cycle_s for name, value in offset.items()}


def _period(brief: TurningCounts, splits: Splits, from_s: float, main: int, offset_s: float | None) -> Period:
    timing = brief.timing
    order = list(brief.timing.fallback_order)
    order = order[order.index(main) :] + order[: order.index(main)]
    steps = []
    for s in order:
        low = timing.min_green_s[s]
        green_s = splits.green_s[s] * (FREE_STRETCH if offset_s is None else 1.0)
        high = min(max(round(green_s), low), timing.max_green_s[s])
        walks = bool(brief.intersection.stages[s].green & brief.intersection.pedestrian_links)
        skip = None if s == main or walks else 0.0
        steps.append(
            Step(stage=s, min_green_s=low, max_green_s=high, extend_while=Extension(), skip_if_queue_at_most=skip)
        )
    if offset_s is None:
        return Period(from_s=from_s, steps=tuple(steps))
    return Period(from_s=from_s, cycle_s=splits.cycle_s, offset_s=offset_s, steps=tuple(steps))


def _plan(name: str, periods: Sequence[Period], coordinated: bool) -> SequencePlan:
    """The plan, equal neighbouring periods joined."""
    kept = [periods[0]]
    for period in periods[1:]:
        if period.model_copy(update={"from_s": kept[-1].from_s}) != kept[-1]:
            kept.append(period)
    how = "common cycle with offsets by travel time" if coordinated else "own cycle"
    reasoning = (
        f"Webster cycle and splits from the demand of each period, {how}, greens extended while vehicles arrive."
    )
    return SequencePlan(intersection=name, reasoning=reasoning, reach_m=EXTENSION_REACH_M, periods=tuple(kept))
