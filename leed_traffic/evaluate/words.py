"""Text of a comparison: the table that people read, and what may be concluded from it."""

from collections import Counter
from collections.abc import Mapping, Sequence

from leed_traffic.domain.short_ids import fold_ids
from leed_traffic.evaluate.results import COUNTS, Delay, LimitBreaks, ProgramCycle
from leed_traffic.evaluate.runs import Comparison
from leed_traffic.evaluate.statistics import best_and_ties
from leed_traffic.simulation.score.limit_breaks import Limit
from leed_traffic.simulation.score.score import STUCK_S

LIMITS_COLUMN = "limits broken"
SHOWN_CYCLES = 4  # different changes of the cycle in a line; --json has every signal's
FEW_SEEDS = 5  # below, a t interval is more than 1.5 times as wide as with many


def table_columns(comparison: Comparison) -> list[str]:
    """Heads of the table that people read; the last one only where somebody broke a limit of the site."""
    columns = [
        "controller", "delay s [95 %]", "worst seed", "trip s", "wait s", "queue",
        "sched.", "done", "never dep.", "unsafe", "stops", "coll.", "telep.",
    ]  # fmt: skip
    return [*columns, LIMITS_COLUMN] if comparison.evaluation.limit_breaks else columns


def table_rows(comparison: Comparison, labels: Mapping[str, str]) -> list[list[str]]:
    """One row of text per controller."""
    rows = []
    breaks = comparison.evaluation.limit_breaks
    for result in comparison.evaluation.results:
        mine = [found for found in breaks if found.controller == result.controller]
        rows.append(
            [
                labels[result.controller],
                interval_text(result.delay_s),
                f"{comparison.worst_s(result.controller):.1f}",
                f"{result.trip_time_s:.0f}",
                f"{result.waiting_s:.1f}",
                f"{result.queue_veh:.1f}",
                *(str(getattr(result, name)) for name in COUNTS if name != "departed"),
                *([_breaks_text(mine)] if breaks else []),
            ]
        )
    return rows


def interval_text(delay: Delay, *, sign: str = "") -> str:
    """`18.1 [17.6, 18.6]`, or the mean alone; with `sign` "+" every figure has one."""
    mean = f"{delay.mean:{sign}.1f}"
    if delay.low is None or delay.high is None:
        return mean
    return f"{mean} [{delay.low:{sign}.1f}, {delay.high:{sign}.1f}]"


def verdict(comparison: Comparison, labels: Mapping[str, str]) -> str:
    """Name the lowest delay and the controllers that these seeds cannot set apart from it."""
    results = comparison.evaluation.results
    n_seeds = len(comparison.evaluation.seeds)
    if len(results) == 1:
        return "One controller: nothing to compare."
    if n_seeds == 1:
        return "One seed: differences cannot be told from chance; give more --seeds to compare."
    best, ties = best_and_ties({r.controller: comparison.delays_s(r.controller) for r in results})
    mean_s = next(r.delay_s.mean for r in results if r.controller == best)
    breaks = any(found.controller == best for found in comparison.evaluation.limit_breaks)
    proviso = ", which does not keep the site's limits" if breaks else ""
    text = f"Lowest delay: {labels[best]} ({mean_s:.1f} s){proviso}. "
    if not ties:
        return text + f"Every other controller is worse at 95 % over {n_seeds} paired seeds."
    text += (
        f"Not distinguishable from it at 95 % over {n_seeds} paired seeds: {', '.join(labels[t] for t in ties)}."
    )
    return text + (" So few seeds show only large and steady differences." if n_seeds < FEW_SEEDS else "")


def gridlock_line(comparison: Comparison, labels: Mapping[str, str]) -> str:
    """Seeds that ended in gridlock, of all, by controller."""
    found = [s for s in comparison.evaluation.spread if s.gridlocked_seeds]
    if not found:
        return f"Gridlock (a vehicle that has not moved for {STUCK_S:.0f} s at the end): on no seed."
    parts = ", ".join(f"{labels[s.controller]} on {s.gridlocked_seeds} of {s.seeds} seeds" for s in found)
    return f"Gridlock (a vehicle that has not moved for {STUCK_S:.0f} s at the end): {parts}."


def cycle_lines(comparison: Comparison, labels: Mapping[str, str]) -> list[str]:
    """The cycle of the signals' own programs, before and after the site's clearances and limits were put in."""
    said: dict[str, list[str]] = {}
    for result in comparison.evaluation.results:
        mine = [cycle for cycle in comparison.evaluation.program_cycles if cycle.controller == result.controller]
        if mine:
            said.setdefault(_cycles_text(mine), []).append(labels[result.controller])
    site = comparison.evaluation.site
    return [f"Own programs under site {site}: {', '.join(names)}: {text}." for text, names in said.items()]


def limit_lines(comparison: Comparison, labels: Mapping[str, str]) -> list[str]:
    """List the controllers that break the site's limits: which, how often and by how much."""
    lines = []
    for result in comparison.evaluation.results:
        mine = [found for found in comparison.evaluation.limit_breaks if found.controller == result.controller]
        if not mine:
            continue
        parts = []
        for limit in dict.fromkeys(str(limit) for limit in Limit):
            found = [one for one in mine if one.limit == limit]
            if found:
                worst = max(found, key=lambda one: one.worst_s)
                parts.append(f"{limit} {sum(one.times for one in found)} (by up to {worst.worst_s:g} s)")
        lines.append(
            f"{labels[result.controller]} does not keep the site's limits: {', '.join(parts)}, at "
            f"{_signals(len({found.intersection for found in mine}))}, over all seeds; by signal: --json, "
            "limit_breaks.csv."
        )
    return lines


def collision_lines(comparison: Comparison, labels: Mapping[str, str]) -> list[str]:
    """Count the collisions that were a signal's, and the causes of the others; nothing where there were none."""
    parts = []
    for result in comparison.evaluation.results:
        causes = [
            cause for cause in comparison.evaluation.collision_causes if cause.controller == result.controller
        ]
        if causes:
            signals = sum(cause.times for cause in causes if cause.is_the_signals)
            causes_text = ", ".join(f"{cause.times} {cause.cause}" for cause in causes)
            parts.append(
                f"{labels[result.controller]} {signals} of {sum(cause.times for cause in causes)} ({causes_text})"
            )
    return [f"Collisions that were the signal's: {'; '.join(parts)}."] if parts else []


def place(intersection: str, comparison: Comparison, folded: Mapping[str, str]) -> str:
    """An intersection in a line of text: its id, short enough to be read, and its streets."""
    streets = comparison.evaluation.streets.get(intersection)
    return f"{folded[intersection]} ({streets})" if streets else folded[intersection]


def difference_lines(comparison: Comparison, labels: Mapping[str, str]) -> list[str]:
    """Paired difference of each controller from the reference, or that none is shown."""
    evaluation = comparison.evaluation
    if evaluation.reference is None or len(evaluation.seeds) == 1:
        return []
    who = labels[evaluation.reference]
    lines = [f"Paired differences from {who}, s per vehicle [95 %], p of the paired t test adjusted after Holm:"]
    for found in evaluation.differences:
        interval = interval_text(Delay(mean=found.mean, low=found.low, high=found.high), sign="+")
        claim = ("worse" if found.mean > 0.0 else "better") if found.differs else "no difference shown"
        lines.append(f"  {labels[found.controller]}: {interval}, {p_text(found.p_adjusted)}, {claim}")
    return lines


def class_lines(comparison: Comparison, labels: Mapping[str, str]) -> list[str]:
    """Delay by class, where there is more than one."""
    classes = comparison.evaluation.classes
    if len({found.of_class for found in classes}) < 2:
        return []
    lines = ["Delay by class, s per vehicle or person:"]
    for result in comparison.evaluation.results:
        mine = [found for found in classes if found.controller == result.controller]
        parts = ", ".join(f"{found.of_class} {found.delay_s.mean:.1f} ({found.scheduled})" for found in mine)
        lines.append(f"  {labels[result.controller]}: {parts}")
    return lines


def shadow_lines(comparison: Comparison, labels: Mapping[str, str]) -> list[str]:
    """Agreement of each shadow with its driver, and the intersection where it is least."""
    lines = []
    for pair in comparison.evaluation.shadows:
        if pair.agreement is None:
            lines.append(f"Shadow {labels[pair.pair]}: there was never a choice.")
            continue
        asked = [found for found in pair.intersections if found.agreement is not None]
        folded = fold_ids(found.intersection for found in pair.intersections)
        least = min(asked, key=lambda found: found.agreement or 0.0)
        lines.append(
            f"Shadow {labels[pair.pair]}: the same stage in {pair.agreement:.0%} of {pair.decisions} decisions; "
            f"least at {place(least.intersection, comparison, folded)} ({least.agreement:.0%})."
        )
    return lines


def _breaks_text(mine: Sequence[LimitBreaks]) -> str:
    """`412, by 3 s`: how often, and the worst of them."""
    if not mine:
        return "0"
    return f"{sum(found.times for found in mine)}, by {max(found.worst_s for found in mine):g} s"


def _cycles_text(cycles: Sequence[ProgramCycle]) -> str:
    """`cycle 90 -> 109 s at 5 signals, 72 s as it hangs at 2`, the most frequent first."""
    numbers = Counter((c.own_s, c.cycle_s, c.is_untouched) for c in cycles)
    found = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    parts = []
    for (own_s, cycle_s, is_untouched), n in found[:SHOWN_CYCLES]:
        change = (
            f"{own_s:g} -> {cycle_s:g} s"
            if own_s != cycle_s
            else f"{own_s:g} s " + ("untouched" if is_untouched else "kept")
        )
        parts.append(f"{change} at {_signals(n)}")
    if rest := sum(n for _, n in found[SHOWN_CYCLES:]):
        parts.append(f"other cycles at {rest} (--json)")
    return "cycle " + ", ".join(parts)


def _signals(n: int) -> str:
    return f"{n} signal{'s' if n > 1 else ''}"


def p_text(p: float | None) -> str:
    """`p 0.012`, `p < 0.001`."""
    if p is None:
        return "no p-value"
    return f"p {p:.3f}" if p >= 0.001 else "p < 0.001"
