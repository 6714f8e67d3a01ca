"""A comparison in words: the table that people read, and what may be concluded from it."""

from collections.abc import Mapping

from leed_traffic.evaluate.results import COUNTS, Delay
from leed_traffic.evaluate.runs import Comparison
from leed_traffic.evaluate.statistics import best_and_ties
from leed_traffic.simulation.metrics import STUCK_S

FEW_SEEDS = 5  # below, a t interval is more than 1.5 times as wide as with many


def table_columns() -> list[str]:
    """Heads of the table that people read."""
    return [
        "controller", "delay s [95 %]", "worst seed", "trip s", "wait s", "queue",
        "sched.", "done", "never dep.", "unsafe", "stops", "coll.", "telep.",
    ]  # fmt: skip


def table_rows(comparison: Comparison, labels: Mapping[str, str]) -> list[list[str]]:
    """One row of text per controller."""
    rows = []
    for result in comparison.evaluation.results:
        rows.append(
            [
                labels[result.controller],
                interval_text(result.delay_s),
                f"{comparison.worst_s(result.controller):.1f}",
                f"{result.trip_time_s:.0f}",
                f"{result.waiting_s:.1f}",
                f"{result.queue_veh:.1f}",
                *(str(getattr(result, name)) for name in COUNTS if name != "departed"),
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
    """Who has the lowest delay, and whom these seeds cannot tell from it: what does not differ is not ranked."""
    results, n_seeds = comparison.evaluation.results, len(comparison.evaluation.seeds)
    if len(results) == 1:
        return "One controller: nothing to compare."
    if n_seeds == 1:
        return "One seed: differences cannot be told from chance; give more --seeds to compare."
    best, ties = best_and_ties({r.controller: comparison.delays_s(r.controller) for r in results})
    mean_s = next(r.delay_s.mean for r in results if r.controller == best)
    text = f"Lowest delay: {labels[best]} ({mean_s:.1f} s). "
    if not ties:
        return text + f"Every other controller is worse at 95 % over {n_seeds} paired seeds."
    text += f"Not distinguishable from it at 95 % over {n_seeds} paired seeds: {', '.join(labels[t] for t in ties)}."
    return text + (" So few seeds show only large and steady differences." if n_seeds < FEW_SEEDS else "")


def gridlock_line(comparison: Comparison, labels: Mapping[str, str]) -> str:
    """Seeds that ended in gridlock, of all, by controller."""
    found = [s for s in comparison.evaluation.spread if s.gridlocked_seeds]
    if not found:
        return f"Gridlock (a vehicle that has not moved for {STUCK_S:.0f} s at the end): on no seed."
    parts = ", ".join(f"{labels[s.controller]} on {s.gridlocked_seeds} of {s.seeds} seeds" for s in found)
    return f"Gridlock (a vehicle that has not moved for {STUCK_S:.0f} s at the end): {parts}."


def difference_lines(comparison: Comparison, labels: Mapping[str, str]) -> list[str]:
    """Everybody's paired difference from the reference; who does not differ is said not to."""
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
    """How far each shadow agreed with its driver, and where least."""
    lines = []
    for pair in comparison.evaluation.shadows:
        if pair.agreement is None:
            lines.append(f"Shadow {labels[pair.pair]}: there was never a choice.")
            continue
        asked = [found for found in pair.intersections if found.agreement is not None]
        least = min(asked, key=lambda found: found.agreement or 0.0)
        lines.append(
            f"Shadow {labels[pair.pair]}: the same stage in {pair.agreement:.0%} of {pair.decisions} decisions; "
            f"least at {least.intersection} ({least.agreement:.0%})."
        )
    return lines


def p_text(p: float | None) -> str:
    """`p 0.012`, `p < 0.001`."""
    if p is None:
        return "no p-value"
    return f"p {p:.3f}" if p >= 0.001 else "p < 0.001"
