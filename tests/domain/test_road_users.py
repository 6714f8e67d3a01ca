import pytest

from leed_traffic.domain.road_users import CARS, Weights, crossings_of
from tests.intersections import four_legs, t_junction


def test_by_itself_a_vehicle_counts_one_and_nobody_on_foot():
    assert (CARS.by_class, CARS.counts_persons) == ({}, False)


@pytest.mark.parametrize(
    "wrong", [{"classes": (("bus", 0.0),)}, {"classes": (("bus", 101.0),)}, {"persons": -1.0}]
)
def test_weights_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="need class weights over 0"):
        Weights(**wrong)


def test_crossings_come_by_link_and_persons_may_wait_on_any_of_their_ends():
    crossings = crossings_of([t_junction(), four_legs()])
    assert [own for _, own in crossings] == ["walk8", "walk9", "walk10", "walk11"]
    assert {areas for areas, _ in crossings} == {("walk10", "walk11", "walk8", "walk9")}
