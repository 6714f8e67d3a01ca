"""The mark of a state folder: whose program it is that runs at a device."""

import re
import threading

import pytest

from leed_traffic.errors import UsageError
from leed_traffic.serve.device.owner import UNMARKED, is_foreign, is_marked, program_name, read_mark


def test_a_restart_with_the_same_folder_knows_its_program_and_another_folder_does_not(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = program_name(tmp_path / "a")
    assert re.fullmatch(r"leed-[0-9a-f]{8}", first)
    assert program_name(tmp_path / "a") == first
    assert program_name(tmp_path / "b") != first
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["owner"]


def test_without_a_folder_the_mark_lasts_as_long_as_the_process(tmp_path):
    assert program_name(None) == program_name(None)
    assert program_name(None) != program_name(tmp_path)


def test_two_starts_at_once_get_the_same_mark(tmp_path):
    marks = []
    threads = [threading.Thread(target=lambda: marks.append(read_mark(tmp_path))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(marks) == 16
    assert len(set(marks)) == 1


@pytest.mark.parametrize(
    "content", [b"", b"leed", b"0123ABCD", b"0123abc", b"0123abcd5", b"\xff\xfe", b"0123abcd\n0123abcd"]
)
def test_a_mark_that_cannot_be_read_refuses_the_start(tmp_path, content):
    (tmp_path / "owner").write_bytes(content)
    with pytest.raises(UsageError, match=r"owner: expected eight hexadecimal digits, got .*--adopt leed-MARK"):
        read_mark(tmp_path)
    assert (tmp_path / "owner").read_bytes() == content


def test_a_folder_that_is_none_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be used"):
        read_mark(tmp_path / "file")
    (tmp_path / "owner").mkdir()
    with pytest.raises(UsageError, match="cannot be used"):
        read_mark(tmp_path)


@pytest.mark.parametrize(
    ("name", "marked", "foreign"),
    [
        ("leed", True, False),
        ("leed-0123abcd", True, True),
        (UNMARKED, True, True),
        ("leed-fixed", False, False),
        ("leed-0123ABCD", False, False),
        ("leed-0123abcde", False, False),
        ("earlier leed", False, False),
        ("online", False, False),
        ("", False, False),
    ],
)
def test_names_tell_whose_program_it_is(name, marked, foreign):
    assert (is_marked(name), is_foreign(name)) == (marked, foreign)
