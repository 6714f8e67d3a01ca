"""Demonstrations for one scenario: an author's plans, tried, improved, confirmed and executed."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

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
from leed_traffic.artifacts.plans_file import read_plans
from leed_traffic.artifacts.scenario import load_scenario, with_spread
from leed_traffic.domain.seeds import FIRST_VALIDATION_SEED
from leed_traffic.errors import DemonstrationError, UsageError
from leed_traffic.generate.author import Author, PlanAuthor
from leed_traffic.generate.bench import Bench, Plans, Trial
from leed_traffic.generate.brief import Brief, write_briefs
from leed_traffic.generate.config import GenerateConfig
from leed_traffic.generate.language_model.authorship import AUTHORSHIP_NAME, Authorship, write_authorship
from leed_traffic.generate.language_model.config import ModelConfig, check_model
from leed_traffic.generate.refine import ExecutedPlans, compose, refine
from leed_traffic.generate.search.author import SearchAuthor
from leed_traffic.generate.search.budget import (
    AUTHOR_SEEDS,
    LAST_STANDING,
    SHORT_RUNS,
    confirmation_seeds,
    is_short,
    least_runs,
    n_racers,
    planned_runs,
    sizes_of,
)
from leed_traffic.generate.search.race import race
from leed_traffic.generate.search.starts import MAX_WAVE, SHORT_STARTS, start_plans
from leed_traffic.simulation.env.env_spec import EnvSpec, env_spec
from leed_traffic.simulation.pool import WorkerPool
from leed_traffic.simulation.sumo.engine import sumo_version

if TYPE_CHECKING:
    from leed_traffic.generate.language_model.author import Asking

SHORT_MARGIN = 0.05  # share of delay by which another start must beat max-wave on every hour of a short search
WORK_NAME = ".work"  # remembered results of an unfinished run
TRANSCRIPTS_NAME = "transcripts.jsonl"
REPORT_NAME = "report.html"  # beside the demonstrations of a language model
PATIENCE = 2  # rounds in a row without gain after which a language model is asked no more

OnProgress = Callable[[int, int, str], None]  # runs done, runs in all, what for
OnAsking = Callable[["Asking"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What an author came up with."""

    final: ExecutedPlans
    baseline_delay_s: float
    starts: dict[str, float]
    rounds: tuple[Round, ...]
    seeds: tuple[int, ...] = AUTHOR_SEEDS  # that its plans, starts and baseline were tried on
    authorship: Authorship | None = None
    briefs: Sequence[Brief] = field(default_factory=tuple)


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
    counter = _Counter(planned_runs(config), on_progress)
    with WorkerPool(config.workers if config.workers > 1 else 0) as pool:
        bench = Bench(setting, pool, config.out / WORK_NAME, counter, config.seeds)
        written = _write(config, briefs, bench, clock, on_asking or (lambda asking: None))
        shown, trajectories = bench.demonstrate(written.final.plans, config.seeds)
    manifest = _manifest(config, written, shown, bench)
    demonstrations = Demonstrations(manifest=manifest, plans=written.final.plans, trajectories=trajectories)
    write_demonstrations(config.out, demonstrations)
    for name in (AUTHORSHIP_NAME, REPORT_NAME):  # of an older author, whose plans these are not
        (config.out / name).unlink(missing_ok=True)
    if written.authorship is not None:
        _tell(config.out, written, read_demonstrations(config.out))
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


def _manifest(config: GenerateConfig, written: _Written, shown: Trial, bench: Bench) -> DemonstrationManifest:
    setting = bench.setting
    authorship = written.authorship
    return DemonstrationManifest(
        author=config.author.value,
        model=authorship.model if authorship else None,
        prompt_digest=authorship.prompt_digest if authorship else None,
        written_by=authorship.written_by if authorship else {},
        author_seed=config.seed,
        author_seeds=written.seeds,
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


def _given(plans: Plans, bench: Bench) -> _Written:
    """Plans that somebody else wrote, beside the fallback cycle on one seed."""
    seeds = AUTHOR_SEEDS[:1]
    fallback, trial = bench.try_out([None, plans], seeds, "given plans")
    final = ExecutedPlans(what="given", plans=plans, trial=trial)
    starts = {"given": trial.delay_s}
    return _Written(final=final, baseline_delay_s=fallback.delay_s, starts=starts, rounds=(), seeds=seeds)


def _best_start(briefs: Sequence[Brief], bench: Bench, author: Author) -> _Written:
    """Only the starts: Webster's own, or in a short search two priority rules, of which max-wave needs no proof."""
    is_search = author is Author.SEARCH
    baseline_delay_s, tried = _try_starts(briefs, bench, author, only=SHORT_STARTS if is_search else None)
    final = _best(tried)
    if is_search and not _is_plainly_better(final.trial, (rule := _max_wave(tried)).trial):
        final = rule
    starts = {standing.what: standing.trial.delay_s for standing in tried}
    return _Written(final=final, baseline_delay_s=baseline_delay_s, starts=starts, rounds=())


def _is_plainly_better(trial: Trial, rule: Trial) -> bool:
    hours = zip(trial.results, rule.results, strict=True)
    return all(mine.delay_s <= (1.0 - SHORT_MARGIN) * its.delay_s for mine, its in hours)


def _write(
    config: GenerateConfig, briefs: Sequence[Brief], bench: Bench, clock: Callable[[], float], on_asking: OnAsking
) -> _Written:
    if config.plans is not None:
        return _given(read_plans(config.plans, bench.setting.network, bench.setting.site), bench)
    if config.author is Author.WEBSTER or is_short(config):
        return _best_start(briefs, bench, config.author)
    if config.author is Author.SEARCH:
        return _improve(SearchAuthor(config.seed, config.reach_m), config, briefs, bench, patience=None)
    from leed_traffic.generate.language_model.session import open_model_run

    language = config.language or ModelConfig()
    with open_model_run(language, config.out / TRANSCRIPTS_NAME, clock, Random(config.seed), on_asking) as run:
        written = _improve(run.author, config, briefs, bench, patience=PATIENCE)
        written_by = run.written_by(written.final.plans, start_plans(briefs, config.author))
        return replace(written, authorship=run.authorship(written_by), briefs=briefs)


def _improve(
    author: PlanAuthor, config: GenerateConfig, briefs: Sequence[Brief], bench: Bench, *, patience: int | None
) -> _Written:
    """From the best start on, round by round; of the last standing, the best on hours that chose nothing."""
    names = [brief.intersection.id for brief in briefs]
    baseline_delay_s, tried = _try_starts(briefs, bench, config.author)
    known = [_max_wave(tried), _best(tried)]
    if n := n_racers(config):
        tried += race(names, n, config.seed, bench, AUTHOR_SEEDS)
    starts = {standing.what: standing.trial.delay_s for standing in tried}
    best_start = _best(tried)
    composed, _ = compose(best_start, tried, names)
    (trial,) = bench.try_out([composed], AUTHOR_SEEDS, "best start of each intersection")
    begin = _best([best_start, ExecutedPlans(what="best start of each intersection", plans=composed, trial=trial)])
    stood, rounds = refine(author, briefs, begin, bench, AUTHOR_SEEDS, sizes_of(config), patience=patience)
    final = _confirmed(known, [best_start, *stood], bench, *confirmation_seeds(config))
    return _Written(final=final, baseline_delay_s=baseline_delay_s, starts=starts, rounds=tuple(rounds))


def _tell(out: Path, written: _Written, made: Demonstrations) -> None:
    """The author's record and the page, beside the demonstrations."""
    from leed_traffic.generate.language_model.report import write_report

    if written.authorship is not None:
        write_authorship(out, written.authorship)
        write_report(out / REPORT_NAME, made, written.authorship, written.briefs)


def _try_starts(
    briefs: Sequence[Brief], bench: Bench, author: Author, *, only: Sequence[str] | None = None
) -> tuple[float, list[ExecutedPlans]]:
    """Delay of the fallback cycle, and every start, or those named, with its trial."""
    starts = start_plans(briefs, author)
    if only is not None:
        starts = {name: starts[name] for name in only}
    fallback, *trials = bench.try_out([None, *starts.values()], AUTHOR_SEEDS, "starts")
    tried = [
        ExecutedPlans(what=name, plans=plans, trial=trial)
        for (name, plans), trial in zip(starts.items(), trials, strict=True)
    ]
    return fallback.delay_s, tried


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
    trials = bench.try_out([standing.plans for standing in finalists], seeds, "confirmation")
    best, *others = sorted(range(len(finalists)), key=lambda k: trials[k].delay_s)
    rival = next((k for k in (0, *others) if finalists[k].plans != finalists[best].plans), best)
    last_two = sorted((best, rival))
    more_trials = bench.try_out([finalists[k].plans for k in last_two], more_seeds, "confirmation of the last two")
    decided = [
        Trial(results=trials[k].results + more.results).delay_s
        for k, more in zip(last_two, more_trials, strict=True)
    ]
    return finalists[last_two[decided.index(min(decided))]]


def _max_wave(tried: Sequence[ExecutedPlans]) -> ExecutedPlans:
    return next(standing for standing in tried if standing.what == MAX_WAVE)


def _best(tried: Sequence[ExecutedPlans]) -> ExecutedPlans:
    return min(tried, key=lambda standing: standing.trial.delay_s)


def _check(config: GenerateConfig) -> None:
    late = [seed for seed in config.seeds if seed >= FIRST_VALIDATION_SEED]
    if late:
        raise UsageError(
            f"seed {late[0]}: seeds from {FIRST_VALIDATION_SEED} on judge the policies; use smaller ones"
        )
    if len(set(config.seeds)) < len(config.seeds):
        raise UsageError(f"seeds {', '.join(map(str, config.seeds))}: one is named twice")
    if (config.author is Author.GIVEN) != (config.plans is not None):
        raise UsageError("--author given and --plans PATH belong together: give both or neither")
    if config.author is Author.VLLM:
        check_model(config.language or ModelConfig())
    elif config.author is Author.SEARCH and config.runs < SHORT_RUNS:
        raise UsageError(
            f"--runs {config.runs}: the search needs {SHORT_RUNS} to choose among its rules, {least_runs()} to improve on them"
        )
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


class _Counter:
    """Passes on how many runs are done."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self._total = total
        self._on_progress = on_progress
        self._done = 0

    def __call__(self, what: str) -> None:
        self._done += 1
        if self._on_progress:
            self._on_progress(self._done, self._total, what)
