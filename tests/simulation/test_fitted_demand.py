"""Invented traffic and what the signals of a net can carry."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.simulation.fitted_demand import FULL, Fitted, fit_to_signals
from leed_traffic.simulation.network_import import import_network

CROSSING = load_scenario("crossing")
NETWORK = import_network(CROSSING.net_file)


def crowd(folder, n):
    """An hour in which so many vehicles go the same ways through one signal."""
    ways = [" ".join(flow.edges) for flow in CROSSING.demand.vehicles]
    rows = [
        f'<vehicle id="v{k}" depart="{3600 * k / n:.1f}"><route edges="{ways[k % len(ways)]}"/></vehicle>' for k in range(n)
    ]
    path = folder / "invented.rou.xml"
    path.write_text(f"<routes>{''.join(rows)}</routes>")
    return replace(CROSSING, demand=None, route_files=(path,), begin_s=0.0, end_s=3600.0), path


def test_a_crowd_is_thinned_out_evenly_until_the_signal_carries_it(tmp_path):
    scenario, path = crowd(tmp_path, 4000)
    fitted = fit_to_signals(scenario, NETWORK, path)
    assert fitted.drawn == 4000
    assert fitted.use_drawn > 1.2
    assert 0.9 * FULL < fitted.use_kept <= FULL
    departures = [float(vehicle.get("depart")) for vehicle in ET.parse(path).getroot()]
    assert len(departures) == fitted.kept
    quarters = [sum(900.0 * q <= depart < 900.0 * (q + 1) for depart in departures) for q in range(4)]
    assert max(quarters) - min(quarters) <= 2
    assert fitted.sentence.startswith(f"{fitted.kept} of 4000 random trips kept: with all of them signal C would be used to ")


def test_what_the_signals_carry_is_left_as_it_was_drawn(tmp_path):
    scenario, path = crowd(tmp_path, 500)
    before = path.read_bytes()
    fitted = fit_to_signals(scenario, NETWORK, path)
    assert (fitted.kept, fitted.sentence) == (500, "")
    assert path.read_bytes() == before


def test_the_same_trips_are_thinned_out_to_the_same_bytes(tmp_path):
    contents = []
    for _ in range(2):
        scenario, path = crowd(tmp_path, 4000)
        fit_to_signals(scenario, NETWORK, path)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("kept", "said"), [(10, ""), (9, "9 of 10 random trips kept: with all of them signal J would be used to 120%")]
)
def test_a_sentence_says_how_where_anything_was_done(kept, said):
    fitted = Fitted(drawn=10, kept=kept, busiest="J", use_drawn=1.2, use_kept=0.84)
    assert fitted.sentence.startswith(said)
    assert bool(fitted.sentence) == bool(said)
