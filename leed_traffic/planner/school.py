"""Lessons from many random junctions, studied in parallel; what was tried is remembered, so an interrupted study goes on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.domain.document import Document
from leed_traffic.planner.judgement import judge
from leed_traffic.planner.lessons import Lesson, drawn_lessons, lessons_of
from leed_traffic.planner.study import Study, Task, study_junction
from leed_traffic.simulation.pool import run_parallel

LESSONS_NAME = "lessons.jsonl"

OnJunction = Callable[[int, str], None]


class Summary(Document):
    """Summary of the studies; the command's `--json`."""

    path: Path
    junctions: int
    lessons: int
    drawn: int
    """Of the lessons, those about demands that were drawn and not simulated."""
    sequences: int
    """Junctions at which a sequence was best."""
    delay_s: dict[str, float]
    """Mean over the junctions on the first author's seed, by whose plans."""


def write_lessons(
    out: Path, *, junctions: int, drawn: int, seed: int, workers: int, on_junction: OnJunction
) -> Summary:
    """Study so many junctions and write their lessons; the same seed gives the same file.

    Args:
        out: folder, made if it is not there.
        junctions: how many.
        drawn: lessons per junction about demands that are not simulated.
        seed: of everything.
        workers: studied at a time.
        on_junction: told after each one.

    Raises:
        LeedError: SUMO's tools are missing, or a process was lost.
    """
    tasks = [Task(folder=out / "junctions" / f"{seed}-{k:04d}", seed=seed, index=k) for k in range(junctions)]
    studies: list[Study] = run_parallel(
        study_junction,
        tasks,
        workers=workers if workers > 1 else 0,
        on_done=lambda index, study: on_junction(1, ""),
    )
    judgement = judge(studies)
    lessons: list[Lesson] = []
    for task, study in zip(tasks, studies, strict=True):
        name = task.folder.name
        lessons += drawn_lessons(study.brief, judgement, name, drawn, np.random.default_rng([seed, task.index, 3]))
        lessons += lessons_of(study, judgement, name, np.random.default_rng([seed, task.index, 2]))
    path = out / LESSONS_NAME
    write_whole(path, "".join(f"{lesson.model_dump_json()}\n" for lesson in lessons))
    return Summary(
        path=path,
        junctions=junctions,
        lessons=len(lessons),
        drawn=sum(lesson.round == 0 for lesson in lessons),
        sequences=sum(min(study.tried, key=lambda t: t.delay_s).plan.form == "sequence" for study in studies),
        delay_s=_delays(studies),
    )


def _delays(studies: list[Study]) -> dict[str, float]:
    by_name = {
        "fallback cycle": [study.baseline_delay_s for study in studies],
        **{
            start.what: [study.starts[k].delay_s for study in studies] for k, start in enumerate(studies[0].starts)
        },
        "best of the embedded": [min(t.delay_s for t in study.starts) for study in studies],
        "best of all tried": [min(t.delay_s for t in study.tried) for study in studies],
    }
    return {name: round(float(np.mean(delays)), 2) for name, delays in by_name.items()}
