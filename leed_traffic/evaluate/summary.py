"""Many runs summed up: means with their intervals, paired differences, and spreads that a mean may hide."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from leed_traffic.evaluate.results import (
    COUNTS,
    MEANS,
    ClassResult,
    CollisionCause,
    ControllerResult,
    Delay,
    Disagreement,
    Evaluation,
    IntersectionResult,
    LimitBreaks,
    PairedDelay,
    SeedSpread,
    ShadowIntersection,
    ShadowResult,
)
from leed_traffic.evaluate.runs import ControllerRun
from leed_traffic.evaluate.shadow import add_up
from leed_traffic.evaluate.statistics import SIGNIFICANCE, compare_with, mean_interval
from leed_traffic.simulation.score.attribution import Verdict
from leed_traffic.simulation.score.limit_breaks import LimitBreak
from leed_traffic.simulation.score.score import ClassScore


def summarise(controller: str, runs: Sequence[ControllerRun]) -> ControllerResult:
    """One controller's result from its runs, at least one."""
    mean, low, high = mean_interval([run.delay_s for run in runs])
    means = {name: mean_interval([float(getattr(run, name)) for run in runs])[0] for name in MEANS[1:]}
    counts = {name: sum(int(getattr(run, name)) for run in runs) for name in COUNTS}
    return ControllerResult.model_validate(
        {"controller": controller, "delay_s": Delay(mean=mean, low=low, high=high), **means, **counts}
    )


def evaluate_runs(
    runs: Sequence[ControllerRun],
    *,
    scenario: str,
    site: str,
    sensing: str = "ideal",
    sumo_version: str,
    rules: Sequence[str],
    reference: str | None = None,
) -> Evaluation:
    """The whole document, from runs by controller and then by seed.

    Args:
        runs: every controller on the same seeds; runs with tallies are of shadow pairs, which are not ranked.
        scenario: name.
        site: name.
        sensing: detectors of the controllers behind the envelope.
        sumo_version: of the SUMO that ran.
        rules: controllers that anybody has, without plans and policies made for the place.
        reference: with whom to compare; None: the rule with the lowest delay, else the controller with the lowest
            delay.
    """
    ranked: dict[str, list[ControllerRun]] = {}
    pairs: dict[str, list[ControllerRun]] = {}
    for run in runs:
        (pairs if run.tallies else ranked).setdefault(run.controller, []).append(run)
    delays = {name: [run.delay_s for run in found] for name, found in ranked.items()}
    if reference is None and len(ranked) > 1:
        reference = min([name for name in rules if name in ranked] or ranked, key=lambda name: sum(delays[name]))
    return Evaluation(
        scenario=scenario,
        site=site,
        sensing=sensing,
        seeds=tuple(dict.fromkeys(run.seed for run in runs)),
        sumo_version=sumo_version,
        results=tuple(summarise(name, found) for name, found in ranked.items()),
        reference=reference,
        differences=() if reference is None else _differences(reference, delays),
        spread=tuple(_spread(name, found) for name, found in ranked.items()),
        classes=tuple(result for name, found in ranked.items() for result in _classes(name, found)),
        intersections=tuple(result for name, found in ranked.items() for result in _intersections(name, found)),
        limit_breaks=tuple(result for name, found in ranked.items() for result in _limit_breaks(name, found)),
        collision_causes=tuple(
            result for name, found in ranked.items() for result in _collision_causes(name, found)
        ),
        shadows=tuple(_shadow(name, found) for name, found in pairs.items()),
    )


def _differences(reference: str, delays: Mapping[str, Sequence[float]]) -> tuple[PairedDelay, ...]:
    return tuple(
        PairedDelay(
            controller=name,
            **asdict(found),
            p_adjusted=adjusted,
            differs=adjusted is not None and adjusted <= SIGNIFICANCE,
        )
        for name, (found, adjusted) in compare_with(reference, delays).items()
    )


def _spread(controller: str, runs: Sequence[ControllerRun]) -> SeedSpread:
    worst = max(runs, key=lambda run: run.delay_s)
    return SeedSpread(
        controller=controller,
        worst_seed=worst.seed,
        worst_delay_s=worst.delay_s,
        gridlocked_seeds=sum(run.is_gridlocked for run in runs),
        seeds=len(runs),
    )


def _delay(values: Sequence[float]) -> Delay:
    mean, low, high = mean_interval(values)
    return Delay(mean=mean, low=low, high=high)


def _mean(values: Sequence[float]) -> float:
    return mean_interval(values)[0]


def _classes(controller: str, runs: Sequence[ControllerRun]) -> list[ClassResult]:
    found: dict[str, list[ClassScore]] = {}
    for run in runs:
        for score in run.classes:
            found.setdefault(score.of_class, []).append(score)
    return [
        ClassResult(
            controller=controller,
            of_class=name,
            scheduled=sum(score.scheduled for score in scores),
            departed=sum(score.departed for score in scores),
            finished=sum(score.finished for score in scores),
            delay_s=_delay([score.delay_s for score in scores]),
            waiting_s=_mean([score.waiting_s for score in scores]),
            trip_time_s=_mean([score.trip_time_s for score in scores]),
        )
        for name, scores in found.items()
    ]


def _intersections(controller: str, runs: Sequence[ControllerRun]) -> list[IntersectionResult]:
    return [
        IntersectionResult(
            controller=controller,
            intersection=scores[0].intersection,
            vehicles=_mean([float(score.vehicles) for score in scores]),
            delay_s=_delay([score.delay_s for score in scores]),
            waiting_s=_mean([score.waiting_s for score in scores]),
            queue_veh=_mean([score.queue_veh for score in scores]),
            stage_share=tuple(_mean(shares) for shares in zip(*(s.stage_share for s in scores), strict=True)),
            clearance_share=_mean([score.clearance_share for score in scores]),
            changes_per_h=_mean([score.changes_per_h for score in scores]),
        )
        for scores in zip(*(run.intersections for run in runs), strict=True)
    ]


def _limit_breaks(controller: str, runs: Sequence[ControllerRun]) -> list[LimitBreaks]:
    """Sum up broken limits by signal, in the runs' order."""
    found: dict[tuple[str, str], list[tuple[int, LimitBreak]]] = {}
    for run in runs:
        for one in run.limit_breaks:
            found.setdefault((one.intersection, one.limit), []).append((run.seed, one))
    results = []
    for breaks in found.values():
        seed, worst = max(breaks, key=lambda pair: pair[1].worst_s)
        times = sum(one.times for _, one in breaks)
        total = {"times": times, "mean_s": round(sum(one.mean_s * one.times for _, one in breaks) / times, 3)}
        results.append(LimitBreaks(controller=controller, seed=seed, **{**asdict(worst), **total}))
    return results


def _collision_causes(controller: str, runs: Sequence[ControllerRun]) -> list[CollisionCause]:
    counts: Counter[str] = Counter()
    for run in runs:
        counts.update(dict(run.collision_causes))
    return [
        CollisionCause(
            controller=controller, cause=cause, times=times, is_the_signals=Verdict(cause).is_the_signals
        )
        for cause, times in sorted(counts.items())
    ]


def _shadow(pair: str, runs: Sequence[ControllerRun]) -> ShadowResult:
    tallies = [add_up(same) for same in zip(*(run.tallies for run in runs), strict=True)]
    decisions = sum(tally.decisions for tally in tallies)
    return ShadowResult(
        pair=pair,
        decisions=decisions,
        agreement=sum(tally.agreed for tally in tallies) / decisions if decisions else None,
        intersections=tuple(
            ShadowIntersection(
                intersection=tally.intersection,
                decisions=tally.decisions,
                agreement=tally.agreed / tally.decisions if tally.decisions else None,
                differences=tuple(
                    Disagreement(driver_stage=a, shadow_stage=b, times=n) for a, b, n in tally.differences
                ),
            )
            for tally in tallies
        ),
    )
