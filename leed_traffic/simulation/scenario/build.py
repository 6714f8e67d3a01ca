"""A scenario's net and routes, made from its `scenario.toml` with SUMO's own netconvert and duarouter.

The same recipe and SUMO version give the same bytes: tools' comments (they hold a date) are stripped.
"""

import math
import tempfile
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.artifacts.recipe import (
    NET_NAME,
    ROUTES_NAME,
    NetRecipe,
    ScenarioRecipe,
    StreetRecipe,
    read_recipe,
)
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.sumo.additional_files import readable_path
from leed_traffic.simulation.sumo.tools import run_tool, write_xml

SIDEWALK_WIDTH_M = 2.0
CROSSING_WIDTH_M = 4.0
THROUGH_MAX_DEG = 45.0  # a turn under this angle goes straight on
DECEL_MPS2 = 3.05  # braking behind a yellow: 10 ft/s2 (ITE)
WALK_MPS = 1.07  # a slow pedestrian: 3.5 ft/s (MUTCD)
GREEN_MIN_S = 7  # also the shortest walk (MUTCD)
LONG_GREEN_S = 200  # marks the through stages in netconvert's program: longer than any left's or crossing's


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leg:
    """One direction of a street between two neighbouring nodes."""

    origin: str
    target: str
    street: StreetRecipe
    bay_m: float  # length of the left-turn bay before the target; 0: none

    @property
    def edge(self) -> str:
        """The edge that leaves the origin."""
        return f"{self.origin}_{self.target}"

    @property
    def last_edge(self) -> str:
        """The edge that reaches the target: the bay's, where there is one."""
        return f"{self.edge}.bay" if self.bay_m else self.edge


def build_scenario(folder: Path, out: Path) -> tuple[Path, Path]:
    """Write the net and the route table of `folder/scenario.toml` into `out`; return both paths.

    Raises:
        ScenarioError: the recipe is broken, SUMO's tools are missing or refuse it, or a flow has no route.
    """
    recipe = read_recipe(folder)
    out.mkdir(parents=True, exist_ok=True)
    net_file = out / NET_NAME
    routes_file = out / ROUTES_NAME
    with tempfile.TemporaryDirectory() as scratch:
        _build_net(recipe.net, Path(scratch), net_file)
        _build_routes(recipe, net_file, Path(scratch), routes_file)
    return net_file, routes_file


def _build_net(net: NetRecipe, scratch: Path, net_file: Path) -> None:
    legs = _legs(net)
    write_xml(scratch / "nod.xml", _nodes(net, legs))
    write_xml(scratch / "edg.xml", _edges(net, legs))
    write_xml(scratch / "con.xml", _connections(net, legs))
    permissive_mps = net.permissive_left_below_kmh / 3.6
    options = (
        "--node-files=nod.xml --edge-files=edg.xml --connection-files=con.xml --output-file=net.xml --seed=1 "
        "--no-turnarounds --offset.disable-normalization --xml-validation=never --tls.layout=opposites "
        f"--tls.green.time={LONG_GREEN_S} --tls.left-green.time={net.left_green_s} "
        f"--tls.minor-left.max-speed={permissive_mps:.3f} --walkingareas={'true' if net.crossings else 'false'}"
    )
    run_tool("netconvert", options.split(), scratch)
    root = ET.parse(scratch / "net.xml").getroot()  # the parser drops the comments, which hold a date
    for logic in root.iter("tlLogic"):
        _set_clearances(root, logic, net)
        _fill_cycle(logic, net)
    write_xml(net_file, root)


def _set_clearances(root: ET.Element, logic: ET.Element, net: NetRecipe) -> None:
    """Give every change of stage its yellow and an all-red, and pedestrians the time to finish crossing.

    netconvert can put an all-red between streets, but not between the stages of one street.
    """
    yellow_s = _yellow_s(_fastest_approach_mps(root, logic.get("id", "")))
    phases = list(logic)
    for phase, onward in zip(phases, [*phases[1:], phases[0]], strict=True):
        state = phase.get("state", "")
        next_state = onward.get("state", "")
        if "y" in state.lower():
            phase.set("duration", str(yellow_s))
            if set(next_state) != {"r"}:
                red = ET.Element("phase", duration=str(net.all_red_s), state=state.replace("y", "r"))
                logic.insert(list(logic).index(phase) + 1, red)
        elif set(state) == {"r"}:
            phase.set("duration", str(net.all_red_s))
        elif ended := _crossings_that_end(state, next_state):
            onward.set("duration", str(_crossing_clearance_s(root, logic.get("id", ""), ended)))


def _fill_cycle(logic: ET.Element, net: NetRecipe) -> None:
    """Share out what is left of the cycle among the through stages, a pedestrians' clearance counting as green."""
    phases = list(logic)
    durations_s = [int(phase.get("duration", "0")) for phase in phases]
    greens = [i for i, duration_s in enumerate(durations_s) if duration_s > LONG_GREEN_S // 2]
    crossing_s = {i: durations_s[i + 1] if _crossings_that_end(*_states(phases, i)) else 0 for i in greens}
    others_s = sum(durations_s) - sum(durations_s[i] + crossing_s[i] for i in greens)
    share_s, rest_s = divmod(net.cycle_s - others_s, len(greens))
    for n, i in enumerate(greens):
        green_s = share_s + (1 if n < rest_s else 0) - crossing_s[i]
        if green_s < GREEN_MIN_S:
            raise ScenarioError(
                f"signal {logic.get('id')}: cycle_s = {net.cycle_s} leaves {green_s} s of green, need {GREEN_MIN_S}"
            )
        phases[i].set("duration", str(green_s))


def _states(phases: list[ET.Element], i: int) -> tuple[str, str]:
    """The states of phase i and of the one after it."""
    return phases[i].get("state", ""), phases[(i + 1) % len(phases)].get("state", "")


def _crossings_that_end(state: str, next_state: str) -> set[int]:
    """Link indices that go from green to red without a yellow, as only crossings do; none if anything else changes."""
    changed = {i for i, (a, b) in enumerate(zip(state, next_state, strict=True)) if a != b}
    return changed if all(state[i] + next_state[i] == "Gr" for i in changed) else set()


def _fastest_approach_mps(root: ET.Element, signal: str) -> float:
    """The highest speed limit on the lanes that the signal controls."""
    controlled = {item.get("from", "") for item in root.iter("connection") if item.get("tl") == signal}
    lanes = (lane for edge in root.iter("edge") if edge.get("id") in controlled for lane in edge.iter("lane"))
    return max(float(lane.get("speed", "0")) for lane in lanes)


def _yellow_s(speed_mps: float) -> int:
    """ITE's kinematic yellow Y = t + v / (2 a), up to the next whole second, 3 to 6 s."""
    return min(6, max(3, math.ceil(1.0 + speed_mps / (2.0 * DECEL_MPS2))))


def _crossing_clearance_s(root: ET.Element, signal: str, links: set[int]) -> int:
    """Time that a pedestrian needs on the longest of these crossings."""
    onto = (item for item in root.iter("connection") if item.get("tl") == signal)
    crossings = {item.get("to") for item in onto if int(item.get("linkIndex", "-1")) in links}
    lanes = (lane for edge in root.iter("edge") if edge.get("id") in crossings for lane in edge.iter("lane"))
    return math.ceil(max(float(lane.get("length", "0")) for lane in lanes) / WALK_MPS)


def _legs(net: NetRecipe) -> list[_Leg]:
    """Both directions of every street, with a bay where a signal lets vehicles turn left."""
    targets: dict[str, list[str]] = defaultdict(list)
    pairs = []
    for street in net.streets:
        for a, b in zip(street.nodes, street.nodes[1:], strict=False):
            pairs += [(a, b, street), (b, a, street)]
            targets[a].append(b)
            targets[b].append(a)
    legs = []
    for a, b, street in pairs:
        turns_left = b in net.signals and any(_turn(net, a, b, c) == "left" for c in targets[b])
        legs.append(_Leg(origin=a, target=b, street=street, bay_m=street.left_bay_m if turns_left else 0.0))
    return legs


def _turn(net: NetRecipe, a: str, b: str, c: str) -> str:
    """Direction in which one turns at b coming from a towards c: left, through, right or back."""
    if c == a:
        return "back"
    (ax, ay), (bx, by), (cx, cy) = (net.points[node] for node in (a, b, c))
    angle = math.degrees(math.atan2(cy - by, cx - bx) - math.atan2(by - ay, bx - ax))
    angle = (angle + 180.0) % 360.0 - 180.0
    if abs(angle) < THROUGH_MAX_DEG:
        return "through"
    return "left" if angle > 0.0 else "right"


def _bay_start(net: NetRecipe, leg: _Leg) -> tuple[float, float]:
    """Begin of the bay: x and y in metres."""
    (ax, ay), (bx, by) = net.points[leg.origin], net.points[leg.target]
    share = leg.bay_m / math.hypot(bx - ax, by - ay)
    if share > 0.9:
        raise ScenarioError(f"bay of {leg.bay_m} m on {leg.edge} leaves no room; shorten left_bay_m")
    return bx + share * (ax - bx), by + share * (ay - by)


def _nodes(net: NetRecipe, legs: list[_Leg]) -> ET.Element:
    root = ET.Element("nodes")
    for name, (x, y) in net.points.items():
        kind = "traffic_light" if name in net.signals else "dead_end"
        ET.SubElement(root, "node", id=name, x=f"{x:.2f}", y=f"{y:.2f}", type=kind)
    for leg in legs:
        if leg.bay_m:
            x, y = _bay_start(net, leg)
            ET.SubElement(root, "node", id=leg.last_edge, x=f"{x:.2f}", y=f"{y:.2f}", type="priority")
    return root


def _edges(net: NetRecipe, legs: list[_Leg]) -> ET.Element:
    root = ET.Element("edges")
    for leg in legs:
        shared = {"speed": f"{leg.street.speed_kmh / 3.6:.2f}", "priority": str(leg.street.lanes)}
        if net.crossings:
            shared["sidewalkWidth"] = f"{SIDEWALK_WIDTH_M:.2f}"
        lanes = leg.street.lanes
        if leg.bay_m:
            bay = leg.last_edge
            _edge(root, leg.edge, leg.origin, bay, lanes, shared)
            _edge(root, bay, bay, leg.target, lanes + 1, shared)
        else:
            _edge(root, leg.edge, leg.origin, leg.target, lanes, shared)
    return root


def _edge(root: ET.Element, name: str, origin: str, target: str, lanes: int, shared: dict[str, str]) -> None:
    ET.SubElement(root, "edge", {"id": name, "from": origin, "to": target, "numLanes": str(lanes), **shared})


def _connections(net: NetRecipe, legs: list[_Leg]) -> ET.Element:
    """Lane-to-lane connections, counted from the kerb, and the crossings."""
    root = ET.Element("connections")
    kerb = _kerb_lane(net)
    leaving = defaultdict(list)
    for leg in legs:
        leaving[leg.origin].append(leg)
    for leg in legs:
        if leg.bay_m:
            lanes = leg.street.lanes
            for lane, bay_lane in [*((i, i) for i in range(lanes)), (lanes - 1, lanes)]:
                _connect(root, leg.edge, leg.last_edge, lane + kerb, bay_lane + kerb)
        if leg.target in net.signals:
            for onward in leaving[leg.target]:
                _connect_turn(root, net, leg, onward)
    for node in sorted(net.crossings):
        for onward in leaving[node]:
            [back] = [leg for leg in legs if (leg.origin, leg.target) == (onward.target, node)]
            legs_crossed = f"{back.last_edge} {onward.edge}"
            ET.SubElement(root, "crossing", node=node, edges=legs_crossed, width=f"{CROSSING_WIDTH_M:.2f}")
    return root


def _connect_turn(root: ET.Element, net: NetRecipe, leg: _Leg, onward: _Leg) -> None:
    """Right turns from the rightmost lane, lefts from the bay or the leftmost, through on all lanes but the bay."""
    kerb = _kerb_lane(net)
    lanes = leg.street.lanes
    onward_lanes = onward.street.lanes
    leftmost = lanes if leg.bay_m else lanes - 1
    match _turn(net, leg.origin, leg.target, onward.target):
        case "left":
            _connect(root, leg.last_edge, onward.edge, leftmost + kerb, onward_lanes - 1 + kerb)
        case "right":
            _connect(root, leg.last_edge, onward.edge, kerb, kerb)
        case "through":
            for lane in range(lanes):
                _connect(root, leg.last_edge, onward.edge, lane + kerb, min(lane, onward_lanes - 1) + kerb)


def _kerb_lane(net: NetRecipe) -> int:
    """Index of the rightmost lane for vehicles: a sidewalk takes index 0."""
    return 1 if net.crossings else 0


def _connect(root: ET.Element, edge: str, onward: str, lane: int, onward_lane: int) -> None:
    lanes = {"fromLane": str(lane), "toLane": str(onward_lane)}
    ET.SubElement(root, "connection", {"from": edge, "to": onward, **lanes})


def _build_routes(recipe: ScenarioRecipe, net_file: Path, scratch: Path, routes_file: Path) -> None:
    """One shortest route per flow, and one walk per pedestrian flow."""
    legs = _legs(recipe.net)
    first = {leg.origin: leg.edge for leg in legs if leg.origin in recipe.net.rim}
    last = {leg.target: leg.last_edge for leg in legs if leg.target in recipe.net.rim}
    root = ET.Element("routes")
    for flow in recipe.demand.flows:
        ends = {"from": first[flow.origin], "to": last[flow.destination]}
        ET.SubElement(root, "trip", {"id": flow.name, "depart": "0", **ends})
    for walk in recipe.demand.walks:
        person = ET.SubElement(root, "person", id=walk.name, depart="0")
        ET.SubElement(person, "walk", {"from": first[walk.origin], "to": last[walk.destination]})
    write_xml(scratch / "trips.xml", root)
    net = readable_path(net_file.absolute(), scratch / "built.net.xml")
    options = "--route-files=trips.xml --output-file=found.xml --seed=1 --no-step-log --xml-validation=never"
    run_tool("duarouter", [f"--net-file={net}", *options.split(), "--routing-algorithm=dijkstra"], scratch)
    write_xml(routes_file, _route_table(scratch / "found.xml", recipe))


def _route_table(found_file: Path, recipe: ScenarioRecipe) -> ET.Element:
    found = ET.parse(found_file).getroot()
    table = ET.Element("routes")
    for kind, element, flows in (
        ("vehicle", "route", recipe.demand.flows),
        ("person", "walk", recipe.demand.walks),
    ):
        edges = {item.get("id"): item.find(element) for item in found.iter(kind)}
        for flow in flows:
            way = edges.get(flow.name)
            if way is None:
                raise ScenarioError(
                    f"flow {flow.origin} to {flow.destination}: no {element} in the net; check the streets"
                )
            ET.SubElement(table, element, id=flow.name, edges=way.get("edges", ""))
    return table
