"""What we take for the program in force, beside what SUMO says and shows for the same files."""

import gzip

import pytest

from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.network.signal_programs import NAMELESS, read_programs
from leed_traffic.simulation.scenario.importing import copy_files
from leed_traffic.simulation.sumo.additional_files import StillPlans, quiet
from tests.networks.oddities import cross

pytestmark = pytest.mark.sumo
LOOKED_S = 60


def program(name, *seconds, offset=""):
    """Two stages of twelve links, each with a yellow."""
    states = ("GGgrrrGGgrrr", "yyyrrryyyrrr", "rrrGGgrrrGGg", "rrryyyrrryyy")
    rows = "".join(f'<phase duration="{s}" state="{state}"/>' for s, state in zip(seconds, states, strict=True))
    named = f'programID="{name}"' if name else ""
    return f'<tlLogic id="C" type="static" {named} {offset}>{rows}</tlLogic>'


def all_of(*parts):
    return f"<additional>{''.join(parts)}</additional>"


def line(name, offset):
    """As SUMO's tlsCoordinator.py writes it."""
    return f'<tlLogic id="C" programID="{name}" {offset}/>'


def plan(*switches, start="mine", more='refTime="0"'):
    rows = "".join(f'<wautSwitch time="{time}" to="{to}"/>' for time, to in switches)
    return f'<WAUT id="w" {more} startProg="{start}">{rows}</WAUT><wautJunction wautID="w" junctionID="C"/>'


def include(name):
    return f'<include href="{name}"/>'


MINE, OTHER, THIRD = program("mine", 20, 3, 25, 3), program("other", 11, 3, 12, 3), program("third", 9, 3, 9, 3)
ROWS = MINE[MINE.index("<phase") : MINE.index("</tlLogic>")]
YELLOW = '<phase duration="3" state="yyyrrryyyrrr"/>'
MEAN = '<edgeData id="e" file="NUL"/>'
OFF = '<tlLogic id="C" type="static" programID="off"/>'
CASES = {  # files by name, those that are given in their order, the scenario's begin, and what we expect of SUMO
    "the net's own": ({}, [], 0, "0"),
    "one more": ({"a": all_of(MINE)}, ["a"], 0, "mine"),
    "two in one file": ({"a": all_of(MINE, OTHER)}, ["a"], 0, "other"),
    "two files in order": ({"a": all_of(MINE), "b": all_of(OTHER)}, ["a", "b"], 0, "other"),
    "two files in the other order": ({"a": all_of(MINE), "b": all_of(OTHER)}, ["b", "a"], 0, "mine"),
    "packed": ({"a.xml.gz": all_of(MINE)}, ["a.xml.gz"], 0, "mine"),
    "without a name": ({"a": all_of(program("", 20, 3, 25, 3))}, ["a"], 0, NAMELESS),
    "within another element": ({"a": all_of("<foo>", MINE, "</foo>")}, ["a"], 0, "mine"),
    "as outermost element": ({"a": MINE}, ["a"], 0, "mine"),
    "clock times": ({"a": all_of(program("mine", "0:00:20", 3, "0:0:25", 3, offset='offset="0:0:10"'))}, ["a"], 0, "mine"),
    "before its offset": ({"a": all_of(program("mine", 20, 3, 25, 3, offset='offset="-10"'))}, ["a"], 0, "mine"),
    "offset begin": ({"a": all_of(program("mine", 20, 3, 25, 3, offset='offset="begin"'))}, ["a"], 30, "mine"),
    "an offset of the net's own": ({"a": all_of(line("0", 'offset="17"'))}, ["a"], 0, "0"),
    "an offset of one not in force": ({"a": all_of(MINE, line("0", 'offset="17"'))}, ["a"], 0, "mine"),
    "an offset of the one in force": ({"a": all_of(MINE), "b": all_of(line("mine", 'offset="7"'))}, ["a", "b"], 0, "mine"),
    "the last of two offsets": ({"a": all_of(line("0", 'offset="17"'), line("0", 'offset="5"'))}, ["a"], 0, "0"),
    "a line without offset": ({"a": all_of(line("0", 'offset="17"'), line("0", ""))}, ["a"], 0, "0"),
    "a line with offset begin": ({"a": all_of(line("0", 'offset="begin"'))}, ["a"], 30, "0"),
    "a line with a clock time": ({"a": all_of(line("0", 'offset="0:0:10"'))}, ["a"], 0, "0"),
    "an offset in an included file": ({"a": all_of(include("b")), "b": all_of(line("0", 'offset="9"'))}, ["a"], 0, "0"),
    "included": ({"a": all_of(include("in/b")), "in/b": all_of(MINE)}, ["a"], 0, "mine"),
    "included twice removed": (
        {"a": all_of(include("in/b")), "in/b": all_of(include("deep/c")), "in/deep/c": all_of(MINE)}, ["a"], 0, "mine"),
    "included before its own": ({"a": all_of(include("b"), OTHER), "b": all_of(MINE)}, ["a"], 0, "other"),
    "included after its own": ({"a": all_of(OTHER, include("b")), "b": all_of(MINE)}, ["a"], 0, "mine"),
    "included within an element": ({"a": all_of("<foo>", include("b"), "</foo>"), "b": all_of(MINE)}, ["a"], 0, "mine"),
    "included and packed": ({"a": all_of(include("b.xml.gz")), "b.xml.gz": all_of(MINE)}, ["a"], 0, "mine"),
    "included without a frame": ({"a": all_of(include("b")), "b": MINE}, ["a"], 0, "mine"),
    "two included": ({"a": all_of(include("b"), include("c")), "b": all_of(MINE), "c": all_of(OTHER)}, ["a"], 0, "other"),
    "switched off": ({"a": all_of(MINE, OFF)}, ["a"], 0, "off"),
    "switched on again": ({"a": all_of(OFF, MINE)}, ["a"], 0, "mine"),
    "a plan": ({"a": all_of(MINE, OTHER, plan((100, "other")))}, ["a"], 0, "mine"),
    "a plan's switch": ({"a": all_of(MINE, OTHER, plan((100, "other")))}, ["a"], 100, "other"),
    "a plan after its switch": ({"a": all_of(MINE, OTHER, plan(("0:1:40", "other")))}, ["a"], 150, "other"),
    "a plan counted from later": (
        {"a": all_of(MINE, OTHER, plan((100, "other"), more='refTime="50"'))}, ["a"], 80, "mine"),
    "a plan out of order": ({"a": all_of(MINE, OTHER, plan((200, "mine"), (100, "other")))}, ["a"], 250, "other"),
    "a plan out of order between": ({"a": all_of(MINE, OTHER, plan((200, "other"), (100, "other")))}, ["a"], 120, "mine"),
    "a plan with a period": (
        {"a": all_of(MINE, OTHER, plan((50, "other"), (100, "mine"), more='refTime="0" period="150"'))}, ["a"], 210, None),
    "a program after the plan": ({"a": all_of(MINE, OTHER, plan((900, "other")), THIRD)}, ["a"], 150, "third"),
    "a plan that switches off": ({"a": all_of(MINE, OFF, plan((100, "off")))}, ["a"], 150, "off"),
    "a plan in an included file": (
        {"a": all_of(MINE, OTHER, include("w")), "w": all_of(plan((100, "other")))}, ["a"], 150, "other"),
    "a plan and an offset after it": (
        {"a": all_of(MINE, OTHER, plan((900, "other")), line("mine", 'offset="9"'))}, ["a"], 0, "mine"),
    "in a namespace": ({"a": all_of(MINE).replace("<additional", '<additional xmlns="u"')}, ["a"], 0, "mine"),
    "a plan in a namespace": (
        {"a": all_of(MINE, OTHER, plan((100, "other"))).replace("<additional", '<additional xmlns="u"')}, ["a"], 150, "other"),
    "an include in a namespace": ({"a": all_of('<include xmlns="u" href="b"/>'), "b": all_of(MINE)}, ["a"], 0, "mine"),
    "with a prefix it is none": (
        {"a": all_of(MINE.replace("tlLogic", "s:tlLogic"), MEAN).replace("<additional", '<additional xmlns:s="u"')},
        ["a"], 0, "0"),
    "its phases included": (
        {"a": all_of(MINE.replace(ROWS, include("b"))), "b": all_of(ROWS)}, ["a"], 0, "mine"),
    "one of its phases included": ({"a": all_of(MINE.replace(YELLOW, include("b"))), "b": YELLOW}, ["a"], 0, "mine"),
    "an offset as a clock before zero": ({"a": all_of(line("0", 'offset="-1:00:07"'))}, ["a"], 0, "0"),
    "an offset as a clock with a sign on nothing": ({"a": all_of(line("0", 'offset="-0:00:07"'))}, ["a"], 0, "0"),
    "two plans": (
        {"a": all_of(MINE, OTHER, plan((900, "other")), plan((900, "mine"), start="other").replace('"w"', '"v"'))},
        ["a"], 0, "other"),
}  # fmt: skip


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return cross(tmp_path_factory.mktemp("net"))


def put(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())


def in_sumo(net, files, begin_s):
    """The program's name and phases, and what SUMO shows in a minute from the begin."""
    import libsumo

    options = ["--net-file", str(net), "--begin", str(begin_s), "--no-step-log", "--no-warnings"]
    libsumo.start(["sumo", *options, *(["--additional-files", ",".join(map(str, files))] if files else [])])
    lights, shown = libsumo.trafficlight, []
    name = lights.getProgram("C")
    phases = [
        (p.state, p.duration)
        for logic in lights.getAllProgramLogics("C")
        if logic.programID == name
        for p in logic.phases
    ]
    for _ in range(LOOKED_S):
        libsumo.simulationStep()
        shown.append(lights.getRedYellowGreenState("C"))
    libsumo.close()
    return name, phases, shown


def walked(program, begin_s):
    """What a fixed program shows in a minute from the begin."""
    cycle_s, shown = sum(phase.duration_s for phase in program.phases), []
    for step in range(LOOKED_S):
        at_s = (begin_s + step - program.offset_s) % cycle_s
        for phase in program.phases:
            if at_s < phase.duration_s:
                shown.append(phase.state)
                break
            at_s -= phase.duration_s
    return shown


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("how", ["as given", "copied", "standing still"])
def test_the_program_in_force_is_sumo_s_own(net, tmp_path, case, how):
    """As the files lie, from an import's copies, which need nothing beside them, and as a run gets them, without switches."""
    files, given, begin_s, expected = CASES[case]
    put(tmp_path, files)
    paths = [tmp_path / name for name in given]
    (tmp_path / "copy").mkdir()
    if how == "copied":
        paths = [tmp_path / "copy" / name for name in copy_files(paths, tmp_path / "copy")]
        for name in files:
            (tmp_path / name).unlink()
    elif how == "standing still":
        plans = StillPlans(begin_s=begin_s, keeps=True)
        paths = [quiet(path, tmp_path / "copy" / f"{k}.xml", plans) for k, path in enumerate(paths)]
    name, phases, shown = in_sumo(net, paths, begin_s)
    ours = read_programs([net, *paths], begin_s)["C"]
    assert ours.id == name
    assert expected in (None, name)
    if name != "off":
        assert [(phase.state, phase.duration_s) for phase in ours.phases] == phases
        assert walked(ours, begin_s) == shown


def test_a_file_that_includes_itself_is_refused_in_one_line(net, tmp_path):
    put(tmp_path, {"a.xml": all_of(include("in/b.xml")), "in/b.xml": all_of(include("../a.xml"))})
    for reads in (
        lambda: import_network(net, [tmp_path / "a.xml"]),
        lambda: copy_files([tmp_path / "a.xml"], tmp_path / "in"),
    ):
        with pytest.raises(
            ScenarioError, match=r"includes itself, directly or through others; take one <include> out$"
        ):
            reads()


def test_an_included_file_that_is_not_there_is_named(net, tmp_path):
    put(tmp_path, {"a.xml": all_of(include("in/b.xml"))})
    with pytest.raises(ScenarioError, match=r"in/b\.xml: not readable as XML"):
        import_network(net, [tmp_path / "a.xml"])


@pytest.mark.parametrize("text", ["soon", "", "1:xx"])
def test_an_offset_that_is_no_time_is_refused_in_one_line(net, tmp_path, text):
    put(tmp_path, {"a.xml": all_of(line("0", f'offset="{text}"'))})
    with pytest.raises(ScenarioError, match=f"signal C: the offset '{text}', expected seconds, H:M:S or begin"):
        import_network(net, [tmp_path / "a.xml"])


def test_a_duration_that_is_no_time_is_refused_in_one_line(net, tmp_path):
    put(tmp_path, {"a.xml": all_of(program("mine", 20, "three", 25, 3))})
    with pytest.raises(ScenarioError, match=r"makes no sense \(duration is 'three', expected seconds or H:M:S\)"):
        import_network(net, [tmp_path / "a.xml"])


def test_a_plan_in_an_included_file_does_not_take_a_signal_away_in_the_middle_of_a_run(net, tmp_path):
    switches = plan((100, "other"), (130, "mine"))
    put(tmp_path, {"a.xml": all_of(MINE, OTHER, "<foo>", include("w.xml"), "</foo>"), "w.xml": all_of(switches)})
    path = tmp_path / "a.xml"
    assert in_sumo(net, [path], 120)[2] != walked(read_programs([net, path], 120)["C"], 120)
    still = quiet(path, tmp_path / "still.xml", StillPlans(begin_s=120, keeps=True))
    assert in_sumo(net, [still], 120)[2] == walked(read_programs([net, still], 120)["C"], 120)
    without = quiet(path, tmp_path / "without.xml", StillPlans(begin_s=120, keeps=False))
    assert "WAUT" not in without.read_text()


def test_a_program_whose_phases_name_another_next_says_that_this_is_not_followed(net, tmp_path):
    put(
        tmp_path,
        {"a": all_of(MINE.replace("/>", ' next="2"/>', 1)), "b": all_of(MINE.replace("/>", ' next="1"/>', 1))},
    )
    assert "next is not followed" in read_programs([net, tmp_path / "a"], 0)["C"].note
    assert read_programs([net, tmp_path / "b"], 0)["C"].note == ""
