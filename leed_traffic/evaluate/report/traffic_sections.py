"""The part of a report that shows traffic: maps, corridors, signals and queues, from the runs that were recorded.

Two controllers are drawn beside each other; more could not be compared by eye.
"""

from collections.abc import Iterable, Mapping, Sequence

from leed_traffic.domain.short_ids import fold, fold_ids
from leed_traffic.evaluate.records.recording import ARRIVAL_M, INTERVAL_S, Recording, approaches_of
from leed_traffic.evaluate.records.timeline import Timeline
from leed_traffic.evaluate.report.drawing import short
from leed_traffic.evaluate.report.page import Note, Part, Picture, Table
from leed_traffic.evaluate.report.signal_figures import (
    Diagram,
    StageLimits,
    cycles_of,
    draw_coordination,
    draw_queues,
    draw_splits,
    draw_stages,
)
from leed_traffic.evaluate.report.street_figures import (
    LABELLED,
    compass_names,
    draw_corridor,
    draw_map,
    draw_stage_plans,
    places_of,
)
from leed_traffic.evaluate.runs import Comparison, ControllerRun, Scene

STAGES_WINDOW_S = 600.0  # s of signals in the stage diagram: longer, and single greens can no longer be seen
STAGES_ROWS = 24  # intersections in it at most
TABLE_ROWS = 40  # intersections in the table at most; all of them are in the exports
LONGEST_STREETS = 48  # characters of streets' names in the table
OPEN_ROWS = 12  # intersections that a reader takes in at a glance: of more, those with the most delay come first


def traffic_sections(comparison: Comparison, labels: Mapping[str, str], ours: str | None) -> dict[str, list[Part]]:
    """Parts by title; empty where nothing was recorded."""
    scene = comparison.scene
    recordings = {labels[run.controller]: run.recording for run in comparison.runs if run.recording is not None}
    sections = {"Delay by intersection": _intersections(comparison, labels)}
    if scene is not None and recordings:
        seed = next(run.seed for run in comparison.runs if run.recording is not None)
        shares = _shares(comparison, labels, recordings)
        sections |= {
            "Map of delay": _map(comparison, scene, recordings, labels, seed),
            "Time-space diagram": _corridor(scene, recordings, seed),
            "Coordination diagrams": _coordination(scene, recordings, seed),
            "Queues by approach": _queues(scene, recordings, seed),
            "Stages": _stage_plans(scene, shares),
            "Split monitor": _splits(comparison, scene, labels, recordings, seed),
        }
    return {**sections, "Stages at the signals": _stages(comparison, labels, ours)}


def _intersections(comparison: Comparison, labels: Mapping[str, str]) -> list[Part]:
    found = comparison.evaluation.intersections
    names = list(dict.fromkeys(result.intersection for result in found))
    if not names:
        return []
    delays = {(result.controller, result.intersection): result for result in found}
    controllers = [result.controller for result in comparison.evaluation.results]
    listed = names if len(names) <= OPEN_ROWS else _worst(comparison, TABLE_ROWS)
    rows = []
    ids = fold_ids(names)
    streets = comparison.evaluation.streets
    for name in listed:
        mine = [delays[c, name] for c in controllers]
        where = [fold(streets.get(name, ""), LONGEST_STREETS)] if streets else []
        figures = (f"{r.delay_s.mean:.1f}  ({r.queue_veh:.1f})" for r in mine)
        rows.append([ids[name], *where, f"{mine[0].vehicles:.0f}", *figures])
    left_out = " Those with the most delay come first." if len(names) > OPEN_ROWS else ""
    if len(listed) < len(names):
        left_out += f" The {len(listed)} worst of {len(names)} are shown."
    explained = (
        "Delay in s per vehicle that came to the stop lines, in brackets the mean queue in vehicles; both on "
        f"the approaches, as far as detectors reach, mean over the seeds. Intervals are in the exports.{left_out}"
    )
    head = ["intersection", *(["streets"] if streets else []), "vehicles", *(labels[c] for c in controllers)]
    texts = frozenset({1} if streets else ())
    parts: list[Part] = [Table(head, rows[:OPEN_ROWS], texts=texts)]
    if len(rows) > OPEN_ROWS:
        parts.append(Table(head, rows[OPEN_ROWS:], texts=texts, summary=f"{len(rows) - OPEN_ROWS} more"))
    return [*parts, Note(explained)]


def _worst(comparison: Comparison, n: int) -> list[str]:
    """The n intersections with the most delay under any controller, the worst first."""
    delays_s: dict[str, float] = {}
    for result in comparison.evaluation.intersections:
        delays_s[result.intersection] = max(delays_s.get(result.intersection, 0.0), result.delay_s.mean)
    return sorted(delays_s, key=lambda name: -delays_s[name])[:n]


def _map(
    comparison: Comparison, scene: Scene, recordings: Mapping[str, Recording], labels: Mapping[str, str], seed: int
) -> list[Part]:
    delays_s = {
        labels[run.controller]: {score.intersection: score.delay_s for score in run.intersections}
        for run in comparison.runs
        if run.recording is not None
    }
    places = places_of(scene.intersections, scene.street_map)
    svg = draw_map(scene.street_map, recordings, places, delays_s)
    figures = (
        "The figures beside the intersections are their delay in s per vehicle."
        if len(places) <= LABELLED
        else f"{len(places)} intersections are too many for figures beside them: the table names the worst."
    )
    caption = (
        f"Seed {seed}, the whole run. Colour: mean delay of a vehicle on the edge; width: its traffic. {figures}"
    )
    return [Picture(svg, f"Map of the network coloured by delay under {_and(recordings)}", caption)]


def _corridor(scene: Scene, recordings: Mapping[str, Recording], seed: int) -> list[Part]:
    corridor = scene.plotted.corridor
    if corridor is None:
        return [
            Note(
                "Left out: no two signals of this network follow each other straight on, so there is no "
                "corridor to draw."
            )
        ]
    svg = draw_corridor(corridor, recordings, scene.plotted.window_s)
    caption = (
        f"Seed {seed}, the longest way straight on through {len(corridor.stops)} signals. Each line is a "
        "vehicle, flat where it stands; the bars are what it sees at each stop line. Lines that run through "
        "several greens without a step are a green wave."
    )
    return [
        Picture(svg, f"Time-space diagram along {len(corridor.stops)} signals under {_and(recordings)}", caption)
    ]


def _coordination(scene: Scene, recordings: Mapping[str, Recording], seed: int) -> list[Part]:
    rows = [_diagrams(scene, recordings, name) for name in scene.plotted.intersections]
    rows = [row for row in rows if any(diagram.cycles for diagram in row.values())]
    if not rows:
        return [Note("Left out: no approach had a whole cycle.")]
    caption = (
        f"Purdue coordination diagrams of seed {seed}. Across: time; upwards: seconds since the last green "
        "ended, from the beginning of red through the beginning of green to its end. A dot is a vehicle as it "
        f"would reach the stop line at the speed limit, counted {ARRIVAL_M:.0f} m ahead: dots above the green "
        "line meet green. Ratio: arrivals on green over the green's share of time; above 1 the signal is well "
        "placed in the stream, 1 is chance."
    )
    alt = f"Arrivals in the cycle at {len(rows)} approaches under {_and(recordings)}"
    return [Picture(draw_coordination(rows), alt, caption)]


def _diagrams(scene: Scene, recordings: Mapping[str, Recording], name: str) -> dict[str, Diagram]:
    """Diagrams of an intersection's busiest approach by controller, of one on the corridor if there is one."""
    legs = approaches_of(next(i for i in scene.intersections if i.id == name))
    on_corridor = [leg for leg in legs if scene.plotted.corridor and leg.edge in scene.plotted.corridor.edges]
    busiest = max(
        on_corridor or legs,
        key=lambda leg: max(len(r.arrivals_s.get(leg.edge, ())) for r in recordings.values()),
        default=None,
    )
    if busiest is None:
        return {}
    whence = compass_names([busiest.edge], scene.street_map)[busiest.edge]
    return {
        label: Diagram(
            name=f"{short(name)} {whence}",
            cycles=cycles_of(recording.states.get(name, ()), busiest.links),
            arrivals_s=recording.arrivals_s.get(busiest.edge, ()),
        )
        for label, recording in recordings.items()
    }


def _queues(scene: Scene, recordings: Mapping[str, Recording], seed: int) -> list[Part]:
    rows: dict[str, dict[str, dict[str, Sequence[float]]]] = {}
    for name in scene.plotted.intersections:
        intersection = next(i for i in scene.intersections if i.id == name)
        edges = list(dict.fromkeys(lane.approach for lane in intersection.lanes))
        names = compass_names(edges, scene.street_map)
        rows[name] = {
            label: {names[edge]: recording.queues_veh[edge] for edge in edges if edge in recording.queues_veh}
            for label, recording in recordings.items()
        }
    caption = (
        "Vehicles under 0.1 m/s on each approach and the road before it, as far as detectors reach; mean of "
        f"every {INTERVAL_S:.0f} s of seed {seed}. A line that keeps rising is an approach that gets less green "
        "than it needs."
    )
    return [
        Picture(
            draw_queues(rows, scene.begin_s),
            f"Queues at {_and(map(short, rows))} under {_and(recordings)}",
            caption,
        )
    ]


def _stage_plans(scene: Scene, shares: Mapping[str, Mapping[str, Sequence[float]]]) -> list[Part]:
    drawn = [i for i in scene.intersections if i.id in scene.plotted.intersections]
    caption = (
        "The ways that each stage opens, drawn where the streets run: solid with priority, dashed where drivers "
        f"yield. The percentages are the stage's share of the time under {_and(shares, ' | ')}; the rest is "
        "clearance."
    )
    return [
        Picture(
            draw_stage_plans(drawn, scene.street_map, shares),
            f"Stages of {_and([short(i.id) for i in drawn])}",
            caption,
        )
    ]


def _shares(
    comparison: Comparison, labels: Mapping[str, str], recordings: Mapping[str, Recording]
) -> dict[str, dict[str, Sequence[float]]]:
    return {
        label: {
            result.intersection: result.stage_share
            for result in comparison.evaluation.intersections
            if labels[result.controller] == label
        }
        for label in recordings
    }


def _splits(
    comparison: Comparison,
    scene: Scene,
    labels: Mapping[str, str],
    recordings: Mapping[str, Recording],
    seed: int,
) -> list[Part]:
    """Draw the greens of the intersection with the most delay: all would be a book."""
    drawn = [run for run in comparison.runs if run.recording is not None]
    worst = max(scene.plotted.intersections, key=lambda name: max(_delay_s(run, name) for run in drawn))
    k = next(k for k, i in enumerate(scene.intersections) if i.id == worst)
    timing = scene.timings[k]
    limits = [
        StageLimits(low_s=low, high_s=high)
        for low, high in zip(timing.min_green_s, timing.max_green_s, strict=True)
    ]
    greens = {labels[run.controller]: run.timeline for run in drawn}
    caption = (
        f"Every green of {short(worst)}, where delay is highest, on seed {seed}: how long it was, and whether it "
        "ended at the site's minimum, at its maximum (dashed) or in between. Greens at the maximum in a row "
        "mean that the stage needs more; greens at the minimum in a row, that it is called for a single vehicle "
        "or starved."
    )
    return [
        Picture(
            draw_splits(greens, worst, limits),
            f"Lengths of the greens of {short(worst)} under {_and(recordings)}",
            caption,
        )
    ]


def _delay_s(run: ControllerRun, intersection: str) -> float:
    return next((score.delay_s for score in run.intersections if score.intersection == intersection), 0.0)


def _stages(comparison: Comparison, labels: Mapping[str, str], ours: str | None) -> list[Part]:
    """The first controller beside ours (or the last): more panels would be too many to compare."""
    drawn = [run for run in comparison.runs if run.timeline]
    rows = comparison.rows
    if not drawn or rows is None:
        return []
    beside = next((run for run in drawn if run.controller == ours), drawn[-1])
    timelines: dict[str, Timeline] = {labels[run.controller]: run.timeline for run in (drawn[0], beside)}
    order = rows.order
    if len(order) > STAGES_ROWS:
        worst = _worst(comparison, OPEN_ROWS) or order[-OPEN_ROWS:]
        order = tuple(name for name in order if name in worst)
    seed = beside.seed
    window = _window(timelines.values())
    layout = "placed at their distance along the road" if rows.positions_m else "one row per intersection"
    is_cut = len(order) < len(rows.order)
    left_out = (
        f" The {len(order)} of {len(rows.order)} intersections with the most delay are shown." if is_cut else ""
    )
    alt = f"Stages shown over time by {' and '.join(timelines)} at {len(order)} intersections on seed {seed}"
    caption = (
        f"What the signals showed on seed {seed} in {(window[1] - window[0]) / 60.0:.0f} minutes in the middle "
        f"of the run, {layout}. Stage numbers are each intersection's own; thin dark bars are "
        f"clearances.{left_out}"
    )
    return [Picture(draw_stages(timelines, order, rows.positions_m, window), alt, caption)]


def _window(timelines: Iterable[Timeline]) -> tuple[float, float]:
    """First and last second to show: the middle of the run."""
    spans = [span for timeline in timelines for stages in timeline.values() for span in stages]
    begin_s = min(span.begin_s for span in spans)
    end_s = max(span.end_s for span in spans)
    middle_s = (begin_s + end_s) / 2.0
    return max(begin_s, middle_s - STAGES_WINDOW_S / 2.0), min(end_s, middle_s + STAGES_WINDOW_S / 2.0)


def _and(names: Iterable[str], between: str = " and ") -> str:
    return between.join(names)
