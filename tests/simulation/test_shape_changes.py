"""A bundle for one signal, and what may change in its net: real nets, built anew by netconvert after each edit."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from leed_traffic.artifacts.bundle import check_bundle_fits
from leed_traffic.artifacts.site import derive_site
from leed_traffic.errors import MismatchError
from leed_traffic.simulation.network.network_import import import_network
from tests.artifacts.sample_bundle import write_sample

sumo = pytest.importorskip("sumo", reason="SUMO is not installed")
pytestmark = pytest.mark.sumo

NODES = {"C": (0, 0), "W": (-300, 0), "E": (300, 0), "N": (0, 300), "S": (0, -300), "F": (700, 0)}
STREETS = {"WC": "WC", "CW": "CW", "CE": "CE", "EC": "EC", "NC": "NC", "CN": "CN", "SC": "SC", "CS": "CS"}
STREETS |= {"EF": "EF", "FE": "FE"}


def build(
    folder,
    *,
    nodes=None,
    streets=None,
    signals=("C",),
    lanes=None,
    speeds=None,
    name="town",
    edit=lambda text: text,
):
    """The net of a crossing C, with changes."""
    nodes, streets = nodes or NODES, streets or STREETS
    rows = [
        f'<node id="{n}" x="{x}" y="{y}" type="{"traffic_light" if n in signals else "priority"}"/>'
        for n, (x, y) in nodes.items()
    ]
    (folder / f"{name}.nod.xml").write_text(f"<nodes>{''.join(rows)}</nodes>")
    rows = [
        f'<edge id="{e}" from="{a}" to="{b}" numLanes="{(lanes or {}).get(e, 1)}" speed="{(speeds or {}).get(e, 13.89)}"/>'
        for e, (a, b) in streets.items()
    ]
    (folder / f"{name}.edg.xml").write_text(f"<edges>{''.join(rows)}</edges>")
    net = folder / f"{name}.net.xml"
    command = [
        str(Path(sumo.SUMO_HOME) / "bin" / "netconvert"),
        "--no-turnarounds",
        "--no-warnings",
        "-o",
        str(net),
    ]
    command += [f"--node-files={folder}/{name}.nod.xml", f"--edge-files={folder}/{name}.edg.xml"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    net.write_text(edit(net.read_text()))
    return import_network(net)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    network = build(folder)
    return write_sample(folder / "bundle", network, derive_site(network))


def offer(bundle, network):
    check_bundle_fits(bundle, network, derive_site(network), 5.0)


def test_a_new_name_a_street_far_away_and_another_signal_are_harmless(bundle, tmp_path):
    offer(bundle, build(tmp_path, name="renamed"))
    more = NODES | {"G": (900, -500), "H": (900, 500)}
    offer(bundle, build(tmp_path, nodes=more, streets=STREETS | {"FG": "FG", "GF": "GF", "FH": "FH", "HF": "HF"}))
    everywhere = STREETS | {"FG": "FG", "GF": "GF", "FH": "FH", "HF": "HF"}
    network = build(tmp_path, nodes=more, streets=everywhere, signals=("C", "F"))
    assert [i.id for i in network.intersections] == ["C", "F"]
    assert [n.id for n in network.by_id["C"].neighbours] == ["F"]
    offer(bundle, network)


def test_another_program_with_the_same_stages_is_harmless(bundle, tmp_path):
    slower = build(
        tmp_path, edit=lambda text: text.replace('programID="0" offset="0"', 'programID="night" offset="7"')
    )
    assert slower.intersections[0].own_program_id == "night"
    offer(bundle, slower)


def swap_links(text):
    """Links 0 and 1 of the signal in the other's place; netconvert wrote them in the usual order."""
    return (
        text.replace('linkIndex="0"', 'linkIndex="x"')
        .replace('linkIndex="1"', 'linkIndex="0"')
        .replace('"x"', '"1"')
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lanes": {"WC": 2}}, r"C: made for 4 incoming lanes, intersection C has 5: lane WC_1 is new"),
        (
            {"edit": swap_links},
            r"C: made for link 0 that serves NC_0 to CW_0, at intersection C it serves NC_0 to CS_0",
        ),
        (
            {"speeds": dict.fromkeys(STREETS, 18.0)},
            r"C: trained with yellow_s of stage 0 to 1 3\.5, the site has 4\.0",
        ),
        ({"nodes": NODES | {"W": (-70, 0)}}, r"C: lane WC_0: detectors saw 100\.0 m of WC_0 .* here [\d.]+ m"),
        (
            {"nodes": {**{k: v for k, v in NODES.items() if k != "C"}, "D": (0, 0)}},
            r"made for intersection C, which this",
        ),
    ],
)
def test_a_harmful_edit_is_refused_with_the_difference(bundle, tmp_path, changes, message):
    if "D" in changes.get("nodes", {}):
        changes = changes | {"streets": {k: v.replace("C", "D") for k, v in STREETS.items()}, "signals": ("D",)}
    network = build(tmp_path, **changes)
    with pytest.raises(MismatchError, match=message) as caught:
        offer(bundle, network)
    assert "\n" not in str(caught.value)
    assert any(word in str(caught.value) for word in ("train", "which this network does not have"))


def test_a_stage_that_is_gone_is_named(bundle, tmp_path):
    trained = bundle.network.intersections[0]
    network = build(tmp_path)
    here = replace(
        network.intersections[0], stages=(*trained.stages[1:], replace(trained.stages[0], state="r" * 11 + "G"))
    )
    with pytest.raises(MismatchError, match=rf"made for stage 0 = {trained.stages[0].state}"):
        offer(bundle, replace(network, intersections=(here,)))
