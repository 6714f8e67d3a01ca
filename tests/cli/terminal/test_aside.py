"""What cannot be said ends nothing and delays nothing."""

import contextlib
import io
import os
import subprocess
import sys
import threading

import pytest

from leed_traffic.cli.terminal import aside
from leed_traffic.cli.terminal.aside import Aside, said_aside, whether_heard_or_not

PROGRAM = """
import sys
from leed_traffic.cli import main
from leed_traffic.cli.terminal.output import messages, print_table, results
from leed_traffic.errors import DeviceError
def command():
    {body}
main.app = command
main.run()
"""


def run(body, *, redirect="", **changes):
    """The exit code of a command whose streams are as the shell puts them."""
    program = PROGRAM.format(body=body)
    script = f'exec "$0" -c "$1" {redirect}'
    return subprocess.run(
        ["sh", "-c", script, sys.executable, program], timeout=60, check=False, **changes
    ).returncode


def test_what_is_said_aside_arrives_in_order(monkeypatch):
    heard = io.StringIO()
    monkeypatch.setattr(sys, "stderr", heard)
    with said_aside():
        for k in range(100):
            print(k, file=sys.stderr)
    assert heard.getvalue().split() == [str(k) for k in range(100)]
    assert sys.stderr is heard


class Blocked(io.StringIO):
    """Nobody reads: a write does not come back."""

    def __init__(self):
        super().__init__()
        self.lets_go = threading.Event()

    def write(self, text):
        self.lets_go.wait()
        return len(text)


def test_a_reader_that_does_not_read_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(aside, "LAST_WORDS_S", 0.05)
    blocked = Blocked()
    monkeypatch.setattr(sys, "stderr", blocked)
    with said_aside():
        for _ in range(3 * aside.WAITING_LINES):
            print("how it goes", file=sys.stderr)
    assert not blocked.lets_go.is_set(), "nothing was read"
    assert sys.stderr is blocked
    blocked.lets_go.set()


class Broken(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self._error, self.writes = error, 0

    def write(self, text):
        self.writes += 1
        raise self._error


@pytest.mark.parametrize("error", [OSError(28, "full"), BrokenPipeError(), ValueError("closed")])
def test_a_stream_that_breaks_is_spoken_to_once(error):
    stream = Broken(error)
    voice = Aside(stream)
    assert voice.writable()
    assert not voice.isatty()
    for _ in range(10):
        assert voice.write("x") == 1
    voice.flush()
    assert voice.finish(5.0)
    assert stream.writes == 1


def test_without_a_stream_nothing_is_put_before_it(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with said_aside():
        assert sys.stderr is None
    with whether_heard_or_not(None):
        pass


@pytest.mark.parametrize("redirect", ["2>/dev/full", "2>&-", ">&- 2>&-", "2>/dev/full >&-"])
def test_the_exit_code_of_an_error_is_right_though_it_cannot_be_said(redirect):
    assert run("raise DeviceError('lost')", redirect=redirect) == 5


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_result_that_is_lost_is_an_error_of_a_command_that_was_asked_for_it():
    lost = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" >/dev/full', sys.executable, PROGRAM.format(body="print(1)")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert lost.returncode == 2
    assert "No space left on device" in lost.stderr
    assert lost.stderr.count("\n") == 1


@pytest.mark.parametrize("what", ["results.print(1)", 'print_table(\\"t\\", [\\"a\\"], [[\\"b\\"]])'])
def test_a_reader_of_results_that_has_gone_does_not_end_the_program_inside_rich(what):
    reader, writer = os.pipe()
    os.close(reader)
    body = f"exec('try:\\n {what}\\nexcept BrokenPipeError:\\n sys.exit(9)')"
    try:
        assert run(body, stdout=writer) == 9
    finally:
        os.close(writer)


def test_a_reader_of_messages_that_has_gone_is_not_missed():
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert run("[messages.print(k) for k in range(9)]; raise DeviceError('lost')", stderr=writer) == 5
    finally:
        os.close(writer)


def test_no_file_takes_the_number_of_a_standard_stream_that_was_closed(tmp_path):
    path = tmp_path / "latch"
    body = (
        f"import os; number = os.open({str(path)!r}, os.O_CREAT | os.O_WRONLY); sys.exit(0 if number > 2 else 7)"
    )
    assert run(body, redirect="<&- >&- 2>&-") == 0
    with contextlib.suppress(FileNotFoundError):
        assert path.read_bytes() == b""
