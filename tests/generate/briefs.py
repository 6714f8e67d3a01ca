"""Briefs of hand-built junctions for the tests of whatever talks to a language model."""

from leed_traffic.domain.network import edge_of
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.generate.brief import Brief, Feedback
from leed_traffic.generate.diagnosis import Diagnosis
from leed_traffic.simulation.demand.turning_counts import Turn, Upstream
from tests.intersections import flat_timing, four_legs, star


def turns_of(junction, n_periods, *, vehph=100.0):
    return tuple(
        Turn(
            from_edge=edge_of(m.from_lane), to_edge=edge_of(m.to_lane), links=(m.link,), lanes=(m.from_lane,),
            flow_vehph=tuple(vehph + 10.0 * m.link + p for p in range(n_periods)),
        )
        for m in junction.vehicle_movements
    )  # fmt: skip


def brief_of(junction, *, n_periods=4, feedback=True):
    stages = junction.n_stages
    approaches = len({lane.approach for lane in junction.lanes})
    found = Diagnosis(
        queue_veh=(2.5,) * approaches, longest_veh=(9.0,) * approaches, green_share=(0.8 / stages,) * stages,
        wasted_share=0.12, blocked_share=0.03,
    )  # fmt: skip
    told = (
        Feedback(what="max-wave", network_delay_s=61.5, local_return=-900.0, diagnosis=found) if feedback else None
    )
    return Brief(
        intersection=junction,
        timing=flat_timing(stages, name=junction.id, max_red_s=40.0 * stages + 60.0),
        period_starts_s=tuple(900.0 * p for p in range(n_periods)),
        turns=turns_of(junction, n_periods),
        upstream=(
            Upstream(neighbour="U", from_approach="far", to_approach=junction.lanes[0].approach, travel_time_s=21.0,
                     flow_vehph=(300.0,) * n_periods),
        ),
        incumbent=max_wave_plan(junction.id),
        feedback=told,
    )  # fmt: skip


def crossroads(name="X", **options):
    return brief_of(four_legs(name), **options)


def little(name="S", stages=2, **options):
    return brief_of(star(stages, name), **options)
