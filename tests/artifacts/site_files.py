"""Site files of two junctions."""

import pytest

from leed_traffic.artifacts.site import read_site_file
from leed_traffic.domain.network import Network
from leed_traffic.errors import ExitCode, SiteError
from tests.intersections import four_legs, t_junction

NETWORK = Network(intersections=(four_legs("X"), t_junction("T")))


def refusal(path, network=NETWORK):
    with pytest.raises(SiteError) as caught:
        read_site_file(path, network)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    assert caught.value.exit_code == ExitCode.MISMATCH
    return message
