from leed_traffic.artifacts.policy import verify_bundle
from leed_traffic.drill.exercises import bundle_fuzz
from leed_traffic.drill.exercises.bundle_fuzz import DAMAGES, fuzz_bundles
from leed_traffic.errors import BundleError
from tests.serve.bundles import write_crossing_bundle


def test_damaged_bundles_are_refused_or_decide_as_before(tmp_path):
    bundle = write_crossing_bundle(tmp_path / "bundle")
    result = fuzz_bundles(bundle, tmp_path, 512, seed=11)
    assert result.faults == ()
    assert result.refused + result.same_decisions == 512
    assert result.refused > 480
    assert set(result.by_damage) == {name for name, _ in DAMAGES}
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_the_fuzz_notices_what_is_no_refusal(tmp_path, monkeypatch):
    bundle = write_crossing_bundle(tmp_path / "bundle")

    def careless(path):
        try:
            return verify_bundle(path)
        except BundleError:
            return bundle

    def leaky(path):
        raise KeyError("leak")

    monkeypatch.setattr(bundle_fuzz, "verify_bundle", leaky)
    assert len(fuzz_bundles(bundle, tmp_path, 16, seed=1).faults) == 16
    other = write_crossing_bundle(tmp_path / "other", -bundle_fuzz.np.eye(bundle.specs[0].size, 4, dtype="f4"))
    monkeypatch.setattr(bundle_fuzz, "verify_bundle", lambda path: other)
    faults = fuzz_bundles(bundle, tmp_path, 16, seed=1).faults
    assert len(faults) == 16
    assert all("decides otherwise" in fault for fault in faults)
    monkeypatch.setattr(bundle_fuzz, "verify_bundle", careless)
    assert fuzz_bundles(bundle, tmp_path, 16, seed=1).refused == 0
