from dataclasses import replace

import pytest

from leed_traffic.artifacts.demonstrations import read_demonstrations, write_demonstrations
from leed_traffic.generate.author import Author
from leed_traffic.generate.config import GenerateConfig
from leed_traffic.generate.run import generate
from leed_traffic.train.config import TrainConfig
from leed_traffic.train.expert import is_left_aside
from leed_traffic.train.run import train
from leed_traffic.train.run_folder import read_metrics
from tests.short_scenario import shortened
from tests.train.fakes import demonstrations


@pytest.mark.parametrize(
    ("delay_s", "settings", "expected"),
    [
        (20.0, {}, False),
        (30.0, {}, False),
        (30.1, {}, True),
        (99.0, {"follow_worse_expert": True}, False),
        (99.0, {"episodes": 0}, False),
    ],
)
def test_an_expert_that_loses_to_the_fallback_cycle_is_left_aside(delay_s, settings, expected):
    manifest = demonstrations().manifest.model_copy(update={"delay_s": delay_s, "baseline_delay_s": 30.0})
    config = TrainConfig.from_flat({"scenario": "fake", "out": "unused", "demonstrations": "demos", **settings})
    assert is_left_aside(manifest, config) is expected


@pytest.mark.sumo
def test_beside_a_bad_expert_the_agents_learn_as_they_would_alone(tmp_path):
    short = shortened("crossing", 120, tmp_path)
    made = generate(GenerateConfig(scenario=short, out=tmp_path / "demos", author=Author.WEBSTER, seeds=(11, 12)))
    worse = made.manifest.model_copy(update={"delay_s": made.manifest.baseline_delay_s + 1.0})
    write_demonstrations(tmp_path / "demos", replace(made, manifest=worse))
    told, deep = [], {"scenario": short, "episodes": 2, "workers": 0, "validation_seeds": 1}
    bad = train(
        TrainConfig.from_flat({"out": tmp_path / "bad", "demonstrations": tmp_path / "demos", **deep}),
        lambda n, note: told.append(note),
    )
    alone = train(TrainConfig.from_flat({"out": tmp_path / "alone", **deep}), lambda n, note: None)
    assert [row.losses for row in read_metrics(bad)] == [row.losses for row in read_metrics(alone)]
    assert told[0].startswith("expert left aside")
    hours = read_demonstrations(tmp_path / "demos").manifest.simulated_hours
    assert read_metrics(bad)[-1].simulated_hours == pytest.approx(read_metrics(alone)[-1].simulated_hours + hours)
