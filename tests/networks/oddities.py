"""The smallest nets that show each kind of signal that real networks hold: made by SUMO's netconvert, some finished by hand.

Each maker writes a `.sumocfg` with its net and traffic into a folder and returns the configuration's path.
"""

import gzip
import re
import subprocess
from pathlib import Path

import sumo

HOUR = 'begin value="0"/><end value="900"'
LEGS = ("N", "E", "S", "W")
PLACES = {"N": (0, 200), "E": (200, 0), "S": (0, -200), "W": (-200, 0)}


def cross(
    folder,
    *options,
    lanes=1,
    kind="traffic_light",
    extra_nodes="",
    extra_edges="",
    connections="",
    lane_tags="",
    legs=LEGS,
):
    """A junction C with four legs of 200 m; edges are called NC, CN and so on. Returns the net's path."""
    nodes = "".join(f'<node id="{n}" x="{x}" y="{y}"/>' for n, (x, y) in PLACES.items() if n in legs)
    node = f'<node id="C" x="0" y="0" type="{kind}"/>'
    edges = "".join(
        f'<edge id="{a}{b}" from="{a}" to="{b}" numLanes="{lanes}" speed="13.89">{lane_tags}</edge>'
        for leg in legs
        for a, b in ((leg, "C"), ("C", leg))
    )
    return convert(folder, f"{nodes}{node}{extra_nodes}", f"{edges}{extra_edges}", connections, *options)


def convert(folder, nodes, edges, connections, *options):
    (folder / "x.nod.xml").write_text(f"<nodes>{nodes}</nodes>")
    (folder / "x.edg.xml").write_text(f"<edges>{edges}</edges>")
    (folder / "x.con.xml").write_text(f"<connections>{connections}</connections>")
    net = folder / "x.net.xml"
    command = [
        str(Path(sumo.SUMO_HOME) / "bin" / "netconvert"),
        "-n",
        folder / "x.nod.xml",
        "-e",
        folder / "x.edg.xml",
    ]
    command += ["-x", folder / "x.con.xml", "-o", net, "--no-warnings", "--tls.allred.time=2", *options]
    if not any("turnarounds" in option for option in options):
        command.append("--no-turnarounds")
    subprocess.run([str(word) for word in command], check=True, capture_output=True, timeout=60)
    return net


def cars(*pairs, period=9):
    """Flows between edges, and nothing else."""
    return "".join(
        f'<flow id="{a}-{b}" from="{a}" to="{b}" begin="0" end="900" period="{period + k}"/>'
        for k, (a, b) in enumerate(pairs)
    )


ALL_WAYS = cars(*((f"{a}C", f"C{b}") for a in LEGS for b in LEGS if a != b), period=40)


def configure(folder, net, traffic=ALL_WAYS, *, additional="", hour=HOUR, processing=""):
    """Write routes, additional file and configuration."""
    (folder / "x.rou.xml").write_text(f"<routes>{traffic}</routes>")
    files = ""
    if additional:
        (folder / "x.add.xml").write_text(f"<additional>{additional}</additional>")
        files = '<additional-files value="x.add.xml"/>'
    config = folder / "x.sumocfg"
    config.write_text(
        f'<configuration><input><net-file value="{net.name}"/><route-files value="x.rou.xml"/>{files}</input>'
        f"<time><{hour}/></time><processing>{processing}</processing></configuration>"
    )
    return config


def program(net, *phases, head='type="static" programID="0" offset="0"'):
    """Put another program for C into a net."""
    rows = "".join(f'<phase duration="{seconds}" state="{state}"/>' for state, seconds in phases)
    text = net.read_text()
    text = re.sub(
        r'<tlLogic id="C".*?</tlLogic>', f'<tlLogic id="C" {head}>{rows}</tlLogic>', text, count=1, flags=re.DOTALL
    )
    net.write_text(text)
    return net


def two_stages(folder):
    return configure(folder, cross(folder))


def one_stage_beside_another(folder):
    """A signal whose only approach is always green, 200 m east of the crossing."""
    nodes = '<node id="X" x="400" y="0"/>'
    net = cross(folder, "--tls.set=E", extra_nodes=nodes, extra_edges='<edge id="EX" from="E" to="X"/>')
    return configure(folder, net)


def t_junction(folder):
    ways = cars(*((f"{a}C", f"C{b}") for a in "ESW" for b in "ESW" if a != b))
    return configure(folder, cross(folder, legs=("E", "S", "W")), ways)


def all_red_and_walkers_alone(folder):
    """All vehicles wait while every crossing is green: a pedestrian scramble with all-reds around it."""
    net = cross(folder, "--sidewalks.guess", "--crossings.guess")
    n = len(re.search(r'<phase duration="\d+"\s+state="(\w+)"', net.read_text())[1])
    phases = re.findall(
        r'<phase duration="(\d+)"\s+state="(\w+)"',
        re.search(r'<tlLogic id="C".*?</tlLogic>', net.read_text(), re.DOTALL)[0],
    )
    walkers = range(n - 4, n)
    alone = [
        ("".join("r" if k in walkers else letter for k, letter in enumerate(state)), int(seconds))
        for seconds, state in phases
    ]
    alone = [(state, seconds) for k, (state, seconds) in enumerate(alone) if k == 0 or state != alone[k - 1][0]]
    scramble = "r" * (n - 4) + "GGGG"
    walks = "".join(
        f'<personFlow id="p{a}" begin="0" end="900" period="30"><walk from="{a}C" to="C{b}"/></personFlow>'
        for a, b in ("NS", "EW")
    )
    return configure(folder, program(net, *alone, (scramble, 12), ("r" * n, 10)), ALL_WAYS + walks)


def right_on_red(folder):
    return configure(folder, cross(folder, kind="traffic_light_right_on_red"))


def crossings_beside_traffic(folder):
    walks = '<personFlow id="p" begin="0" end="900" period="20"><walk from="NC" to="CS"/></personFlow>'
    return configure(folder, cross(folder, "--sidewalks.guess", "--crossings.guess", lanes=2), ALL_WAYS + walks)


def a_signal_for_each_direction_of_a_crossing(folder):
    """Two letters of one crossing: 12 for those who come from the east, 13 from the west."""
    ways = '<crossing node="C" edges="NC CN" linkIndex="12" linkIndex2="13"/>'
    walks = "".join(
        f'<personFlow id="p{a}" begin="0" end="900" period="20"><walk from="{a}C" to="C{b}"/></personFlow>'
        for a, b in ("EW", "WE")
    )
    net = cross(folder, "--sidewalks.guess", connections=ways)
    states = [
        "gGgrrrGGgrrrrr",
        "yyyrrryyyrrrrr",
        "rrrrrrrrrrrrrr",
        "rrrgGgrrrGGgGG",
        "rrrgGgrrrGGgrr",
        "rrryyyrrryyyrr",
        "r" * 14,
    ]
    return configure(folder, program(net, *zip(states, (25, 4, 2, 20, 7, 4, 2), strict=True)), ALL_WAYS + walks)


def two_nodes_under_one_signal(folder):
    nodes = (
        '<node id="w" x="-150" y="0"/><node id="a" x="0" y="0" type="traffic_light" tl="both"/><node id="e" x="190" y="0"/>'
        '<node id="b" x="40" y="0" type="traffic_light" tl="both"/><node id="an" x="0" y="150"/><node id="bn" x="40" y="150"/>'
    )
    streets = [("w", "a"), ("a", "b"), ("b", "e"), ("an", "a"), ("bn", "b")]
    edges = "".join(
        f'<edge id="{u}{v}" from="{u}" to="{v}"/><edge id="{v}{u}" from="{v}" to="{u}"/>' for u, v in streets
    )
    return configure(
        folder, convert(folder, nodes, edges, ""), cars(("wa", "be"), ("eb", "aw"), ("ana", "be"), ("bnb", "aw"))
    )


def links_that_share_a_lane(folder):
    """Through and left from one lane in different stages: the first in line decides."""
    net = cross(folder)
    states = ["GGrrrrGGrrrr", "yyrrrryyrrrr", "rrrrrrrrrrrr", "rrGrrrrrGrrr", "rryrrrrryrrr", "rrrrrrrrrrrr"]
    states += ["rrrGGgrrrGGg", "rrryyyrrryyy", "rrrrrrrrrrrr"]
    return configure(folder, program(net, *zip(states, (20, 4, 2) * 3, strict=True)))


def turning_back(folder):
    return configure(folder, cross(folder, "--no-turnarounds=false"), ALL_WAYS + cars(("NC", "CN"), period=40))


def buses_and_a_tram(folder):
    """A bus lane at the kerb, and a tram on a track of its own that has a stage, too."""
    track = '<edge id="tC" from="t" to="C" numLanes="1" allow="tram"/><edge id="Cu" from="C" to="u" numLanes="1" allow="tram"/>'
    nodes = '<node id="t" x="-150" y="150"/><node id="u" x="150" y="-150"/>'
    way = '<connection from="tC" to="Cu" fromLane="0" toLane="0"/>'
    net = cross(
        folder,
        lanes=2,
        lane_tags='<lane index="0" allow="bus"/>',
        extra_nodes=nodes,
        extra_edges=track,
        connections=way,
    )
    types = '<vTypeDistribution id="mix"><vType id="car" probability="0.8"/><vType id="van" vClass="delivery" probability="0.2"/>'
    types += '</vTypeDistribution><vType id="bus" vClass="bus"/><vType id="tram" vClass="tram"/>'
    traffic = ALL_WAYS.replace("<flow ", '<flow type="mix" ')
    traffic += '<flow id="b" type="bus" from="WC" to="CE" begin="0" end="900" period="60"><stop busStop="stop" duration="10"/></flow>'
    traffic += '<flow id="t" type="tram" from="tC" to="Cu" begin="0" end="900" period="120"/>'
    stop = '<busStop id="stop" lane="CE_0" startPos="50" endPos="80"/>'
    return configure(folder, net, types + traffic, additional=stop)


def a_conflicting_pair(folder):
    """Somebody's program lets two crossing streams go together; the other stages serve everybody."""
    net = cross(folder)
    wrong = ("GGGGGGrrrrrr", 10), ("yyyyyyrrrrrr", 4)
    right = [
        ("GGgrrrGGgrrr", 20),
        ("yyyrrryyyrrr", 4),
        ("rrrrrrrrrrrr", 2),
        ("rrrGGgrrrGGg", 20),
        ("rrryyyrrryyy", 4),
    ]
    return configure(folder, program(net, *wrong, *right))


def actuated(folder):
    return configure(folder, cross(folder, "--tls.default-type=actuated"))


def delay_based(folder):
    return configure(folder, cross(folder, "--tls.default-type=delay_based"))


def nema(folder):
    return configure(folder, cross(folder, "--tls.default-type=NEMA", lanes=2))


def nema_with_lefts(folder):
    """Two rings with eight phases: through 2 and 6, 4 and 8, protected lefts 1 and 5, 3 and 7."""
    net = cross(folder, "--tls.default-type=NEMA", lanes=2)
    served = {
        "1": (15,),
        "2": (4, 5, 6),
        "3": (11,),
        "4": (0, 1, 2),
        "5": (7,),
        "6": (12, 13, 14),
        "7": (3,),
        "8": (8, 9, 10),
    }
    rows = "".join(
        f'<phase duration="40" minDur="5" maxDur="{12 if len(links) == 1 else 30}" vehext="2" yellow="3" red="2" name="{name}" '
        f'state="{"".join("G" if k in links else "r" for k in range(16))}"/>'
        for name, links in served.items()
    )
    params = {"ring1": "1,2,3,4", "ring2": "5,6,7,8", "barrierPhases": "4,8", "barrier2Phases": "2,6"}
    rows += "".join(f'<param key="{key}" value="{value}"/>' for key, value in params.items())
    program(net)
    net.write_text(
        net.read_text()
        .replace('programID="0" offset="0">', f'programID="0" offset="0">{rows}')
        .replace("static", "NEMA")
    )
    return configure(folder, net)


def weekly_plan(folder):
    """Two programs besides the net's own, and a WAUT that changes between them ten minutes into the run."""
    net = cross(folder)
    shown = re.search(r'<tlLogic id="C".*?</tlLogic>', net.read_text(), re.DOTALL)[0]
    day = shown.replace('programID="0"', 'programID="day"')
    night = re.sub(r'duration="[3-9]\d"', 'duration="15"', shown.replace('programID="0"', 'programID="night"'))
    plan = '<WAUT id="week" refTime="0" startProg="night"><wautSwitch time="25000" to="day"/><wautSwitch time="25500" to="night"/>'
    plan += '</WAUT><wautJunction wautID="week" junctionID="C"/>'
    hour = 'begin value="25200"/><end value="26100"'
    traffic = ALL_WAYS.replace('begin="0" end="900"', 'begin="7:00:00" end="7:15:00"')
    return configure(folder, net, traffic, additional=night + day + plan.replace("</WAUT>", "</WAUT>"), hour=hour)


def offset_and_half_steps(folder):
    net = cross(folder)
    net.write_text(net.read_text().replace('programID="0" offset="0"', 'programID="0" offset="17"'))
    config = configure(folder, net)
    config.write_text(config.read_text().replace("<time>", '<time><step-length value="0.5"/>'))
    return config


def left_hand(folder):
    return configure(folder, cross(folder, "--lefthand", lanes=2))


def without_interiors(folder):
    return configure(folder, cross(folder, "--no-internal-links"))


def rails_beside(folder):
    """A rail crossing on one leg and a rail signal behind it: nothing of ours."""
    nodes = '<node id="R" x="300" y="0" type="rail_crossing"/><node id="rn" x="300" y="200"/><node id="rs" x="300" y="-200"/>'
    nodes += '<node id="rx" x="300" y="-400" type="rail_signal"/><node id="rz" x="300" y="-600"/><node id="f" x="450" y="0"/>'
    edges = '<edge id="ER" from="E" to="R"/><edge id="RE" from="R" to="E"/>'
    edges += '<edge id="Rf" from="R" to="f"/><edge id="fR" from="f" to="R"/>'
    edges += '<edge id="r1" from="rn" to="R" allow="rail"/><edge id="r2" from="R" to="rs" allow="rail"/>'
    edges += '<edge id="r3" from="rs" to="rx" allow="rail"/><edge id="r4" from="rx" to="rz" allow="rail"/>'
    train = '<vType id="train" vClass="rail"/><flow id="train" type="train" from="r1" to="r4" begin="0" end="900" period="300"/>'
    return configure(folder, cross(folder, extra_nodes=nodes, extra_edges=edges), ALL_WAYS + train)


def grouped_links(folder):
    return configure(folder, cross(folder, "--tls.group-signals", lanes=2))


def red_and_yellow_before_green(folder):
    net = cross(folder)
    states = [
        "GGgrrrGGgrrr",
        "yyyrrryyyrrr",
        "rrrrrrrrrrrr",
        "rrruuurrruuu",
        "rrrGGgrrrGGg",
        "rrryyyrrryyy",
        "uuurrruuurrr",
    ]
    return configure(folder, program(net, *zip(states, (20, 4, 2, 1, 20, 4, 1), strict=True)))


def letters_to_spare(folder):
    """States longer than the signal has links, as edited nets have them."""
    net = cross(folder)
    text = net.read_text()
    net.write_text(re.sub(r'(<phase [^>]*state=")(\w+)"', r'\1\2rr"', text))
    return configure(folder, net)


def packed_and_writing(folder):
    """Everything packed, detectors that write, and actuated by these detectors."""
    net = cross(folder, "--tls.default-type=actuated")
    (folder / "x.net.xml.gz").write_bytes(gzip.compress(net.read_bytes()))
    net.unlink()
    loops = '<inductionLoop id="d" lane="NC_0" pos="-20" period="60" file="d.out.xml"/><edgeData id="m" file="m.out.xml"/>'
    return configure(folder, folder / "x.net.xml.gz", additional=loops)


ODDITIES = {
    make.__name__: make
    for make in (
        two_stages, one_stage_beside_another, t_junction, all_red_and_walkers_alone, right_on_red, crossings_beside_traffic,
        a_signal_for_each_direction_of_a_crossing,
        two_nodes_under_one_signal, links_that_share_a_lane, turning_back, buses_and_a_tram, a_conflicting_pair, actuated,
        delay_based, nema, nema_with_lefts, weekly_plan, offset_and_half_steps, left_hand, without_interiors, rails_beside,
        grouped_links, red_and_yellow_before_green, letters_to_spare, packed_and_writing,
    )
}  # fmt: skip
