import dataclasses

import pytest

from leed_traffic.domain.network import Intersection, Neighbour, Stage
from leed_traffic.errors import ScenarioError
from leed_traffic.evaluate.records.timeline import DisplayedStage, along_the_road, lay_out, read_timeline


def junction(name: str, *neighbours: tuple[str, float]) -> Intersection:
    return Intersection(
        id=name,
        lanes=(),
        movements=(),
        stages=(
            Stage(state="Gr", own_phase=0, own_green_s=20.0),
            Stage(state="rG", own_phase=2, own_green_s=20.0),
        ),
        foes=((0, 1),),
        neighbours=tuple(
            Neighbour(id=other, to_approach=other, distance_m=metres, travel_time_s=metres / 10.0)
            for other, metres in neighbours
        ),
        own_program=(),
        own_program_id="0",
        own_program_type="static",
    )


def test_states_become_stages_and_clearances(tmp_path):
    states = ["Gr", "Gr", "yr", "rr", "rG", "rG"]
    lines = [
        f'<tlsState time="{t}.00" id="J" programID="leed" phase="0" state="{s}"/>' for t, s in enumerate(states)
    ]
    lines.append('<tlsState time="0.00" id="other" programID="0" phase="0" state="GGG"/>')
    (tmp_path / "states.xml").write_text(f"<tlsStates>{''.join(lines)}</tlsStates>")
    timeline = read_timeline(tmp_path / "states.xml", [junction("J")], end_s=6.0)
    assert timeline == {
        "J": (
            DisplayedStage(begin_s=0.0, end_s=2.0, stage=0),
            DisplayedStage(begin_s=2.0, end_s=4.0, stage=None),
            DisplayedStage(begin_s=4.0, end_s=6.0, stage=1),
        )
    }


def test_a_missing_record_is_one_line(tmp_path):
    with pytest.raises(ScenarioError, match="cannot be read"):
        read_timeline(tmp_path / "states.xml", [junction("J")], end_s=6.0)


def test_intersections_of_one_road_are_placed_by_their_distances():
    road = [junction("B", ("A", 280.0), ("C", 260.0)), junction("A", ("B", 280.0)), junction("C", ("B", 260.0))]
    assert along_the_road(road) == {"A": 0.0, "B": 280.0, "C": 540.0}
    assert lay_out(road).order == ("A", "B", "C")


def test_a_neighbour_known_from_one_side_is_enough():
    assert along_the_road([junction("A"), junction("B", ("A", 100.0))]) == {"A": 0.0, "B": 100.0}


def test_a_grid_is_no_road():
    square = [junction(a, (b, 100.0), (c, 100.0)) for a, b, c in ("ABD", "BAC", "CBD", "DAC")]
    assert along_the_road(square) is None
    assert lay_out(square).order == ("D", "C", "B", "A")
    assert lay_out(square).positions_m is None


def test_two_separate_roads_are_no_road():
    apart = [junction("A", ("B", 100.0)), junction("B"), junction("C", ("D", 100.0)), junction("D")]
    assert along_the_road(apart) is None


def test_a_single_signal_is_no_road():
    assert along_the_road([dataclasses.replace(junction("A"))]) is None
