import errno
import gzip
import io
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leed_traffic.cli.terminal.refusals import told


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EACCES, "change its rights"),
        (errno.EROFS, "read-only; choose another one"),
        (errno.ENOENT, "check the path"),
        (errno.EISDIR, "check the path"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EIO, "the disk or its file system fails"),
        (errno.ECONNREFUSED, "the other side of a connection went away"),
        (errno.ETIMEDOUT, "the other side of a connection went away"),
        (errno.EXDEV, "see what the system means by that"),
    ],
)
def test_each_refusal_gets_the_advice_that_fits(number, advice):
    said = str(told(OSError(number, os.strerror(number), "/logs/x")))
    assert said.startswith(f"/logs/x: {os.strerror(number)}; ")
    assert advice in said
    assert ("free some space" in said) == (number in (errno.ENOSPC, errno.EDQUOT))


def damaged_parquet():
    sink = io.BytesIO()
    pq.write_table(pa.table({"x": list(range(10_000))}), sink, compression="zstd")
    content = bytearray(sink.getvalue())
    content[-300:-20] = b"\xff" * 280
    pq.read_table(io.BytesIO(bytes(content)))


def damaged_gzip():
    gzip.decompress(b"no gzip at all")


@pytest.mark.parametrize("read", [damaged_parquet, damaged_gzip])
def test_a_damaged_file_is_told_as_damaged(read):
    error = None
    try:
        read()
    except OSError as err:
        error = err
    assert error is not None
    assert error.errno is None
    assert "a file is damaged, cut short or of another kind" in str(told(error))


def test_an_error_without_words_is_told_all_the_same():
    assert str(told(OSError())).startswith("a file or connection: OSError; ")
