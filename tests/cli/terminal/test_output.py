"""What anybody wrote is shown as it was written: square brackets are no style, colons no picture."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from leed_traffic.cli.terminal import output
from leed_traffic.cli.terminal.neutral import NeutralConsole
from leed_traffic.errors import ScenarioError, UsageError

FOREIGN = "pip install '.[llm]' [bold]B1[/bold] [/] :car: [link=x]"


@pytest.fixture
def shown(monkeypatch):
    """Everything that both streams get, on wide terminals."""
    for name in ("messages", "results"):
        old = getattr(output, name)
        wide = Console(width=200, highlight=False, markup=old._markup, emoji=old._emoji, record=True)
        monkeypatch.setattr(output, name, wide)


def test_a_table_shows_foreign_text_as_it_is(shown, capsys):
    output.print_table(FOREIGN, [FOREIGN, "n"], [[FOREIGN, FOREIGN]], least_width=200)
    assert capsys.readouterr().out.count(FOREIGN) == 4


@pytest.mark.parametrize("error", [UsageError(FOREIGN), ScenarioError(f"{FOREIGN}: [/red] no such file")])
def test_a_fault_quotes_what_it_was_given(shown, capsys, error):
    output.report_error(error)
    assert FOREIGN in capsys.readouterr().out  # recorded consoles write there


def test_a_progress_bar_takes_a_note_as_it_is(shown, capsys):
    with output.progress("[town]", 2) as bar:
        bar(1, "bundle:[b] seed 1")
        bar(1, "bundle:[b] seed 2")
    out = capsys.readouterr().out
    assert "[town]" in out
    assert "bundle:[b] seed 2" in out


def test_no_console_of_a_command_reads_markup():
    """Every console is one whose texts are made visible, and that takes square brackets and colons for text."""
    for path in Path(output.__file__).parent.glob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if (
                "Console(" in line
                and "import" not in line
                and not line.startswith("class NeutralConsole(Console)")
            ):
                assert "NeutralConsole(" in line, f"{path.name}: {line.strip()}"
    console = NeutralConsole(file=io.StringIO(), width=80)
    console.print("[llm] :car:")
    assert console.file.getvalue() == "[llm] :car:\n"
