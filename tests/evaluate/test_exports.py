import io
from dataclasses import replace

import pyarrow.parquet as pq

from leed_traffic.evaluate.exports import as_csv, as_parquet, class_rows, intersection_rows, run_rows
from leed_traffic.evaluate.records.intersections import LocalScore
from leed_traffic.simulation.score.score import ClassScore

from .conftest import make_run

BUS = ClassScore(of_class="bus", scheduled=4, departed=4, finished=3, delay_s=9.5, waiting_s=1.0, trip_time_s=9.0)
LOCAL = LocalScore(
    intersection="J", vehicles=10, delay_s=7.25, waiting_s=1.0, queue_veh=2.0, stage_share=(0.5, 0.375), clearance_share=0.125,
    changes_per_h=60.0,
)  # fmt: skip
RUNS = (
    replace(make_run("fixed", 1001, 10.25), classes=(BUS,), intersections=(LOCAL,)),
    make_run("plan:a,b", 1002, 11.0),
)


def test_every_table_holds_the_same_in_csv_and_parquet():
    for rows in (run_rows(RUNS), class_rows(RUNS), intersection_rows(RUNS)):
        read = pq.read_table(io.BytesIO(as_parquet(rows))).to_pylist()
        assert read == rows
        assert as_csv(rows).splitlines()[0] == ",".join(rows[0])


def test_a_class_and_an_intersection_are_a_row_per_run():
    assert as_csv(class_rows(RUNS)).splitlines()[1] == "fixed,1001,bus,4,4,3,9.500,1.000,9.000"
    assert (
        as_csv(intersection_rows(RUNS)).splitlines()[1]
        == "fixed,1001,J,10,7.250,1.000,2.000,0.125,60.000,0.5000;0.3750"
    )


def test_the_same_rows_give_the_same_bytes():
    assert as_parquet(run_rows(RUNS)) == as_parquet(run_rows(RUNS))


def test_no_rows_are_an_empty_table():
    assert as_csv([]) == "\n"
    assert pq.read_table(io.BytesIO(as_parquet([]))).num_rows == 0


def test_every_run_is_a_line_of_the_csv():
    lines = as_csv(run_rows([make_run("fixed", 1001, 10.25), make_run("plan:a,b", 1002, 11.0)])).splitlines()
    assert lines[0].split(",")[:6] == ["controller", "seed", "delay_s", "trip_time_s", "waiting_s", "queue_veh"]
    assert lines[1].startswith("fixed,1001,10.250,70.250,")
    assert lines[2].startswith('"plan:a,b",1002,')
