"""Controllers of a comparison, from the words of `--controllers`.

| word | controller |
|---|---|
| `as-is` | the program in force at each signal, weekly plans switching as they do: untouched under any site |
| `fixed` | the signal's own program: untouched with site `as-net`, else with the site's clearances |
| `actuated` | the same as SUMO's type actuated: greens extended while vehicles arrive |
| `delay_based` | the same as SUMO's type delay_based: greens extended while vehicles lose time |
| `webster` | fixed-time by Webster's method: cycle, splits, offsets from counted demand; the site's clearances |
| `max-pressure`, `max-wave` | these rules as plans, behind stage program and envelope |
| `sotl` | self-organising lights (`sotl.py`), behind stage program and envelope |
| `plan:PATH` | the plans of a demonstrations folder or of a `plans.json` |
| `bundle:PATH` | the exported policies |
| `shadow:A+B` | A drives, B is asked at every decision and not obeyed (`shadow.py`); both behind the envelope |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leed_traffic.artifacts.bundle import Bundle, check_bundle_fits, read_bundle
from leed_traffic.artifacts.plans_file import read_plans
from leed_traffic.artifacts.policy import Policy
from leed_traffic.artifacts.site import Site
from leed_traffic.domain.network import Network
from leed_traffic.domain.plan import Plan, max_pressure_plan, max_wave_plan
from leed_traffic.domain.situation import Situation
from leed_traffic.errors import UsageError
from leed_traffic.evaluate.shadow import ShadowedController
from leed_traffic.evaluate.sotl import SotlController
from leed_traffic.simulation.env.episode import Controller, PlanController
from leed_traffic.simulation.env.signal_env import Request, SignalEnv


class ControllerKind(StrEnum):
    """The known controllers."""

    AS_IS = "as-is"
    FIXED = "fixed"
    ACTUATED = "actuated"
    DELAY_BASED = "delay_based"
    WEBSTER = "webster"
    MAX_PRESSURE = "max-pressure"
    MAX_WAVE = "max-wave"
    SOTL = "sotl"
    PLAN = "plan"
    BUNDLE = "bundle"
    SHADOW = "shadow"


OWN_PROGRAM = frozenset(  # run without our stage program
    {
        ControllerKind.AS_IS,
        ControllerKind.FIXED,
        ControllerKind.ACTUATED,
        ControllerKind.DELAY_BASED,
        ControllerKind.WEBSTER,
    }
)
WITH_PATH = frozenset({ControllerKind.PLAN, ControllerKind.BUNDLE})
MADE = frozenset(
    {ControllerKind.PLAN, ControllerKind.BUNDLE}
)  # written or learned for the place; the others are rules that anybody has


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One controller of a comparison."""

    kind: ControllerKind
    path: Path | None = None
    pair: "tuple[Choice, Choice] | None" = None  # of a shadow: who drives, who is asked

    def __post_init__(self) -> None:
        if (self.path is not None) != (self.kind in WITH_PATH):
            raise ValueError(f"{self.kind}: a path belongs to plan and bundle alone, got {self.path}")
        if (self.pair is not None) != (self.kind is ControllerKind.SHADOW):
            raise ValueError(f"{self.kind}: a pair belongs to a shadow alone, got {self.pair}")

    @property
    def name(self) -> str:
        """Name as the user wrote it."""
        if self.pair:
            return f"{self.kind}:{self.pair[0].name}+{self.pair[1].name}"
        return f"{self.kind}:{self.path}" if self.path else str(self.kind)

    @property
    def label(self) -> str:
        """Short, for tables and figures."""
        if self.pair:
            return f"{self.pair[0].label}, asked along: {self.pair[1].label}"
        return f"{self.kind}:{self.path.resolve().name}" if self.path else str(self.kind)


def parse_controllers(text: str) -> tuple[Choice, ...]:
    """The controllers of a comma-separated list, in its order.

    Raises:
        UsageError: a word is unknown, lacks its path, or stands twice.
    """
    choices = tuple(_parse(word.strip()) for word in text.split(",") if word.strip())
    if not choices:
        raise UsageError(f"--controllers: names nobody; known: {_known()}")
    names = [choice.name for choice in choices]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"--controllers: {twice[0]} is named twice; name each controller once")
    return choices


def own_plans(kind: ControllerKind, network: Network) -> dict[str, Plan]:
    """The plans of max-pressure or max-wave for every intersection."""
    rule = max_pressure_plan if kind is ControllerKind.MAX_PRESSURE else max_wave_plan
    return {i.id: rule(i.id) for i in network.intersections}


class BundleController:
    """Lets the exported policies decide; they keep no memory between steps."""

    def __init__(self, bundle: Bundle, network: Network) -> None:
        self._policy = Policy(bundle, ids=[i.id for i in network.intersections])

    def reset(self, env: SignalEnv, seed: int) -> None:
        """Nothing to forget."""

    def decide(self, env: SignalEnv, situation: Situation) -> Sequence[Request] | NDArray[np.integer]:
        """(N,) stages that the policies want; None where one fails."""
        return self._policy.decide(situation.observation, situation.legal)


def build_controller(choice: Choice, network: Network, site: Site, *, decision_interval_s: float) -> Controller:
    """A controller for the env.

    Args:
        choice: none that runs on the signals' own programs, which need no env.
        network: that it is to control.
        site: the limits there.
        decision_interval_s: of the env.

    Raises:
        PlanError: plans are missing, broken or do not fit.
        BundleError: the bundle is incomplete, altered or unreadable.
        MismatchError: the bundle was made for another network, site or decision interval.
        ValueError: this choice runs on its own program.
    """
    if choice.kind in OWN_PROGRAM:
        raise ValueError(f"{choice.name} runs on the signals' own programs, not in the env")
    if choice.pair is not None:
        driver, shadow = (
            build_controller(c, network, site, decision_interval_s=decision_interval_s) for c in choice.pair
        )
        return ShadowedController(driver, shadow)
    if choice.kind is ControllerKind.SOTL:
        return SotlController()
    if choice.path is None:
        return PlanController(own_plans(choice.kind, network))
    if choice.kind is ControllerKind.PLAN:
        return PlanController(read_plans(choice.path, network, site))
    bundle = read_bundle(choice.path)
    check_bundle_fits(bundle, network, site, decision_interval_s)
    return BundleController(bundle, network)


def labels(choices: Sequence[Choice]) -> Mapping[str, str]:
    """Short label by name; the full name where two labels would be the same."""
    short = [choice.label for choice in choices]
    return {choice.name: choice.label if short.count(choice.label) == 1 else choice.name for choice in choices}


def _parse(word: str) -> Choice:
    name, colon, path = word.partition(":")
    if name not in set(ControllerKind):
        raise UsageError(f"--controllers: unknown controller {word!r}; known: {_known()}")
    kind = ControllerKind(name)
    if kind is ControllerKind.SHADOW:
        return _parse_pair(word, path)
    if kind in WITH_PATH and not path:
        raise UsageError(f"--controllers: {word!r} needs a path: {kind}:PATH")
    if kind not in WITH_PATH and colon:
        raise UsageError(f"--controllers: {kind} takes no path, got {word!r}")
    return Choice(kind=kind, path=Path(path) if path else None)


def _parse_pair(word: str, text: str) -> Choice:
    """`A+B`; a plus sign may stand in a path, so the one counts behind which a controller's name begins."""
    ends = [
        k
        for k, letter in enumerate(text)
        if letter == "+" and text[k + 1 :].partition(":")[0] in set(ControllerKind)
    ]
    if not ends or not text[: ends[0]]:
        raise UsageError(f"--controllers: {word!r} needs a driver and a shadow: shadow:A+B")
    pair = (_parse(text[: ends[0]]), _parse(text[ends[0] + 1 :]))
    unfit = [choice.name for choice in pair if choice.kind in OWN_PROGRAM | {ControllerKind.SHADOW}]
    if unfit:
        raise UsageError(
            f"--controllers: {word!r}: {unfit[0]} cannot be in a pair; only who is asked at every decision can"
        )
    return Choice(kind=ControllerKind.SHADOW, pair=pair)


def _known() -> str:
    forms = {ControllerKind.SHADOW: "shadow:A+B", **{kind: f"{kind}:PATH" for kind in WITH_PATH}}
    return ", ".join(forms.get(kind, str(kind)) for kind in ControllerKind)
