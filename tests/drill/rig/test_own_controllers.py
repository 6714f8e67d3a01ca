import pytest

from leed_traffic.artifacts.policy import verify_bundle
from leed_traffic.drill.rig.own_controllers import BARE, KINDS, under

pytestmark = pytest.mark.sumo


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_place_whose_bundle_fits_its_limits(crossing_place, tmp_path, kind):
    place = under(crossing_place, kind, tmp_path / "kind")
    (intersection,) = place.network.intersections
    assert verify_bundle(place.bundle.path).ids == (intersection.id,)
    assert place.site.timings[0].n_stages == intersection.n_stages
    has_all_red = any(any(row) for row in place.site.timings[0].clearances.all_red_s)
    assert has_all_red is (kind != BARE)
