import tomllib

import pytest

from leed_traffic.artifacts.imported import (
    DemandOrigin,
    ImportedScenario,
    ImportRecord,
    read_imported,
    render_imported,
)
from leed_traffic.errors import ScenarioError


def imported(**changes):
    record = ImportRecord(source="town.osm.xml", demand=DemandOrigin.INVENTED, routes=("a.rou.xml", "b.rou.xml"))
    return ImportedScenario(title="Town", imported=record.model_copy(update=changes))


@pytest.mark.parametrize(
    "source", ["town.osm.xml", 'say "a\\b".xml', "Straße 😀.xml", "two\nlines\tand \x01.xml", "# no comment = 1"]
)
def test_what_is_written_is_read_back(tmp_path, source):
    """Whatever a file is called: a sign outside the first 65,536 or a line break is TOML, too."""
    scenario = imported(
        source=source, fitted="0.8 of it", options=("--ignore-junction-blocker", "300"), spread=0.15
    )
    (tmp_path / "scenario.toml").write_text(render_imported(scenario), encoding="utf-8")
    assert read_imported(tmp_path) == scenario


def test_a_recipe_is_no_import_and_neither_is_a_file_that_is_not_toml(tmp_path):
    assert read_imported(tmp_path) is None
    for text in ('title = "x"\n[net]\n', "no toml"):
        (tmp_path / "scenario.toml").write_text(text)
        assert read_imported(tmp_path) is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("begin_s = 0.0", "begin_s = 3600.0", "need begin_s < end_s, got 3600.0 and 3600.0"),
        ('net = "net.net.xml"', 'net = "../net.net.xml"', "imported.net"),
        ("options = []", 'options = ["--seed"]', "need an option and its value in turn"),
        ("options = []", 'options = ["seed", "1"]', "need an option and its value in turn"),
        ("spread = 0.0", "spread = 1.1", "imported.spread"),
    ],
)
def test_an_impossible_record_is_refused_in_one_line(tmp_path, old, new, words):
    text = render_imported(imported())
    assert old in text
    (tmp_path / "scenario.toml").write_text(text.replace(old, new))
    with pytest.raises(ScenarioError, match=r"scenario\.toml: ") as refused:
        read_imported(tmp_path)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_equal_records_give_equal_text_that_any_reader_of_toml_reads():
    assert render_imported(imported()) == render_imported(imported())
    assert tomllib.loads(render_imported(imported()))["imported"]["demand"] == "invented"
