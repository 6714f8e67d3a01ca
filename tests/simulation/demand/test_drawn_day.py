import gzip
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.artifacts.scenario import load_scenario, with_spread
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.demand.demand import write_demand
from leed_traffic.simulation.demand.drawn_day import GivenDay, draw_day

BEGIN_S, END_S = 25_200.0, 28_800.0
MANY = "".join(
    f'<vehicle id="v{k}" depart="{25_200 + k}"><route edges="a b{k % 40}"/></vehicle>' for k in range(3600)
)


def day_of(folder, text, **changes):
    path = folder / "given.rou.xml"
    path.write_text(f"<routes>{text}</routes>")
    return replace(GivenDay(route_files=(path,), begin_s=BEGIN_S, end_s=END_S, step_length_s=1.0), **changes)


def drawn(folder, text, *, spread=0.1, seed=1, **changes):
    return list(ET.fromstring(draw_day(day_of(folder, text, **changes), spread=spread, seed=seed)))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_day(tmp_path):
    day = day_of(tmp_path, MANY)
    assert draw_day(day, spread=0.1, seed=7) == draw_day(day, spread=0.1, seed=7)
    assert draw_day(day, spread=0.1, seed=7) != draw_day(day, spread=0.1, seed=8)


def test_the_day_is_sorted_within_the_hour_on_whole_steps_and_every_name_is_there_once(tmp_path):
    early = '<vehicle id="early" depart="100"><route edges="a b"/></vehicle>'
    late = '<vehicle id="late" depart="8:00:00"><route edges="a b"/></vehicle>'
    found = drawn(tmp_path, early + MANY + late, spread=0.5, step_length_s=0.5)
    times = [float(item.get("depart")) for item in found]
    assert times == sorted(times)
    assert times[0] >= BEGIN_S
    assert times[-1] < END_S
    assert all(time % 0.5 == 0.0 for time in times)
    names = [item.get("id") for item in found]
    assert len(set(names)) == len(names) > 2500
    assert not {"early", "late"} & set(names)


def test_the_mean_day_is_the_given_one_and_volumes_scatter_as_stated(tmp_path):
    day = day_of(tmp_path, MANY)
    totals, relations = [], []
    for seed in range(60):
        text = draw_day(day, spread=0.2, seed=seed).decode()
        totals.append(text.count("<vehicle"))
        relations.append(text.count('edges="a b0"'))
    assert np.mean(totals) == pytest.approx(3600, rel=0.05)
    # 40 relations, 4 quarters: sqrt(0.5 + 0.5 / 160) of 0.2; a chi-square interval of 60 draws is 20 % wide
    assert np.std(totals) / np.mean(totals) == pytest.approx(0.2 / np.sqrt(2), rel=0.3)
    # a relation: four quarters' own factors, and the rounding of 90 single vehicles
    assert 0.12 < np.std(relations) / np.mean(relations) < 0.3


def test_nobody_is_shifted_by_more_than_a_minute(tmp_path):
    given = {f"v{k}": 25_200 + k for k in range(3600)}
    for item in drawn(tmp_path, MANY):
        assert abs(float(item.get("depart")) - given[item.get("id").partition("+")[0]]) <= 61.0


def test_a_flow_becomes_single_vehicles_that_keep_its_attributes(tmp_path):
    route = '<route id="r" edges="a b"/>'
    flow = '<flow id="f" type="mix" route="r" begin="0" end="99999" vehsPerHour="600" departLane="best"/>'
    definition, *vehicles = drawn(tmp_path, route + flow)
    assert definition.tag == "route"
    assert 400 < len(vehicles) < 800
    assert {item.tag for item in vehicles} == {"vehicle"}
    first = {name: value for name, value in vehicles[0].attrib.items() if name not in ("id", "depart")}
    assert first == {"type": "mix", "route": "r", "departLane": "best"}
    assert vehicles[0].get("id") == "f.0"


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ('begin="25200" end="28800" number="300"', 300),
        ('begin="25200" number="300"', 300),
        ('begin="25200" number="300" period="6"', 300),
        ('begin="25200" end="28800" period="12"', 300),
        ('begin="25200" end="28800" period="exp(0.1)"', 360),
        ('begin="25200" end="28800" probability="0.1"', 360),
        ('begin="7:30:00" end="8:00:00" perHour="600"', 300),
        ('begin="7:00:00" end="9:00:00" number="600"', 300),
        ('begin="25200" end="25200" number="5"', 0),
    ],
)
def test_every_way_to_state_a_flow_gives_its_volume(tmp_path, figures, expected):
    counts = [len(drawn(tmp_path, f'<flow id="f" from="a" to="b" {figures}/>', seed=seed)) for seed in range(20)]
    assert np.mean(counts) == pytest.approx(expected, rel=0.1)


def test_a_trip_flow_gives_trips_and_a_flow_of_walkers_persons(tmp_path):
    text = '<flow id="f" begin="25200" end="28800" number="40" fromTaz="1" toTaz="2"/>'
    text += '<personFlow id="p" begin="25200" end="28800" personsPerHour="40"><walk edges="a b"/></personFlow>'
    assert {item.tag for item in drawn(tmp_path, text)} == {"trip", "person"}


def test_what_keeps_a_timetable_or_carries_somebody_comes_as_given(tmp_path):
    kept = [
        '<vehicle id="bus" line="7" depart="25300"><route edges="a b"/></vehicle>',
        '<vehicle id="stops" depart="25310"><route edges="a b"/><stop lane="a_0" duration="20"/></vehicle>',
        '<vehicle id="lift" depart="25320"><route edges="a b"/></vehicle>',
        '<person id="rider" depart="25330"><walk edges="a"/><ride from="a" to="b" lines="lift taxi.3"/></person>',
        '<flow id="taxi" begin="25340" end="25900" period="60" from="a" to="b"/>',
    ]
    waits = '<vehicle id="waits" depart="triggered"><route edges="a b"/></vehicle>'
    for seed in range(5):
        found = drawn(tmp_path, waits + "".join(kept), spread=0.5, seed=seed)
        assert [(item.get("id"), item.get("depart", item.get("begin"))) for item in found] == [
            ("waits", "triggered"),
            ("bus", "25300"),
            ("stops", "25310"),
            ("lift", "25320"),
            ("rider", "25330"),
            ("taxi", "25340"),
        ]


def test_packed_files_and_files_that_include_others_are_read(tmp_path):
    (tmp_path / "types.xml").write_text('<routes><vType id="car"/></routes>')
    packed = tmp_path / "b.rou.xml.gz"
    packed.write_bytes(gzip.compress(f"<routes>{MANY}</routes>".encode()))
    day = day_of(tmp_path, '<include href="types.xml"/>')
    items = list(ET.fromstring(draw_day(replace(day, route_files=(*day.route_files, packed)), spread=0.1, seed=1)))
    assert items[0].tag == "vType"
    assert len(items) > 3000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '<flow id="f" begin="25200" end="noon" number="4"/>',
            r"given\.rou\.xml: flow f: begins .* and ends at 'noon'",
        ),
        ('<flow id="f" begin="25200" end="26000" number="four"/>', r"given\.rou\.xml: flow f: could not convert"),
        ("<vehicle", r"given\.rou\.xml: not readable as XML"),
    ],
)
def test_a_broken_route_file_is_named(tmp_path, text, message):
    with pytest.raises(ScenarioError, match=message):
        drawn(tmp_path, text)


def test_without_a_spread_the_day_is_the_given_one(tmp_path):
    (tmp_path / "town.net.xml").write_text("<net/>")
    (tmp_path / "town.rou.xml").write_text(f"<routes>{MANY}</routes>")
    config = tmp_path / "town.sumocfg"
    config.write_text(
        '<configuration><n value="town.net.xml"/><r value="town.rou.xml"/><e value="90"/></configuration>'
    )
    scenario = load_scenario(str(config))
    assert write_demand(scenario, 5, tmp_path / "out") == scenario.route_files
    assert write_demand(with_spread(scenario, 0.0), 5, tmp_path / "out") == scenario.route_files
    [written] = write_demand(with_spread(scenario, 0.1), 5, tmp_path / "out")
    assert written.parent == tmp_path / "out"
