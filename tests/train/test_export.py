import numpy as np
import pytest

from leed_traffic.artifacts.policy import Policy, PolicyNetwork, verify_bundle
from leed_traffic.errors import BundleError, TrainingError
from leed_traffic.train.export import export_run
from leed_traffic.train.records.checkpoint import read_checkpoint, write_checkpoint
from tests.train.fakes import SIZES, hour
from tests.train.test_run import run


def test_the_exported_policies_choose_as_the_trained_ones(tmp_path):
    run(tmp_path / "run")
    policy = Policy(verify_bundle(tmp_path / "run" / "bundle"))
    best = verify_bundle(tmp_path / "run" / "bundle").manifest.training.validation_delay_s
    again = []
    for seed in (501, 502):
        episode, _ = hour(seed, lambda o, legal, right: [int(stage) for stage in policy.decide(o, legal)])
        again.append(episode.score.delay_s)
    assert sum(again) / 2 == pytest.approx(best)


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
