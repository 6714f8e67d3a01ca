import json

import pytest
from typer.testing import CliRunner

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.sensing_file import load_sensing
from leed_traffic.cli.scenario import app
from leed_traffic.domain.detectors.sensing import SensingKind
from leed_traffic.errors import ScenarioError, UsageError
from leed_traffic.simulation.network.network_import import import_network


def test_list_names_the_shipped_scenarios_and_their_size():
    shown = CliRunner().invoke(app, ["list", "--json"])
    assert shown.exit_code == 0
    signals = {entry["name"]: entry["n_signals"] for entry in json.loads(shown.stdout)}
    assert signals == {"arterial5": 5, "crossing": 1, "grid4x4": 16}


def test_list_prints_one_row_per_scenario():
    shown = CliRunner().invoke(app, ["list"])
    assert [name in shown.stdout for name in ("arterial5", "crossing", "grid4x4")] == [True] * 3


@pytest.mark.sumo
def test_build_writes_the_committed_net_elsewhere(tmp_path):
    pytest.importorskip("sumo", reason="SUMO is not installed")
    shown = CliRunner().invoke(app, ["build", "crossing", "--out", str(tmp_path), "--json"])
    assert json.loads(shown.stdout)["name"] == "crossing"
    assert (tmp_path / "net.net.xml").read_bytes() == load_scenario("crossing").net_file.read_bytes()


def test_an_unknown_name_is_left_to_the_wrapper_as_a_scenario_error():
    with pytest.raises(ScenarioError, match="no such scenario"):
        CliRunner().invoke(app, ["build", "nope"], catch_exceptions=False)


@pytest.mark.sumo
def test_check_names_every_signal_that_can_be_controlled():
    pytest.importorskip("libsumo", reason="SUMO is not installed")
    shown = CliRunner().invoke(app, ["check", "arterial5", "--json"])
    assert shown.exit_code == 0, shown.output
    document = json.loads(shown.stdout)
    assert [signal["id"] for signal in document["signals"]] == ["J1", "J2", "J3", "J4", "J5"]
    assert document["left_alone"] == []
    assert document["signals"][1]["neighbours"] == ["J1", "J3"]
    assert document["simulated_until_s"] == document["begin_s"] + 300.0


@pytest.mark.sumo
def test_check_of_demand_that_sumo_refuses_is_left_to_the_wrapper_as_a_scenario_error(tmp_path):
    pytest.importorskip("libsumo", reason="SUMO is not installed")
    (tmp_path / "x.rou.xml").write_text('<routes><trip id="a" depart="1" from="nowhere" to="C_S"/></routes>')
    net_file = load_scenario("crossing").net_file
    config = tmp_path / "x.sumocfg"
    config.write_text(
        f'<configuration><net-file value="{net_file}"/><route-files value="x.rou.xml"/><end value="3600"/></configuration>'
    )
    with pytest.raises(ScenarioError, match="edge 'nowhere'"):
        CliRunner().invoke(app, ["check", str(config)], catch_exceptions=False)


@pytest.mark.sumo
def test_detectors_are_written_for_sumo_and_for_whoever_reads_them(tmp_path):
    out = tmp_path / "crossing.add.xml"
    shown = CliRunner().invoke(app, ["detectors", "crossing", "--kind", "loops", "--out", str(out), "--json"])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["signals"] == [
        {"signal": "C", "zone": 10, "exit": 6, "stop": 10, "advance": 10}
    ]
    scenario = load_scenario("crossing")
    sensing = load_sensing(str(tmp_path / "crossing.sensing.toml"), import_network(scenario.net_file))
    assert sensing.kind is SensingKind.LOOPS
    assert all(f'id="{detector.id}"' in out.read_text() for detector in sensing.detectors)


def test_detectors_that_nobody_reads_are_refused(tmp_path):
    with pytest.raises(UsageError, match="reads no detectors"):
        CliRunner().invoke(
            app,
            ["detectors", "crossing", "--kind", "ideal", "--out", str(tmp_path / "x.add.xml")],
            catch_exceptions=False,
        )


@pytest.mark.sumo
def test_check_prints_a_page_and_lists_each_correction_of_its_copy(tmp_path):
    pytest.importorskip("sumo", reason="SUMO is not installed")
    from tests.networks.oddities import ODDITIES

    config = ODDITIES["one_stage_beside_another"](tmp_path)
    shown = CliRunner().invoke(
        app, ["check", str(config), "--fix", str(tmp_path / "copy")], catch_exceptions=False
    )
    assert shown.exit_code == 0
    for part in (
        "1 signals to control, 1 left alone",
        "E: left alone: has only one stage",
        "C: phase 1: 3 s of yellow, need 3.5",
    ):
        assert part in shown.stdout
    assert "C: short-yellow corrected: phase 1" in shown.stdout
    assert load_scenario(str(tmp_path / "copy")).name == "copy"


@pytest.mark.sumo
def test_import_tells_what_it_made_as_a_document(tmp_path):
    pytest.importorskip("sumo", reason="SUMO is not installed")
    net = load_scenario("crossing").net_file
    shown = CliRunner().invoke(app, ["import", str(net), "--out", str(tmp_path / "x"), "--end", "60", "--json"])
    document = json.loads(shown.stdout)
    assert (document["demand"], document["signals"], document["left_alone"]) == ("invented", ["C"], [])
    assert document["vehicles"] > 0


JOINED = "cluster_" + "_".join(str(10_000_000_000 + k) for k in range(11))  # 139 letters, as joined junctions have


@pytest.fixture
def town(tmp_path):
    """A signal with a long id, at streets of which two have names."""
    from tests.networks.oddities import configure, cross

    net = cross(tmp_path)
    text = net.read_text().replace('="C"', f'="{JOINED}"').replace(":C_", f":{JOINED}_")
    for edge, street in (("NC", "Station Road [B1]"), ("EC", "High Street")):
        text = text.replace(f'<edge id="{edge}"', f'<edge id="{edge}" name="{street}"')
    net.write_text(text)
    return configure(tmp_path, net)


@pytest.mark.sumo
def test_a_long_id_squeezes_no_column_away_and_its_streets_are_named(town):
    pytest.importorskip("sumo", reason="SUMO is not installed")
    page = CliRunner().invoke(app, ["check", str(town)]).stdout
    assert max(len(line.rstrip()) for line in page.splitlines()) <= 150
    assert JOINED not in page
    assert page.count("cluster_1000000000…000000010  High Street / Station Road [B1]") == 3
    assert "own program  missing" in page
    (signal,) = json.loads(CliRunner().invoke(app, ["check", str(town), "--json"]).stdout)["signals"]
    assert (signal["id"], signal["streets"]) == (JOINED, "High Street / Station Road [B1]")


@pytest.mark.sumo
def test_detectors_are_listed_by_the_same_names(town, tmp_path):
    pytest.importorskip("sumo", reason="SUMO is not installed")
    shown = CliRunner().invoke(app, ["detectors", str(town), "--out", str(tmp_path / "d.add.xml")])
    assert "cluster_1000000000…000000010" in shown.stdout
    assert "High Street / Station Road [B1]" in shown.stdout
    assert "advance loops" in shown.stdout
