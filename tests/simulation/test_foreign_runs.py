"""Configurations of other people, run: SUMO's own count is the one that is told, and nothing is written."""

import os
import subprocess
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.simulation.demand.trips import trips_of_day
from leed_traffic.simulation.network.streets import read_streets
from leed_traffic.simulation.scenario.departures import find_never_departing
from leed_traffic.simulation.score.trip_records import read_demand, read_trips
from leed_traffic.simulation.sumo.engine import Engine
from leed_traffic.simulation.sumo.options import TRIPS_NAME

sumo = pytest.importorskip("sumo", reason="SUMO is not installed")
pytestmark = pytest.mark.sumo

NET = load_scenario("crossing").net_file
HOUR = '<begin value="0"/><end value="120"/>'
WAY = 'from="N_C" to="C_S"'


def configure(folder, routes, *, options="", additional=None, net=None):
    (folder / "n.net.xml").write_text(net or NET.read_text())
    (folder / "r.rou.xml").write_text(f"<routes>{routes}</routes>")
    named = ""
    if additional is not None:
        (folder / "a.add.xml").write_bytes(additional)
        named = '<additional-files value="a.add.xml"/>'
    (folder / "x.sumocfg").write_text(
        f'<configuration><net-file value="n.net.xml"/><route-files value="r.rou.xml"/>{named}{HOUR}{options}</configuration>'
    )
    return folder / "x.sumocfg"


def run(config, record):
    """The vehicles of a run, as they are scored."""
    scenario, engine = load_scenario(str(config)), Engine()
    engine.start(scenario, seed=1, route_files=scenario.route_files, record=record)
    engine.advance(scenario.end_s)
    engine.close()
    demand = read_demand(scenario.route_files, scenario.additional_files, begin_s=scenario.begin_s)
    return read_trips(record / TRIPS_NAME, scenario, demand)[0]


def sumo_inserts(config):
    """How many vehicles SUMO itself loads and inserts from the configuration."""
    program = Path(sumo.SUMO_HOME) / "bin" / "sumo"
    said = subprocess.run(
        [str(program), "-c", str(config), "--no-step-log", "--duration-log.statistics", "--max-depart-delay=-1"],
        capture_output=True, text=True, check=True, env={**os.environ, "SUMO_HOME": str(sumo.SUMO_HOME)},
    ).stdout  # fmt: skip
    return int(next(line for line in said.splitlines() if "Inserted:" in line).split("Inserted:")[1].split()[0])


def each(n, **attributes):
    words = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    return "".join(
        f'<trip id="{attributes.get("type", "v")}{k}" depart="{5 * k}" {words} {WAY}/>' for k in range(n)
    )


TYPES = (
    '<vType id="half" scale="0.5"/><vType id="none" scale="0"/><vType id="two" scale="2"/>'
    '<vTypeDistribution id="mix"><vType id="m0" scale="0" probability="0.5"/><vType id="m1" probability="0.5"/>'
    "</vTypeDistribution>"
)
DEMANDS = {
    "half of them": TYPES + each(12, type="half"),
    "none": TYPES + each(3) + each(3, type="none").replace('depart="', 'depart="2'),
    "twice as many": TYPES + each(6, type="two"),
    "a distribution": TYPES + each(12, type="mix"),
    "a scaled flow": f'{TYPES}<flow id="f" type="half" begin="0" end="60" number="12" {WAY}/>',
    "unsorted": each(10) + each(4, type="two").replace("two", "DEFAULT_VEHTYPE"),
    "at the begin": f'<trip id="b" depart="begin" {WAY}/>' + each(3) + f'<trip id="c" depart="0:00:50" {WAY}/>',
}


@pytest.mark.parametrize("name", DEMANDS)
def test_whom_sumo_inserts_is_scheduled_and_nobody_else(tmp_path, name):
    config = configure(tmp_path, DEMANDS[name])
    vehicles = run(config, tmp_path / "record")
    assert len(vehicles) == sumo_inserts(config) == sum(vehicle.has_departed for vehicle in vehicles)


def test_turns_are_counted_as_sumo_scales_them(tmp_path):
    scenario = load_scenario(str(configure(tmp_path, DEMANDS["half of them"], options='<scale value="3"/>')))
    trips = trips_of_day(scenario, read_streets(scenario.net_file), seed=1)
    assert sum(trip.vehicles for trip in trips) == pytest.approx(18.0)


def test_check_says_who_is_out_of_order(tmp_path):
    scenario = load_scenario(str(configure(tmp_path, DEMANDS["unsorted"])))
    [found] = find_never_departing(scenario)
    assert found.reason.startswith(
        "the route file is not sorted by departure, and SUMO ignores whoever it names late"
    )
    assert found.vehicles == 4


SSM = '<vType id="s"><param key="has.ssm.device" value="true"/></vType>' + each(2, type="s")
EDGES = '<additional><edgeData id="e" freq="10" file="owned.xml"/></additional>'
WRITERS = {
    "an ssm device": {"routes": SSM},
    "an ssm device by option": {"routes": each(2), "options": '<device.ssm.probability value="1"/>'},
    "an additional file in UTF-16": {"routes": each(2), "additional": EDGES.encode("utf-16")},
    "a net with outputs": {"routes": each(2), "net": NET.read_text().replace("</net>", f"{EDGES[12:-13]}</net>")},
    "a program with outputs": {
        "routes": each(2),
        "net": NET.read_text().replace('type="static"', 'type="actuated"').replace(
            "</tlLogic>", '<param key="file" value="o.xml"/><param key="freq" value="10"/></tlLogic>', 1
        ),
    },
    "outputs of the configuration": {
        "routes": each(2),
        "options": '<fcd-output value="fcd.xml"/><device.rerouting.output value="r.xml"/><log value="l.txt"/>',
    },
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_a_run_of_foreign_files_writes_nothing(tmp_path, monkeypatch, name):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    config = configure(tmp_path / "foreign", **WRITERS[name])
    before = sorted(config.parent.iterdir())
    assert len(run(config, tmp_path / "record")) == 2
    assert sorted(config.parent.iterdir()) == before
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize("name", ["a,b", "a b", "Köln", 'q"uote', "a${HOME}b", "a\nb", "--fcd-output=owned"])
def test_a_scenario_runs_under_any_name(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    assert len(run(configure(folder, each(2)), tmp_path / "record")) == 2
    assert find_never_departing(load_scenario(str(folder / "x.sumocfg"))) == ()
