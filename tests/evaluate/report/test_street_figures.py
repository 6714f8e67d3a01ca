import pytest

from leed_traffic.evaluate.records.corridor import Corridor, Stop
from leed_traffic.evaluate.records.recording import Recording
from leed_traffic.evaluate.records.street_map import MapStreet, StreetMap
from leed_traffic.evaluate.report.street_figures import compass_names, draw_corridor, draw_map, places_of
from tests.intersections import four_legs


def street(*shape):
    return MapStreet(shape=shape, length_m=10.0, n_lanes=1)


def test_a_place_is_the_middle_of_the_stop_lines_that_are_drawn():
    junction = four_legs()
    first, second = sorted({lane.approach for lane in junction.lanes})[:2]
    streets = {first: street((0.0, 0.0), (10.0, 0.0)), second: street((0.0, 0.0), (0.0, 20.0))}
    assert places_of([junction], StreetMap(streets=streets, ahead={})) == {"X": (5.0, 10.0)}
    assert places_of([junction], StreetMap(streets={}, ahead={})) == {}


def test_an_edge_without_traffic_has_no_colour():
    street_map = StreetMap(streets={"a": street((0.0, 0.0), (9.0, 0.0))}, ahead={})
    used, unused, elsewhere = (
        draw_map(street_map, {"fixed": Recording(edges=edges)}, {}, {"fixed": {}})
        for edges in ({"a": (10, 50.0)}, {"a": (0, 0.0)}, {"b": (10, 50.0)})
    )
    assert used.count("<path") > unused.count("<path") == elsewhere.count("<path")


@pytest.mark.parametrize(
    ("letter", "colour"), [("G", "#009e73"), ("g", "#009e73"), ("y", "#e6a700"), ("r", "#d1495b")]
)
def test_a_stop_line_has_the_colour_of_its_signal_within_the_window(letter, colour):
    corridor = Corridor(
        edges=("a",), begins_m=(0.0,), stops=(Stop(intersection="X", at_m=50.0, links=(1,)),), length_m=100.0
    )
    recording = Recording(states={"X": ((0.0, 60.0, "r" + letter), (60.0, 120.0, "rr"))})
    inside = draw_corridor(corridor, {"fixed": recording}, (0.0, 60.0))
    outside = draw_corridor(corridor, {"fixed": recording}, (60.0, 120.0))
    if letter == "r":
        assert inside.count(colour) == outside.count(colour)
    else:
        assert inside.count(colour) > outside.count(colour)


def test_approaches_are_named_by_where_they_come_from():
    streets = {
        "a": street((0.0, 10.0), (0.0, 0.0)),
        "b": street((-10.0, 0.0), (0.0, 0.0)),
        "c": street((9.0, -9.0), (0.0, 0.0)),
        "d": street((0.0, 20.0), (0.0, 0.0)),
    }
    names = compass_names(["a", "b", "c", "unknown"], StreetMap(streets=streets, ahead={}))
    assert names == {"a": "from N", "b": "from W", "c": "from SE", "unknown": "unknown"}
    assert compass_names(["a", "d"], StreetMap(streets=streets, ahead={})) == {
        "a": "from N (a)",
        "d": "from N (d)",
    }
