"""The docs name what is there: the figure, the index, links and the paths of modules. Covers all pages, not one module."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "models" / "README.md"])


def drawing():
    spec = importlib.util.spec_from_file_location("draw", ROOT / "docs" / "draw.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_figure_is_the_code_s():
    draw = drawing()
    assert draw.FIGURE.read_text(encoding="utf-8") == draw.architecture(), "out of date: python docs/draw.py"


def test_the_index_names_every_decision():
    draw = drawing()
    assert draw.INDEX.read_text(encoding="utf-8") == draw.index(), "out of date: python docs/draw.py"


def test_decisions_are_numbered_without_a_gap():
    numbers = [int(path.name[:3]) for path in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_paths_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    lost = [link for link in links if not (page.parent / link).exists()]
    for path in re.findall(r"`((?:[a-z_]+/)+[a-z_0-9]+\.(?:py|toml|md|svg))`", text):
        if path.startswith(("runs/", "out/")):
            continue
        if not any((base / path).exists() for base in (ROOT, ROOT / "leed_traffic", page.parent)):
            lost.append(path)
    assert lost == []
