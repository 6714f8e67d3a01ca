"""The list of mutants that cannot be found out stays true to the source, run or not."""

from dataclasses import replace
from pathlib import Path

import pytest

import leed_traffic
from tests.mutation.run import Explanation, Mutant, lines_of, read_explanations, where_is

ROOT = Path(leed_traffic.__file__).parent


@pytest.mark.parametrize("entry", read_explanations(), ids=lambda e: f"{e.where}: {e.old[:30]}")
def test_every_explained_line_is_still_there_and_has_a_reason(entry):
    module = entry.where.split(".")[:3]  # quarter, room, module
    source = " ".join(ROOT.joinpath(*module).with_suffix(".py").read_text(encoding="utf-8").split())
    assert entry.old in source
    assert len(entry.why) > 10
    assert entry.new


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("leed_traffic.serve.safety.monitor.xǁMonitorǁjudge__mutmut_4", "serve.safety.monitor.Monitor.judge"),
        (
            "leed_traffic.serve.safety.monitor.xǁMonitorǁ__init____mutmut_17",
            "serve.safety.monitor.Monitor.__init__",
        ),
        ("leed_traffic.domain.safety.envelope.x_hold_s__mutmut_10", "domain.safety.envelope.hold_s"),
        ("leed_traffic.domain.safety.timing.x__only_left__mutmut_9", "domain.safety.timing._only_left"),
    ],
)
def test_a_mutant_s_name_says_where_it_is(name, where):
    assert where_is(name) == where


def test_an_explanation_is_of_one_line_and_of_certain_changes():
    entry = Explanation(where="domain.x.f", old="a + b", new=("a - b",), why="")
    mutant = Mutant(name="", where="domain.x.f", old="return a + b", new="return a - b", is_endless=False)
    assert entry.explains(mutant)
    assert not entry.explains(replace(mutant, where="domain.x.g"))
    assert not entry.explains(replace(mutant, new="return a * b"))
    assert not entry.explains(replace(mutant, old="return a + c"))


def test_the_body_of_one_function_is_read():
    source = [
        "def f__mutmut_orig(",
        "    a,",
        "):",
        "    return a",
        "",
        "def f__mutmut_1(",
        "    a,",
        "):",
        "    return -a",
    ]
    assert lines_of(source, "f__mutmut_orig") == ["a,", "):", "return a", ""]
    assert lines_of(source, "f__mutmut_1") == ["a,", "):", "return -a"]
