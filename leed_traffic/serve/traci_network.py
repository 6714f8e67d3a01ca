"""Whether the network at a TraCI server is the bundle's."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from leed_traffic.domain.network import Intersection
from leed_traffic.errors import MismatchError
from leed_traffic.serve.place import LaneFacts, difference_at_device


def check_network(connection: Any, where: str, intersections: Sequence[Intersection], lanes: Collection[str]) -> None:  # noqa: ANN401
    """Signals, their links, lanes before the stop lines and lanes that are read, as in the bundle.

    Args:
        connection: to the server.
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
    lane = connection.lane
    for intersection in intersections:
        facts = {i.id: LaneFacts(length_m=lane.getLength(i.id), speed_mps=lane.getMaxSpeed(i.id)) for i in intersection.lanes}
        links = connection.trafficlight.getControlledLinks(intersection.id)
        if difference := difference_at_device(intersection, links, facts):
            raise MismatchError(
                f"{where}: signal {intersection.id}: {difference}; connect to the network of the bundle, or train and export "
                "it again"
            )


def some(names: Iterable[str]) -> str:
    """The first five of some names."""
    return ", ".join(sorted(names)[:5])
