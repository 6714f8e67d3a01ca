"""The single runs of a comparison, and all that a report needs beside the document that sums them up."""

from dataclasses import dataclass, field, replace

from leed_traffic.domain.network import Intersection
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.evaluate.records.intersections import LocalScore
from leed_traffic.evaluate.records.recording import Plotted, Recording
from leed_traffic.evaluate.records.street_map import StreetMap
from leed_traffic.evaluate.records.timeline import StageRows, Timeline
from leed_traffic.evaluate.results import Evaluation
from leed_traffic.evaluate.shadow import AgreementTally
from leed_traffic.simulation.score.attribution import Verdict
from leed_traffic.simulation.score.limit_breaks import LimitBreak
from leed_traffic.simulation.score.score import SeedScore


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerRun(SeedScore):
    """One controller on one seed: its score, and what was seen at each intersection."""

    controller: str
    intersections: tuple[LocalScore, ...] = ()
    tallies: tuple[AgreementTally, ...] = ()  # of a shadow pair
    limit_breaks: tuple[LimitBreak, ...] = ()
    collision_causes: tuple[tuple[str, int], ...] = ()  # (cause, how many), see `simulation/score/attribution.py`
    timeline: Timeline = field(default_factory=dict, compare=False)
    recording: Recording | None = field(default=None, compare=False)

    @property
    def is_gridlocked(self) -> bool:
        """True if a vehicle stands for good: SUMO, left to its defaults, would have lifted it out."""
        return self.stuck_veh > 0

    @property
    def n_limit_breaks(self) -> int:
        """Number of times that a signal broke a limit of the site."""
        return sum(found.times for found in self.limit_breaks)

    @property
    def collisions_of_signals(self) -> int:
        """Number of collisions that a signal's display is to blame for."""
        return sum(times for cause, times in self.collision_causes if Verdict(cause).is_the_signals)

    def named(self, controller: str) -> "ControllerRun":
        """Return the same run under another name."""
        return replace(self, controller=controller)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The place that a report draws."""

    intersections: tuple[Intersection, ...]
    timings: tuple[Timing, ...]  # in the order of `intersections`
    street_map: StreetMap
    plotted: Plotted
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An evaluation and the runs that it sums up: by controller in the order asked, then by seed."""

    evaluation: Evaluation
    runs: tuple[ControllerRun, ...]
    rows: StageRows | None = None  # how a stage diagram lays the intersections out
    scene: Scene | None = None  # None: no report was asked for

    def delays_s(self, controller: str) -> tuple[float, ...]:
        """One delay per seed."""
        return tuple(run.delay_s for run in self.runs if run.controller == controller)

    def worst_s(self, controller: str) -> float:
        """The worst seed's delay: gridlock hides in means."""
        return max(self.delays_s(controller))
