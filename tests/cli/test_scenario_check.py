import json

import pytest
from typer.testing import CliRunner

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.cli.scenario import app
from leed_traffic.errors import ScenarioError
from tests.cli.conftest import JOINED


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
def test_a_long_id_squeezes_no_column_away_and_its_streets_are_named(town):
    pytest.importorskip("sumo", reason="SUMO is not installed")
    page = CliRunner().invoke(app, ["check", str(town)]).stdout
    assert max(len(line.rstrip()) for line in page.splitlines()) <= 150
    assert JOINED not in page
    assert page.count("cluster_1000000000…000000010  High Street / Station Road [B1]") == 3
    assert "own program  missing" in page
    (signal,) = json.loads(CliRunner().invoke(app, ["check", str(town), "--json"]).stdout)["signals"]
    assert (signal["id"], signal["streets"]) == (JOINED, "High Street / Station Road [B1]")
