"""Settings of `leedctl evaluate`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from leed_traffic.domain.document import COMMA_SEPARATED, Settings, Written
from leed_traffic.domain.safety.timing import DEFAULT_DECISION_INTERVAL_S
from leed_traffic.domain.seeds import FIRST_EVALUATION_SEED, seeds_as_text, seeds_of
from leed_traffic.evaluate.controllers import Choice, ControllerKind, parse_controllers

RULES = "fixed,actuated,max-pressure,max-wave"  # what any trained policy is compared with


def _as_text(controllers: tuple[Choice, ...]) -> str:
    return ",".join(choice.name for choice in controllers)


class EvaluateConfig(Settings):
    """Settings of a comparison."""

    scenario: str
    """A scenario's name, its folder, or any .sumocfg."""
    controllers: Annotated[tuple[Choice, ...], Written(read=parse_controllers, write=_as_text)] = Field(
        default=parse_controllers(RULES), min_length=1
    )
    """Comma-separated: as-is (the programs as they hang, untouched by any limits), fixed, actuated, delay_based,
    webster, max-pressure, max-wave, sotl, plan:PATH, bundle:PATH, shadow:A+B (A drives, B is asked along)."""
    seeds: Annotated[tuple[int, ...], Written(read=seeds_of, write=seeds_as_text)] = Field(
        default=tuple(range(FIRST_EVALUATION_SEED, FIRST_EVALUATION_SEED + 5)), min_length=1
    )
    """How many (from 1001 on), a range 1001-1005, or a list 7,9,12; none that training saw."""
    site: str | None = None
    """Limits: as-net, derived, or a site file; else the scenario's own, else derived."""
    spread: float | None = Field(default=None, ge=0.0, le=1.0)
    """How much days differ (docs/networks.md); else as the scenario says."""
    decision_interval_s: float = Field(default=DEFAULT_DECISION_INTERVAL_S, gt=0.0)
    """Seconds between two decisions."""
    sensing: str = "ideal"
    """What controllers behind the envelope see: ideal, camera, loops, or a sensing file."""
    workers: int = Field(default=2, ge=0)
    """Parallel processes; 0: all in this one."""
    horizon_s: float | None = Field(default=None, gt=0.0)
    """Seconds of the scenario to look at; else the whole."""
    reference: str | None = None
    """Controller with whom the others are compared, seed by seed; else the best rule."""
    out: Path | None = None
    """Folder for results, CSV, Parquet and finished runs: a killed evaluation goes on there."""
    keeps_timeline: bool = False
    """Whether the first seed's runs of the controllers in `drawn` keep what a report draws."""
    show: Annotated[tuple[str, ...], COMMA_SEPARATED] = Field(default=(), max_length=2)
    """Two controllers whose traffic the report draws; else the first one and the first bundle, or the last one."""

    @model_validator(mode="after")
    def _seeds_differ(self) -> "EvaluateConfig":
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"need each seed once, got {self.seeds}")
        names = [choice.name for choice in self.ranked]
        if not names:
            raise ValueError("a shadow pair alone ranks nobody; name its driver as a controller, too")
        for name in (*self.show, *((self.reference,) if self.reference else ())):
            if name not in names:
                raise ValueError(f"{name} is not among the controllers that are ranked: {', '.join(names)}")
        return self

    @property
    def ranked(self) -> tuple[Choice, ...]:
        """All but the shadow pairs: a pair's traffic is its driver's."""
        return tuple(choice for choice in self.controllers if choice.pair is None)

    @property
    def drawn(self) -> tuple[str, ...]:
        """Controllers whose traffic a report draws; see `show`."""
        bundles = [choice.name for choice in self.ranked if choice.kind is ControllerKind.BUNDLE]
        names = [choice.name for choice in self.ranked]
        return self.show or tuple(dict.fromkeys((names[0], (bundles or names)[-1 if not bundles else 0])))

    @property
    def n_runs(self) -> int:
        """Simulations to come."""
        return len(self.controllers) * len(self.seeds)
