"""Words of the command line that an earlier version had: each works for one version more, with one line on stderr.

A renamed option stands in `FORMER` as `"--old": "--new"`, a renamed value as `"--option old": "--option new"`.
"""

from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperCommand

from leed_traffic.cli.terminal.output import messages

FORMER: Mapping[str, Mapping[str, str]] = {
    "serve": {"--deadline-s": "--deadline"},
    "train": {"--engine": "--backend"},
}


def keep_former_words(app: typer.Typer) -> None:
    """Let the commands that have changed words take the old ones."""
    for command in app.registered_commands:
        former = FORMER.get(command.name or "")
        if former is not None:
            command.cls = _command_with(former)


def renew(words: list[str], former: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Replace the former words of a command line.

    Args:
        words: of the command line, after the command's name; what stands after `--` is left alone.
        former: new word by old one, as in `FORMER`.

    Returns:
        The words as they are now, and one line for each that was replaced.
    """
    end = words.index("--") if "--" in words else len(words)
    renewed: list[str] = []
    lines: list[str] = []
    for word in words[:end]:
        option, equals, value = word.partition("=")
        if option in former:
            lines.append(_line(option, former[option]))
            option = former[option]
        before = renewed[-1] if renewed else ""
        if equals and f"{option} {value}" in former:
            lines.append(_line(f"{option} {value}", former[f"{option} {value}"]))
            value = former[f"{option} {value}"].partition(" ")[2]
        elif not equals and f"{before} {option}" in former:
            lines.append(_line(f"{before} {option}", former[f"{before} {option}"]))
            option = former[f"{before} {option}"].partition(" ")[2]
        renewed.append(f"{option}{equals}{value}")
    return [*renewed, *words[end:]], lines


def _line(old: str, new: str) -> str:
    return f"{old} goes with the next version: it is {new} now"


def _command_with(former: Mapping[str, str]) -> type[TyperCommand]:
    class Command(TyperCommand):
        """A command that takes former words, too."""

        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  # click's, which Typer holds
            """Replace them before anything is read."""
            words, lines = renew(args, former)
            for line in lines:
                messages.print(line, markup=False, soft_wrap=True)
            return super().parse_args(ctx, words)

    return Command
