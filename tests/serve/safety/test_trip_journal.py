"""Records of a journal; what a latch makes of them is in test_latch.py."""

import pytest

from leed_traffic.serve.safety import trip_journal
from leed_traffic.serve.safety.trip_journal import SLOT_BYTES, TripJournal, abandoned, mark_reset, standing


@pytest.fixture
def journal(tmp_path):
    made = TripJournal(tmp_path)
    yield made
    made.close()


def contents(path):
    return [trip.content.rstrip() for trip in standing(path)]


def test_a_journal_has_its_whole_size_from_the_start_and_no_trip(journal):
    assert journal.path.stat().st_size == trip_journal.N_SLOTS * SLOT_BYTES
    assert standing(journal.path) == []


# a record is its content, one mark and one line's end
@pytest.mark.parametrize(("n_bytes", "n_slots"), [(1, 1), (SLOT_BYTES - 2, 1), (SLOT_BYTES - 1, 2)])
def test_a_record_fills_whole_slots(journal, n_bytes, n_slots):
    journal.append(b"x" * n_bytes)
    journal.append(b"next")
    assert [trip.at for trip in standing(journal.path)] == [0, n_slots * SLOT_BYTES]
    assert contents(journal.path) == [b"x" * n_bytes, b"next"]


def test_a_trip_that_was_reset_no_longer_stands(journal):
    journal.append(b"first")
    journal.append(b"second")
    mark_reset(journal.path, standing(journal.path)[0])
    assert contents(journal.path) == [b"second"]


def test_a_journal_is_abandoned_when_its_controller_lets_go(tmp_path):
    journal = TripJournal(tmp_path)
    assert list(abandoned(tmp_path)) == []
    journal.append(b"trip")
    journal.close()
    assert list(abandoned(tmp_path)) == [journal.path]
    assert contents(journal.path) == [b"trip"]


def test_a_journal_that_is_dropped_is_gone(tmp_path):
    journal = TripJournal(tmp_path)
    journal.drop()
    assert list(tmp_path.iterdir()) == []
    assert standing(journal.path) == []


def test_a_journal_that_was_put_aside_says_so(journal, tmp_path):
    journal.path.rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError):
        journal.append(b"trip")


def test_a_folder_that_is_not_there_is_no_place_for_a_journal(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        TripJournal(tmp_path / "gone")
