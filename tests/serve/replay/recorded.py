"""A device that is busy, for recordings."""

from tests.serve.bundles import crossing
from tests.serve.test_run import fake


def busy_device(**changes):
    return fake(queues={lane.id: 3 for lane in crossing()[0].lanes}, **changes)
