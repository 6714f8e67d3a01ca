import tomllib
from math import inf

import pytest

from leed_traffic.artifacts.recipe import read_recipe
from leed_traffic.artifacts.toml_file import MOST_BYTES, read_toml
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
