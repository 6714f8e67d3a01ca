from pathlib import Path

import pytest

from leed_traffic.artifacts.plans_file import read_plans
from leed_traffic.artifacts.site import derive_site
from leed_traffic.domain.network import Intersection, Lane, Movement, Network, Stage
from leed_traffic.domain.network import MovementKind as Who
from leed_traffic.domain.plan import UrgencyPlan, max_wave_plan
from leed_traffic.errors import PlanError, UsageError
from leed_traffic.evaluate.controllers import (
    Choice,
    ControllerKind,
    build_controller,
    labels,
    own_plans,
    parse_controllers,
)
from leed_traffic.simulation.env.episode import PlanController


def network() -> Network:
    lanes = tuple(
        Lane(id=f"{e}_0", approach=e, length_m=100.0, speed_mps=13.9, spans=()) for e in ("north", "west")
    )
    movements = tuple(
        Movement(
            link=k,
            kind=Who.VEHICLE,
            from_lane=lane.id,
            to_lane="out_0",
            direction="s",
            speed_mps=13.9,
            length_m=15.0,
            exit_span=None,
        )
        for k, lane in enumerate(lanes)
    )
    stages = (Stage(state="Gr", own_phase=0, own_green_s=20.0), Stage(state="rG", own_phase=2, own_green_s=20.0))
    junction = Intersection(
        id="J",
        lanes=lanes,
        movements=movements,
        stages=stages,
        foes=((0, 1),),
        neighbours=(),
        own_program=(),
        own_program_id="0",
        own_program_type="static",
    )
    return Network(intersections=(junction,))


def test_every_known_controller_is_parsed_in_order():
    choices = parse_controllers("fixed, actuated,max-pressure,max-wave,bundle:out/b,plan:out/d")
    assert [c.name for c in choices] == [
        "fixed",
        "actuated",
        "max-pressure",
        "max-wave",
        "bundle:out/b",
        "plan:out/d",
    ]
    assert choices[4] == Choice(kind=ControllerKind.BUNDLE, path=Path("out/b"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "fixed,wizard",
            "unknown controller 'wizard'; known: as-is, fixed, actuated, delay_based, webster, max-pressure, max-wave, sotl",
        ),
        ("", "names nobody"),
        (" , ", "names nobody"),
        ("bundle", "needs a path: bundle:PATH"),
        ("plan:", "needs a path: plan:PATH"),
        ("fixed:now", "fixed takes no path"),
        ("fixed,max-wave,fixed", "fixed is named twice"),
    ],
)
def test_a_word_that_makes_no_sense_is_refused_in_one_line(text, message):
    with pytest.raises(UsageError) as caught:
        parse_controllers(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_may_hold_colons():
    assert parse_controllers("bundle:C:/b")[0].path == Path("C:/b")


def test_a_label_is_short_unless_two_would_be_the_same():
    choices = parse_controllers("fixed,bundle:a/b,bundle:c/b,plan:long/way/to/demonstrations")
    assert labels(choices) == {
        "fixed": "fixed",
        "bundle:a/b": "bundle:a/b",
        "bundle:c/b": "bundle:c/b",
        "plan:long/way/to/demonstrations": "plan:demonstrations",
    }


def test_a_path_belongs_to_plans_and_bundles_alone():
    with pytest.raises(ValueError, match="a path belongs to"):
        Choice(kind=ControllerKind.FIXED, path=Path("x"))
    with pytest.raises(ValueError, match="a path belongs to"):
        Choice(kind=ControllerKind.BUNDLE)


def test_max_pressure_and_max_wave_are_plans_for_every_intersection():
    wave, pressure = (
        own_plans(ControllerKind.MAX_WAVE, network())["J"],
        own_plans(ControllerKind.MAX_PRESSURE, network())["J"],
    )
    assert isinstance(wave, UrgencyPlan)
    assert isinstance(pressure, UrgencyPlan)
    assert (wave.reach_m, wave.downstream) == (100.0, 0.0)
    assert pressure.downstream == 1.0


def test_plans_are_read_from_a_folder_and_from_a_file(tmp_path):
    (tmp_path / "plans.json").write_text(f'{{"J": {max_wave_plan("J").model_dump_json()}}}')
    net = network()
    expected = {"J": max_wave_plan("J")}
    assert read_plans(tmp_path, net, derive_site(net)) == expected
    assert read_plans(tmp_path / "plans.json", net, derive_site(net)) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{", "Invalid JSON"),
        ('{"J": {"form": "priority"}}', "intersection"),
        ("{}", "has no plan for intersection J"),
        ('{"J": {"form": "priority", "intersection": "K"}}', "was written for intersection K"),
    ],
)
def test_missing_broken_and_foreign_plans_are_one_line(tmp_path, content, message):
    if content is not None:
        (tmp_path / "plans.json").write_text(content)
    net = network()
    with pytest.raises(PlanError) as caught:
        read_plans(tmp_path, net, derive_site(net))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rules_are_carried_out_as_plans():
    net = network()
    choice = parse_controllers("max-wave")[0]
    assert isinstance(build_controller(choice, net, derive_site(net), decision_interval_s=5.0), PlanController)


def test_the_signals_own_programs_need_no_controller():
    net = network()
    with pytest.raises(ValueError, match="own programs"):
        build_controller(parse_controllers("fixed")[0], net, derive_site(net), decision_interval_s=5.0)


def test_a_shadow_pair_names_who_drives_and_who_is_asked():
    (choice,) = parse_controllers("shadow:max-wave+bundle:models/a+b")
    assert choice.pair == (
        Choice(kind=ControllerKind.MAX_WAVE),
        Choice(kind=ControllerKind.BUNDLE, path=Path("models/a+b")),
    )
    assert choice.name == "shadow:max-wave+bundle:models/a+b"
    assert choice.label == "max-wave, asked along: bundle:a+b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shadow", "needs a driver and a shadow"),
        ("shadow:max-wave", "needs a driver and a shadow"),
        ("shadow:+max-wave", "needs a driver and a shadow"),
        ("shadow:fixed+max-wave", "fixed cannot be in a pair"),
        ("shadow:max-wave+shadow:sotl+sotl", "cannot be in a pair"),
    ],
)
def test_a_pair_that_cannot_be_asked_is_refused_in_one_line(text, message):
    with pytest.raises(UsageError, match=r"^--controllers: ") as caught:
        parse_controllers(text)
    assert message in str(caught.value)


def test_a_pair_belongs_to_a_shadow_alone():
    with pytest.raises(ValueError, match="a pair belongs to"):
        Choice(kind=ControllerKind.SHADOW)
