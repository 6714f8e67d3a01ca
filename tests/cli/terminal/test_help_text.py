import typer
from typer.testing import CliRunner

from leed_traffic.cli.main import app as leedctl
from leed_traffic.cli.terminal.help_text import flowing, let_flow


def test_a_paragraph_flows_and_examples_stand_as_they_are():
    examples = "\b\nExamples:\n  leedctl it\n  leedctl that\n\nExamples:\n    leedctl x"
    text = f"Do it.\n\nA long line that the source\nbroke.\n\n{examples}\n\n\b\nExit codes: 0,\n2."
    assert flowing(text) == f"Do it.\n\nA long line that the source broke.\n\n{examples}\n\nExit codes: 0, 2."


def test_square_brackets_in_help_are_shown():
    app = typer.Typer()

    @app.command()
    def one() -> None:
        """Needs `pip install '.[llm]'`.

        Marks are [bold].
        """

    let_flow(app)
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "'.[llm]'" in shown
    assert "[bold]" in shown


def every_help(app):
    for command in app.registered_commands:
        yield command.help
    for group in app.registered_groups:
        yield from every_help(group.typer_instance)


def test_no_line_break_of_the_source_is_left_in_any_commands_help():
    told = list(every_help(leedctl))
    assert len(told) > 20
    for text in told:
        for paragraph in text.split("\n\n"):
            lines = paragraph.removeprefix("\b\n").splitlines()
            assert all(line.startswith(" ") for line in lines[1:]), paragraph
