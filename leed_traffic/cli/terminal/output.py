"""Output of every command: results on stdout, messages on stderr, one line per fault."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from leed_traffic.cli.terminal.aside import whether_heard_or_not
from leed_traffic.cli.terminal.neutral import NeutralConsole, safe_json, visible
from leed_traffic.errors import LeedError

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
WorkersOption = Annotated[int | None, typer.Option(min=1, help="Processes side by side; all cores unless said.")]
STREETS = "streets"  # head of the column that names a signal's


class _Messages(NeutralConsole):
    """Console of messages; a reader that has gone ends nothing."""

    def on_broken_pipe(self) -> None:
        """Say no more."""
        self.quiet = True


messages = _Messages(stderr=True)
results = NeutralConsole()


def print_json(document: BaseModel | dict[str, Any] | list[Any]) -> None:
    """Print one JSON document on stdout, for machines."""
    text = (
        document.model_dump_json(indent=2) if isinstance(document, BaseModel) else json.dumps(document, indent=2)
    )
    print(safe_json(text))


def print_table(title: str, columns: list[str], rows: list[list[str]], *, least_width: int = 0) -> None:
    """Print one table on stdout; names of signals and streets are text, the rest are figures.

    Args:
        title: above it.
        columns: heads; the first one is a name.
        rows: of text, which is shown as it is.
        least_width: columns of the table; a terminal with fewer wraps it.
    """
    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        is_text = i == 0 or column == STREETS
        table.add_column(column, justify="left" if is_text else "right", no_wrap=is_text)
    for row in rows:
        table.add_row(*(visible(cell, in_one_line=True) for cell in row))
    NeutralConsole(width=max(least_width, results.width)).print(table)


@contextmanager
def progress(description: str, total: int) -> Iterator["ProgressBar"]:
    """Show a progress bar with the time left, on stderr."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=messages) as bar:
        yield ProgressBar(bar, bar.add_task(description, total=total, note=""))


class ProgressBar:
    """Progress bar; called with the units done since, and a few words on how it goes."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar = bar
        self._task = task

    def __call__(self, advance: int = 1, note: str = "") -> None:
        """Move on by `advance` units."""
        self._bar.update(self._task, advance=advance, note=visible(note, in_one_line=True))


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def report_error(error: LeedError) -> int:
    """Print the fault as one line on stderr; return its exit code."""
    with whether_heard_or_not(sys.stderr):
        messages.print("error ", style="bold red", end="")
        messages.print(
            visible(f"{type(error).__name__}: {' '.join(str(error).split())}", in_one_line=True), soft_wrap=True
        )
    return int(error.exit_code)
