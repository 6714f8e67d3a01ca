import pytest

from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.sumo import in_place
from leed_traffic.simulation.sumo.running import SumoError

pytest.importorskip("libsumo")


def test_one_simulation_may_begin_in_a_fresh_copy_and_no_second(monkeypatch):
    monkeypatch.setattr(in_place, "_is_allowed", False)
    assert not in_place.may_begin(), "a process that was not copied for it"
    in_place.allow()
    assert in_place.may_begin()
    assert not in_place.may_begin(), "asking has used it up"


def test_what_libsumo_raises_is_said_as_this_package_says_it():
    refused, _ = in_place.faults()
    error = in_place.as_sumo_error(refused("\nError: Vehicle 'x' is not known.\nmore"))
    assert isinstance(error, SumoError)
    assert isinstance(error, ScenarioError)
    assert str(error) == "Vehicle 'x' is not known."


def test_importing_libsumo_prints_nothing_where_results_go(capsys):
    in_place.import_libsumo()
    assert capsys.readouterr().out == ""
