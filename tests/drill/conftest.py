import pytest


@pytest.fixture(scope="session")
def crossing_place(tmp_path_factory):
    """The crossing, read once, with a bundle to serve."""
    pytest.importorskip("sumo", reason="needs SUMO")
    from leed_traffic.drill.rig.place import make_place

    return make_place("crossing", tmp_path_factory.mktemp("place"))
