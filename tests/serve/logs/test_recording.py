"""The file: sealed at each flush, read up to where it was cut, damage named with its line."""

import contextlib
import gzip
import json
import zlib

import numpy as np
import pytest

from leed_traffic.errors import UsageError
from leed_traffic.serve.logs.recording import Reader, Writer
from leed_traffic.serve.logs.records import Asked, Closed, Header, Lost, Sealed, line_of
from leed_traffic.serve.safety.supervisor import OperatingMode

HEADER = Header(
    leed_version="0.1.0",
    envelope_digest="e",
    bundle="b",
    bundle_digest="d",
    network_digest="n",
    site_digest="s",
    intersections=("C",),
    latched=(),
    operating_mode=OperatingMode.ACTIVE,
    until_s=None,
    lease_s=7.0,
    probation_s=60.0,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recording.jsonl.gz"


def asked(k):
    return Asked(intersection="C", request=float(k), observation_crc=k)


def write(path, n_flushes=20, per_flush=5):
    """n_flushes times per_flush requests, and the end."""
    writer = Writer(path, HEADER)
    for k in range(n_flushes * per_flush):
        writer.write(asked(k))
        if k % per_flush == per_flush - 1:
            writer.flush()
    writer.close()


def read(path):
    reader = Reader(path)
    return [record for _, record in reader.records()], reader.is_torn


def test_what_was_written_is_read_with_its_lines(path):
    write(path, n_flushes=2, per_flush=2)
    reader = Reader(path)
    assert reader.header == HEADER
    records = list(reader.records())
    # 1 header, 2 seal, 3 and 4, 5 seal, 6 and 7, 8 seal, 9 closed
    assert records == [(3, asked(0)), (4, asked(1)), (6, asked(2)), (7, asked(3)), (9, Closed())]
    assert not reader.is_torn
    assert reader.bytes_read == path.stat().st_size


def test_any_tool_that_knows_gzip_and_json_reads_it(path):
    write(path, n_flushes=1)
    with gzip.open(path, "rt") as lines:
        documents = [json.loads(line) for line in lines]
    assert [one.get("kind", "header") for one in documents] == [
        "header",
        "sealed",
        *5 * ["asked"],
        "sealed",
        "closed",
        "sealed",
    ]


def test_what_was_flushed_is_there_while_the_writer_goes_on(path):
    writer = Writer(path, HEADER)
    writer.write(Lost())
    writer.flush()
    writer.write(asked(1))
    assert read(path) == ([Lost()], True)
    writer.abandon()


def test_equal_records_give_equal_bytes(path, tmp_path):
    write(path)
    write(tmp_path / "again")
    assert path.read_bytes() == (tmp_path / "again").read_bytes()


def test_a_file_cut_off_anywhere_is_read_up_to_its_last_seal(path):
    write(path)
    whole, content = read(path)[0], path.read_bytes()
    counts = []
    for end in range(len(content)):
        path.write_bytes(content[:end])
        try:
            records, is_torn = read(path)
        except UsageError:  # nothing was sealed yet, not even the header
            counts.append(0)
            continue
        assert records == whole[: len(records)]
        assert is_torn or len(records) == len(whole)
        counts.append(len(records))
    assert counts == sorted(counts)
    assert {0, 5, 50, 100} <= set(counts)


def test_a_flipped_bit_is_told_and_nothing_else_is_read_than_was_written(path):
    write(path)
    whole, sound, rng = read(path)[0], path.read_bytes(), np.random.default_rng(1)
    n_told = 0
    for _ in range(400):
        content = bytearray(sound)
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(content))
        found, is_told, is_torn = [], False, False
        try:
            reader = Reader(path)
            for _, record in reader.records():
                found.append(record)
            is_torn = reader.is_torn
        except UsageError:
            is_told = True
        assert found == whole[: len(found)]
        n_told += is_told or is_torn
    assert n_told >= 390  # bits of gzip's head (its time, its system) harm nobody


def test_damage_is_named_with_its_line(path):
    write(path, n_flushes=2, per_flush=2)
    text = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(text.replace(b'"request":2.0', b'"request":3.0')))
    records = Reader(path).records()
    assert [next(records), next(records)] == [(3, asked(0)), (4, asked(1))]
    with pytest.raises(UsageError, match="damaged at or before line 8, which is not what was written"):
        next(records)


def test_a_header_that_was_altered_is_refused(path):
    write(path)
    text = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(text.replace(b'"lease_s":7.0', b'"lease_s":9.0')))
    with pytest.raises(UsageError, match="damaged at or before line 2"):
        Reader(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"{}\n", b"[]\n", b"PK\x03\x04", b"[" * 100_000, gzip.compress(b"{}\n"), gzip.compress(b"\xff")],
)
def test_what_is_no_recording_is_refused_in_one_line(path, content):
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not a recording of `leedctl serve --events`") as refused:
        Reader(path)
    assert "\n" not in str(refused.value)


def test_a_recording_that_is_not_there_is_said_to_be_missing(path):
    with pytest.raises(UsageError, match="cannot be read: No such file or directory; expected recording"):
        Reader(path)


@pytest.mark.parametrize("version", [1, 2])
def test_a_recording_of_before_is_refused_with_what_reads_it(path, version):
    """It lies under another name in the same folder, and its first line was plain."""
    older = path.with_name("recording.leed")
    older.write_bytes(
        json.dumps({"format_version": version, "leed_version": "0.0.9"}).encode() + b"\n\x78\x9c\x00"
    )
    with pytest.raises(UsageError) as refused:
        Reader(path)
    assert str(refused.value) == (
        f"{older}: recording of format {version}, this program reads 3; "
        "replay it with the leed_traffic that wrote it (0.0.9)"
    )


def test_a_recording_of_a_later_version_is_refused_with_what_reads_it(path):
    path.write_bytes(gzip.compress(b'{"format_version":4,"leed_version":"9.1"}\n'))
    with pytest.raises(UsageError, match=r"format 4, this program reads 3; .* wrote it \(9.1\)"):
        Reader(path)


def test_a_line_that_is_no_record_is_named_although_it_is_sealed(path):
    head = line_of(HEADER)
    seal = line_of(Sealed(crc=zlib.crc32(head)))
    line = b'{"kind":"asked","intersection":"C"}\n'
    end = line_of(Sealed(crc=zlib.crc32(head + seal + line)))
    path.write_bytes(gzip.compress(head + seal + line + end))
    with pytest.raises(UsageError, match=r"damaged in line 3: asked.request: Field required; take"):
        list(Reader(path).records())


def test_a_file_that_grows_without_end_when_unpacked_is_refused(path, monkeypatch):
    monkeypatch.setattr("leed_traffic.serve.logs.recording._LONGEST_LINE", 10_000)
    monkeypatch.setattr("leed_traffic.serve.logs.recording._LARGEST_FLUSH", 100_000)
    write(path, n_flushes=1, per_flush=1)
    text = gzip.decompress(path.read_bytes())
    for bomb in (b"x" * 1_000_000, b"x\n" * 1_000_000):
        path.write_bytes(gzip.compress(text + bomb))
        with pytest.raises(UsageError, match="damaged at or before line"):
            list(Reader(path).records())


def test_a_disk_that_is_full_is_an_oserror_and_the_file_can_be_let_go(path):
    writer = Writer(path, HEADER)
    writer._file.close()
    with pytest.raises((OSError, ValueError)):
        writer.flush()
    with contextlib.suppress(OSError):
        writer.abandon()
