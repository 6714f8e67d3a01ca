from dataclasses import replace
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.artifacts.site import check_interval, derive_site, load_site, read_site_file, write_site_file
from leed_traffic.domain.network import MovementKind, Network
from leed_traffic.domain.priority import PriorityRule
from leed_traffic.domain.road_users import CARS, Weights
from leed_traffic.errors import SiteError
from tests.artifacts.site_files import NETWORK, refusal
from tests.intersections import four_legs, shared_link, star, with_limits


def scenario(site_file=None):
    return Scenario(
        name="hand", net_file=Path("net.xml"), route_files=(), additional_files=(), begin_s=0.0, end_s=100.0,
        step_length_s=1.0, site_file=site_file, demand=None, options=(),
    )  # fmt: skip


def test_without_a_file_limits_are_derived():
    assert load_site(None, scenario(), NETWORK).name == "derived"


def test_the_scenario_s_own_file_comes_before_the_derived_limits(written):
    path, change = written
    change("max_red_s = 180.0", "max_red_s = 200.0")
    site = load_site(None, scenario(path), NETWORK)
    assert (site.name, site.timings[0].max_red_s) == ("site.toml", 200.0)
    assert site.digest != derive_site(NETWORK).digest


def test_a_named_file_comes_before_the_scenario_s_own(written, tmp_path):
    path, _ = written
    assert load_site(str(path), scenario(tmp_path / "other.toml"), NETWORK).name == "site.toml"
    assert load_site("derived", scenario(path), NETWORK).name == "derived"


def test_as_net_takes_the_net_s_own_clearances_and_is_exempt_from_the_floors():
    site = load_site("as-net", scenario(), NETWORK)
    assert site.name == "as-net"
    assert site.timings[0].min_green_s == (5.0,) * 4  # less than a walk
    assert site.timings[0].clearances.yellow_s[0][1] == 3.0


def test_limits_come_in_the_order_of_the_network_whatever_the_file_s(written):
    path, _ = written
    write_site_file(path, Network(intersections=NETWORK.intersections[::-1]), derive_site(NETWORK).timings[::-1])
    assert [timing.intersection for timing in read_site_file(path, NETWORK).timings] == ["X", "T"]


def changed(timing, name, i, j, value):
    rows = [list(row) for row in timing.limits()[name]]
    rows[i][j] = value
    return with_limits(timing, **{name: tuple(tuple(row) for row in rows)})


@pytest.mark.parametrize(("lead_s", "is_refused"), [(4.9, True), (5.0, False), (5.1, False)])
def test_a_pedestrian_clearance_is_complete_to_the_tenth(tmp_path, lead_s, is_refused):
    path, timings = tmp_path / "site.toml", list(derive_site(NETWORK).timings)
    timings[0] = changed(timings[0], "pedestrian_clearance_s", 2, 0, lead_s)
    write_site_file(path, NETWORK, timings)
    if is_refused:
        assert "the crossing of link 8 (12.8 m) needs 12.0 s" in refusal(path)
    else:
        assert read_site_file(path, NETWORK).timings[0].clearance_s(2, 0) == 7.0 + lead_s


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"max_green_s": (11.9, 30.0, 60.0, 30.0), "fallback_green_s": (7.0, 9.0, 9.0, 9.0)},
         "decision interval = 12.0 s, got 11.9"),
        ({"fallback_green_s": (20.0, 4.9, 20.0, 9.0), "min_green_s": (7.0, 4.0, 7.0, 5.0)}, "at least the decision interval"),
    ],
)  # fmt: skip
def test_limits_without_room_for_a_decision_are_refused(tmp_path, changes, complaint):
    path, timings = tmp_path / "site.toml", list(derive_site(NETWORK).timings)
    timings[0] = replace(timings[0], **changes)
    write_site_file(path, NETWORK, timings)
    assert complaint in refusal(path)


def test_a_longer_decision_interval_needs_a_longer_maximum_red():
    timing = derive_site(Network(intersections=(star(8),))).timings[0]
    check_interval(timing, 5.0, where="derived")
    with pytest.raises(SiteError, match="one round of all stages with decisions every 20"):
        check_interval(replace(timing, fallback_green_s=(20.0,) * 8), 20.0, where="derived")


def test_a_crossing_too_long_for_any_limit_is_refused():
    junction = four_legs()
    movements = tuple(
        replace(m, length_m=90.0) if m.kind is MovementKind.PEDESTRIAN else m for m in junction.movements
    )
    with pytest.raises(SiteError, match="pedestrian_clearance_s needs 4 values"):
        derive_site(Network(intersections=(replace(junction, movements=movements),)))


PRIORITY = '[[priority]]\nclasses = ["bus"]\nreach_m = 100.0\nmax_extension_s = 10.0\nkeep_green_s = 8.0\nlockout_s = 60.0\n'


def test_priorities_are_read_from_the_file_and_leave_the_digest_of_the_limits_alone(tmp_path):
    path = tmp_path / "site.toml"
    write_site_file(path, NETWORK, derive_site(NETWORK).timings)
    bare = read_site_file(path, NETWORK)
    path.write_text(PRIORITY + path.read_text())
    favoured = read_site_file(path, NETWORK)
    assert favoured.priority == (
        PriorityRule(classes=("bus",), reach_m=100.0, max_extension_s=10.0, keep_green_s=8.0, lockout_s=60.0),
    )
    assert (bare.priority, bare.digest) == ((), favoured.digest)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("reach_m = 500.0", "priority: need 0 < reach_m"),
        ("reach = 1", "priority"),
        ("classes = []", "at least one vehicle class"),
    ],
)
def test_an_impossible_priority_is_refused_in_one_line(tmp_path, line, message):
    path = tmp_path / "site.toml"
    write_site_file(path, NETWORK, derive_site(NETWORK).timings)
    kept = [row for row in PRIORITY.splitlines() if row.split(" =")[0] != line.split(" =")[0]]
    path.write_text("\n".join([*kept, line, path.read_text()]))
    with pytest.raises(SiteError, match=message):
        read_site_file(path, NETWORK)


def test_weights_are_read_from_the_file_and_leave_the_digest_of_the_limits_alone(tmp_path):
    path = tmp_path / "site.toml"
    write_site_file(path, NETWORK, derive_site(NETWORK).timings)
    bare = read_site_file(path, NETWORK)
    path.write_text("[weights]\nclasses = { bus = 10.0, bicycle = 0.5 }\npersons = 1.5\n" + path.read_text())
    weighted = read_site_file(path, NETWORK)
    assert weighted.weights == Weights(classes=(("bicycle", 0.5), ("bus", 10.0)), persons=1.5)
    assert (bare.weights, bare.digest) == (CARS, weighted.digest)
    path.write_text("[weights]\npersons = -1.0\n" + path.read_text().split("\n", 3)[3])
    with pytest.raises(SiteError, match="weights: need class weights"):
        read_site_file(path, NETWORK)


SHARED = Network(intersections=(shared_link(),))


def test_a_link_of_cars_and_walkers_needs_the_red_to_cross_and_the_yellow_of_cars(tmp_path):
    path, derived = tmp_path / "site.toml", derive_site(SHARED).timings[0]
    for name, value, complaint in (
        (
            "all_red_s",
            11.9,
            "link 0 serves vehicles and a crossing (12.8 m), which walkers may enter until its yellow ends",
        ),
        ("yellow_s", 2.9, "yellow_s from stage 0 to 1: vehicles lose their green"),
    ):
        write_site_file(path, SHARED, [changed(derived, name, 0, 1, value)])
        assert complaint in refusal(path, SHARED)
    write_site_file(path, SHARED, [derived])
    assert read_site_file(path, SHARED).timings == (derived,)


def test_one_number_gives_a_link_of_cars_and_walkers_a_yellow_and_no_lead(tmp_path):
    path = tmp_path / "site.toml"
    shared = """
[defaults]
min_green_s = 8
max_green_s = 40
fallback_green_s = 12
yellow_s = 4
all_red_s = 13
pedestrian_clearance_s = 3

[[intersection]]
id = "H"
stages = ["GrG", "rGr"]
intergreen = [[0, 1, 18], [2, 1, 23]]
"""
    path.write_text(shared)
    timing = read_site_file(path, SHARED).timings[0]
    assert (timing.clearances.yellow_s[0][1], timing.clearances.pedestrian_clearance_s[0][1]) == (
        4.0,
        3.0,
    )  # the lead is link 2's
    assert (
        timing.clearances.all_red_s[0][1] == 16.0
    )  # 23 s from link 2's red, 18 s from the begin of link 0's yellow
    path.write_text(shared.replace(", [2, 1, 23]", ""))
    assert read_site_file(path, SHARED).timings[0].clearances.all_red_s[0][1] == 14.0
