import xml.etree.ElementTree as ET

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.simulation.network_import import import_network
from leed_traffic.simulation.own_program import ACTUATED_MAX_GREEN_S, Incumbent, write_programs


@pytest.fixture(scope="module")
def crossing():
    scenario = load_scenario("crossing")
    return scenario, import_network(scenario.net_file, scenario.additional_files)


def written(folder, crossing, site, incumbent) -> list[ET.Element]:
    scenario, network = crossing
    files = write_programs(folder, network, load_site(site, scenario, network), incumbent, step_s=1.0)
    return [logic for file in files for logic in ET.parse(file).getroot()]


def test_with_the_nets_own_limits_the_fixed_program_stays_untouched(tmp_path, crossing):
    assert written(tmp_path, crossing, "as-net", Incumbent.FIXED) == []
    assert list(tmp_path.iterdir()) == []


def test_the_fixed_program_keeps_its_order_and_takes_the_sites_clearances(tmp_path, crossing):
    scenario, network = crossing
    (junction,) = network.intersections
    (timing,) = load_site("derived", scenario, network).timings
    (logic,) = written(tmp_path, crossing, "derived", Incumbent.FIXED)
    states = [phase.get("state") for phase in logic]
    shown = [stage.state for stage in sorted(junction.stages, key=lambda stage: stage.own_phase)]
    assert [state for state in states if state in shown] == shown
    assert logic.get("type") == "static"
    order = sorted(range(junction.n_stages), key=lambda k: junction.stages[k].own_phase)
    clearances = sum(timing.clearance_s(a, b) for a, b in zip(order, [*order[1:], order[0]], strict=True))
    lost = sum(float(phase.get("duration", 0)) for phase in logic if phase.get("state") not in shown)
    assert lost == pytest.approx(clearances, abs=junction.n_stages * 3.0)  # whole steps
    assert lost >= clearances


def test_a_fixed_green_is_moved_into_the_sites_limits(tmp_path, crossing):
    scenario, network = crossing
    (junction,) = network.intersections
    (timing,) = load_site("derived", scenario, network).timings
    (logic,) = written(tmp_path, crossing, "derived", Incumbent.FIXED)
    numbers = {stage.state: k for k, stage in enumerate(junction.stages)}
    for phase in logic:
        k = numbers.get(phase.get("state", ""))
        if k is not None:
            assert timing.min_green_s[k] <= float(phase.get("duration", 0)) <= timing.max_green_s[k]
            assert phase.get("minDur") is None


@pytest.mark.parametrize("site", ["as-net", "derived"])
def test_only_the_stages_of_the_actuated_program_may_be_extended(tmp_path, crossing, site):
    _, network = crossing
    (logic,) = written(tmp_path, crossing, site, Incumbent.ACTUATED)
    stages = {stage.state for stage in network.intersections[0].stages}
    assert logic.get("type") == "actuated"
    for phase in logic:
        assert (phase.get("minDur") is not None) == (phase.get("state") in stages)
        if phase.get("maxDur"):
            assert float(phase.get("minDur", 0)) < float(phase.get("maxDur", 0)) <= ACTUATED_MAX_GREEN_S
