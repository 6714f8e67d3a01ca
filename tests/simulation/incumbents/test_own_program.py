import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.domain.network import Network
from leed_traffic.simulation.demand.turning_counts import count_turns
from leed_traffic.simulation.incumbents.own_program import (
    ACTUATED_MAX_GREEN_S,
    Incumbent,
    write_fixed_plans,
    write_programs,
)
from leed_traffic.simulation.incumbents.webster import fixed_plans
from leed_traffic.simulation.network.network_import import import_network


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


@pytest.mark.parametrize("site", ["as-net", "derived"])
def test_the_delay_based_program_may_extend_its_stages(tmp_path, crossing, site):
    (logic,) = written(tmp_path, crossing, site, Incumbent.DELAY_BASED)
    assert logic.get("type") == "delay_based"
    assert any(phase.get("minDur") for phase in logic)


def test_a_program_that_adapts_already_is_not_written_again(tmp_path, crossing):
    scenario, network = crossing
    adapts = Network(
        intersections=tuple(replace(i, own_program_type="delay_based") for i in network.intersections)
    )
    site = load_site("as-net", scenario, network)
    for incumbent in Incumbent:
        assert write_programs(tmp_path, adapts, site, incumbent, step_s=1.0) == ()


def test_a_computed_plan_keeps_its_cycle_its_offset_and_the_sites_limits(tmp_path, crossing):
    scenario, network = crossing
    site = load_site(None, scenario, network)
    plans = fixed_plans(count_turns(scenario, network, site.timings, (1, 2, 3), (0.0,)))
    (file,) = write_fixed_plans(tmp_path, network, site, plans, step_s=1.0)
    (logic,) = ET.parse(file).getroot()
    (plan,), (junction,), (timing,) = plans.values(), network.intersections, site.timings
    phases = [(phase.get("state", ""), float(phase.get("duration", 0))) for phase in logic]
    assert sum(seconds for _, seconds in phases) == plan.cycle_s
    assert float(logic.get("offset", -1)) == plan.offset_s
    greens = dict(phases)
    for stage, green_s in zip(plan.stages, plan.green_s, strict=True):
        assert greens[junction.stages[stage].state] == green_s >= timing.min_green_s[stage]
