import json
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from leed_traffic.artifacts.policy import Policy, PolicyNetwork, verify_bundle
from leed_traffic.artifacts.sensing_file import load_sensing
from leed_traffic.domain.detectors.sensing import IDEAL, SensingKind
from leed_traffic.domain.road_users import Weights
from leed_traffic.errors import BundleError, MismatchError, TrainingError
from leed_traffic.train.checkpoint import read_checkpoint, write_checkpoint
from leed_traffic.train.config import Sharing, Similarity, TrainConfig
from leed_traffic.train.env import with_faults
from leed_traffic.train.expert import check_demonstrations
from leed_traffic.train.export import export_run
from leed_traffic.train.run import train_with
from leed_traffic.train.run_folder import read_metrics
from tests.train.fakes import NETWORK, SETTING, SITE, SIZES, FakeRollouts, demonstrations, hour

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


def test_the_bundle_holds_the_policies_that_validated_best(tmp_path):
    run(tmp_path / "run")
    delays = [row.delay_s for row in read_metrics(tmp_path / "run") if row.delay_s is not None]
    assert verify_bundle(tmp_path / "run" / "bundle").manifest.training.validation_delay_s == min(delays)


def test_a_run_of_an_earlier_version_is_not_gone_on_with(tmp_path):
    run(tmp_path / "run", episodes=0, dagger_rounds=0)
    path = tmp_path / "run" / "config.json"
    known = json.loads(path.read_text())
    del known["ppo"]["averaging"]
    path.write_text(json.dumps(known))
    with pytest.raises(TrainingError, match=r"begun with other settings \(averaging"):
        run(tmp_path / "run", episodes=0, dagger_rounds=0, resume=True)


def test_updates_of_critics_alone_stay_out_of_the_mean(tmp_path):
    judged = []
    rollouts = FakeRollouts(lambda tasks: judged.append(tasks[0].weights) if tasks[0].is_scored else None)
    run(tmp_path / "a", rollouts, dagger_rounds=0, validate_every=1, critic_first_updates=1)
    before, cloned, only_critics, first, _ = judged
    assert before is None
    assert (cloned.w1 == only_critics.w1).all()
    assert not np.allclose(first.w1, only_critics.w1)


@pytest.mark.parametrize("expert", ["demos", None])
def test_cloned_policies_are_judged_as_the_mean_of_their_updates_and_fresh_ones_as_the_last(tmp_path, expert):
    driving, judged = [], []

    def note(tasks):
        if tasks[0].plans is None and tasks[0].weights is not None:
            (judged if tasks[0].is_scored else driving).append(tasks[0].weights)

    run(tmp_path / "run", FakeRollouts(note), demonstrations=expert, dagger_rounds=0, validate_every=1)
    (_, first, second), (seen_first, seen_second, _) = driving, judged[-3:]
    for now, before, seen, earlier in zip(second, first, seen_second, seen_first, strict=True):
        assert (earlier == before).all()
        assert np.allclose(seen, 0.25 * before + 0.75 * now if expert else now, atol=1e-7)


@pytest.mark.parametrize(
    ("settings", "factor"),
    [({}, 3.0), ({"demonstrations": None}, 1.0), ({"cloning_steps": 0, "dagger_rounds": 0}, 1.0)],
)
def test_cloned_policies_take_larger_steps_of_their_own(tmp_path, settings, factor):
    rates = config(tmp_path, learning_rate=0.001, direct_learning_rate=0.004, **settings).ppo_rates
    assert rates == pytest.approx((0.001 * factor, 0.004 * factor))


def test_the_exported_policies_choose_as_the_trained_ones(tmp_path):
    run(tmp_path / "run")
    policy = Policy(verify_bundle(tmp_path / "run" / "bundle"))
    best = verify_bundle(tmp_path / "run" / "bundle").manifest.training.validation_delay_s
    again = []
    for seed in (501, 502):
        episode, _ = hour(seed, lambda o, legal, right: [int(stage) for stage in policy.decide(o, legal)])
        again.append(episode.score.delay_s)
    assert sum(again) / 2 == pytest.approx(best)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(tmp_path / name, seed=seed)
    assert result_of(tmp_path / "a") == result_of(tmp_path / "b")
    assert result_of(tmp_path / "a") != result_of(tmp_path / "c")


def test_exporting_again_gives_the_same_bytes(tmp_path):
    run(tmp_path / "run")
    export_run(tmp_path / "run", tmp_path / "again")
    assert (tmp_path / "again" / "SHA256SUMS").read_bytes() == (
        tmp_path / "run" / "bundle" / "SHA256SUMS"
    ).read_bytes()


def scaled(path, factor):
    """The best policies of a run with all logits so many times as large: the same choices."""
    best = read_checkpoint(path)
    for name in ("w3", "b3", "w0"):
        best["actor"][name] *= factor
    write_checkpoint(path, best)


@pytest.mark.parametrize("factor", [3e3, 1e6])
def test_logits_in_the_hundreds_and_beyond_are_exported_and_verified(tmp_path, factor):
    run(tmp_path / "run")
    scaled(tmp_path / "run" / "best.pt", factor)
    export_run(tmp_path / "run", tmp_path / "again")
    bundle = verify_bundle(tmp_path / "again")
    assert max(abs(x) for row in bundle.policies[0].golden.logits for x in row) > 100.0
    observation = np.random.default_rng(1).uniform(size=(2, max(SIZES))).astype(np.float32)
    legal = np.ones((2, 3), dtype=bool)
    legal[0, 2] = False
    before = Policy(verify_bundle(tmp_path / "run" / "bundle"))
    assert Policy(bundle).decide(observation, legal) == before.decide(observation, legal)


def test_an_export_that_is_refused_loses_nothing_and_says_how_to_go_on(tmp_path, monkeypatch):
    logits = PolicyNetwork.logits
    monkeypatch.setattr(
        PolicyNetwork, "logits", lambda self, row: logits(self, row) * np.float32(1.001) + np.float32(0.001)
    )
    with pytest.raises(
        TrainingError, match=rf"A: torch and onnxruntime differ: .* stays in {tmp_path}/run: leedctl export"
    ) as caught:
        run(tmp_path / "run")
    assert "does this step again" in str(caught.value)
    monkeypatch.undo()
    export_run(tmp_path / "run", tmp_path / "bundle")
    assert verify_bundle(tmp_path / "bundle").ids == ("A", "B")
    run(tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "bundle" / "SHA256SUMS").read_bytes() == (
        tmp_path / "bundle" / "SHA256SUMS"
    ).read_bytes()


def test_a_bundle_that_cannot_be_written_loses_nothing_either(tmp_path):
    run(tmp_path / "run")
    (tmp_path / "full").write_text("a file, where a folder is to be")
    with pytest.raises(BundleError, match="what was trained stays in"):
        export_run(tmp_path / "run", tmp_path / "full" / "bundle")


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


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"not a checkpoint", lambda b: b""])
@pytest.mark.parametrize("name", ["checkpoint.pt", "best.pt"])
def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path, name, damage):
    run(tmp_path / "run", episodes=0, dagger_rounds=0)
    path = tmp_path / "run" / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TrainingError, match="damaged checkpoint"):
        run(tmp_path / "run", episodes=0, dagger_rounds=0, resume=True)


def test_a_checkpoint_that_unpacks_to_more_than_it_is_is_refused(tmp_path):
    write_checkpoint(tmp_path / "a.pt", {"x": torch.zeros(200_000)})
    assert read_checkpoint(tmp_path / "a.pt")["x"].shape == (200_000,)
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as archive,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
    with pytest.raises(TrainingError, match=r"damaged checkpoint .* bytes that unpack to 8"):
        read_checkpoint(tmp_path / "b.pt")


def test_a_checkpoint_that_holds_something_else_is_refused(tmp_path):
    run(tmp_path / "run", episodes=0, dagger_rounds=0)
    write_checkpoint(tmp_path / "run" / "checkpoint.pt", {"done": 1})
    with pytest.raises(TrainingError, match="damaged checkpoint"):
        run(tmp_path / "run", episodes=0, dagger_rounds=0, resume=True)


@pytest.mark.parametrize(
    "settings",
    [
        {"expert_weight": "fixed"},
        {"expert_weight": "none"},
        {"expert_weight": "decay", "decay_rate": 0.5},
        {"similarity": Similarity.OFF},
        {"similarity": Similarity.LEAN_WHEN_NEAR},
        {"sharing": Sharing.CRITIC},
        {"sharing": Sharing.EVERYTHING},
        {"sharing": Sharing.CRITIC, "demonstrations": None},
        {"advantage_beta": 1.0},
        {"cloning_steps": 0, "critic_steps": 0, "dagger_rounds": 0},
        {"critic_first_updates": 1},
        {"demonstrations": None},
    ],
)
def test_every_ablation_runs_to_its_end(tmp_path, settings):
    asked, told = run(tmp_path / "run", episodes=2, **settings)
    assert told == asked.total_episodes
    last = read_metrics(tmp_path / "run")[-1]
    if settings.get("expert_weight") == "fixed":
        assert set(last.weights.values()) == {0.5}
    if settings.get("expert_weight") == "none" or "demonstrations" in settings:
        assert set(last.weights.values()) == {0.0}


def test_the_similarity_needs_two_demonstrated_hours(tmp_path):
    with pytest.raises(TrainingError, match="at least 2 demonstrated hours"):
        train_with(config(tmp_path / "run"), SETTING, demonstrations((101,)), FakeRollouts(), lambda n, note: None)


def test_demonstrations_for_something_else_are_refused(tmp_path):
    manifest = demonstrations().manifest
    right = config(tmp_path)
    check_demonstrations(manifest, right.demonstrations, right.env, NETWORK, SITE)
    changes = {
        "network_digest": "0" * 64,
        "site_digest": "0" * 64,
        "decision_interval_s": 6.0,
        "reach_m": 50.0,
        "reward": "queue",
        "weights": Weights(persons=1.0),
    }
    for name, value in changes.items():
        with pytest.raises(MismatchError, match="this training has"):
            check_demonstrations(
                manifest.model_copy(update={name: value}), right.demonstrations, right.env, NETWORK, SITE
            )


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


def test_faults_in_training_come_on_top_of_what_the_site_has():
    made = with_faults(load_sensing("loops", NETWORK), 0.3)
    assert (made.kind, made.varies, made.faults.faults_per_lane_hour) == (SensingKind.LOOPS, True, 0.3)
    assert with_faults(IDEAL, 0.0).is_perfect
