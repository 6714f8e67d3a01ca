"""Commands written as one call reach a device as they were meant."""

import pytest

from leed_traffic.serve.device.commands import OneCallDevice, Verb, command


class Recorder(OneCallDevice):
    """Keeps its calls; obeys whatever is not a release."""

    def __init__(self):
        self.calls = []

    def _call(self, verb, n, stage, hold_s):
        self.calls.append((verb, n, stage, hold_s))
        return verb is not Verb.RELEASE


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda device: device.engage(3, 2), (Verb.ENGAGE, 3, 2, 0.0)),
        (lambda device: device.request(3, 2, 5.5), (Verb.REQUEST, 3, 2, 5.5)),
        (lambda device: device.extend(3, 1.5), (Verb.EXTEND, 3, 0, 1.5)),
        (lambda device: device.release(3), (Verb.RELEASE, 3, 0, 0.0)),
    ],
)
def test_a_command_is_one_call_and_back(call, expected):
    first, second = Recorder(), Recorder()
    is_obeyed = call(first)
    assert first.calls == [expected]
    assert command(second, *expected) is is_obeyed is (expected[0] is not Verb.RELEASE)
    assert second.calls == first.calls


def test_the_words_of_recordings_stay():
    assert [verb.value for verb in Verb] == ["engage", "request", "release", "extend"]
