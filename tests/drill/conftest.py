import pytest


@pytest.fixture(scope="session")
def crossing_place(tmp_path_factory):
    """The crossing, read once, with a bundle to serve."""
    pytest.importorskip("sumo", reason="needs SUMO")
    from leed_traffic.drill.rig.place import make_place

    return make_place("crossing", tmp_path_factory.mktemp("place"))


@pytest.fixture
def setting(crossing_place):
    """Short exercises on the crossing."""
    from leed_traffic.drill.row import DrillSetting

    return DrillSetting(crossing=crossing_place, full=False, seed=2)
