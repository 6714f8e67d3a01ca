import json

import pytest
import typer
from typer.testing import CliRunner

from leed_traffic.cli.drill import drill_command
from leed_traffic.drill import catalogue
from leed_traffic.drill.catalogue import CATALOGUE, CatalogueEntry
from leed_traffic.drill.row import Finding
from leed_traffic.errors import UsageError

pytestmark = pytest.mark.sumo


def invoke(*arguments):
    app = typer.Typer()
    app.command()(drill_command)
    return CliRunner().invoke(app, list(arguments))


def test_the_command_prints_a_row_for_each_promise_and_fails_with_any(monkeypatch):
    def holds(ground):
        return Finding(count=3, faults=[], detail="[fine]")

    def fails(ground):
        return Finding(count=3, faults=["first", "second"], detail="")

    def breaks(ground):
        raise ZeroDivisionError("an exercise of ours")

    def entries(*exercises):
        return tuple(
            CatalogueEntry(name=f"e{k}", promise=f"promise {k}", tried="somehow", exercise=e)
            for k, e in enumerate(exercises)
        )

    monkeypatch.setattr(catalogue, "CATALOGUE", entries(holds))
    good = invoke("--json")
    assert good.exit_code == 0
    assert json.loads(good.stdout)["holds"] is True
    monkeypatch.setattr(catalogue, "CATALOGUE", entries(holds, fails, breaks))
    bad = invoke("--json")
    assert bad.exit_code == 1
    rows = json.loads(bad.stdout)["rows"]
    assert [row["holds"] for row in rows] == [True, False, False]
    assert rows[1]["detail"] == "2 faults, the first: first"
    assert "ZeroDivisionError" in rows[2]["detail"]
    assert "promise 2" in invoke().stdout
    assert "[fine]" in invoke("--only", "e0").stdout


def test_an_unknown_row_is_refused():
    error = invoke("--only", "nothing").exception
    assert isinstance(error, UsageError)
    assert CATALOGUE[0].name in str(error)
