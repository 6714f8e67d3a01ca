"""Help that flows: docstrings are wrapped for the source, terminals have widths of their own."""

import inspect

import typer
from rich.markup import escape


def let_flow(app: typer.Typer) -> None:
    """Take the line breaks of the source out of the help of every command, sub-commands included."""
    for command in app.registered_commands:
        if command.callback is not None:
            command.help = flowing(command.help or inspect.getdoc(command.callback) or "")
    for group in app.registered_groups:
        if group.typer_instance is not None:
            let_flow(group.typer_instance)


def flowing(text: str) -> str:
    """Put each paragraph on one line, but those that hold indented lines; square brackets are no markup."""
    return escape("\n\n".join(map(_flow, inspect.cleandoc(text).split("\n\n"))))


def _flow(paragraph: str) -> str:
    """Join the lines, but where some are indented (`\\b` before them, as click wants it, or not)."""
    if any(line.startswith(" ") for line in paragraph.splitlines()):
        return paragraph
    return " ".join(paragraph.removeprefix("\b").split())
