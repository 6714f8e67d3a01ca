from collections.abc import Callable

import pytest

from leed_traffic.evaluate.compare import compare
from leed_traffic.evaluate.config import EvaluateConfig
from leed_traffic.evaluate.controllers import parse_controllers
from leed_traffic.evaluate.records.timeline import DisplayedStage, StageRows, Timeline
from leed_traffic.evaluate.report.report import Story, render_report
from leed_traffic.evaluate.runs import Comparison, ControllerRun
from leed_traffic.evaluate.summary import evaluate_runs

SEEDS = (1001, 1002, 1003)

MakeComparison = Callable[[dict[str, tuple[float, ...]]], Comparison]


def make_run(controller: str, seed: int, delay_s: float, timeline: Timeline | None = None) -> ControllerRun:
    return ControllerRun(
        controller=controller,
        seed=seed,
        delay_s=delay_s,
        trip_time_s=delay_s + 60.0,
        waiting_s=delay_s / 2.0,
        queue_veh=delay_s / 4.0,
        scheduled=100,
        departed=98,
        finished=90,
        never_departed=2,
        unsafe_changes=0,
        emergency_stops=1,
        collisions=0,
        teleports=0,
        timeline=timeline or {},
    )


def make_timeline() -> dict[str, tuple[DisplayedStage, ...]]:
    """Two signals for 100 s: a green, a clearance, another green."""
    spans = (
        DisplayedStage(begin_s=0.0, end_s=40.0, stage=0),
        DisplayedStage(begin_s=40.0, end_s=45.0, stage=None),
        DisplayedStage(begin_s=45.0, end_s=100.0, stage=1),
    )
    return {"J1": spans, "J2": spans}


@pytest.fixture(scope="session")
def make_comparison() -> MakeComparison:
    """A comparison from delays by controller, one per seed, with a timeline for every controller's first seed."""

    def make(delays_s: dict[str, tuple[float, ...]]) -> Comparison:
        runs = [
            make_run(name, seed, delay, make_timeline() if seed == SEEDS[0] else None)
            for name, delays in delays_s.items()
            for seed, delay in zip(SEEDS, delays, strict=False)
        ]
        rules = [name for name in delays_s if ":" not in name]
        evaluation = evaluate_runs(runs, scenario="crossing", site="derived", sumo_version="1.28.0", rules=rules)
        return Comparison(
            evaluation=evaluation,
            runs=tuple(runs),
            rows=StageRows(order=("J1", "J2"), positions_m={"J1": 0.0, "J2": 250.0}),
        )

    return make


@pytest.fixture(scope="session")
def recorded() -> Comparison:
    """Ten minutes on a road with five signals, simulated and recorded as a report needs it."""
    config = EvaluateConfig(
        scenario="arterial5", controllers=parse_controllers("actuated,max-wave,shadow:max-wave+sotl"), seeds=(1001, 1002),
        workers=0, horizon_s=600.0, keeps_timeline=True,
    )  # fmt: skip
    return compare(config)


LABELS = {
    "actuated": "actuated",
    "fixed": "fixed",
    "max-wave": "max-wave",
    "shadow:max-wave+sotl": "max-wave, asked along: sotl",
}


@pytest.fixture(scope="session")
def report_pages(recorded, recorded_crossing) -> dict[str, str]:
    """The reports of both, with the controller marked that is compared with the reference."""
    return {
        name: render_report(
            comparison, LABELS, Story(title="Test", ours=comparison.evaluation.differences[0].controller)
        )
        for name, comparison in (("road", recorded), ("crossing", recorded_crossing))
    }


@pytest.fixture(scope="session")
def recorded_crossing() -> Comparison:
    """A single signal with crossings: no corridor."""
    config = EvaluateConfig(
        scenario="crossing", controllers=parse_controllers("fixed,max-wave"), seeds=(1001, 1002), workers=0, horizon_s=600.0,
        keeps_timeline=True,
    )  # fmt: skip
    return compare(config)
