import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.artifacts.policy import Policy, verify_bundle
from leed_traffic.errors import BundleError, MismatchError
from tests.artifacts.sample_bundle import NETWORK, SIZES, linear_policy, write_sample

N, D, S = 2, max(SIZES), 3
FIRST, SECOND = (i.id for i in NETWORK.intersections)


def situation():
    legal = np.array([[True, True, False], [True, True, True]])
    return np.zeros((N, D), dtype=np.float32), legal


def policy_with(tmp_path, first, second):
    policies = {FIRST: linear_policy(SIZES[0], 2, logits=first), SECOND: linear_policy(SIZES[1], 3, logits=second)}
    return Policy(write_sample(tmp_path / "b", policies=policies))


def test_the_best_stage_is_asked_for(tmp_path):
    assert policy_with(tmp_path, [0.0, 1.0], [3.0, 2.0, 5.0]).decide(*situation()) == [1.0, 2.0]


def test_the_best_legal_stage_is_asked_for_where_a_better_one_is_not_legal(tmp_path):
    observation, legal = situation()
    legal[1] = [True, True, False]
    assert policy_with(tmp_path, [0.0, 1.0], [3.0, 2.0, 5.0]).decide(observation, legal) == [1.0, 0.0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_input_that_is_not_finite_is_no_request_for_that_intersection_alone(tmp_path, value):
    observation, legal = situation()
    observation[0, 3] = value
    assert policy_with(tmp_path, [0.0, 1.0], [3.0, 2.0, 5.0]).decide(observation, legal) == [None, 2.0]


def test_padding_is_not_read(tmp_path):
    observation, legal = situation()
    observation[0, SIZES[0] :] = np.nan
    assert policy_with(tmp_path, [0.0, 1.0], [3.0, 2.0, 5.0]).decide(observation, legal) == [1.0, 2.0]


def test_an_output_that_is_not_finite_is_no_request(tmp_path):
    observation, legal = situation()
    policies = {FIRST: linear_policy(SIZES[0], 2)}
    policy = Policy(write_sample(tmp_path / "b", policies=policies))
    observation[0, : SIZES[0]] = 3e38
    with np.errstate(all="ignore"):
        assert policy.decide(observation, legal)[0] is None


def test_nothing_legal_is_no_request(tmp_path):
    observation, legal = situation()
    legal[1] = False
    assert policy_with(tmp_path, [0.0, 1.0], [3.0, 2.0, 5.0]).decide(observation, legal) == [1.0, None]


def test_a_part_of_a_bundle_decides_in_the_order_asked_for(tmp_path):
    bundle = write_sample(tmp_path / "b", policies={SECOND: linear_policy(SIZES[1], 3, logits=[0, 9, 0])})
    observation, legal = situation()
    assert Policy(bundle, [SECOND]).decide(observation[1:], legal[1:]) == [1.0]
    assert Policy(bundle, [SECOND, FIRST]).ids == (SECOND, FIRST)
    with pytest.raises(MismatchError, match="has no policy for intersection Q"):
        Policy(bundle, ["Q"])


def test_a_model_of_another_shape_is_refused(tmp_path):
    bundle = write_sample(tmp_path / "b", policies={FIRST: linear_policy(SIZES[0] + 1, 2)})
    with pytest.raises(BundleError, match="expected inputs and outputs"):
        Policy(bundle)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" * 50])
def test_what_is_no_model_is_refused(tmp_path, content):
    broken = replace(linear_policy(SIZES[0], 2), onnx=content)
    bundle = write_sample(tmp_path / "b", policies={FIRST: broken})
    with pytest.raises(BundleError):
        Policy(bundle)


def test_a_sound_bundle_verifies(tmp_path):
    write_sample(tmp_path / "b")
    assert verify_bundle(tmp_path / "b").ids == (FIRST, SECOND)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"logits": ((9.0, 9.0),) * 3}, "golden vector 0 gives"),
        ({"logits": ((9.0,),) * 3}, "golden vector 0 gives"),
        ({"observation": ((1.0,),) * 3}, "has 1 entries"),
        ({"observation": ()}, "golden vectors are empty"),
        ({"legal": ((True,),) * 3}, "for 1 stages"),
    ],
)
def test_golden_vectors_that_do_not_come_out_are_refused(tmp_path, change, complaint):
    policy = linear_policy(SIZES[0], 2)
    altered = replace(policy, golden=policy.golden.model_copy(update=change))
    write_sample(tmp_path / "b", policies={FIRST: altered})
    with pytest.raises(BundleError, match=complaint):
        verify_bundle(tmp_path / "b")


def large_policy(scale, off):
    """Logits of some size, and golden vectors that differ from them by a share of it."""
    policy = linear_policy(SIZES[0], 2, logits=[scale, -scale])
    logits = ((scale * (1.0 + off), -scale),) * 3
    return replace(policy, golden=policy.golden.model_copy(update={"logits": logits}))


@pytest.mark.parametrize("scale", [400.0, 1e5])
def test_large_logits_may_differ_by_a_share_of_their_size(tmp_path, scale):
    write_sample(tmp_path / "b", policies={FIRST: large_policy(scale, 0.9e-4)})
    assert verify_bundle(tmp_path / "b").ids == (FIRST, SECOND)
    write_sample(tmp_path / "b", policies={FIRST: large_policy(scale, 1.2e-4)})
    with pytest.raises(BundleError, match=r"golden vector 0 gives .*: a difference of .*, allowed"):
        verify_bundle(tmp_path / "b")


class Ticking:
    """Processor seconds that pass by a fixed amount at each look."""

    def __init__(self, step_s):
        self.step_s, self.now_s = step_s, 0.0

    def __call__(self):
        self.now_s += self.step_s
        return self.now_s


def test_a_policy_that_takes_too_long_is_refused(tmp_path):
    write_sample(tmp_path / "b")
    assert verify_bundle(tmp_path / "b", clock=Ticking(0.019)).ids == (FIRST, SECOND)
    with pytest.raises(BundleError, match=r"b/A: a decision takes 0\.021 s, allowed 0\.02; export it again"):
        verify_bundle(tmp_path / "b", clock=Ticking(0.021))


def test_a_bundle_whose_policies_together_take_too_long_is_refused(tmp_path, monkeypatch):
    write_sample(tmp_path / "b")
    monkeypatch.setattr("leed_traffic.artifacts.policy.BUNDLE_LIMIT_S", 0.03)
    with pytest.raises(BundleError, match=r"b: a decision of its 2 policies takes 0\.038 s, allowed 0\.03"):
        verify_bundle(tmp_path / "b", clock=Ticking(0.019))


def test_more_golden_vectors_than_anybody_exports_are_refused(tmp_path):
    policy = linear_policy(SIZES[0], 2)
    golden = policy.golden.model_copy(update={k: v * 22 for k, v in policy.golden.model_dump().items()})
    write_sample(tmp_path / "b", policies={FIRST: replace(policy, golden=golden)})
    with pytest.raises(BundleError, match="golden vectors are empty, of different numbers or over 64"):
        verify_bundle(tmp_path / "b")


def test_who_decides_reports_to_nobody(tmp_path):
    """ONNX Runtime from 1.32 on keeps a database in the home folder and a thread that uploads it."""
    path, home = write_sample(tmp_path / "b").path, tmp_path / "home"
    home.mkdir()
    code = "import sys, pathlib; from leed_traffic.artifacts.policy import verify_bundle; verify_bundle(pathlib.Path(sys.argv[1]))"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ORT_", "XDG_"))} | {
        "HOME": str(home)
    }
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, env=environment)
    assert list(home.iterdir()) == []
