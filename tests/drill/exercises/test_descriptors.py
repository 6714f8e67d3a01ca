import pytest

from leed_traffic.drill.exercises.descriptors import few_descriptors
from leed_traffic.drill.row import DrillSetting

pytest.importorskip("uvicorn", reason="the status page is in the extra 'serve'")


@pytest.fixture
def setting(crossing_place):
    return DrillSetting(crossing=crossing_place, full=False, seed=1)


@pytest.fixture(autouse=True)
def empty_state(crossing_place):
    import shutil

    shutil.rmtree(crossing_place.folder / "descriptors", ignore_errors=True)


@pytest.mark.sumo
def test_readers_get_few_descriptors_and_a_trip_needs_none(setting):
    found = few_descriptors(setting)
    assert found.faults == []


@pytest.mark.sumo
def test_a_latch_that_needs_a_descriptor_and_a_page_without_bounds_are_found_out(setting, monkeypatch):
    def without_journal(journal, content):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("leed_traffic.serve.safety.trip_journal.TripJournal.append", without_journal)
    monkeypatch.setattr("leed_traffic.serve.operations.page_server.READERS", 10_000)
    faults = few_descriptors(setting).faults
    assert any("more sockets for 300 readers" in fault for fault in faults), faults
    assert any("the latch was not kept" in fault for fault in faults), faults
