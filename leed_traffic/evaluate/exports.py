"""Files of a comparison: the document, and every run, class and intersection as CSV and Parquet."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from leed_traffic.artifacts.whole_file import write_output
from leed_traffic.evaluate.records.intersections import LocalScore
from leed_traffic.evaluate.results import COUNTS, MEANS, ProgramCycle
from leed_traffic.evaluate.runs import Comparison, ControllerRun
from leed_traffic.simulation.score.limit_breaks import LimitBreak
from leed_traffic.simulation.score.score import ClassScore

RESULTS_NAME = "results.json"
Row = dict[str, object]
_HEADS = {
    "limit_breaks": ("controller", "seed", *(field.name for field in fields(LimitBreak))),
    "program_cycles": tuple(ProgramCycle.model_fields),
}


def write_results(folder: Path, comparison: Comparison) -> tuple[str, ...]:
    """Write `results.json` (the `--json` document) and the tables; return the names of the files.

    Raises:
        UsageError: they cannot be written there.
    """
    tables: dict[str, list[Row]] = {
        "per_seed": run_rows(comparison.runs),
        "per_class": class_rows(comparison.runs),
        "per_intersection": intersection_rows(comparison.runs),
        "limit_breaks": limit_break_rows(comparison.runs),
        "program_cycles": [cycle.model_dump() for cycle in comparison.evaluation.program_cycles],
    }
    files: dict[str, str | bytes] = {RESULTS_NAME: comparison.evaluation.model_dump_json(indent=2) + "\n"}
    for name, rows in tables.items():
        heads = _HEADS.get(name, ())  # of tables that may be empty
        files[f"{name}.csv"], files[f"{name}.parquet"] = as_csv(rows, heads), as_parquet(rows, heads)
    for name, content in files.items():
        write_output(folder / name, content)
    return tuple(files)


def run_rows(runs: Sequence[ControllerRun]) -> list[Row]:
    """One row per controller and seed."""
    columns = ("controller", "seed", *MEANS, *COUNTS, "stuck_veh", "collisions_of_signals", "n_limit_breaks")
    return [{name: getattr(run, name) for name in columns} for run in runs]


def class_rows(runs: Sequence[ControllerRun]) -> list[Row]:
    """One row per controller, seed and class."""
    names = [field.name for field in fields(ClassScore)]
    return [
        {"controller": run.controller, "seed": run.seed, **{name: getattr(score, name) for name in names}}
        for run in runs
        for score in run.classes
    ]


def intersection_rows(runs: Sequence[ControllerRun]) -> list[Row]:
    """One row per controller, seed and intersection; shares of the stages joined by semicolons."""
    names = [field.name for field in fields(LocalScore) if field.name != "stage_share"]
    return [
        {
            "controller": run.controller,
            "seed": run.seed,
            **{name: getattr(score, name) for name in names},
            "stage_shares": ";".join(f"{share:.4f}" for share in score.stage_share),
        }
        for run in runs
        for score in run.intersections
    ]


def limit_break_rows(runs: Sequence[ControllerRun]) -> list[Row]:
    """One row per controller, seed, signal and limit that was broken."""
    return [
        {"controller": run.controller, "seed": run.seed, **asdict(found)}
        for run in runs
        for found in run.limit_breaks
    ]


def as_csv(rows: Sequence[Row], heads: Sequence[str] = ()) -> str:
    """Text with a heading, without rows that of `heads`; figures with three decimals."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(rows[0] if rows else heads)
    for row in rows:
        writer.writerow([f"{value:.3f}" if isinstance(value, float) else value for value in row.values()])
    return sink.getvalue()


def as_parquet(rows: Sequence[Row], heads: Sequence[str] = ()) -> bytes:
    """Typed table of the rows; the same rows give the same bytes."""
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist(list(rows)) if rows else pa.table({name: pa.array([]) for name in heads})
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())
