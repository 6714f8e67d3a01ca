"""A log of any length: in parts, and never in memory as a whole; a disk that is full."""

import csv
import tracemalloc
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leed_traffic.domain.safety.envelope import Reason
from leed_traffic.errors import ExitCode
from leed_traffic.serve.logs import events
from leed_traffic.serve.logs.events import Decision, Event, EventLog, Record
from leed_traffic.serve.logs.journal import _move_aside
from leed_traffic.serve.safety.supervisor import SignalMode
from tests.serve.test_run import asks_for, drive


def record(k):
    return Record(time_s=k / 10.0, device=f'C "{k % 3}", x', event=Event.DETECTOR_ON, parameter=k)


def decision(k):
    return Decision(
        time_s=float(k),
        intersection="C",
        mode=SignalMode.ENGAGED,
        requested=1.0,
        ruled=1,
        reason=Reason.GRANTED,
        shown=0,
    )


def rows(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_a_log_goes_on_in_parts_that_are_whole_by_themselves(tmp_path):
    with EventLog(tmp_path, part_bytes=2000) as log:
        for k in range(200):
            log.note([record(k)])
            log.note_decision(decision(k))
            log.flush()
    parts = sorted(tmp_path.glob("events-*.csv"), key=lambda path: int(path.stem.partition("-")[2]))
    assert len(parts) > 3
    assert [path.name for path in parts] == [f"events-{k + 1}.csv" for k in range(len(parts))]
    found = [row for path in [*parts, tmp_path / "events.csv"] for row in rows(path)[1:]]
    assert [int(row[3]) for row in found] == list(range(200))
    for path in [*parts, tmp_path / "events.csv"]:
        table = pq.read_table(path.with_suffix(".parquet"))
        assert table.column("Parameter").to_pylist() == [int(row[3]) for row in rows(path)[1:]]
        assert table.column("DeviceId").to_pylist() == [row[1] for row in rows(path)[1:]]
        assert table.schema.types == [pa.timestamp("ms"), pa.string(), pa.int16(), pa.int32()]
    assert len(list(tmp_path.glob("decisions-*.csv"))) > 2


def test_a_run_that_is_killed_leaves_events_that_can_be_read(tmp_path):
    log = EventLog(tmp_path, part_bytes=2000)
    for k in range(100):
        log.note([record(k)])
        log.flush()
    found = [row for path in tmp_path.glob("events*.csv") for row in rows(path)[1:]]
    assert sorted(int(row[3]) for row in found) == list(range(100))
    log.close()


def test_a_log_without_events_is_a_table_without_rows(tmp_path):
    EventLog(tmp_path).close()
    assert pq.read_table(tmp_path / "events.parquet").num_rows == 0


def test_what_is_put_into_parquet_is_never_in_memory_as_a_whole(tmp_path):
    path = tmp_path / "events.csv"
    line = "1970-01-01 00:00:00.000,C,82,7\n"
    path.write_text("TimeStamp,DeviceId,EventId,Parameter\n" + line * 400_000)
    pool = pa.proxy_memory_pool(pa.default_memory_pool())
    before = pa.default_memory_pool()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        events._write_parquet(path, tmp_path / "events.parquet")
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
        assert pool.max_memory() < 4 * path.stat().st_size
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)
    assert pq.read_metadata(tmp_path / "events.parquet").num_rows == 400_000


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), pa.ArrowInvalid("what?")])
def test_parquet_that_cannot_be_written_leaves_the_lines(tmp_path, monkeypatch, caplog, error):
    def refuse(source, target):
        raise error

    monkeypatch.setattr(events, "_write_parquet", refuse)
    with EventLog(tmp_path) as log:
        log.note([record(1)])
    assert len(rows(tmp_path / "events.csv")) == 2
    assert "events.csv has the same lines" in caplog.text


def test_parts_of_an_earlier_run_move_aside_with_it(tmp_path):
    for name in ("events.csv", "events-1.csv", "events-1.parquet", "decisions-12.csv"):
        (tmp_path / name).write_text("x")
    (tmp_path / "events-of-mine.txt").write_text("x")
    _move_aside(tmp_path)
    moved = {path.name for path in (tmp_path / "earlier-1").iterdir()}
    assert moved == {"events.csv", "events-1.csv", "events-1.parquet", "decisions-12.csv"}


def test_a_disk_that_is_full_costs_the_log_and_not_the_signals(crossing_bundle, tmp_path, monkeypatch, caplog):
    class Full:
        def __init__(self, *_, **__):
            self.rows = 0

        def writerow(self, row):
            self.rows += 1
            if self.rows > 5:
                raise OSError(28, "No space left on device")

        def writerows(self, rows):
            for row in rows:
                self.writerow(row)

    monkeypatch.setattr(events, "csv", SimpleNamespace(writer=Full, reader=csv.reader))
    summary, device = drive(crossing_bundle, policy=asks_for(0), events=tmp_path, until_s=60.0)
    assert summary.exit_code is ExitCode.OK
    assert "the logs end here: No space left on device" in caplog.text
    assert max(time_s for time_s, _, _ in device.requests) >= 59.0
