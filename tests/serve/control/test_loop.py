"""Signals of the operating system: none that can be caught ends a controller without a hand-back."""

import os
import signal

import pytest

from leed_traffic.errors import ExitCode
from leed_traffic.serve.control.loop import StopRequest, stop_code, stop_on_signals
from tests.serve.test_run import asks_for, drive


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGPWR", "SIGXCPU"])
def test_a_signal_that_means_the_end_asks_for_it(name):
    number = getattr(signal, name)
    with stop_on_signals() as stop:
        os.kill(os.getpid(), number)
        assert stop.number == number


@pytest.mark.parametrize(
    "name",
    [
        "SIGUSR1",
        "SIGUSR2",
        "SIGALRM",
        "SIGVTALRM",
        "SIGPROF",
        "SIGIO",
        "SIGPIPE",
        "SIGXFSZ",
        "SIGTTOU",
        "SIGTTIN",
        "SIGTSTP",
        "SIGSTKFLT",
        "SIGRTMIN",
        "SIGRTMAX",
    ],
)
def test_a_signal_that_nobody_means_does_nothing(name):
    before = signal.getsignal(getattr(signal, name))
    with stop_on_signals() as stop:
        os.kill(os.getpid(), getattr(signal, name))
        assert stop.number is None
    assert signal.getsignal(getattr(signal, name)) is before


def test_a_hang_up_that_was_ignored_before_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.number is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_first_signal_counts():
    stop = StopRequest()
    stop(signal.SIGHUP)
    stop(signal.SIGINT)
    assert stop.number == signal.SIGHUP


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGHUP, 129),
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGQUIT, 143),
        (signal.SIGPWR, 143),
    ],
)
def test_every_stop_has_its_exit_code(crossing_bundle, number, code):
    assert stop_code(number) == code
    stop = StopRequest()

    def on_tick(time_s, end_s, note):
        if time_s == 12.0:
            stop(number)

    summary, device = drive(crossing_bundle, policy=asks_for(0), stop=stop, on_tick=on_tick)
    assert (summary.exit_code, summary.ended_by) == (code, number.name)
    assert summary.handed_back
    assert not device._ours


def test_a_display_of_progress_that_breaks_is_told_no_more(crossing_bundle, caplog):
    told = []

    def on_tick(time_s, end_s, note):
        told.append(time_s)
        raise BrokenPipeError(32, "Broken pipe")

    summary, _ = drive(crossing_bundle, policy=asks_for(0), on_tick=on_tick, until_s=60.0)
    assert summary.exit_code is ExitCode.OK
    assert told == [0.0]
    assert "said no more" in caplog.text
