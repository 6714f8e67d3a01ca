"""Invented traffic, and what the signals and the streets of a net can carry."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.scenario import fitted_demand
from leed_traffic.simulation.scenario.fitted_demand import FULL, DemandOutcome, Fitted, fit_to_net

CROSSING = load_scenario("crossing")
NETWORK = import_network(CROSSING.net_file)
REAL_DRIVE = fitted_demand.drive
FLUID = DemandOutcome(loaded=100, arrived=99, left=1, free_s=60.0, horizon_s=3600.0)


@pytest.fixture(autouse=True)
def drives(monkeypatch):
    """What SUMO finds hour by hour; after the last nothing jams. The test says what it is to find."""
    found = []
    monkeypatch.setattr(fitted_demand, "drive", lambda scenario, routes_file: found.pop(0) if found else FLUID)
    return found


def crowd(folder, n):
    """An hour in which so many vehicles go the same ways through one signal."""
    ways = [" ".join(flow.edges) for flow in CROSSING.demand.vehicles]
    rows = [
        f'<vehicle id="v{k}" depart="{3600 * k / n:.1f}"><route edges="{ways[k % len(ways)]}"/></vehicle>'
        for k in range(n)
    ]
    path = folder / "invented.rou.xml"
    path.write_text(f"<routes>{''.join(rows)}</routes>")
    return replace(CROSSING, demand=None, route_files=(path,), begin_s=0.0, end_s=3600.0), path


def test_a_crowd_is_thinned_out_evenly_until_the_signal_carries_it(tmp_path):
    scenario, path = crowd(tmp_path, 2500)
    fitted = fit_to_net(scenario, NETWORK, path)
    assert fitted.drawn == 2500
    assert fitted.use_drawn > 1.0
    assert 0.9 * FULL < fitted.use_kept <= FULL
    departures = [float(vehicle.get("depart")) for vehicle in ET.parse(path).getroot()]
    assert len(departures) == fitted.kept
    quarters = [sum(900.0 * q <= depart < 900.0 * (q + 1) for depart in departures) for q in range(4)]
    assert max(quarters) - min(quarters) <= 2
    assert fitted.sentence.startswith(
        f"{fitted.kept} of 2500 random trips kept: with all of them signal C would be used to "
    )


def test_what_the_signals_carry_is_left_as_it_was_drawn(tmp_path):
    scenario, path = crowd(tmp_path, 500)
    before = path.read_bytes()
    fitted = fit_to_net(scenario, NETWORK, path)
    assert (fitted.kept, fitted.sentence) == (500, "")
    assert path.read_bytes() == before


def test_the_same_trips_are_thinned_out_to_the_same_bytes(tmp_path):
    contents = []
    for _ in range(2):
        scenario, path = crowd(tmp_path, 2500)
        fit_to_net(scenario, NETWORK, path)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_an_hour_that_jams_is_driven_again_with_about_as_many_as_arrived(tmp_path, drives):
    scenario, path = crowd(tmp_path, 500)
    drives += [
        replace(FLUID, arrived=20, left=80),
        replace(FLUID, arrived=80, left=20),
        replace(FLUID, arrived=99, left=20),
    ]
    fitted = fit_to_net(scenario, NETWORK, path)
    assert fitted.kept == len(ET.parse(path).getroot()) == 180  # 500 * 0.5 * 0.8 * 0.9
    assert "with more the streets jam under the net's own programs" in fitted.sentence
    assert not drives


def test_what_jams_for_ever_is_said(tmp_path, drives):
    drives += [replace(FLUID, arrived=0, left=100)] * 9
    scenario, path = crowd(tmp_path, 640)
    assert (
        "the streets jammed under the net's own programs in 5 hours"
        in fit_to_net(scenario, NETWORK, path).sentence
    )
    assert len(ET.parse(path).getroot()) == 20


@pytest.mark.parametrize(("left", "flows"), [(5, True), (10, True), (11, False)])
def test_few_are_no_jam(left, flows):
    # 100 vehicles of 60 s at free flow: 100 (2 * 60 + 60) / 3600 = 5 may be left, and ten always
    assert replace(FLUID, left=left, arrived=100 - left).flows is flows


def test_what_free_flow_and_a_red_explain_is_no_jam():
    hour = replace(FLUID, loaded=1200, arrived=1100, left=92, free_s=108.0)  # 1200 (216 + 60) / 3600 = 92
    assert hour.flows
    assert not replace(hour, left=93).flows
    assert not replace(hour, arrived=0, left=5).flows


def test_a_net_that_sumo_cannot_drive_keeps_what_the_signals_carry_and_says_so(tmp_path, monkeypatch):
    def refuse(scenario, routes_file):
        raise ScenarioError("sumo: no answer within 600 s")

    monkeypatch.setattr(fitted_demand, "drive", refuse)
    scenario, path = crowd(tmp_path, 500)
    fitted = fit_to_net(scenario, NETWORK, path)
    assert (fitted.kept, fitted.sentence) == (
        500,
        "not driven to see whether it flows (sumo: no answer within 600 s)",
    )


@pytest.mark.sumo
def test_sumo_tells_what_became_of_an_hour(tmp_path):
    pytest.importorskip("sumo", reason="SUMO is not installed")
    scenario, path = crowd(tmp_path, 300)
    outcome = REAL_DRIVE(replace(scenario, end_s=600.0), path)
    assert outcome.loaded >= 48
    assert outcome.arrived + outcome.left == outcome.loaded
    assert 20.0 < outcome.free_s < 120.0
    assert outcome.flows


@pytest.mark.parametrize(
    ("kept", "said"), [(10, ""), (9, "9 of 10 random trips kept: with all of them signal J would be used to 120%")]
)
def test_a_sentence_says_how_where_anything_was_done(kept, said):
    fitted = Fitted(drawn=10, kept=kept, busiest="J", use_drawn=1.2, use_kept=0.84)
    assert fitted.sentence.startswith(said)
    assert bool(fitted.sentence) == bool(said)
