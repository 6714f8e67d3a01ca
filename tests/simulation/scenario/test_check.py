import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.simulation.scenario.check import check_scenario

pytest.importorskip("sumo", reason="SUMO is not installed")
from tests.networks.oddities import ODDITIES, configure, cross

pytestmark = pytest.mark.sumo


def test_the_page_says_of_every_signal_what_it_has_and_what_it_lacks(tmp_path):
    document, _ = check_scenario(load_scenario(str(ODDITIES["one_stage_beside_another"](tmp_path))), seed=1)
    (signal,) = document.signals
    assert (signal.id, signal.n_stages, signal.n_lanes, signal.program) == ("C", 2, 4, "0 (static)")
    assert [missing.sentence for missing in signal.missing] == [
        f"phase {k}: 3 s of yellow, need 3.5 s" for k in (1, 4)
    ]
    assert signal.detectors == {"zone": 4, "exit": 4, "stop": 4, "advance": 4}
    assert [(left.id, left.reason) for left in document.left_alone] == [("E", "has only one stage")]
    assert {(way.from_edge, way.to_edge) for way in signal.movements} >= {("NC", "CS"), ("WC", "CE")}


def test_demand_is_held_against_what_two_lanes_in_turn_can_carry(tmp_path):
    """600 veh/h straight on from N and from E: y = 600 / 1800 each; 10 s of clearances leave 110 of 120 s."""
    flows = "".join(
        f'<flow id="{a}{b}" from="{a}C" to="C{b}" begin="0" end="900" vehsPerHour="600"/>' for a, b in ("NS", "EW")
    )
    document, _ = check_scenario(load_scenario(str(configure(tmp_path, cross(tmp_path), flows))), seed=1)
    load = document.signals[0].load
    assert load.flow_ratio == pytest.approx((600 / 1800, 600 / 1800), abs=0.01)
    assert load.y == pytest.approx(2 / 3, abs=0.02)
    assert load.y_max == pytest.approx(1 - load.lost_s / 120.0, abs=1e-4)
    assert load.verdict == "below capacity"
    heavy = flows.replace('"600"', '"1000"')
    document, _ = check_scenario(load_scenario(str(configure(tmp_path, tmp_path / "x.net.xml", heavy))), seed=1)
    assert document.signals[0].load.verdict == "over capacity"
