import json

import pytest

from leed_traffic.errors import TrainingError
from leed_traffic.train.config import TrainConfig
from leed_traffic.train.export import export_run
from leed_traffic.train.records.run_folder import (
    CONFIG_NAME,
    MetricsRow,
    prepare_folder,
    read_config,
    read_metrics,
    settings_that_differ,
    write_metrics,
)
from tests.train.fakes import SETTING
from tests.train.test_run import config, run

FORMER_NAMES = {
    "backend": "engine",
    "cloning_learning_rate": "learning_rate",
    "cloning_direct_learning_rate": "direct_learning_rate",
    "learning_rate": "policy_learning_rate",
    "direct_learning_rate": "policy_direct_learning_rate",
    "weight_smoothing": "weight_decay",
    "tempered_entropy": "own_entropy",
}


def as_of_the_version_before(path):
    """Write a run's settings as they were written before their parts: flat, some by other names."""
    written = json.loads(path.read_text())
    flat = {}
    for name, value in written.items():
        flat |= value if isinstance(value, dict) else {name: value}
    path.write_text(json.dumps({FORMER_NAMES.get(name, name): value for name, value in flat.items()}))


def test_settings_are_read_as_they_were_written(tmp_path):
    asked = config(tmp_path / "run", gamma=0.9)
    prepare_folder(asked, SETTING)
    assert read_config(tmp_path / "run") == asked


def test_settings_of_the_version_before_are_read_by_the_names_of_today(tmp_path):
    settings = {
        "cloning_learning_rate": 1e-5,
        "learning_rate": 2e-3,
        "weight_smoothing": 0.25,
        "tempered_entropy": 0.1,
    }
    asked = config(tmp_path / "run", **settings)
    prepare_folder(asked, SETTING)
    as_of_the_version_before(tmp_path / "run" / CONFIG_NAME)
    assert json.loads((tmp_path / "run" / CONFIG_NAME).read_text())["policy_learning_rate"] == 2e-3
    assert read_config(tmp_path / "run") == asked
    assert settings_that_differ(tmp_path / "run", asked) == []
    other = config(tmp_path / "run", **{**settings, "learning_rate": 3e-3})
    assert settings_that_differ(tmp_path / "run", other) == ["learning_rate"]


def test_a_run_of_the_version_before_is_exported_and_gone_on_with(tmp_path):
    run(tmp_path / "run", episodes=0, dagger_rounds=0)
    as_of_the_version_before(tmp_path / "run" / CONFIG_NAME)
    exported = export_run(tmp_path / "run", tmp_path / "again")
    assert exported.ids == ("A", "B")
    run(tmp_path / "run", episodes=0, dagger_rounds=0, resume=True)
    assert (tmp_path / "run" / "bundle" / "SHA256SUMS").read_bytes() == (
        tmp_path / "again" / "SHA256SUMS"
    ).read_bytes()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"scenario": "x"}', '{"scenario": "x", "out": "y", "unheard_of": 1}']
)
def test_broken_settings_are_one_line(tmp_path, text):
    (tmp_path / CONFIG_NAME).write_text(text)
    with pytest.raises(TrainingError, match=r"config\.json: .*; train again"):
        read_config(tmp_path)


def test_curves_of_the_version_before_speak_of_ppo(tmp_path):
    rows = [
        MetricsRow(unit=k, phase=phase, episodes=k, simulated_hours=1.0) for k, phase in ((1, "clone"), (2, "own"))
    ]
    write_metrics(tmp_path, rows)
    assert [row.phase for row in read_metrics(tmp_path)] == ["clone", "ppo"]


def test_settings_that_a_run_never_had_differ(tmp_path):
    asked = config(tmp_path / "run")
    prepare_folder(asked, SETTING)
    path = tmp_path / "run" / CONFIG_NAME
    written = json.loads(path.read_text())
    del written["ppo"]["averaging"]
    del written["validation"]
    path.write_text(json.dumps(written))
    assert settings_that_differ(tmp_path / "run", asked) == ["averaging", "validation_seeds", "validate_every"]
    assert isinstance(read_config(tmp_path / "run"), TrainConfig)
