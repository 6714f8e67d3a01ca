import numpy as np
import pytest

from leed_traffic.errors import UsageError
from leed_traffic.serve.logs.events import BundleChange, ChangeKind
from leed_traffic.serve.logs.journal import FolderJournal
from leed_traffic.serve.logs.recording import OLD_NAME, RECORDING_NAME, Reader, Writer
from leed_traffic.serve.logs.records import Asked, Closed, CommandRecord, Stopped, crc_of
from tests.serve.logs.test_recording import HEADER


def test_what_was_asked_commanded_and_stopped_is_recorded(tmp_path):
    observations = np.array([[1.0, 2.0]], dtype=np.float32)
    command = CommandRecord(command="mode", who="uid 0", value="shadow")
    with FolderJournal(tmp_path, HEADER) as journal:
        journal.note_asked([None], observations)
        journal.note_order(command)
        journal.note_stop(15)
    crc = crc_of(observations[0])
    records = [record for _, record in Reader(tmp_path / RECORDING_NAME).records()]
    assert records == [
        Asked(intersection="C", request=None, observation_crc=crc),
        command,
        Stopped(number=15),
        Closed(),
    ]


def test_without_a_folder_nothing_is_written_and_no_record_is_made():
    made = []
    with FolderJournal(None, HEADER) as journal:
        journal.record(lambda: made.append(1))
        journal.note_asked([1.0], np.zeros((1, 2), dtype=np.float32))
        journal.flush()
    assert made == []


def test_a_recording_of_the_version_before_moves_aside(tmp_path):
    (tmp_path / OLD_NAME).write_text("{}")
    with FolderJournal(tmp_path, HEADER):
        pass
    assert (tmp_path / "earlier-1" / OLD_NAME).read_text() == "{}"
    assert not (tmp_path / OLD_NAME).exists()


def test_a_change_is_a_line_of_its_own(tmp_path):
    change = BundleChange(time_s=7.04, step=ChangeKind.MODE, n=None, digest="shadow", pattern=1, why="by command")
    with FolderJournal(tmp_path, HEADER) as journal:
        journal.note_change(change, "")
    assert (tmp_path / "changes.csv").read_text() == (
        "time_s,step,intersection,digest,pattern,why\n7.0,mode,,shadow,1,by command\n"
    )


@pytest.mark.parametrize("name", ["write", "flush"])
def test_a_disk_that_is_full_ends_the_recording_once_with_one_line(tmp_path, monkeypatch, caplog, name):
    def full(*_):
        raise OSError(28, "No space left on device")

    with FolderJournal(tmp_path, HEADER) as journal:
        monkeypatch.setattr(Writer, name, full)
        for _ in range(3):
            journal.note_stop(15)
            journal.flush()
    assert caplog.text.count("the recording ends here: No space left on device") == 1
    assert Reader(tmp_path / RECORDING_NAME).header == HEADER


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--events .*file: cannot be written"):
        FolderJournal(tmp_path / "file", HEADER)
