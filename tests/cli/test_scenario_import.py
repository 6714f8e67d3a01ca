import json

import pytest
from typer.testing import CliRunner

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.cli.scenario import app


@pytest.mark.sumo
def test_import_tells_what_it_made_as_a_document(tmp_path):
    pytest.importorskip("sumo", reason="SUMO is not installed")
    net = load_scenario("crossing").net_file
    shown = CliRunner().invoke(app, ["import", str(net), "--out", str(tmp_path / "x"), "--end", "60", "--json"])
    document = json.loads(shown.stdout)
    assert (document["demand"], document["signals"], document["left_alone"]) == ("invented", ["C"], [])
    assert document["vehicles"] > 0
