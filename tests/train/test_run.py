import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leed_traffic.artifacts.policy import verify_bundle
from leed_traffic.errors import TrainingError
from leed_traffic.train.config import TrainConfig
from leed_traffic.train.records.run_folder import read_metrics
from leed_traffic.train.run import train_with
from tests.train.fakes import SETTING, FakeRollouts, demonstrations

ROOT = Path(__file__).resolve().parents[2]


def config(out, **settings):
    small = {
        "episodes": 6,
        "episodes_per_update": 2,
        "cloning_steps": 30,
        "critic_steps": 30,
        "dagger_steps": 10,
        "minibatch": 40,
        "epochs": 2,
    }
    small |= {"gate": "none", "validation_seeds": 2}
    return TrainConfig.from_flat({"scenario": "fake", "demonstrations": "demos", "out": out, **small, **settings})


def run(out, rollouts=None, **settings):
    told = []
    settings = config(out, **settings)
    shown = demonstrations() if settings.demonstrations else None
    train_with(settings, SETTING, shown, rollouts or FakeRollouts(), lambda n, note: told.append(n))
    return settings, sum(told)


def result_of(out):
    """What a run leaves behind, byte for byte."""
    names = [
        "metrics.jsonl",
        *(str(p.relative_to(out)) for p in sorted((out / "bundle").rglob("*")) if p.is_file()),
    ]
    return {name: (out / name).read_bytes() for name in names}


def test_a_run_ends_with_a_bundle_that_verifies_and_counts_every_hour(tmp_path):
    settings, told = run(tmp_path / "run")
    bundle = verify_bundle(tmp_path / "run" / "bundle")
    assert bundle.ids == ("A", "B")
    assert told == settings.total_episodes
    rows = read_metrics(tmp_path / "run")
    assert [row.phase for row in rows] == ["clone", *["dagger"] * 8, "ppo", "ppo", "ppo"]
    assert rows[-1].simulated_hours == 3.0 + 8 + 6
    assert rows[0].expert_delay_s == 0.0
    assert rows[-1].delay_s < 40.0
    assert set(rows[-1].weights) == {"A", "B"}


def test_a_run_of_an_earlier_version_is_not_gone_on_with(tmp_path):
    run(tmp_path / "run", episodes=0, dagger_rounds=0)
    path = tmp_path / "run" / "config.json"
    known = json.loads(path.read_text())
    del known["ppo"]["averaging"]
    path.write_text(json.dumps(known))
    with pytest.raises(TrainingError, match=r"begun with other settings \(averaging"):
        run(tmp_path / "run", episodes=0, dagger_rounds=0, resume=True)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(tmp_path / name, seed=seed)
    assert result_of(tmp_path / "a") == result_of(tmp_path / "b")
    assert result_of(tmp_path / "a") != result_of(tmp_path / "c")


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.train.fakes import FakeRollouts
from tests.train.test_run import run
calls = []
def before(tasks):
    calls.append(1)
    if len(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
run(Path(sys.argv[1]), FakeRollouts(before))
"""


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bits(tmp_path):
    run(tmp_path / "whole")
    # the calls: expert, clones, DAgger twice, validation, and so on, then on-policy hours
    for call in (4, 9):
        out = tmp_path / f"killed-{call}"
        command = [sys.executable, "-c", KILLED.format(root=str(ROOT)), str(out), str(call)]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
        assert len(read_metrics(out)) < 12
        settings, told = run(out, resume=True)
        assert result_of(out) == result_of(tmp_path / "whole")
        assert told == settings.total_episodes


def test_resuming_a_run_that_never_reached_a_checkpoint_begins_anew(tmp_path):
    run(tmp_path / "whole")
    run(tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "bundle")
    for name in ("checkpoint.pt", "best.pt", "metrics.jsonl"):
        (tmp_path / "run" / name).unlink()
    run(tmp_path / "run", resume=True)
    assert result_of(tmp_path / "run") == result_of(tmp_path / "whole")


def test_another_run_in_the_folder_is_left_alone(tmp_path):
    run(tmp_path / "run", episodes=0, dagger_rounds=0)
    with pytest.raises(TrainingError, match="is there already"):
        run(tmp_path / "run", episodes=0, dagger_rounds=0)
    with pytest.raises(TrainingError, match="other settings \\(clip\\)"):
        run(tmp_path / "run", episodes=0, dagger_rounds=0, clip=0.3, resume=True)
    with pytest.raises(TrainingError, match="cannot be read"):
        run(tmp_path / "nowhere", resume=True)


def test_the_similarity_needs_two_demonstrated_hours(tmp_path):
    with pytest.raises(TrainingError, match="at least 2 demonstrated hours"):
        train_with(config(tmp_path / "run"), SETTING, demonstrations((101,)), FakeRollouts(), lambda n, note: None)


def test_tensorboard_gets_the_curve(tmp_path):
    run(tmp_path / "run", episodes=0, dagger_rounds=0)
    assert list((tmp_path / "run" / "tensorboard").glob("events.*"))


def test_rollout_processes_never_import_torch():
    """A spawned process imports what the pickled function and its tasks name: train/rollout.py and nothing else of train/."""
    code = "import sys, leed_traffic.train.rollout; print(json.dumps('torch' in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", "import json; " + code], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) is False
