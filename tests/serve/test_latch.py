import json
from datetime import UTC, datetime

import pytest

from leed_traffic.errors import ExitCode, UsageError
from leed_traffic.serve.latch import LatchStore, read_latches, reset_latches
from leed_traffic.serve.supervisor import Mode
from tests.serve.test_run import asks_for, drive, fake

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def store(folder):
    return LatchStore(folder, lambda: NOON)


def trip(folder, signal="C"):
    store(folder).trip(signal, "conflict", "links 0 and 1 both show G", 20.0)


def break_at_20_s(device):
    def on_tick(time_s, end_s, note):
        device.shown_by_others = "G" * 18 if time_s == 20.0 else None

    return on_tick


def test_a_trip_survives_a_restart_until_a_person_resets_it(crossing_bundle, tmp_path, caplog):
    device = fake()
    broken, _ = drive(crossing_bundle, device, on_tick=break_at_20_s(device), policy=asks_for(0), state=tmp_path / "s")
    assert broken.exit_code is ExitCode.MONITOR_VIOLATION
    assert list(broken.latched) == ["C"]
    again, untouched = drive(crossing_bundle, policy=asks_for(0), state=tmp_path / "s", until_s=60.0)
    assert untouched.requests == []
    assert not untouched._ours
    assert again.exit_code is ExitCode.FALLBACK_AT_END
    assert again.modes == {"C": Mode.FALLBACK}
    assert "C: stays on its own program" in caplog.text
    assert f"leedctl reset-fault C --state {tmp_path / 's'}" in caplog.text
    (cleared,) = reset_latches(tmp_path / "s", ["C"], who="somebody", now=lambda: NOON)
    assert cleared.signal == "C"
    after, _ = drive(crossing_bundle, policy=asks_for(0), state=tmp_path / "s", until_s=60.0)
    assert after.exit_code is ExitCode.OK
    assert after.modes == {"C": Mode.ENGAGED}


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
            folder.rmdir()
        on_tick(time_s, end_s, note)

    summary, _ = drive(crossing_bundle, device, on_tick=remove_folder, policy=asks_for(0), state=folder)
    assert summary.exit_code is ExitCode.MONITOR_VIOLATION
    assert summary.modes == {"C": Mode.FALLBACK}
    assert "the latch cannot be written" in caplog.text


def test_nothing_half_written_stays_behind(tmp_path):
    trip(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["C.fault.json"]
