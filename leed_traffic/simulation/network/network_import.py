"""A SUMO net read into intersections: the one file that knows sumolib.

Every signal that can be controlled becomes an `Intersection`; the others are left alone, each with its reason.
"""

import math
import xml.sax
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

import sumolib.net
from sumolib.net import Net
from sumolib.net.connection import Connection
from sumolib.net.lane import Lane as NetLane
from sumolib.net.node import Node

from leed_traffic.domain.network import (
    MAX_REACH_M,
    Intersection,
    Lane,
    Movement,
    MovementKind,
    Network,
    Span,
)
from leed_traffic.domain.safety.timing import WALKING_SPEED_MPS
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.network.never_green import never_green_notes
from leed_traffic.simulation.network.road_graph import RoadGraph, RoadLane, RoadLink
from leed_traffic.simulation.network.signal_programs import Program, read_programs
from leed_traffic.simulation.network.stages import Pair, choose_stages

_TURNING_BACK = ("t", "T")
_RAIL = {"rail_signal": "a rail signal", "rail_crossing": "a rail crossing"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _LeftAlone:
    reason: str


def import_network(net_file: Path, additional_files: Sequence[Path] = (), *, begin_s: float = 0.0) -> Network:
    """Read a net's controllable signals.

    Args:
        net_file: a `.net.xml`, plain or gzipped.
        additional_files: may hold further programs of its signals.
        begin_s: when the scenario begins; it decides which program of a weekly plan is in force.

    Raises:
        ScenarioError: a file is missing or broken, or no signal can be controlled.
    """
    net = _read_net(net_file)
    programs = read_programs([net_file, *additional_files], begin_s)
    try:
        signals = _connections_by_signal(net)
        graph = _graph(net)
        requests = {node.getID(): _request_indices(net, node) for node in net.getNodes() if node.hasFoes()}
        results = {
            signal: _intersection(signal, links, programs.get(signal), net, graph, requests)
            for signal, links in sorted(signals.items())
        }
    except (KeyError, IndexError, AttributeError, ValueError, TypeError) as err:
        raise ScenarioError(f"{net_file}: not a usable SUMO net ({type(err).__name__}: {err})") from err
    for signal in sorted(set(programs) - set(signals)):
        results[signal] = (_LeftAlone(reason="guards no connection"), ())
    return _network(net_file, results)


def _network(net_file: Path, results: Mapping[str, tuple[Intersection | _LeftAlone, tuple[str, ...]]]) -> Network:
    found = [result for result, _ in results.values() if isinstance(result, Intersection)]
    left_alone = tuple(
        (name, result.reason) for name, (result, _) in results.items() if isinstance(result, _LeftAlone)
    )
    if not found:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_alone[:3]) or "the net has none"
        more = f" and {len(left_alone) - 3} more" if len(left_alone) > 3 else ""
        raise ScenarioError(f"{net_file}: no signal to control; {len(left_alone)} left alone ({reasons}{more})")
    ids = {i.id for i in found}
    return Network(
        intersections=tuple(
            replace(i, neighbours=tuple(neighbour for neighbour in i.neighbours if neighbour.id in ids))
            for i in found
        ),
        left_alone=left_alone,
        notes=tuple((name, note) for name, (_, notes) in results.items() for note in notes),
    )


def _read_net(net_file: Path) -> Net:
    if not net_file.is_file():
        raise ScenarioError(f"{net_file}: no such file; give a SUMO net")
    try:
        return sumolib.net.readNet(
            str(net_file), withInternal=True, withPedestrianConnections=True, lxml=False, maxcache=0
        )
    except OSError as err:
        raise ScenarioError(f"{net_file}: cannot be read ({err.strerror or err})") from err
    except (xml.sax.SAXException, EOFError, KeyError, IndexError, AttributeError, ValueError, TypeError) as err:
        raise ScenarioError(f"{net_file}: not a SUMO net that can be read ({type(err).__name__}: {err})") from err


def _connections_by_signal(net: Net) -> dict[str, list[Connection]]:
    signals: dict[str, list[Connection]] = {}
    for edge in net.getEdges():
        for lane in edge.getLanes():
            for connection in lane.getOutgoing():
                if connection.getTLSID() and connection.getTLLinkIndex() >= 0:
                    signals.setdefault(connection.getTLSID(), []).append(connection)
    return signals


def _graph(net: Net) -> RoadGraph:
    """The net without junction interiors, crossings and pavements."""
    roads = [
        lane for edge in net.getEdges(withInternal=False) for lane in edge.getLanes() if _carries_vehicles(lane)
    ]
    names = {lane.getID() for lane in roads}
    ways = [c for lane in roads for c in _ways_on(lane) if c.getToLane().getID() in names]
    return RoadGraph(
        [
            RoadLane(id=x.getID(), edge=x.getEdge().getID(), length_m=x.getLength(), speed_mps=x.getSpeed())
            for x in roads
        ],
        [
            RoadLink(from_lane=c.getFromLane().getID(), to_lane=c.getToLane().getID(), signal=c.getTLSID() or None)
            for c in ways
        ],
    )


def _carries_vehicles(lane: NetLane) -> bool:
    return bool(set(lane.getPermissions()) - {"pedestrian"})


def _ways_on(lane: NetLane) -> list[Connection]:
    """Lanes into which a lane leads: without turning back, unless nothing else is left."""
    ways = list(lane.getOutgoing())
    return [c for c in ways if c.getDirection() not in _TURNING_BACK] or ways


def _request_indices(net: Net, node: Node) -> dict[Connection, int]:
    """Each connection's row in its junction's right-of-way matrix: by incoming lane, ways onto walking areas left out."""
    indices: dict[Connection, int] = {}
    for lane_id in filter(None, node._incLanes):
        for connection in net.getLane(lane_id).getOutgoing():
            source = connection.getFrom().getFunction()
            target = connection.getTo().getFunction()
            if target != "walkingarea" and not (source == "walkingarea" and target != "crossing"):
                indices[connection] = len(indices)
    return indices


def _intersection(
    signal: str,
    connections: Sequence[Connection],
    program: Program | None,
    net: Net,
    graph: RoadGraph,
    requests: Mapping[str, Mapping[Connection, int]],
) -> tuple[Intersection | _LeftAlone, tuple[str, ...]]:
    """One signal, or why it is left alone; and a sentence on each of its phases that is not shown as it stands."""
    if rail := [_RAIL[c.getJunction().getType()] for c in connections if c.getJunction().getType() in _RAIL]:
        return _LeftAlone(reason=rail[0]), ()
    if program is None or not program.phases:
        return _LeftAlone(reason="has no program with phases"), ()
    if reason := _misfit(connections, program):
        return _LeftAlone(reason=reason), ()
    movements = _movements(connections, net, graph)
    foes, gives_way = _foes(connections, requests)
    crossings = frozenset(m.link for m in movements if m.kind is MovementKind.PEDESTRIAN)
    ways = [m for m in movements if m.kind is MovementKind.VEHICLE]
    if unseen := _crossings_with_unseen_vehicles(connections, crossings - {m.link for m in ways}):
        return _LeftAlone(
            reason=f"link {min(unseen)} serves a crossing and vehicles that wait inside the junction"
        ), ()
    turns = frozenset(m.link for m in ways) - {m.link for m in ways if m.direction == "s"}
    choice = choose_stages(program.phases, foes, gives_way, crossings - {m.link for m in ways}, turns)
    unserved = never_green_notes(
        movements, [p.state for p in program.phases], [stage.state for stage in choice.stages]
    )
    notes = (*filter(None, [program.note]), *choice.notes, *unserved)
    if len(choice.stages) < 2:
        return _LeftAlone(
            reason="has only one stage" if choice.stages else "has no stage: nothing in its program is green"
        ), notes
    lanes = tuple(
        _lane(graph, name) for name in sorted({m.from_lane for m in movements if m.kind is MovementKind.VEHICLE})
    )
    approaches = dict.fromkeys(lane.approach for lane in lanes)
    intersection = Intersection(
        id=signal,
        lanes=lanes,
        movements=movements,
        stages=choice.stages,
        foes=foes,
        neighbours=tuple(neighbour for approach in approaches for neighbour in graph.feeders(signal, approach)),
        own_program=program.phases,
        own_program_id=program.id,
        own_program_type=program.type,
        own_offset_s=program.offset_s,
    )
    return intersection, notes


def _crossings_with_unseen_vehicles(connections: Sequence[Connection], crossings: Set[int]) -> set[int]:
    """Links that look like a crossing's alone and are the second signal of a way through the junction: no movement says so."""
    inside = {c.getTLLinkIndex() for c in connections if c.getFrom().getFunction() == "internal"}
    return inside & crossings


def _misfit(connections: Sequence[Connection], program: Program) -> str | None:
    """Reason why a program cannot be this signal's."""
    n_links = 1 + max(max(c.getTLLinkIndex(), c.getTLLinkIndex2()) for c in connections)
    lengths = {len(phase.state) for phase in program.phases}
    if len(lengths) > 1 or min(lengths) < n_links:
        return f"its program has states of {sorted(lengths)} letters for {n_links} links"
    return None


def _movements(connections: Sequence[Connection], net: Net, graph: RoadGraph) -> tuple[Movement, ...]:
    """The ways that vehicles and pedestrians take, by link; those that nobody of ours can take are left out."""
    movements = []
    for connection in connections:
        source = connection.getFromLane()
        target = connection.getToLane()
        if "crossing" in (source.getEdge().getFunction(), target.getEdge().getFunction()):
            movements.append(_crossing(connection))
        elif source.getID() in graph.lanes and target.getID() in graph.lanes:
            movements.append(_way(connection, net, graph))
    return tuple(sorted(movements, key=lambda m: (m.link, m.from_lane, m.to_lane)))


def _crossing(connection: Connection) -> Movement:
    """Link from where people wait onto the crossing; a signal on the way off it is the one for those who come the other way."""
    waiting = connection.getFromLane()
    crossing = connection.getToLane()
    if _leaves_crossing(connection):
        waiting, crossing = crossing, waiting
    return Movement(
        link=connection.getTLLinkIndex(),
        kind=MovementKind.PEDESTRIAN,
        from_lane=waiting.getID(),
        to_lane=crossing.getID(),
        direction="c",
        speed_mps=WALKING_SPEED_MPS,
        length_m=crossing.getLength(),
        exit_span=None,
    )


def _leaves_crossing(connection: Connection) -> bool:
    return bool(connection.getFrom().getFunction() == "crossing")


def _way(connection: Connection, net: Net, graph: RoadGraph) -> Movement:
    source = graph.lanes[connection.getFromLane().getID()]
    target = graph.lanes[connection.getToLane().getID()]
    return Movement(
        link=connection.getTLLinkIndex(),
        kind=MovementKind.VEHICLE,
        from_lane=source.id,
        to_lane=target.id,
        direction=connection.getDirection(),
        speed_mps=source.speed_mps,
        length_m=_path_m(connection, net),
        exit_span=Span(lane=target.id, from_m=0.0, to_m=min(target.length_m, MAX_REACH_M), distance_m=0.0),
    )


def _path_m(connection: Connection, net: Net) -> float:
    """Length of the way through the junction; as the crow flies in a net without junction interiors."""
    length_m = 0.0
    via = connection.getViaLaneID()
    passed = set[str]()
    while via and via not in passed:
        passed.add(via)
        lane = net.getLane(via)
        length_m += lane.getLength()
        onward = lane.getOutgoing()
        via = onward[0].getViaLaneID() if onward else ""
    if length_m > 0.0:
        return length_m
    (x1, y1), (x2, y2) = connection.getFromLane().getShape()[-1], connection.getToLane().getShape()[0]
    return math.hypot(x2 - x1, y2 - y1)


def _lane(graph: RoadGraph, name: str) -> Lane:
    road = graph.lanes[name]
    return Lane(
        id=name, approach=road.edge, length_m=road.length_m, speed_mps=road.speed_mps, spans=graph.spans(name)
    )


def _foes(
    connections: Sequence[Connection], requests: Mapping[str, Mapping[Connection, int]]
) -> tuple[tuple[Pair, ...], frozenset[Pair]]:
    """Link pairs (a < b) whose paths cross or merge, and ordered pairs (a, b) of which a has to give way to b.

    Only connections of one junction can be foes; a signal may guard several junctions.
    """
    by_node: dict[str, list[tuple[int, int]]] = {}
    nodes = {}
    for connection in connections:
        node = connection.getJunction()
        row = _row(connection, requests.get(node.getID(), {}))
        if row is not None and row in node._foes:
            nodes[node.getID()] = node
            by_node.setdefault(node.getID(), []).append((connection.getTLLinkIndex(), row))
    foes = set[Pair]()
    gives_way = set[Pair]()
    for name, members in by_node.items():
        foe_bits = nodes[name]._foes
        response_bits = nodes[name]._prohibits
        for a, row in members:
            for b, other in members:
                if a != b and _bit(foe_bits[row], other):
                    foes.add((min(a, b), max(a, b)))
                if a != b and _bit(response_bits[row], other):
                    gives_way.add((a, b))
    return tuple(sorted(foes)), frozenset(gives_way)


def _row(connection: Connection, rows: Mapping[Connection, int]) -> int | None:
    """Row of the right-of-way matrix; the way off a crossing has none of its own: it is the same crossing's."""
    if _leaves_crossing(connection):
        return next((row for other, row in rows.items() if other.getTo() is connection.getFrom()), None)
    return rows.get(connection)


def _bit(bits: str, index: int) -> bool:
    """The matrix's rows are written with index 0 at the right."""
    return index < len(bits) and bits[-1 - index] == "1"
