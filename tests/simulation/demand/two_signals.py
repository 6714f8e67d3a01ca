"""Two signals one behind the other, and traffic past them."""

import gzip
from pathlib import Path

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.domain.network import Network
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
