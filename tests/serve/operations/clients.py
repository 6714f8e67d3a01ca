"""Readers of the status page."""

import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import replace

from tests.serve.test_run import fake


def get(address):
    """(status code, headers, text)"""
    try:
        with urllib.request.urlopen(address, timeout=10.0) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as err:
        with err:
            return err.code, err.headers, err.read().decode()


@contextmanager
def open_page(board, port=0, *, host="127.0.0.1", allowed_hosts=()):
    from leed_traffic.serve.operations.metrics import Metrics
    from leed_traffic.serve.operations.page_server import Listen
    from leed_traffic.serve.operations.status_page import published

    place = Listen(option="--status-port", host=host, port=port)
    with published(board, Metrics(), place, allowed_hosts) as address:
        yield address


def blind():
    """A device that does not see inside the junction."""
    device = fake()
    read = device.read

    def read_outside():
        snapshot = read()
        return replace(snapshot, displays=tuple(replace(s, slowest_inside_mps=None) for s in snapshot.displays))

    device.read = read_outside
    return device
