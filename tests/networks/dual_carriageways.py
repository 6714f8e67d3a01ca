"""A junction of dual carriageways with U-turns: on such nets SUMO 1.28 loads the right of way by the addresses of links."""

import subprocess

import numpy as np
import sumo

# per leg, in metres: where its incoming carriageway begins and ends, where the outgoing one begins and ends; lanes
# of both
LEGS = [
    ("140.6,52.9 11.3,12.5", "16.4,-3.8 145.7,36.6", 2, 2),
    ("-15.9,149.5 -10.3,15.2", "9.0,16.0 3.3,150.3", 1, 2),
    ("-131.6,73.1 -23.2,-0.2", "-8.5,21.5 -117.0,94.8", 2, 1),
    ("-127.2,-79.9 -8.5,-14.2", "-16.6,0.4 -135.3,-65.3", 1, 2),
    ("-0.4,-150.4 10.2,-18.5", "-13.0,-16.6 -23.5,-148.6", 2, 1),
]
END_S = 600
_UTURNS = 0.12  # of the trips


def build_dual_carriageways(folder):
    """A configuration of ten minutes."""
    nodes, edges = ['<node id="c" x="0" y="0" type="traffic_light"/>'], []
    for k, (inwards, outwards, lanes_in, lanes_out) in enumerate(LEGS):
        for name, place in ((f"a{k}", inwards.split()[0]), (f"b{k}", outwards.split()[1])):
            x, y = place.split(",")
            nodes.append(f'<node id="{name}" x="{x}" y="{y}"/>')
        edges.append(f'<edge id="i{k}" from="a{k}" to="c" numLanes="{lanes_in}" speed="13.9" shape="{inwards}"/>')
        edges.append(
            f'<edge id="o{k}" from="c" to="b{k}" numLanes="{lanes_out}" speed="13.9" shape="{outwards}"/>'
        )
    (folder / "n.nod.xml").write_text(f"<nodes>{''.join(nodes)}</nodes>")
    (folder / "n.edg.xml").write_text(f"<edges>{''.join(edges)}</edges>")
    command = [f"{sumo.SUMO_HOME}/bin/netconvert", "-n", folder / "n.nod.xml", "-e", folder / "n.edg.xml"]
    subprocess.run([*map(str, command), "-o", str(folder / "n.net.xml")], check=True, capture_output=True)
    (folder / "n.rou.xml").write_text(f"<routes>{''.join(_trips(np.random.default_rng(1)))}</routes>")
    config = folder / "n.sumocfg"
    config.write_text(
        '<configuration><input><net-file value="n.net.xml"/><route-files value="n.rou.xml"/></input>'
        f'<time><begin value="0"/><end value="{END_S}"/></time></configuration>'
    )
    return config


def _trips(rng):
    departs_s = np.cumsum(rng.exponential(1 / 0.6, 290))
    for k, depart_s in enumerate(departs_s):
        there, _else = rng.integers(len(LEGS), size=2)
        back = there if rng.random() < _UTURNS else _else
        yield f'<trip id="{k}" depart="{depart_s:.1f}" from="i{there}" to="o{back}" departLane="best" departSpeed="max"/>'
