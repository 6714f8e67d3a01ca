import contextlib
import gzip
import json
import random
import zlib
from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.domain.detectors.detection import Vehicles
from leed_traffic.domain.safety.program import PROGRAM_ID
from leed_traffic.errors import UsageError
from leed_traffic.serve.logs.records import Sealed, Tick, line_of
from leed_traffic.serve.replay.replay import replay


def test_a_recording_is_read_up_to_wherever_it_was_cut(recorded):
    whole, content = replay(recorded), recorded.read_bytes()
    ticks = []
    for share in np.linspace(0.1, 0.99, 5):
        recorded.write_bytes(content[: int(share * len(content))])
        report = replay(recorded)
        assert report.is_cut_off
        assert report.differ == 0
        ticks.append(report.ticks)
    assert ticks == sorted(ticks)
    assert ticks[0] >= 3
    assert ticks[-1] < whole.ticks


def lines_of(path):
    """(header line, [line of a record]) of a recording, without its seals."""
    head, *rest = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    return head, [line for line in rest if b'"sealed"' not in line]


def write_recording(path, head, lines):
    """Sealed again: every CRC is right."""
    seal = line_of(Sealed(crc=zlib.crc32(head)))
    end = line_of(Sealed(crc=zlib.crc32(head + seal + b"".join(lines))))
    path.write_bytes(gzip.compress(head + seal + b"".join(lines) + end))


@pytest.mark.parametrize("seed", range(60))
def test_an_altered_recording_is_replayed_or_refused_in_one_line(recorded, five_minutes, seed, caplog):
    rng = random.Random(seed)
    head, records = lines_of(recorded)
    records = records[: rng.randint(4, 40)]
    for _ in range(rng.choice([1, 1, 3])):
        k = rng.randrange(len(records))
        spoilt = bytearray(records[k][:-1])
        for _ in range(rng.choice([1, 2, 8]) if spoilt else 0):
            spoilt[rng.randrange(len(spoilt))] = rng.choice(b'0123456789"{}[]:,.-eNx\xff\x00')
        cut = bytes(spoilt[: rng.randrange(len(spoilt) + 1)])
        records[k] = rng.choice([bytes(spoilt), cut, rng.choice(records)[:-1], b"", b"null"]) + b"\n"
    write_recording(recorded, head, records)
    with contextlib.suppress(UsageError):
        replay(recorded, [five_minutes / "bundle"])
    assert "a fault at" not in caplog.text


@pytest.mark.parametrize(
    "line",
    [
        b'{"kind":"connected","step_s":0.0,"end_s":1.0,"lanes":[]}',
        b'{"kind":"connected","step_s":"NaN","end_s":1.0,"lanes":[]}',
        b'{"kind":"connected","step_s":1.0,"end_s":1.0,"lanes":[]}',
        b'{"kind":"connected","step_s":1.0,"end_s":1.0,"lanes":["a","a"]}',
        b'{"kind":"tick"}',
        b'{"kind":"tick","time_s":-1.0,"signals":[],"lane":[],"position_m":[],"speed_mps":[]}',
        b'{"kind":"tick","time_s":1.0,"signals":[],"lane":[],"position_m":[],"speed_mps":[]}',
        b'{"kind":"tick","time_s":1.0,"signals":[],"lane":[0],"position_m":[],"speed_mps":[]}',
        b'{"kind":"command","command":"mode","who":"x","value":"nonsense"}',
        b'{"kind":"stop","number":255}',
        b'{"kind":"asked","intersection":"X","request":1.0,"observation_crc":0}',
        b'{"kind":"dance"}',
        b"[" * 10_000,
        b"",
    ],
)
def test_what_cannot_have_been_recorded_is_named_with_its_place(recorded, five_minutes, line):
    head, records = lines_of(recorded)
    place = 0 if b"connected" in line else 1
    write_recording(recorded, head, [*records[:place], line + b"\n", *records[place + 1 : 20]])
    with pytest.raises(UsageError, match=r"recording.jsonl.gz: damaged in line [34]: ") as found:
        replay(recorded, [five_minutes / "bundle"])
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    "change",
    [
        {"intersections": []},
        {"intersections": ["X"]},
        {"intersections": ["C", "C"]},
        {"lease_s": -1.0},
        {"until_s": -5.0},
        {"probation_s": 1e30},
        {"operating_mode": "nonsense"},
        {"kept": [{"signal": "C"}]},
    ],
)
def test_a_header_of_no_run_is_refused(recorded, five_minutes, change):
    head, records = lines_of(recorded)
    write_recording(recorded, json.dumps(json.loads(head) | change).encode() + b"\n", records)
    with pytest.raises(UsageError, match=r"recording.jsonl.gz: "):
        replay(recorded, [five_minutes / "bundle"])


@pytest.mark.parametrize(("lane", "phase"), [(99, 0), (0, 99), (0, -1)])
def test_a_snapshot_that_no_device_gives_is_refused(recorded, five_minutes, lane, phase):
    head, records = lines_of(recorded)
    snapshot = Tick.model_validate_json(records[1]).snapshot()
    vehicles = Vehicles(lane=np.array([lane]), position_m=np.array([1.0]), speed_mps=np.array([0.0]))
    ours = replace(snapshot.displays[0], program=PROGRAM_ID, phase=phase)
    spoilt = line_of(Tick.of(replace(snapshot, vehicles=vehicles, displays=(ours,))))
    write_recording(recorded, head, [records[0], spoilt, *records[2:20]])
    with pytest.raises(UsageError, match=r"damaged in line 4: (lane|phase) "):
        replay(recorded, [five_minutes / "bundle"])
