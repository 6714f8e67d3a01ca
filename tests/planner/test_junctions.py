import hashlib

import numpy as np
import pytest

from leed_traffic.artifacts.recipe import read_recipe
from leed_traffic.artifacts.site import load_site
from leed_traffic.generate.brief import write_briefs
from leed_traffic.planner.junctions import FULLNESS, SIGNAL, build_junction, draw_junction
from leed_traffic.simulation.incumbents.webster import flow_ratios
from leed_traffic.simulation.network.network_import import import_network


def test_drawn_junctions_differ_in_legs_lanes_and_periods():
    drawn = [draw_junction(np.random.default_rng([3, k])) for k in range(40)]
    assert {len(recipe.net.rim) for recipe in drawn} == {3, 4}
    assert {recipe.net.streets[0].lanes for recipe in drawn} == {1, 2, 3}
    assert {len(recipe.demand.flows[0].per_hour) for recipe in drawn} == {1, 2}
    assert all(list(recipe.net.signals) == [SIGNAL] for recipe in drawn)


@pytest.mark.sumo
def test_a_junction_is_built_once_its_fullest_quarter_as_full_as_drawn_and_the_same_for_the_same_seed(tmp_path):
    fullness, digests = [], []
    for name in ("a", "b"):
        scenario = build_junction(tmp_path / name, np.random.default_rng(5))
        network = import_network(scenario.net_file)
        (brief,) = write_briefs(scenario, network, load_site(None, scenario, network).timings, (1,))
        fullness.append(max(sum(flow_ratios(brief, p)) for p in range(len(brief.period_starts_s))))
        digests.append([hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted((tmp_path / name).iterdir())])
    assert digests[0] == digests[1]
    assert FULLNESS[0] - 0.1 < fullness[0] < FULLNESS[1] + 0.1
    assert build_junction(tmp_path / "a", np.random.default_rng(6)).net_file.parent.name == "a"
    assert read_recipe(tmp_path / "a") == read_recipe(tmp_path / "b")
