from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pytest
import typer
from pydantic import Field, model_validator
from typer.testing import CliRunner

from leed_traffic.cli.terminal.options import Given, takes
from leed_traffic.domain.document import COMMA_SEPARATED, Settings
from leed_traffic.errors import UsageError


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Lamp(Settings):
    """Lamp of a head.

    Not part of the panel's name.
    """

    steps: int = Field(default=3, ge=1, le=9)
    """Of brightness."""
    width_m: float = Field(default=0.2, gt=0.0)
    """Metres across."""


class Walk(Settings):
    """Walk signal."""

    steps: int = 5
    """Of its countdown."""


class Head(Settings):
    place: str
    """Where it hangs."""
    colour: Colour = Colour.RED
    """Shown first."""
    files: tuple[Path, ...] = ()
    """Read in this order."""
    signals: Annotated[tuple[str, ...], COMMA_SEPARATED] = ("A", "B")
    """Comma-separated."""
    is_bright: bool = False
    """By day."""
    beeps: bool = True
    """At night, too."""
    until_s: float | None = None
    """Seconds."""
    number: int = 7
    """Made up by the command."""
    lamp: Lamp = Lamp(width_m=0.3)
    """What shines."""
    walk: Walk | None = None
    """What counts down."""

    @model_validator(mode="after")
    def _fits(self) -> "Head":
        if self.lamp.steps == 9:
            raise ValueError("nine steps fit nowhere")
        return self


def run(*words: str):
    built: list[Head] = []
    app = typer.Typer()

    @app.command()
    @takes(Head, arguments=("place",), without=("number",), names={"is_bright": "bright"})
    def command(given: Given[Head], number: int = 7) -> None:
        """Hang a head."""
        assert given["lamp.width_m"] in (0.3, 1.5, 0.0)
        built.append(given.build(number=number))

    return CliRunner().invoke(app, list(words), env={"COLUMNS": "160", "TERM": "dumb"}), built


def test_nothing_said_is_the_model_as_it_is():
    _, (head,) = run("north")
    assert head == Head(place="north", walk=Walk())
    assert head.lamp.width_m == 0.3  # the outer model's default, not the inner one's


def test_every_kind_of_value_arrives_in_its_field():
    result, built = run(
        "north", "--colour", "green", "--files", "a", "--files", "b", "--signals", "A, C", "--bright", "--no-beeps",
        "--until", "2.5", "--lamp-steps", "4", "--width", "1.5", "--walk-steps", "6", "--number", "8",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert built == [
        Head(
            place="north", colour=Colour.GREEN, files=(Path("a"), Path("b")), signals=("A", "C"), is_bright=True,
            beeps=False, until_s=2.5, number=8, lamp=Lamp(steps=4, width_m=1.5), walk=Walk(steps=6),
        )
    ]  # fmt: skip


def test_the_help_is_the_fields_docstring_with_range_default_and_panel():
    shown = " ".join(run("--help")[0].stdout.replace("│", " ").split())
    assert "Where it hangs. [required]" in shown
    assert "Of brightness. (1 to 9) [default: 3]" in shown
    assert "Metres across. (over 0) [default: 0.3]" in shown
    assert "Comma-separated. [default: A,B]" in shown
    assert "Lamp of a head" in shown
    assert "Not part" not in shown


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--lamp-steps", "0"), "--lamp-steps 0: need at least 1"),
        (("--lamp-steps", "10"), "--lamp-steps 10: need at most 9"),
        (("--lamp-steps", "9"), "nine steps fit nowhere"),
        (("--width", "0"), "--width 0.0: need more than 0"),
        (("--until", "inf"), "--until inf: need a finite number"),
    ],
)
def test_what_makes_no_sense_is_one_line_with_the_option(words, line):
    result, built = run("north", *words)
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == line
    assert not built


def test_what_must_be_given_is_asked_for_though_the_model_has_a_default():
    app = typer.Typer()

    @app.command()
    @takes(Walk, required=("steps",))
    def command(given: Given[Walk]) -> None:
        """Count down."""

    assert CliRunner().invoke(app, []).exit_code == 2
    assert CliRunner().invoke(app, ["--steps", "2"]).exit_code == 0


def test_two_fields_with_one_name_that_cannot_be_told_apart_are_a_mistake_of_the_author():
    class Twice(Settings):
        until_s: float = 1.0
        until_m: float = 2.0

    with pytest.raises(ValueError, match="duplicate parameter name: 'until'"):
        takes(Twice)(lambda given: None)
