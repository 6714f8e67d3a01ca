"""`leedctl planner`: lessons for a language model of one's own, a small model trained on them, and an exam."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leed_traffic.cli.terminal.options import Given, takes
from leed_traffic.cli.terminal.output import (
    JsonOption,
    WorkersOption,
    cores,
    messages,
    print_json,
    print_table,
    progress,
)
from leed_traffic.errors import ExitCode
from leed_traffic.planner.config import ExamConfig, FineTuneConfig

if TYPE_CHECKING:
    from leed_traffic.evaluate.statistics import PairedDifference

app = typer.Typer(no_args_is_help=True, help="Fine-tune a planner of your own: lessons, a small model, an exam.")


@app.command("lessons")
def lessons_command(
    out: Annotated[
        Path, typer.Option(help="Folder to write: the junctions, what was tried there, and lessons.jsonl.")
    ],
    junctions: Annotated[
        int, typer.Option(min=2, help="Random junctions to study; each costs 5 to 10 CPU seconds.")
    ] = 150,
    drawn: Annotated[
        int,
        typer.Option(
            min=0, help="Briefs per junction with a demand that is drawn and not simulated, four lessons each."
        ),
    ] = 32,
    seed: Annotated[int, typer.Option(min=0, help="Of the junctions and their demand.")] = 1,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Study random junctions, and write what works there as lessons: prompt and best reply, as chat messages.

    Interrupted, the same command goes on. `lessons.jsonl` has a `messages` list per line, as fine-tuning tools
    take it.

    \b
    Examples:
      leedctl planner lessons --out runs/planner
      leedctl planner lessons --out runs/planner --junctions 500 --workers 8

    Exit codes: 0 written, 2 SUMO's tools are missing, 5 a worker lost, 130 interrupted.
    """
    from leed_traffic.planner.school import write_lessons

    try:
        with progress("studying junctions", junctions) as bar:
            summary = write_lessons(
                out, junctions=junctions, drawn=drawn, seed=seed, workers=workers or cores(), on_junction=bar
            )
    except KeyboardInterrupt:
        messages.print("stopped; the same command goes on from here")
        raise typer.Exit(int(ExitCode.INTERRUPTED)) from None
    if as_json:
        print_json(summary)
        return
    rows = [[who, f"{delay_s:.1f}"] for who, delay_s in summary.delay_s.items()]
    print_table(f"{summary.lessons} lessons from {summary.junctions} junctions", ["plans", "mean delay s"], rows)
    messages.print(f"{summary.path}")


@app.command("train")
@takes(FineTuneConfig, arguments=("lessons",))
def train_command(given: Given[FineTuneConfig], as_json: JsonOption = False) -> None:
    """Train a small language model, its tokenizer included, on lessons alone; nothing is downloaded.

    \b
    Examples:
      leedctl planner train runs/planner/lessons.jsonl --out runs/planner/model
      vllm serve runs/planner/model --served-model-name planner --max-model-len 4096

    Exit codes: 0 written, 2 the lessons are unreadable or too few.
    """
    from leed_traffic.planner.fine_tune import fine_tune, planned_steps

    config = given.build()
    with progress("training", planned_steps(config)) as bar:
        record = fine_tune(config, bar)
    if as_json:
        print_json(record)
        return
    rows = [[str(step), f"{loss:.3f}", f"{kept:.3f}"] for step, loss, kept in record.losses]
    print_table(f"{record.parameters:,} parameters", ["step", "loss on lessons", "loss on kept junctions"], rows)
    messages.print(f"{config.out}: serve it with vLLM, see docs/planner.md")


@app.command("examine")
@takes(
    ExamConfig,
    required=("language.urls", "language.model"),
    without=("language.replay",),
    names={"language.urls": "url", "language.start_s": "start-timeout"},
)
def examine_command(given: Given[ExamConfig], as_json: JsonOption = False) -> None:
    """Measure any served model on random junctions: valid plans, and delay beside embedded plans on unseen days.

    \b
    Examples:
      leedctl planner examine --url http://127.0.0.1:8000/v1 --model planner --out runs/planner/exam

    Exit codes: 0 done, 2 usage, 5 model server or a worker lost, 130 interrupted.
    """
    from leed_traffic.generate.search.starts import MAX_WAVE
    from leed_traffic.planner.exam import AFTER, ALONE, BEST_START, CHANCE_ALONE, examine

    config = given.build()
    junctions = config.junctions
    rounds = config.language.rounds
    try:
        with progress("exam", junctions) as bar:
            result = examine(config, bar)
    except KeyboardInterrupt:
        messages.print("stopped; the same command goes on from here")
        raise typer.Exit(int(ExitCode.INTERRUPTED)) from None
    if as_json:
        print_json(result)
        return
    wins = result.wins(BEST_START)
    rows = [[who, f"{delay_s:.1f}", str(wins[who])] for who, delay_s in result.mean_delay_s().items()]
    columns = ["plans", "mean delay s", f"better than the best start, of {junctions}"]
    print_table(f"{config.language.model} on {junctions} unseen junctions", columns, rows)
    pairs = [
        (f"{who} against {base}", result.compared(who, base))
        for who, base in (
            (ALONE, CHANCE_ALONE),
            (ALONE, MAX_WAVE),
            (ALONE, BEST_START),
            (AFTER.format(rounds), BEST_START),
        )
    ]
    pairs += [
        (f"proposals of round {k + 1} against random plans", result.proposals_compared(k)) for k in range(rounds)
    ]
    print_table(
        "paired over the junctions", ["compared", "delay, 95 %", "p"], [[what, *_shown(d)] for what, d in pairs]
    )
    messages.print(
        f"valid at once {result.valid_at_once / result.asked:.0%}, after repair {result.valid / result.asked:.0%} "
        f"of {result.asked} plans; {config.out} has each junction"
    )


def _shown(difference: "PairedDifference") -> list[str]:
    """A difference of logarithms as percent, its interval and p."""
    mean, low, high = (
        None if part is None else f"{math.expm1(part):+.0%}"
        for part in (difference.mean, difference.low, difference.high)
    )
    return [f"{mean} [{low}, {high}]" if low else f"{mean}", "" if difference.p is None else f"{difference.p:.3f}"]
