import tomllib
from math import inf

import pytest

from leed_traffic.artifacts.recipe import read_recipe
from leed_traffic.artifacts.toml_file import MOST_BYTES, read_toml, render_toml, rows
from leed_traffic.errors import ScenarioError


def test_a_file_is_read(tmp_path):
    path = tmp_path / "a.toml"
    prose = "a sentence. " * 100
    path.write_text(f'title = "{prose}"\nx = [{", ".join(["1.5"] * 500)}]\n# {prose}\n[a.b."c d".e]\ny = inf\n')
    tables = read_toml(path)
    assert tables["title"] == prose
    assert tables["a"]["b"]["c d"]["e"]["y"] == inf
    assert len(tables["x"]) == 500


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("a = " + "[" * 100_000, "nested too deep"),
        ("a = " + "{a=" * 100_000, "nested too deep"),
        ("a" + ".a" * 20_000 + " = 1", "a key of over 64 parts"),
        ("a" + " . a" * 65 + " = 1", "a key of over 64 parts"),
        ("1" + ".1" * 65 + " = 1", "a key of over 64 parts"),
        ('"a b"' + '."a b"' * 65 + " = 1", "a key of over 64 parts"),
        ("x = {" + "'a b'." * 65 + "c = 1}", "a key of over 64 parts"),
        ("[" + "a." * 65 + "a]", "a key of over 64 parts"),
        ("a = 1" + "0" * 5000, "integer string conversion"),
    ],
)
def test_a_small_file_that_costs_much_is_refused(tmp_path, content, complaint):
    (tmp_path / "scenario.toml").write_text(content)
    with pytest.raises(tomllib.TOMLDecodeError, match=complaint):
        read_toml(tmp_path / "scenario.toml")
    with pytest.raises(ScenarioError, match="not TOML"):
        read_recipe(tmp_path)


def test_a_file_without_end_is_not_read_to_its_end(tmp_path):
    with (tmp_path / "a.toml").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(tomllib.TOMLDecodeError, match=f"over {MOST_BYTES >> 20} MiB"):
        read_toml(tmp_path / "a.toml")


def test_what_is_written_is_read_back_with_the_same_numbers(tmp_path):
    path = tmp_path / "a.toml"
    tables = {
        "title": 'a "quoted" \\ name\nwith 😀',
        "share": 0.1 + 0.2,
        "whole": 3,
        "on": True,
        "none": [],
        "net": {"A.0": [1.0, -0.0], "long": list(range(100))},
        "detector": [{"id": "a", "informs": [["lane", 0.5]]}, {"id": "b", "informs": []}],
    }
    path.write_text(render_toml(tables, head="# for a person"), encoding="utf-8")
    assert path.read_text(encoding="utf-8").startswith("# for a person\n")
    assert read_toml(path) == tables


def test_each_row_of_a_matrix_has_a_line_of_its_own(tmp_path):
    text = render_toml({"yellow_s": rows([[0, 3.5], [3.5, 0]])})
    assert text == "yellow_s = [\n  [0.0, 3.5],\n  [3.5, 0.0],\n]\n"
    assert render_toml({"a": 1}) == "a = 1\n"
