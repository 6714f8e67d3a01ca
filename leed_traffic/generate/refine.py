"""Rounds of check, execute, score and compose: what an author proposes becomes one plan per intersection.

All intersections try a candidate of theirs at once, on the same seeds as the incumbents (common random numbers).
Each intersection is credited with its own return; the best of each form the composed set. The set with the least
delay over the whole network stands for the next round, whoever it is: incumbent, candidate or composed.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from leed_traffic.artifacts.demonstrations import Round
from leed_traffic.domain.plan import check_plan
from leed_traffic.errors import PlanError
from leed_traffic.generate.author import Proposal, Proposer
from leed_traffic.generate.bench import Bench, Plans, Trial, mean_returns
from leed_traffic.generate.brief import Attempt, Brief, Feedback
from leed_traffic.generate.executed import ExecutedPlans, best_of

CREDIT_MARGIN = 0.01  # share of the incumbent's return by which a candidate must beat it: below that lies chance


def refine(
    author: Proposer,
    briefs: Sequence[Brief],
    start: ExecutedPlans,
    bench: Bench,
    seeds: Sequence[int],
    sizes: Sequence[int],
    *,
    patience: int | None = None,
) -> tuple[list[ExecutedPlans], list[Round]]:
    """Let an author improve on a start.

    Args:
        author: asked once per round.
        briefs: one per intersection, without incumbent.
        start: executed already, on the same seeds.
        bench: executes.
        seeds: on which every candidate is tried.
        sizes: candidates of each round.
        patience: stop after so many rounds in a row without gain; None goes through all.

    Returns:
        All sets that ever stood, the best last, and the record of the rounds.
    """
    stood = [start]
    rounds = []
    faults: dict[str, tuple[str, ...]] = {}
    attempts: dict[str, tuple[Attempt, ...]] = {}
    in_vain = 0
    for round_index, size in enumerate(sizes):
        if patience is not None and in_vain >= patience:
            break
        best = stood[-1]
        proposals = author.propose(_informed(briefs, best, bench, faults, attempts), round_index, size)
        sound, faults, n_valid = _sound(proposals, briefs)
        candidates = [best.plans | plans for plans in sound]
        what = f"round {round_index + 1} of {len(sizes)}, best {best.trial.delay_s:.1f} s"
        trials = bench.try_out(candidates, seeds, what)
        attempts = _attempts(sound, trials, briefs)
        tried = [
            ExecutedPlans(what=proposal.what, plans=plans, trial=trial)
            for proposal, plans, trial in zip(proposals, candidates, trials, strict=True)
        ]
        composed, kept = compose(best, tried, [brief.intersection.id for brief in briefs])
        (composed_trial,) = bench.try_out([composed], seeds, what)
        tried.append(
            ExecutedPlans(what=f"composed in round {round_index + 1}", plans=composed, trial=composed_trial)
        )
        winner = best_of(tried)
        in_vain += 1
        if winner.trial.delay_s < best.trial.delay_s:
            stood.append(winner)
            in_vain = 0
        record = _record(stood[-1], bench, sum(len(p.plans) + len(p.faults) for p in proposals), n_valid, kept)
        rounds.append(record.model_copy(update=_proposed(sound, trials, attempts)))
    return stood, rounds


def compose(best: ExecutedPlans, tried: Sequence[ExecutedPlans], names: Sequence[str]) -> tuple[Plans, int]:
    """Per intersection the plan with the highest local return; the incumbent where none is better on every seed.

    Returns:
        The composed set, and how many intersections changed their plan.
    """
    returns = np.array([[r.returns for r in s.trial.results] for s in (best, *tried)])  # (candidates, seeds, N)
    gain = returns - returns[0]
    mean = np.where((gain > 0.0).all(axis=1), gain.mean(axis=1), 0.0)  # (candidates, N)
    plans = dict(best.plans)
    kept = 0
    for n, name in enumerate(names):
        winner = int(mean[:, n].argmax())
        if mean[winner, n] > CREDIT_MARGIN * abs(returns[0, :, n].mean()):
            plans[name] = tried[winner - 1].plans[name]
            kept += 1
    return plans, kept


def _informed(
    briefs: Sequence[Brief],
    best: ExecutedPlans,
    bench: Bench,
    faults: dict[str, tuple[str, ...]],
    attempts: dict[str, tuple[Attempt, ...]],
) -> list[Brief]:
    returns = mean_returns(best.trial, bench.setting.network)
    return [
        replace(
            brief,
            incumbent=best.plans[brief.intersection.id],
            feedback=Feedback(
                what=best.what,
                network_delay_s=best.trial.delay_s,
                local_return=returns[brief.intersection.id],
                faults=faults.get(brief.intersection.id, ()),
                diagnosis=best.trial.diagnosis(n),
                attempts=attempts.get(brief.intersection.id, ()),
            ),
        )
        for n, brief in enumerate(briefs)
    ]


def _attempts(
    sound: Sequence[Plans], trials: Sequence[Trial], briefs: Sequence[Brief]
) -> dict[str, tuple[Attempt, ...]]:
    """Executed plans of the round by intersection, with what they earned."""
    return {
        brief.intersection.id: tuple(
            Attempt(
                plan=plans[brief.intersection.id],
                local_return=float(trial.returns[n]),
                diagnosis=trial.diagnosis(n),
            )
            for plans, trial in zip(sound, trials, strict=True)
            if brief.intersection.id in plans
        )
        for n, brief in enumerate(briefs)
    }


def _sound(
    proposals: Sequence[Proposal], briefs: Sequence[Brief]
) -> tuple[list[Plans], dict[str, tuple[str, ...]], int]:
    """The plans that fit, per proposal; the faults of the others by intersection; how many fit."""
    by_name = {brief.intersection.id: brief for brief in briefs}
    sound: list[Plans] = []
    faults: dict[str, tuple[str, ...]] = {}
    for proposal in proposals:
        fitting: Plans = {}
        for name, plan in proposal.plans.items():
            try:
                check_plan(plan, by_name[name].intersection, by_name[name].timing)
                fitting[name] = plan
            except PlanError as err:
                faults[name] = (*faults.get(name, ()), str(err))
        for name, fault in proposal.faults.items():
            faults[name] = (*faults.get(name, ()), fault)
        sound.append(fitting)
    return sound, faults, sum(len(fitting) for fitting in sound)


def _proposed(
    sound: Sequence[Plans], trials: Sequence[Trial], attempts: dict[str, tuple[Attempt, ...]]
) -> dict[str, float | dict[str, float] | None]:
    """Results of a round's proposals by themselves."""
    rewards = {name: max(attempt.local_return for attempt in tried) for name, tried in attempts.items() if tried}
    delays = [trial.delay_s for plans, trial in zip(sound, trials, strict=True) if plans]
    return {"proposed_delay_s": min(delays, default=None), "proposed_rewards": rewards}


def _record(standing: ExecutedPlans, bench: Bench, candidates: int, valid: int, kept: int) -> Round:
    return Round(
        what=standing.what,
        candidates=candidates,
        valid=valid,
        kept=kept,
        delay_s=standing.trial.delay_s,
        rewards=dict(mean_returns(standing.trial, bench.setting.network)),
    )
