import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.simulation.scenario.departures import find_never_departing
from tests.networks.oddities import ODDITIES, configure

pytestmark = pytest.mark.sumo


def test_whoever_can_never_depart_is_named_by_reason(tmp_path):
    ODDITIES["buses_and_a_tram"](tmp_path)
    traffic = (
        '<trip id="fine" depart="5" from="NC" to="CS"/><trip id="gone" depart="6" from="nowhere" to="CS"/>'
        '<trip id="back" depart="7" from="CS" to="NC"/><vehicle id="lost" depart="8" route="missing"/>'
        '<vehicle id="odd" depart="8" type="missing"><route edges="NC CS"/></vehicle>'
        '<trip id="closed" depart="9" from="tC" to="Cu"/><trip id="late" depart="900" from="WC" to="CE"/>'
    )
    found = find_never_departing(load_scenario(str(configure(tmp_path, tmp_path / "x.net.xml", traffic))))
    assert {stranded.reason: stranded.examples for stranded in found} == {
        "departs after the end": ("late",),
        "has no way from its start to its end": ("back",),
        "names an unknown edge": ("gone",),
        "names an unknown route": ("lost",),
        "names an unknown vehicle type": ("odd",),
        "uses an edge closed to its class": ("closed",),
    }


def test_demand_of_our_own_has_nobody_stranded():
    assert find_never_departing(load_scenario("crossing")) == ()
