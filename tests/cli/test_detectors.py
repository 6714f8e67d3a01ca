import json

import pytest
from typer.testing import CliRunner

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.sensing_file import load_sensing
from leed_traffic.cli.scenario import app
from leed_traffic.domain.detectors.sensing import SensingKind
from leed_traffic.errors import UsageError
from leed_traffic.simulation.network.network_import import import_network


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
def test_detectors_are_listed_by_the_same_names(town, tmp_path):
    pytest.importorskip("sumo", reason="SUMO is not installed")
    shown = CliRunner().invoke(app, ["detectors", str(town), "--out", str(tmp_path / "d.add.xml")])
    assert "cluster_1000000000…000000010" in shown.stdout
    assert "High Street / Station Road [B1]" in shown.stdout
    assert "advance loops" in shown.stdout
