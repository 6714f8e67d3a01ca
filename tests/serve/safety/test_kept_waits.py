"""Notes of waits: the latest counts, what cannot be read is left."""

import contextlib
import os
import shutil
import socket
from datetime import UTC, datetime, timedelta

import pytest

from leed_traffic.serve.safety.kept_waits import KeptWaits, WaitStore

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def store(folder, *, seconds=0.0, ids=("C",)):
    return WaitStore(folder, ids, lambda: NOON + timedelta(seconds=seconds))


def kept(signal, wait_s, time_s=10.0):
    return KeptWaits(signal=signal, wait_s=(wait_s, 0.0), time_s=time_s, is_ours=True)


def test_the_latest_note_of_each_signal_is_read_whoever_has_left_it(tmp_path):
    store(tmp_path, ids=("C", "D")).save([kept("C", 5.0), kept("D", 6.0)])
    store(tmp_path, seconds=30.0).save([kept("C", 7.0)])
    found = store(tmp_path, seconds=100.0, ids=("D", "C", "E")).read()
    assert [(k.signal, k.wait_s[0], k.away_s) for k in found] == [("D", 6.0, 100.0), ("C", 7.0, 70.0)]


def test_a_wall_clock_that_was_put_back_makes_no_note_younger_than_it_is(tmp_path):
    store(tmp_path, seconds=30.0).save([kept("C", 5.0)])
    assert store(tmp_path).read()[0].away_s == 0.0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'{"noted_at": "2026-01-01T12:00:00", "signals": []}',
        b'{"noted_at": 1, "signals": 2}',
    ],
)
def test_a_note_that_cannot_be_read_is_none_and_is_said(tmp_path, caplog, content):
    (tmp_path / "waits-x.json").write_bytes(content)
    store(tmp_path).save([kept("C", 5.0)])
    assert [k.wait_s[0] for k in store(tmp_path).read()] == [5.0]
    assert "begin at their worst" in caplog.text


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", "1e99"])
def test_a_wait_that_cannot_be_is_no_note(tmp_path, value):
    store(tmp_path).save([kept("C", 5.0)])
    (path,) = tmp_path.glob("waits-*.json")
    path.write_text(path.read_text().replace("5.0", value))
    assert store(tmp_path).read() == ()


def test_a_folder_that_takes_no_note_costs_one_line(tmp_path, caplog):
    gone = store(tmp_path / "gone")
    gone.save([kept("C", 5.0)])
    gone.save([kept("C", 6.0)])
    assert caplog.text.count("the waits cannot be written down") == 1


@pytest.mark.parametrize("kind", ["pipe", "folder", "socket", "huge"])
def test_what_is_no_note_by_its_kind_or_size_holds_up_no_start(tmp_path, caplog, kind):
    path = tmp_path / "waits-x.json"
    with contextlib.ExitStack() as stack:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "socket":
            stack.enter_context(socket.socket(socket.AF_UNIX)).bind(str(path))
        else:
            with path.open("wb") as file:
                file.truncate(1 << 40)
        store(tmp_path).save([kept("C", 5.0)])
        assert [k.wait_s[0] for k in store(tmp_path).read()] == [5.0]
    assert "begin at their worst" in caplog.text


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_note_of_any_time_is_read_or_left(tmp_path, stamp):
    store(tmp_path).save([kept("C", 5.0)])
    (path,) = tmp_path.glob("waits-*.json")
    path.write_text(path.read_text().replace("2026-01-01T12:00:00Z", stamp))
    assert stamp in path.read_text()
    assert all(k.away_s >= 0.0 for k in store(tmp_path).read())


def test_each_time_that_notes_begin_to_be_refused_is_said_once(tmp_path, caplog):
    folder = tmp_path / "state"
    notes = store(folder)
    for _ in range(2):
        notes.save([kept("C", 5.0)])
    folder.mkdir()
    notes.save([kept("C", 5.0)])
    shutil.rmtree(folder)
    notes.save([kept("C", 5.0)])
    assert caplog.text.count("the waits cannot be written down") == 2
