import socket
import threading

import pytest

from leed_traffic.errors import DeviceError
from leed_traffic.serve.device.connection import Endpoint, open_connection


@pytest.fixture
def nobody():
    """A port where nobody listens, and nobody can begin to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_two_controllers_that_try_at_once_leave_no_time_out_behind_for_other_sockets(nobody):
    """Each puts back what it found: one that began within the other's try must not have found the other's."""
    has_begun = threading.Event()

    def try_for(seconds, look):
        with pytest.raises(DeviceError, match="nobody answers"):
            open_connection(Endpoint(host="127.0.0.1", port=nobody, connect_s=seconds), look)

    first = threading.Thread(target=try_for, args=(0.3, has_begun.set))
    first.start()
    assert has_begun.wait(10.0)
    try_for(0.6, lambda: None)
    first.join()
    assert socket.getdefaulttimeout() is None


def test_between_two_tries_new_sockets_have_the_time_out_that_the_process_wants(nobody):
    found = []
    with pytest.raises(DeviceError):
        open_connection(
            Endpoint(host="127.0.0.1", port=nobody, connect_s=0.1),
            lambda: found.append(socket.getdefaulttimeout()),
        )
    assert set(found) == {None}
