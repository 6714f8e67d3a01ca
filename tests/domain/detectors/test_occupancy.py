from leed_traffic.domain.detectors.occupancy import inner_lanes, lanes_of_red

BEHIND = {":a": ":b", ":b": "", ":c": ":c"}
LINKS = [
    [("in_0", "out_0", ":a")],
    [("in_1", "out_0", ":c"), ("in_1", "out_1", ":b")],
    [],
    [("in_2", "out_1", "")],
]


def test_the_way_of_a_link_goes_on_behind_a_lane_in_which_vehicles_wait():
    assert inner_lanes(LINKS, BEHIND.__getitem__) == ((":a", ":b"), (":c", ":b"), (), ())


def test_only_lanes_of_links_that_are_red_are_looked_at_and_each_once():
    inner = inner_lanes(LINKS, BEHIND.__getitem__)
    assert lanes_of_red("rrrr", inner) == (":a", ":b", ":c")
    assert lanes_of_red("Grrr", inner) == (":c", ":b")
    assert lanes_of_red("rgyG", inner) == (":a", ":b")
    assert lanes_of_red("GgGG", inner) == ()
    assert lanes_of_red("GrGGrr", inner) == (":c", ":b"), "letters to spare belong to no link"
