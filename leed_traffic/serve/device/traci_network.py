"""Check that the network at a TraCI server is the bundle's."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from leed_traffic.domain.network import Intersection
from leed_traffic.errors import MismatchError
from leed_traffic.serve.device.same_street import LaneFacts, difference_at_device
from leed_traffic.serve.device.traci_batch import TraciBatch


def check_network(
    connection: Any,  # noqa: ANN401  # traci ships no types
    constants: Any,  # noqa: ANN401
    where: str,
    intersections: Sequence[Intersection],
    lanes: Collection[str],
) -> None:
    """Signals, their links, lanes before the stop lines and lanes that are read, as in the bundle.

    Args:
        connection: to the server.
        constants: of traci.
        where: it is, for messages.
        intersections: to control.
        lanes: that are read.

    Raises:
        MismatchError: it is another network.
    """
    signals = set(connection.trafficlight.getIDList())
    if missing := [i.id for i in intersections if i.id not in signals]:
        raise MismatchError(
            f"{where}: has no signal {missing[0]} (it has {some(signals)}); connect to the network of the bundle"
        )
    known = set(connection.lane.getIDList())
    stop_lines = [lane.id for i in intersections for lane in i.lanes]
    if gone := [lane for lane in [*lanes, *stop_lines] if lane not in known]:
        raise MismatchError(f"{where}: has no lane {gone[0]}, which the detectors read; is it another network?")
    batch = TraciBatch(connection)
    for name in stop_lines:
        batch.ask(connection.lane, constants.VAR_LENGTH, name)
        batch.ask(connection.lane, constants.VAR_MAXSPEED, name)
    for intersection in intersections:
        batch.ask(connection.trafficlight, constants.TL_CONTROLLED_LINKS, intersection.id)
    answers = batch.granted()
    lengths = answers[: 2 * len(stop_lines) : 2]
    speeds = answers[1 : 2 * len(stop_lines) : 2]
    facts = {
        name: LaneFacts(length_m=length_m, speed_mps=speed_mps)
        for name, length_m, speed_mps in zip(stop_lines, lengths, speeds, strict=True)
    }
    for intersection, links in zip(intersections, answers[2 * len(stop_lines) :], strict=True):
        if difference := difference_at_device(intersection, links, facts):
            raise MismatchError(
                f"{where}: signal {intersection.id}: {difference}; connect to the network of the bundle, "
                "or train and export it again"
            )


def some(names: Iterable[str]) -> str:
    """The first five of some names."""
    return ", ".join(sorted(names)[:5])
