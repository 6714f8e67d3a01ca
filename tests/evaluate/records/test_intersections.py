import dataclasses

import pytest

from leed_traffic.domain.network import Intersection, Lane, Span, Stage, edge_of
from leed_traffic.errors import ScenarioError
from leed_traffic.evaluate.records.intersections import (
    EdgeUse,
    add_up_edges,
    edges_of,
    read_edges,
    read_entry_waits,
    score_intersections,
)
from leed_traffic.evaluate.records.timeline import DisplayedStage


def junction(name: str, *spans: tuple[str, float]) -> Intersection:
    """One lane; its spans as (lane, distance)."""
    seen = tuple(Span(lane=lane, from_m=0.0, to_m=50.0, distance_m=distance) for lane, distance in spans)
    lane = Lane(id=spans[0][0], approach=edge_of(spans[0][0]), length_m=50.0, speed_mps=14.0, spans=seen)
    stages = (Stage(state="G", own_phase=0, own_green_s=20.0), Stage(state="r", own_phase=2, own_green_s=20.0))
    return Intersection(
        id=name, lanes=(lane,), movements=(), stages=stages, foes=(), neighbours=(), own_program=(), own_program_id="0",
        own_program_type="static",
    )  # fmt: skip


A = junction("A", ("in_0", 0.0), ("far_0", 50.0))
EDGES = """<meandata>
  <interval begin="0.00" end="60.00" id="edges">
    <edge id="in" entered="8" departed="0" timeLoss="100.0" waitingTime="60.0"/>
    <edge id="far" entered="0" departed="10" timeLoss="20.0" waitingTime="0.0"/>
  </interval>
  <interval begin="60.00" end="120.00" id="edges">
    <edge id="in" entered="2" departed="0" timeLoss="30.0" waitingTime="0.0"/>
  </interval>
</meandata>"""


def test_an_edge_belongs_to_the_signal_that_its_vehicles_meet_next():
    b = junction("B", ("end_0", 0.0), ("in_0", 50.0))
    assert edges_of([A, b]) == {"in": "A", "far": "A", "end": "B"}


def test_intervals_add_up_to_the_whole_run(tmp_path):
    (tmp_path / "edges.xml").write_text(EDGES)
    total = add_up_edges(read_edges(tmp_path / "edges.xml"))
    assert total["in"] == EdgeUse(entered=10, departed=0, time_loss_s=130.0, waiting_s=60.0)


def test_a_missing_or_cut_record_is_one_line(tmp_path):
    with pytest.raises(ScenarioError, match="missing or cut short"):
        list(read_edges(tmp_path / "edges.xml"))
    (tmp_path / "edges.xml").write_text(EDGES[:200])
    with pytest.raises(ScenarioError, match="missing or cut short"):
        list(read_edges(tmp_path / "edges.xml"))


def test_an_intersections_figures_are_those_worked_out_by_hand():
    uses = {
        "in": EdgeUse(entered=10, time_loss_s=130.0, waiting_s=60.0),
        "far": EdgeUse(departed=10, time_loss_s=20.0),
    }
    shown = (
        DisplayedStage(begin_s=0.0, end_s=60.0, stage=0),
        DisplayedStage(begin_s=60.0, end_s=66.0, stage=None),
        DisplayedStage(begin_s=66.0, end_s=120.0, stage=1),
    )
    (score,) = score_intersections([A], uses, {"far": 50.0}, {"A": shown}, seconds=120.0)
    assert (score.vehicles, score.delay_s, score.waiting_s, score.queue_veh) == (10, 20.0, 6.0, 0.5)
    assert score.stage_share == pytest.approx((0.5, 0.45))
    assert score.clearance_share == pytest.approx(0.05)
    assert score.changes_per_h == 30.0


def test_a_signal_that_nobody_came_to_has_no_delay():
    (score,) = score_intersections([A], {}, {}, {}, seconds=60.0)
    assert dataclasses.astuple(score)[1:5] == (0, 0.0, 0.0, 0.0)


def test_the_wait_to_enter_is_booked_where_the_vehicle_set_out(tmp_path):
    (tmp_path / "trips.xml").write_text(
        '<tripinfos><tripinfo depart="5" departDelay="3.5" departLane="in_1"/>'
        '<tripinfo depart="6" departDelay="1" departLane="in_0"/>'
        '<tripinfo depart="-1" departDelay="90" departLane=""/></tripinfos>'
    )
    assert read_entry_waits(tmp_path / "trips.xml") == {"in": 4.5}
