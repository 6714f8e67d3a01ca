import pytest
from typer.testing import CliRunner

from leed_traffic.cli.demo import MARKER_NAME, _curve, _make_room
from leed_traffic.cli.main import app
from leed_traffic.errors import UsageError
from leed_traffic.train.config import EnvConfig, PpoConfig, TrainConfig, ValidationConfig
from leed_traffic.train.records.run_folder import METRICS_NAME, MetricsRow


def test_a_demo_makes_its_folder(tmp_path):
    _make_room(tmp_path / "new" / "demo")
    assert [path.name for path in (tmp_path / "new" / "demo").iterdir()] == [MARKER_NAME]


def test_an_older_demo_is_replaced(tmp_path):
    _make_room(tmp_path)
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "checkpoint.pt").write_text("")
    (tmp_path / "report.html").write_text("")
    _make_room(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [MARKER_NAME]


def test_a_folder_that_is_no_demo_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(UsageError, match="something other than a demo"):
        _make_room(tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_a_file_is_no_place_for_a_demo(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="something other than a demo"):
        _make_room(tmp_path / "file")


def test_a_demo_is_not_evaluated_on_seeds_that_training_may_see(tmp_path):
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path), "--seeds", "7,1001"])
    assert isinstance(result.exception, UsageError)
    assert "below 1001" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_the_learning_curve_holds_validated_units_references_and_weights(tmp_path, make_comparison, monkeypatch):
    rows = [
        MetricsRow(unit=1, phase="clone", episodes=0, simulated_hours=4.0, delay_s=60.0, expert_delay_s=55.0),
        MetricsRow(unit=2, phase="dagger", episodes=2, simulated_hours=6.0, expert_delay_s=55.0),
        MetricsRow(unit=3, phase="ppo", episodes=6, simulated_hours=10.0, delay_s=50.0, weights={"J1": 0.5}),
    ]
    (tmp_path / METRICS_NAME).write_text("".join(row.model_dump_json() + "\n" for row in rows))
    monkeypatch.setattr(
        "leed_traffic.train.records.run_folder.read_setting",
        lambda run: type("S", (), {"demonstration_hours": 4.0}),
    )
    comparison = make_comparison(
        {"fixed": (90.0, 91.0, 92.0), "plan:x": (54.0, 55.0, 56.0), "bundle:y": (49.0, 50.0, 51.0)}
    )
    curve = _curve(
        tmp_path, comparison, {"fixed": "fixed", "plan:x": "demonstrating plan", "bundle:y": "LEED policies"}
    )
    assert curve.hours == (4.0, 10.0)
    assert curve.delay_s == (60.0, 50.0)
    assert curve.references_s == {"fixed": 91.0, "demonstrating plan": 55.0}
    assert curve.weights == {"J1": (0.5,)}


def test_the_demos_training_settings_are_sound(tmp_path):
    from leed_traffic.cli import demo

    config = TrainConfig(
        env=EnvConfig(scenario=demo.SCENARIO),
        out=tmp_path,
        ppo=PpoConfig(episodes=demo.TRAIN_EPISODES),
        validation=ValidationConfig(validation_seeds=demo.VALIDATION_SEEDS),
    )
    assert config.ppo.n_updates >= 1
