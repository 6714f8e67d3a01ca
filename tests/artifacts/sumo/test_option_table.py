import re
import subprocess
from pathlib import Path

import pytest

from leed_traffic.artifacts.sumo.option_table import DRIVING_DEVICES, NO_MATTER, OURS, REFUSED, SYNONYMS, TAKEN

TABLES = (TAKEN, OURS, REFUSED, NO_MATTER)


def test_every_option_stands_in_one_table_only():
    names = [name for table in TABLES for name in table]
    assert len(names) == len(set(names))
    assert set(SYNONYMS.values()) <= set(names)
    assert not set(SYNONYMS) & set(names)


def test_nothing_that_is_taken_writes_a_file():
    assert [name for name in TAKEN if re.search(r"(output|file|files|trace|prefix|log)$", name)] == []
    devices = {name.removeprefix("person-").split(".")[1] for name in TAKEN if "device." in name}
    assert devices <= DRIVING_DEVICES


@pytest.mark.sumo
def test_every_option_of_the_installed_sumo_is_in_the_table_with_its_names_and_its_default(tmp_path):
    sumo = pytest.importorskip("sumo", reason="SUMO is not installed")
    template = tmp_path / "template.xml"
    program = Path(sumo.SUMO_HOME) / "bin" / "sumo"
    subprocess.run([str(program), f"--save-template={template}"], check=True, capture_output=True)
    found = {}
    for name, rest in re.findall(r"<([\w.-]+) (value=[^>]*)/>", template.read_text(encoding="utf-8")):
        found[name] = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    assert len(found) > 400
    assert sorted(found) == sorted(name for table in TABLES for name in table)
    synonyms = {other: name for name, said in found.items() for other in said.get("synonymes", "").split()}
    assert synonyms == SYNONYMS
    assert {name: found[name]["value"] for name in REFUSED} == {
        name: default for name, (default, _) in REFUSED.items()
    }
    kinds = {"BOOL": {"flag"}, "INT": {"number"}, "FLOAT": {"number", "word"}, "TIME": {"time"}}
    for name, kind in TAKEN.items():
        assert kind in kinds.get(found[name].get("type", ""), {"word"}), name
