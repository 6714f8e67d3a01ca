"""Demonstrations for one scenario: an author's plans, tried, improved, confirmed and executed."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from leed_traffic import __version__
from leed_traffic.artifacts.demonstrations import (
    MANIFEST_NAME,
    PLANS_NAME,
    TRAJECTORIES_NAME,
    DemonstrationManifest,
    Demonstrations,
    Round,
    read_demonstrations,
    write_demonstrations,
)
from leed_traffic.artifacts.scenario import load_scenario, with_spread
from leed_traffic.domain.seeds import FIRST_VALIDATION_SEED
from leed_traffic.errors import DemonstrationError, UsageError
from leed_traffic.generate.author import Author
from leed_traffic.generate.authors import AUTHORS, check_author
from leed_traffic.generate.bench import Bench, Trial
from leed_traffic.generate.brief import Brief, write_briefs
from leed_traffic.generate.config import GenerateConfig
from leed_traffic.generate.executed import ExecutedPlans, best_of, named
from leed_traffic.generate.language_model.author import TRANSCRIPTS_NAME
from leed_traffic.generate.language_model.authorship import AUTHORSHIP_NAME, Authorship, write_authorship
from leed_traffic.generate.progress import OnAsking, OnProgress, RunCounter
from leed_traffic.generate.refine import compose, refine
from leed_traffic.generate.schedule import AUTHOR_SEEDS, LAST_STANDING
from leed_traffic.generate.search.halving import halve
from leed_traffic.generate.search.starts import MAX_WAVE
from leed_traffic.simulation.env.env_spec import EnvSpec, env_spec
from leed_traffic.simulation.pool import WorkerPool
from leed_traffic.simulation.sumo.engine import sumo_version

WORK_NAME = ".work"  # remembered results of an unfinished run
REPORT_NAME = "report.html"  # beside the demonstrations of a language model
COMPOSED_START = "best start of each intersection"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """Result of an author's work."""

    final: ExecutedPlans
    baseline_delay_s: float
    starts: dict[str, float]
    rounds: tuple[Round, ...] = ()


def generate(
    config: GenerateConfig,
    on_progress: OnProgress | None = None,
    on_asking: OnAsking | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Demonstrations:
    """Write plans, try them, and record what they do as demonstrations; an interrupted run goes on where it stopped.

    Args:
        config: see there.
        on_progress: told after every simulated hour.
        on_asking: told after every reply of a language model.
        clock: monotonic seconds; times the language model.

    Returns:
        The demonstrations as read back from `config.out`.

    Raises:
        LeedError: scenario, site, seeds, budget or output folder are unusable.
    """
    _check(config)
    setting = _setting(config)
    briefs = write_briefs(setting.scenario, setting.network, setting.site.timings, AUTHOR_SEEDS)
    author_class = AUTHORS[config.author]
    with (
        WorkerPool(config.workers if config.workers > 1 else 0) as pool,
        author_class.open(config, setting, clock, on_asking or (lambda asking: None)) as author,
    ):
        counter = RunCounter(author.schedule.n_told + len(config.seeds), on_progress)
        bench = Bench(setting, pool, config.out / WORK_NAME, counter, config.seeds)
        written = _write(author, config, briefs, bench)
        shown, trajectories = bench.demonstrate(written.final.plans, config.seeds)
        authorship = author.authorship(written.final.plans, briefs)
    manifest = _manifest(config, author, written, authorship, shown, bench)
    demonstrations = Demonstrations(manifest=manifest, plans=written.final.plans, trajectories=trajectories)
    write_demonstrations(config.out, demonstrations)
    for name in (AUTHORSHIP_NAME, REPORT_NAME):  # of an older author, whose plans these are not
        (config.out / name).unlink(missing_ok=True)
    if authorship is not None:
        _report(config.out, authorship, briefs)
    shutil.rmtree(config.out / WORK_NAME)
    return read_demonstrations(config.out)


def _setting(config: GenerateConfig) -> EnvSpec:
    return env_spec(
        with_spread(load_scenario(config.scenario), config.spread),
        site=config.site,
        sensing=config.sensing,
        decision_interval_s=config.decision_interval_s,
        reach_m=config.reach_m,
        reward=config.reward,
    )


def _manifest(
    config: GenerateConfig,
    author: Author,
    written: _Written,
    authorship: Authorship | None,
    shown: Trial,
    bench: Bench,
) -> DemonstrationManifest:
    setting = bench.setting
    return DemonstrationManifest(
        author=config.author.value,
        model=authorship.model if authorship else None,
        prompt_digest=authorship.prompt_digest if authorship else None,
        written_by=authorship.written_by if authorship else {},
        author_seed=config.seed,
        author_seeds=author.schedule.seeds,
        scenario=setting.scenario.name,
        network_digest=setting.network.digest(),
        site_name=setting.site.name,
        site_digest=setting.site.digest,
        decision_interval_s=setting.decision_interval_s,
        reach_m=setting.reach_m,
        reward=setting.reward.value,
        sensing=config.sensing,
        weights=setting.site.weights,
        seeds=config.seeds,
        sumo_version=sumo_version(),
        leed_version=__version__,
        baseline_delay_s=written.baseline_delay_s,
        starts=written.starts,
        delay_s=written.final.trial.delay_s,
        demonstrated_delay_s=shown.delay_s,
        rounds=written.rounds,
        simulated_hours=bench.simulated_hours,
    )


def _write(author: Author, config: GenerateConfig, briefs: Sequence[Brief], bench: Bench) -> _Written:
    """Improve on the best start, round by round; hand out the best of the last standing on hours that chose nothing."""
    schedule = author.schedule
    names = [brief.intersection.id for brief in briefs]
    baseline_delay_s, tried = _try_starts(author, briefs, bench)
    if not schedule.n_confirmed:
        starts = {start.what: start.trial.delay_s for start in tried}
        return _Written(final=author.choose(tried), baseline_delay_s=baseline_delay_s, starts=starts)
    known = [named(tried, MAX_WAVE), best_of(tried)]
    if schedule.n_drawn:
        tried += halve(names, schedule.n_drawn, config.seed, bench, schedule.seeds)
    starts = {start.what: start.trial.delay_s for start in tried}
    best_start = best_of(tried)
    composed, _ = compose(best_start, tried, names)
    (trial,) = bench.try_out([composed], schedule.seeds, COMPOSED_START)
    begin = best_of([best_start, ExecutedPlans(what=COMPOSED_START, plans=composed, trial=trial)])
    stood, rounds = refine(
        author, briefs, begin, bench, schedule.seeds, schedule.sizes, patience=schedule.patience
    )
    final = _confirmed(known, [best_start, *stood], bench, *schedule.confirmation_seeds(config.seeds))
    return _Written(final=final, baseline_delay_s=baseline_delay_s, starts=starts, rounds=tuple(rounds))


def _try_starts(author: Author, briefs: Sequence[Brief], bench: Bench) -> tuple[float, list[ExecutedPlans]]:
    """Delay of the fallback cycle, and every start with its trial."""
    starts = author.starts(briefs)
    fallback, *trials = bench.try_out([None, *starts.values()], author.schedule.seeds, "starts")
    tried = [
        ExecutedPlans(what=name, plans=plans, trial=trial)
        for (name, plans), trial in zip(starts.items(), trials, strict=True)
    ]
    return fallback.delay_s, tried


def _report(out: Path, authorship: Authorship, briefs: Sequence[Brief]) -> None:
    """The language model's record and the page, beside the demonstrations."""
    from leed_traffic.generate.language_model.report import write_report

    write_authorship(out, authorship)
    write_report(out / REPORT_NAME, read_demonstrations(out), authorship, briefs)


def _confirmed(
    known: Sequence[ExecutedPlans],
    found: Sequence[ExecutedPlans],
    bench: Bench,
    seeds: Sequence[int],
    more_seeds: Sequence[int],
) -> ExecutedPlans:
    """The best on hours that chose none of them: the earliest on a tie, so the rule of the field where nothing beats it.

    Args:
        known: max-wave and the best known start.
        found: two later ones or more; the latest two take part.
        bench: executes.
        seeds: the hours.
        more_seeds: hours besides for the best and max-wave, or for max-wave and the next best; they are judged on
            all, so that a gridlock of the first hours stays in the account.
    """
    finalists = [*known, *found[-(LAST_STANDING - len(known)) :]]
    trials = bench.try_out([finalist.plans for finalist in finalists], seeds, "confirmation")
    best, *others = sorted(range(len(finalists)), key=lambda k: trials[k].delay_s)
    rival = next((k for k in (0, *others) if finalists[k].plans != finalists[best].plans), best)
    last_two = sorted((best, rival))
    more_trials = bench.try_out([finalists[k].plans for k in last_two], more_seeds, "confirmation of the last two")
    decided = [
        Trial(results=trials[k].results + more.results).delay_s
        for k, more in zip(last_two, more_trials, strict=True)
    ]
    return finalists[last_two[decided.index(min(decided))]]


def _check(config: GenerateConfig) -> None:
    late = [seed for seed in config.seeds if seed >= FIRST_VALIDATION_SEED]
    if late:
        raise UsageError(
            f"seed {late[0]}: seeds from {FIRST_VALIDATION_SEED} on judge the policies; use smaller ones"
        )
    if len(set(config.seeds)) < len(config.seeds):
        raise UsageError(f"seeds {', '.join(map(str, config.seeds))}: one is named twice")
    check_author(config)
    _check_out(config.out)


def _check_out(out: Path) -> None:
    """A new or empty folder, an unfinished run, or older demonstrations, which the new ones replace."""
    ours = {MANIFEST_NAME, PLANS_NAME, TRAJECTORIES_NAME, TRANSCRIPTS_NAME, AUTHORSHIP_NAME, REPORT_NAME}
    ours |= {WORK_NAME, *(f".{name}.tmp" for name in ours)}
    if out.exists() and not out.is_dir():
        raise DemonstrationError(f"{out}: is a file; give a new folder")
    strange = sorted(item.name for item in out.iterdir() if item.name not in ours) if out.is_dir() else []
    if strange:
        raise DemonstrationError(
            f"{out}: holds {strange[0]}, which is no demonstration; give a new or empty folder"
        )
