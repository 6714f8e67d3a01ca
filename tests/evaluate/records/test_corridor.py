from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.evaluate.records.corridor import MAX_STOPS, Corridor, Stop, find_corridor
from leed_traffic.evaluate.records.street_map import read_street_map
from leed_traffic.simulation.network.network_import import import_network


def corridor_of(name: str) -> Corridor | None:
    scenario = load_scenario(name)
    return find_corridor(read_street_map(scenario.net_file), import_network(scenario.net_file).intersections)


def test_a_road_is_followed_through_all_its_signals():
    found = corridor_of("arterial5")
    assert found is not None
    names = [stop.intersection for stop in found.stops]
    assert names in (["J1", "J2", "J3", "J4", "J5"], ["J5", "J4", "J3", "J2", "J1"])
    assert found.begins_m[0] == 0.0
    assert list(found.begins_m) == sorted(found.begins_m)
    assert {stop.at_m for stop in found.stops} <= set(found.begins_m)
    assert found.length_m > found.begins_m[-1]
    assert all(stop.links for stop in found.stops)


def test_in_a_grid_it_is_one_of_the_straight_streets():
    found = corridor_of("grid4x4")
    assert found is not None
    assert len({stop.intersection for stop in found.stops}) == 4 <= MAX_STOPS


def test_a_single_signal_has_none():
    assert corridor_of("crossing") is None


def test_the_same_net_gives_the_same_corridor():
    assert corridor_of("arterial5") == corridor_of("arterial5")
    assert isinstance(corridor_of("arterial5").stops[0], Stop)
