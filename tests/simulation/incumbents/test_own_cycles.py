from dataclasses import replace

from leed_traffic.artifacts.site import AS_NET, make_site
from leed_traffic.domain.network import Network
from leed_traffic.domain.safety.timing import derive_timing, timing_as_net
from leed_traffic.simulation.incumbents.own_cycles import own_cycles
from leed_traffic.simulation.incumbents.own_program import Incumbent
from tests.intersections import four_legs

JUNCTION = four_legs()
NETWORK = Network(intersections=(JUNCTION,))
DERIVED = make_site("derived", [derive_timing(JUNCTION)])
AS_IT_IS = make_site(AS_NET, [timing_as_net(JUNCTION)])


def test_the_sites_clearances_lengthen_the_cycle_by_what_they_add():
    (cycle,) = own_cycles(NETWORK, DERIVED, Incumbent.FIXED, step_s=1.0)
    assert cycle.own_s == 4 * (20.0 + 3.0 + 1.0)
    assert cycle.cycle_s > cycle.own_s
    assert (cycle.least_s, cycle.most_s) == (cycle.cycle_s, cycle.cycle_s)
    assert not cycle.is_untouched


def test_an_actuated_cycle_has_a_shortest_and_a_longest_form():
    (fixed,) = own_cycles(NETWORK, DERIVED, Incumbent.FIXED, step_s=1.0)
    (actuated,) = own_cycles(NETWORK, DERIVED, Incumbent.ACTUATED, step_s=1.0)
    assert actuated.cycle_s == fixed.cycle_s
    assert actuated.least_s < actuated.cycle_s < actuated.most_s


def test_under_the_nets_own_limits_the_program_is_untouched_unless_it_is_to_adapt():
    (fixed,) = own_cycles(NETWORK, AS_IT_IS, Incumbent.FIXED, step_s=1.0)
    assert (fixed.is_untouched, fixed.cycle_s) == (True, fixed.own_s)
    adapts = Network(intersections=(replace(JUNCTION, own_program_type="NEMA"),))
    assert own_cycles(adapts, AS_IT_IS, Incumbent.ACTUATED, step_s=1.0)[0].is_untouched
    assert not own_cycles(NETWORK, AS_IT_IS, Incumbent.ACTUATED, step_s=1.0)[0].is_untouched
