"""The programs as they hang: what a comparison runs is what SUMO shows when nobody touches it."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import derive_site
from leed_traffic.errors import UsageError
from leed_traffic.evaluate.compare import compare
from leed_traffic.evaluate.config import EvaluateConfig
from leed_traffic.evaluate.controllers import OWN_PROGRAM, Choice, ControllerKind, parse_controllers
from leed_traffic.evaluate.one_run import RunTask, _in_env, _own_program
from leed_traffic.simulation.demand.demand import write_demand
from leed_traffic.simulation.env.env_spec import env_spec
from leed_traffic.simulation.score.audit import read_runs
from leed_traffic.simulation.sumo.options import STATES_NAME, TRIPS_NAME, sumo_options

pytest.importorskip("sumo", reason="SUMO is not installed")
from tests.networks.oddities import ODDITIES, configure, cross

pytestmark = pytest.mark.sumo

KINDS = [
    "two_stages",
    "actuated",
    "delay_based",
    "nema_with_lefts",
    "weekly_plan",
    "packed_and_writing",
    "a_conflicting_pair",
]


def shown_by_sumo(config, folder):
    """What the signals show when SUMO alone runs the scenario."""
    scenario = load_scenario(str(config))
    options = sumo_options(
        scenario, seed=7, route_files=write_demand(scenario, 7, folder), record=folder / "plain", audit=True
    )  # fmt: skip
    import sumo

    subprocess.run(
        [str(Path(sumo.SUMO_HOME) / "bin" / "sumo"), *options],
        check=True,
        capture_output=True,
        timeout=60,
        cwd=folder,
    )
    return read_runs(folder / "plain" / STATES_NAME)


def task_of(config):
    setting = env_spec(load_scenario(str(config)))
    setting = replace(setting, site=derive_site(setting.network))
    return RunTask(choice=Choice(kind=ControllerKind.AS_IS), seed=7, setting=setting)


@pytest.mark.parametrize("name", KINDS)
def test_a_program_of_any_type_shows_what_it_shows_in_sumo_alone(tmp_path, name):
    config = ODDITIES[name](tmp_path)
    plain = shown_by_sumo(config, tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    _own_program(task_of(config), tmp_path / "record", ())
    assert read_runs(tmp_path / "record" / STATES_NAME) == plain
    assert {path.name for path in tmp_path.iterdir()} - before == {"record"}  # nobody's detectors write


def test_a_weekly_plan_switches_as_it_does_in_the_street(tmp_path):
    config = ODDITIES["weekly_plan"](tmp_path)
    _own_program(task_of(config), tmp_path / "record", ())
    assert {run.program for run in read_runs(tmp_path / "record" / STATES_NAME)["C"]} == {"day", "night"}


def compared(config, controllers, **changes):
    settings = {
        "scenario": str(config),
        "controllers": parse_controllers(controllers),
        "seeds": (1, 2),
        "workers": 0,
    }
    return compare(EvaluateConfig.model_validate({**settings, **changes}))


def test_as_is_stands_beside_the_others_under_one_site_and_its_breaks_are_told(tmp_path):
    found = compared(ODDITIES["two_stages"](tmp_path), "as-is,fixed,max-wave")
    evaluation = found.evaluation
    assert {breaks.controller for breaks in evaluation.limit_breaks} == {"as-is"}
    assert {(b.limit, b.needed_s - b.shown_s) for b in evaluation.limit_breaks} == {("short yellow", 0.5)}
    assert [(c.controller, c.intersection, c.own_s) for c in evaluation.program_cycles] == [("fixed", "C", 90.0)]
    assert evaluation.program_cycles[0].cycle_s > 90.0
    assert evaluation.reference != "as-is"  # whoever breaks the limits is no rule to be measured by
    assert found == compared(ODDITIES["two_stages"](tmp_path), "as-is,fixed,max-wave")


def test_as_is_is_the_reference_where_there_is_no_other_rule(tmp_path):
    assert (
        compared(ODDITIES["two_stages"](tmp_path), "as-is,fixed", reference="as-is").evaluation.reference
        == "as-is"
    )


def test_under_the_nets_own_limits_as_is_and_fixed_are_the_same(tmp_path):
    one, other = compared(ODDITIES["two_stages"](tmp_path), "as-is,fixed", site="as-net").evaluation.results
    assert one.model_copy(update={"controller": "fixed"}) == other


def test_as_is_cannot_drive_a_shadow():
    with pytest.raises(UsageError, match="as-is cannot be in a pair"):
        parse_controllers("shadow:as-is+max-wave")


def plan_in_the_net(folder):
    """A crossing whose weekly plan and its programs stand in the net file itself."""
    config = ODDITIES["two_stages"](folder)
    net = folder / "x.net.xml"
    own = re.search(r'<tlLogic id="C".*?</tlLogic>', net.read_text(), re.DOTALL)[0]
    others = "".join(own.replace('programID="0"', f'programID="{name}"') for name in ("day", "night"))
    switches = '<wautSwitch time="30" to="night"/><wautSwitch time="90" to="day"/>'
    week = f'<WAUT id="w" refTime="0" startProg="day">{switches}</WAUT><wautJunction wautID="w" junctionID="C"/>'
    net.write_text(net.read_text().replace("</net>", f"{others}{week}</net>"))
    return config


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        (ControllerKind.AS_IS, {"day", "night"}),
        (ControllerKind.FIXED, {"leed-static"}),
        (ControllerKind.MAX_WAVE, {"leed"}),
    ],
)
def test_a_weekly_plan_in_the_net_file_itself_takes_no_signal_away_from_us(tmp_path, kind, shown):
    task = replace(task_of(plan_in_the_net(tmp_path)), choice=Choice(kind=kind))
    drive = _own_program if kind in OWN_PROGRAM else _in_env
    drive(task, tmp_path / "record", ())
    programs = {run.program for run in read_runs(tmp_path / "record" / STATES_NAME)["C"]}
    assert programs == shown


DRAWN_IN = {  # what an additional file says, and what the file says that it names
    "a rerouter, whose file SUMO does not read": (
        '<rerouter id="r" edges="NC" file="more.xml"/>',
        '<rerouter><interval begin="0" end="900"><destProbReroute id="CE" probability="1"/></interval></rerouter>'),
    "a speed sign": (
        '<variableSpeedSign id="v" lanes="NC_0" file="more.xml"/>', '<vss><step time="0" speed="4"/></vss>'),
    "a calibrator": (
        '<route id="r" edges="NC CS"/><calibrator id="c" edge="NC" pos="9" output="NUL" file="more.xml"/>',
        '<x><flow begin="0" end="900" vehsPerHour="600" speed="9" route="r" type="DEFAULT_VEHTYPE"/></x>'),
}  # fmt: skip


@pytest.mark.parametrize("case", DRAWN_IN)
def test_traffic_is_sumos_whatever_further_files_are_named(tmp_path, case):
    additional, more = DRAWN_IN[case]
    (tmp_path / "more.xml").write_text(more)
    config = configure(tmp_path, cross(tmp_path), additional=additional)
    _own_program(task_of(config), tmp_path / "record", ())
    scenario = load_scenario(str(config))
    options = sumo_options(scenario, seed=7, route_files=scenario.route_files, record=tmp_path / "plain")
    import sumo

    subprocess.run(
        [str(Path(sumo.SUMO_HOME) / "bin" / "sumo"), *options], check=True, capture_output=True, timeout=60
    )
    plain, ours = ((tmp_path / name / TRIPS_NAME).read_text() for name in ("plain", "record"))
    assert ours[ours.index("<tripinfos") :] == plain[plain.index("<tripinfos") :]
