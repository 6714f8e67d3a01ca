"""Networks that nobody drew for us: netgenerate's, with one feature each. Each maker returns the path of a `.sumocfg`."""

import subprocess

import numpy as np
import sumo
import sumolib

SHAPES = {
    "grid": ["--grid", "--grid.number=3", "--grid.length=150", "--grid.attach-length=120"],
    "spider": ["--spider", "--spider.arm-number=5", "--spider.circle-number=2", "--spider.space-radius=120"],
    "random": ["--rand", "--rand.iterations=25", "--seed=3"],
}
FEATURES = {
    "plain": [],
    "two lanes": ["--default.lanenumber=2"],
    "turn lanes": ["--turn-lanes=1", "--turn-lanes.length=40", "--default.lanenumber=2"],
    "crossings": ["--sidewalks.guess", "--crossings.guess", "--default.lanenumber=2"],
    "actuated": ["--tls.default-type=actuated"],
    "nema": ["--tls.default-type=NEMA"],
    "one stage per approach": ["--tls.layout=incoming"],
    "left-hand traffic": ["--lefthand"],
    "no interiors": ["--no-internal-links"],
}


def generate(folder, shape, feature):
    """A configuration of 900 s with trips between random edges."""
    net = folder / "town.net.xml"
    command = [f"{sumo.SUMO_HOME}/bin/netgenerate", *SHAPES[shape], *FEATURES[feature], "-o", str(net)]
    subprocess.run([*command, "--default-junction-type=traffic_light"], check=True, capture_output=True)
    edges = sorted(e.getID() for e in sumolib.net.readNet(str(net)).getEdges() if e.allows("passenger"))
    rng = np.random.default_rng(1)
    trips = [
        f'<trip id="{k}" depart="{2 * k}" from="{a}" to="{b}"/>'
        for k, (a, b) in enumerate(rng.choice(edges, 2, replace=False) for _ in range(400))
    ]
    (folder / "town.rou.xml").write_text(f"<routes>{''.join(trips)}</routes>")
    config = folder / "town.sumocfg"
    config.write_text(
        '<configuration><input><net-file value="town.net.xml"/><route-files value="town.rou.xml"/></input>'
        '<time><begin value="0"/><end value="900"/></time>'
        '<processing><ignore-route-errors value="true"/></processing></configuration>'
    )
    return config


GENERATED = {
    f"{shape}, {feature}": lambda folder, shape=shape, feature=feature: generate(folder, shape, feature)
    for shape in SHAPES
    for feature in FEATURES
}
