import pytest

from tests.generate.short_hour import SHORT_S
from tests.short_scenario import shortened


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Four minutes of the crossing, as anybody's .sumocfg."""
    return shortened("crossing", SHORT_S, tmp_path_factory.mktemp("short"))
