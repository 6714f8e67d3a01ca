import gzip
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import DemandSpec, Flow, Scenario
from leed_traffic.domain.network import Network
from leed_traffic.generate.brief import write_briefs
from leed_traffic.simulation.demand.turning_counts import period_starts
from tests.intersections import flat_timing, intersection, vehicle

# west -> in0 | A | out0 -> between -> in1 | B | out1; a detour from in0 to between takes longer
NET = """<net>
  <edge id=":A" function="internal"><lane id=":A_0" speed="10" length="5"/></edge>
  <edge id="west"><lane id="west_0" speed="10" length="100"/></edge>
  <edge id="in0"><lane id="in0_0" speed="10" length="200"/></edge>
  <edge id="out0"><lane id="out0_0" speed="10" length="300"/></edge>
  <edge id="detour"><lane id="detour_0" speed="5" length="300"/></edge>
  <edge id="in1"><lane id="in1_0" speed="20" length="400"/></edge>
  <edge id="out1"><lane id="out1_0" speed="10" length="50"/></edge>
  <connection from="west" to="in0"/><connection from="in0" to="out0"/><connection from="in0" to="detour"/>
  <connection from="out0" to="in1"/><connection from="detour" to="in1"/><connection from="in1" to="out1"/>
  <connection from=":A" to="out0"/>
</net>"""


WAY = ("west", "in0", "out0", "in1", "out1")


def junction(name, link):
    """A signal on whose first link vehicles go from in{link} to out{link}."""
    return intersection(
        ["Gr", "rG"], [vehicle(0, name=str(link)), vehicle(1, name=f"side{link}")], {(0, 1)}, name=name
    )


NETWORK = Network(intersections=(junction("A", 0), junction("B", 1)))


TIMINGS = (flat_timing(2, name="A"), flat_timing(2, name="B"))


def scenario(tmp_path: Path, routes: str, *, demand=None, zipped=False) -> Scenario:
    net, file = tmp_path / "net.net.xml", tmp_path / ("routes.xml.gz" if zipped else "routes.xml")
    net.write_text(NET)
    content = f"<routes>{routes}</routes>".encode()
    file.write_bytes(gzip.compress(content) if zipped else content)
    return Scenario(
        name="two", net_file=net, route_files=() if demand else (file,), additional_files=(), begin_s=1000.0, end_s=2800.0,
        step_length_s=1.0, site_file=None, demand=demand, options=(),
    )  # fmt: skip


def test_periods_are_quarters_of_an_hour_and_at_most_six():
    assert period_starts(3600.0) == (0.0, 900.0, 1800.0, 2700.0)
    assert period_starts(300.0) == (0.0,)
    assert period_starts(3605.0) == (0.0, 900.0, 1800.0, 2700.0)  # five seconds are no quarter
    assert period_starts(3600.0 + 449.0) == (0.0, 900.0, 1800.0, 2700.0)
    assert period_starts(3600.0 + 450.0) == (0.0, 900.0, 1800.0, 2700.0, 3600.0)
    assert period_starts(5.0) == (0.0,)
    assert period_starts(4 * 3600.0) == (0.0, 2700.0, 5400.0, 8100.0, 10800.0, 13500.0)


def test_a_brief_counts_turns_in_the_period_of_their_arrival(tmp_path):
    # 100 m + 200 m at 10 m/s: 30 s to the first stop line, so the second vehicle arrives in the second quarter
    routes = "".join(f'<trip depart="{s}" from="west" to="out1"/>' for s in (1000, 1880))
    first, second = write_briefs(scenario(tmp_path, routes), NETWORK, TIMINGS, (11, 12))
    through = {(t.from_edge, t.to_edge): t for t in first.turns}
    assert through["in0", "out0"].flow_vehph == (4.0, 4.0)
    assert through["in0", "out0"].links == (0,)
    assert through["inside0", "outside0"].flow_vehph == (0.0, 0.0)
    assert second.turns[0].flow_vehph == (4.0, 4.0)


def test_demand_of_our_own_scenarios_is_the_mean_over_days(tmp_path):
    flow = Flow(name="f", edges=WAY, per_hour=(400.0, 100.0))
    spec = DemandSpec(period_s=900.0, spread=0.0, truck_share=0.0, vehicles=(flow,), pedestrians=())
    first, _ = write_briefs(scenario(tmp_path, "", demand=spec), NETWORK, TIMINGS, range(11, 61))
    assert first.turns[0].flow_vehph == pytest.approx(
        (390.0, 110.0), rel=0.06
    )  # some of the first period arrive in the second
