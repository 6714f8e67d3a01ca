"""Differences between the street at a device and the one of a bundle."""

from dataclasses import replace

import pytest

from leed_traffic.domain.network import MovementKind
from leed_traffic.serve.device.same_street import LaneFacts, difference_at_device
from tests.serve.bundles import crossing

INTERSECTION, _ = crossing()
DRIVEN = next(m for m in INTERSECTION.movements if m.kind is MovementKind.VEHICLE)
LINKS = [
    [(m.from_lane, m.to_lane, "via") for m in INTERSECTION.movements if m.link == link]
    for link in range(INTERSECTION.n_links)
]


def lanes(**changes):
    """Facts as in the bundle, but for the lane of the first movement."""
    speeds = {m.from_lane: m.speed_mps for m in INTERSECTION.vehicle_movements}
    facts = {lane.id: LaneFacts(length_m=lane.length_m, speed_mps=speeds[lane.id]) for lane in INTERSECTION.lanes}
    return facts | {DRIVEN.from_lane: replace(facts[DRIVEN.from_lane], **changes)}


def junction(**changes):
    """The bundle's intersection with another first movement, from whose lane all movements are alike."""
    movements = [
        replace(m, speed_mps=13.9, **changes) if m.from_lane == DRIVEN.from_lane else m
        for m in INTERSECTION.movements
    ]
    return replace(INTERSECTION, movements=tuple(movements))


def test_the_same_street_differs_in_nothing():
    assert difference_at_device(junction(), LINKS, lanes(speed_mps=13.9)) is None


@pytest.mark.parametrize(("n_links", "is_another"), [(-1, True), (0, False), (1, True)])
def test_the_number_of_links_is_the_bundles(n_links, is_another):
    links = [*LINKS, [("a", "b", "c")]][: len(LINKS) + n_links]
    found = difference_at_device(junction(), links, lanes(speed_mps=13.9))
    said = f"has {len(links)} links, the bundle was made for {len(LINKS)}"
    assert found == (said if is_another else None)


def test_a_link_that_serves_another_lane_is_named():
    links = [[] if link == DRIVEN.link else ways for link, ways in enumerate(LINKS)]
    wanted = f"link {DRIVEN.link} serves nothing, in the bundle {DRIVEN.from_lane} to {DRIVEN.to_lane}"
    assert difference_at_device(junction(), links, lanes(speed_mps=13.9)) == wanted


@pytest.mark.parametrize(("off_m", "is_another"), [(0.4, False), (-0.4, False), (0.6, True), (-0.6, True)])
def test_a_length_may_be_off_by_half_a_metre(off_m, is_another):
    length_m = next(lane.length_m for lane in INTERSECTION.lanes if lane.id == DRIVEN.from_lane)
    found = difference_at_device(junction(), LINKS, lanes(speed_mps=13.9, length_m=length_m + off_m))
    assert (found is not None and "m long, in the bundle" in found) is is_another


@pytest.mark.parametrize(("speed_mps", "is_another"), [(13.9, False), (15.2, False), (15.3, True), (12.1, True)])
def test_a_speed_limit_matters_from_another_yellow_on(speed_mps, is_another):
    """Y = 1 + v / 6.1 s up to the next 0.5 s: 3.5 s from over 12.2 m/s to 15.25 m/s; all-reds of 1 s."""
    found = difference_at_device(junction(length_m=1.0), LINKS, lanes(speed_mps=speed_mps))
    assert (found is not None and "of yellow instead of 3.5" in found) is is_another
