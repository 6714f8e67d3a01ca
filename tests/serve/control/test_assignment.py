from dataclasses import replace

import pytest

from leed_traffic.artifacts.bundle import read_bundle
from leed_traffic.domain.detectors.sensing import CAMERA
from leed_traffic.errors import MismatchError
from leed_traffic.serve.control.assignment import assign, check_successor
from tests.serve.bundles import INTERVAL_S, REACH_M, crossing


@pytest.fixture
def bundle(crossing_bundle):
    return read_bundle(crossing_bundle)


def test_without_a_choice_all_signals_of_the_bundle_are_served(bundle):
    found = assign(bundle, None)
    assert (found.ids, found.decision_interval_s, found.reach_m) == (("C",), INTERVAL_S, REACH_M)
    assert found.timings == (crossing()[1],)
    assert found.crossings == ()


def test_a_signal_that_the_bundle_has_not_is_named(bundle):
    with pytest.raises(MismatchError, match="has no intersection Z; it has C"):
        assign(bundle, ["C", "Z"])


def test_vehicles_are_read_by_lane_or_by_the_sites_detectors(bundle):
    ideal = assign(bundle, None)
    camera = assign(bundle, None, sensing=CAMERA)
    assert ideal.lanes
    assert ideal.detectors == ()
    assert camera.lanes == ()
    assert {detector.signal for detector in camera.detectors} == {"C"}


def test_a_bundle_succeeds_itself_and_no_table_of_another_reach(bundle):
    check_successor(bundle, bundle, ["C"])
    (spec,) = bundle.specs
    other = replace(bundle, specs=(replace(spec, reach_m=50.0),))
    with pytest.raises(MismatchError, match=r"a reach of 50 m, 100 m are read here"):
        check_successor(other, bundle, ["C"])
