import errno
import json
import multiprocessing
import os
import resource
import shutil
import signal as signals
import subprocess
import sys
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest

from leed_traffic.errors import ExitCode, UsageError
from leed_traffic.serve.safety.latch import LatchStore, read_latches, reset_latches
from leed_traffic.serve.safety.supervisor import SignalMode
from tests.serve.test_run import asks_for, drive, fake

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def store(folder):
    return LatchStore(folder, lambda: NOON)


def trip(folder, signal="C"):
    """A controller trips and ends well."""
    latches = store(folder)
    latches.trip(signal, "conflict", "links 0 and 1 both show G", 20.0)
    latches.close()


def break_at_20_s(device):
    def on_tick(time_s, end_s, note):
        device.shown_by_others = "G" * 18 if time_s == 20.0 else None

    return on_tick


def test_a_trip_survives_a_restart_until_a_person_resets_it(crossing_bundle, tmp_path, caplog):
    device = fake()
    broken, _ = drive(
        crossing_bundle, device, on_tick=break_at_20_s(device), policy=asks_for(0), state=tmp_path / "s"
    )
    assert broken.exit_code is ExitCode.MONITOR_VIOLATION
    assert list(broken.latched) == ["C"]
    again, untouched = drive(crossing_bundle, policy=asks_for(0), state=tmp_path / "s", until_s=60.0)
    assert untouched.requests == []
    assert not untouched._ours
    assert again.exit_code is ExitCode.FALLBACK_AT_END
    assert again.modes == {"C": SignalMode.FALLBACK}
    assert "C: stays on its own program" in caplog.text
    assert f"leedctl reset-fault C --state {tmp_path / 's'}" in caplog.text
    (cleared,) = reset_latches(tmp_path / "s", ["C"], who="somebody", now=lambda: NOON)
    assert cleared.signal == "C"
    after, _ = drive(crossing_bundle, policy=asks_for(0), state=tmp_path / "s", until_s=60.0)
    assert after.exit_code is ExitCode.OK
    assert after.modes == {"C": SignalMode.ENGAGED}


def test_a_signal_that_tripped_under_our_program_is_handed_back_at_the_next_start(crossing_bundle, tmp_path):
    trip(tmp_path)
    device = fake()
    device.read()
    assert device.engage(0, 0)
    drive(crossing_bundle, device, state=tmp_path, until_s=20.0)
    assert not device._ours


def test_the_first_fault_stands_and_every_signal_has_its_own_file(tmp_path):
    latches = store(tmp_path)
    latches.trip("A/../x", "conflict", "first", 1.0)
    latches.trip("A/../x", "short_green", "second", 2.0)
    latches.trip("B", "conflict", "", 3.0)
    latches.close()
    assert {k: v.detail for k, v in read_latches(tmp_path).items()} == {"A/../x": "first", "B": ""}
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", ".json"]


def test_a_reset_says_who_and_when(tmp_path):
    trip(tmp_path, "A")
    trip(tmp_path, "B")
    assert [entry.signal for entry in reset_latches(tmp_path, [], who="me", now=lambda: NOON)] == ["A", "B"]
    assert read_latches(tmp_path) == {}
    lines = [json.loads(line) for line in (tmp_path / "resets.jsonl").read_text().splitlines()]
    assert [(line["signal"], line["who"], line["when"]) for line in lines] == [
        ("A", "me", "2026-03-04T12:00:00Z"),
        ("B", "me", "2026-03-04T12:00:00Z"),
    ]


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff\xfe", b'{"signal": 1}'])
def test_a_latch_that_cannot_be_read_refuses_the_start(crossing_bundle, tmp_path, content):
    (tmp_path / "C.fault.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"C\.fault\.json: not a latch that can be read"):
        store(tmp_path)


def test_a_folder_that_cannot_be_written_refuses_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        store(tmp_path / "file")


def test_a_latch_that_cannot_be_written_holds_all_the_same(crossing_bundle, tmp_path, caplog):
    folder, device = tmp_path / "s", fake()
    on_tick = break_at_20_s(device)

    def remove_folder(time_s, end_s, note):
        if time_s == 10.0:
            shutil.rmtree(folder)
        on_tick(time_s, end_s, note)

    summary, _ = drive(crossing_bundle, device, on_tick=remove_folder, policy=asks_for(0), state=folder)
    assert summary.exit_code is ExitCode.MONITOR_VIOLATION
    assert summary.modes == {"C": SignalMode.FALLBACK}
    assert "the latch cannot be written" in caplog.text


def test_nothing_half_written_stays_behind(tmp_path):
    trip(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["C.fault.json"]


@contextmanager
def no_descriptor_left():
    """Every descriptor of this process is in use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        assert taken
        yield
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_latch_is_kept_where_no_descriptor_is_left(tmp_path, caplog):
    latches = store(tmp_path)
    with no_descriptor_left():
        latches.trip("C", "conflict", "", 20.0)
    assert not list(tmp_path.glob("*.fault.json"))
    assert "no file of its own yet" in caplog.text
    assert list(read_latches(tmp_path)) == ["C"], "while the controller runs"
    latches.close()
    assert [p.name for p in tmp_path.iterdir()] == ["C.fault.json"], "its end puts the journal into files"


def fails_to_make_files(monkeypatch, number):
    """As on a full disk, or in a folder that was made read-only: what is open already can still be written."""

    def refuse(path, content):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("leed_traffic.serve.safety.latch._write", refuse)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_latch_is_kept_where_no_file_can_be_made_and_the_next_start_takes_it_in(tmp_path, monkeypatch, number):
    with monkeypatch.context() as broken:
        latches = store(tmp_path)
        fails_to_make_files(broken, number)
        latches.trip("C", "conflict", "links 0 and 1 both show G", 20.0)
        latches.close()
    assert [p.suffix for p in tmp_path.iterdir()] == [".journal"]
    assert list(store(tmp_path).latched) == ["C"]
    assert (tmp_path / "C.fault.json").is_file()


KILLED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from leed_traffic.serve.safety import latch
latch._write = lambda path, content: os.kill(os.getpid(), 9)
store = latch.LatchStore(Path(sys.argv[1]), lambda: datetime.now(UTC))
store.trip("C", "conflict", "", 1.0)
"""


def test_a_controller_that_is_killed_while_it_latches_leaves_a_latch_and_no_litter(tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert killed.returncode == -signals.SIGKILL
    latches = store(tmp_path)
    assert list(latches.latched) == ["C"]
    latches.close()
    assert [p.name for p in tmp_path.iterdir()] == ["C.fault.json"]


def test_a_reset_reaches_the_journal_of_a_controller_that_still_runs(tmp_path):
    latches = store(tmp_path)
    latches.trip("A", "conflict", "", 1.0)
    latches.trip("B", "conflict", "", 2.0)
    reset_latches(tmp_path, ["A"], who="me", now=lambda: NOON)
    assert list(read_latches(tmp_path)) == ["B"]
    latches.close()
    assert [p.name for p in sorted(tmp_path.glob("*.fault.json"))] == ["B.fault.json"]
    assert list(read_latches(tmp_path)) == ["B"]


def test_half_a_record_refuses_the_start(tmp_path):
    latches = store(tmp_path)
    (journal,) = tmp_path.glob("trips-*.journal")
    with journal.open("r+b") as file:
        file.write(b'+{"signal": "C", "fau')
    with pytest.raises(UsageError, match=r"trips-.*journal: not a latch that can be read"):
        store(tmp_path)
    latches.close()
    assert journal.exists(), "what cannot be read is never removed"


def test_a_latch_of_any_length_is_kept(tmp_path, monkeypatch):
    latches = store(tmp_path)
    fails_to_make_files(monkeypatch, errno.EMFILE)
    for n in range(300):  # more than were laid out
        latches.trip(f"{n}-" + "\N{SNOWMAN}" * 400, "conflict", "x" * 5 * n, 1.0)
    assert len(read_latches(tmp_path)) == 300


def test_two_ids_that_want_one_file_keep_two_latches(tmp_path):
    from leed_traffic.artifacts.whole_file import safe_name

    latches = store(tmp_path)
    for signal in ("a/b", safe_name("a/b")):
        latches.trip(signal, "conflict", "", 1.0)
    latches.close()
    assert set(read_latches(tmp_path)) == {"a/b", safe_name("a/b")}
    reset_latches(tmp_path, ["a/b"], who="me", now=lambda: NOON)
    assert set(read_latches(tmp_path)) == {safe_name("a/b")}


def test_a_folder_that_is_made_is_for_this_user_only(tmp_path):
    latches = store(tmp_path / "s")
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o077 for p in (tmp_path / "s").iterdir()} == {0}
    latches.close()


def _start_again_and_again(folder, count, failures):
    for _ in range(count):
        try:
            store(folder).close()
        except UsageError as err:
            failures.put(str(err))
    failures.put(None)


def test_controllers_that_start_and_end_at_the_same_moment_do_not_disturb_each_other(tmp_path):
    context = multiprocessing.get_context("fork")
    failures = context.SimpleQueue()
    starters = [context.Process(target=_start_again_and_again, args=(tmp_path, 150, failures)) for _ in range(2)]
    for starter in starters:
        starter.start()
    heard = []
    while heard.count(None) < 2:
        heard.append(failures.get())
    for starter in starters:
        starter.join()
    assert heard == [None, None]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_with_room_for_a_part_of_the_journal_refuses_the_start(tmp_path, monkeypatch):
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, content, at: write(fd, content[:20000], at))
    with pytest.raises(UsageError, match="cannot be written: No space left on device; give another folder"):
        LatchStore(tmp_path, lambda: NOON)
    assert list(tmp_path.iterdir()) == []
