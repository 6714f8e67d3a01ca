import os

import pytest

from leed_traffic.artifacts.whole_file import why_not_writable, write_output, write_whole
from leed_traffic.errors import UsageError


@pytest.mark.parametrize("is_durable", [False, True])
@pytest.mark.parametrize("content", ["mañana\n", "mañana\n".encode()])
def test_text_and_bytes_arrive_as_they_are_and_nothing_stays_beside_them(content, is_durable, tmp_path):
    (tmp_path / "a").write_text("older")
    write_whole(tmp_path / "a", content, is_durable=is_durable)
    assert (tmp_path / "a").read_bytes() == "mañana\n".encode()
    assert os.listdir(tmp_path) == ["a"]


def test_a_process_that_writes_the_same_file_meanwhile_spoils_nothing(tmp_path, monkeypatch):
    replace = os.replace

    def after_another_has_written(source, target):
        monkeypatch.setattr(os, "replace", replace)
        monkeypatch.setattr(os, "getpid", lambda: 4321)
        write_whole(target, "theirs", is_shared=True)
        replace(source, target)

    monkeypatch.setattr(os, "replace", after_another_has_written)
    write_whole(tmp_path / "a", "ours", is_shared=True)
    assert (tmp_path / "a").read_text() == "ours"
    assert os.listdir(tmp_path) == ["a"]


def test_the_older_file_stands_when_the_write_fails(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("older")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "a", "newer", is_durable=True)
    assert (tmp_path / "a").read_text() == "older"


def test_a_place_that_will_not_take_a_file_is_known_beforehand(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert why_not_writable(tmp_path / "file") == ""
    assert why_not_writable(tmp_path / "new" / "deeper" / "file") == ""
    assert why_not_writable(tmp_path) == "is a folder"
    assert why_not_writable(tmp_path / "file" / "below") == f"{tmp_path}/file is no folder"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert why_not_writable(tmp_path / "other") == f"the folder {tmp_path} cannot be written"


def test_a_file_is_written_whole_and_leaves_no_temporary_name(tmp_path):
    write_output(tmp_path / "new" / "a.txt", "text")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.txt"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_output(tmp_path / "file" / "a.txt", "text")
