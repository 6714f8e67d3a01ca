import contextlib
import errno
import socket
import threading
import time

import pytest

from leed_traffic.errors import DeviceError
from leed_traffic.serve.operations.channel import ask, listening, running
from leed_traffic.serve.operations.connections import MOST_CLIENTS
from tests.serve.operations.servers import say_yes


def test_a_caller_who_cannot_be_heard_does_not_deafen_the_controller(folder, monkeypatch, caplog):
    """Without a free file descriptor accept fails; when there is one again the next caller gets an answer."""
    monkeypatch.setattr("leed_traffic.serve.operations.connections._PAUSE_S", 0.0)
    accept, failures = socket.socket.accept, [errno.EMFILE, errno.ECONNABORTED]

    def failing_at_first(server):
        if failures:
            raise OSError(failures.pop(0), "not now")
        return accept(server)

    monkeypatch.setattr(socket.socket, "accept", failing_at_first)
    with listening(folder, say_yes):
        assert "status" in ask(folder, {"command": "status"}).said
    assert caplog.text.count("a client could not be heard (not now)") == 2


def test_where_the_system_gives_no_thread_the_next_caller_is_heard(folder, monkeypatch, caplog):
    start = threading.Thread.start

    def refused(thread):
        if "process_request_thread" in thread.name:
            raise RuntimeError("can't start new thread")
        start(thread)

    with listening(folder, say_yes):
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refused)
            for _ in range(MOST_CLIENTS + 1):
                with pytest.raises(DeviceError, match="no answer from the controller"):
                    ask(folder, {"command": "status"})
        assert "status" in ask(folder, {"command": "status"}).said
    assert "a client could not be answered (can't start new thread)" in caplog.text


def test_a_caller_that_says_nothing_holds_up_nobody_for_long(folder, monkeypatch):
    monkeypatch.setattr("leed_traffic.serve.operations.connections.LINE_S", 0.2)
    with listening(folder, say_yes):
        (path,) = folder.glob("serve-*.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
            silent.connect(str(path))
            assert "status" in ask(folder, {"command": "status"}).said


def _connect(caller, path):
    while True:
        try:
            caller.connect(str(path))
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return


def test_callers_that_drip_keep_nobody_waiting(folder, monkeypatch):
    """None of them ends within the test: who comes after them is answered all the same."""
    monkeypatch.setattr("leed_traffic.serve.operations.connections.LINE_S", 3600.0)
    with listening(folder, say_yes), contextlib.ExitStack() as stack:
        (path,) = folder.glob("serve-*.sock")
        for _ in range(3 * MOST_CLIENTS):
            dripping = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            dripping.settimeout(20.0)
            _connect(dripping, path)
            dripping.sendall(b"x")
        assert "status" in ask(folder, {"command": "status"}).said


def test_a_caller_that_drips_is_sent_away_when_its_time_is_over(folder, monkeypatch):
    monkeypatch.setattr("leed_traffic.serve.operations.connections.LINE_S", 0.3)
    with listening(folder, say_yes), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dripping:
        (path,) = folder.glob("serve-*.sock")
        dripping.settimeout(0.05)
        dripping.connect(str(path))
        is_heard = True
        while is_heard:
            try:
                dripping.sendall(b"x")
                is_heard = bool(dripping.recv(10))
            except TimeoutError:
                is_heard = True
            except (BrokenPipeError, ConnectionResetError):
                is_heard = False
        assert not is_heard
        assert "status" in ask(folder, {"command": "status"}).said


def test_an_answer_that_takes_long_keeps_no_other_waiting(folder):
    is_done = threading.Event()

    def slow(line, who):
        if b"reload" in line:
            is_done.wait(60.0)
        return say_yes(line, who)

    with listening(folder, slow):
        waiting = threading.Thread(target=ask, args=(folder, {"command": "reload"}))
        waiting.start()
        assert "status" in ask(folder, {"command": "status"}).said
        is_done.set()
        waiting.join(20.0)


def test_an_answer_that_breaks_costs_its_caller_the_answer_and_nobody_else(folder, monkeypatch):
    broken = []
    monkeypatch.setattr(threading, "excepthook", lambda args: broken.append(args.exc_type))

    def breaks(line, who):
        if b"reload" in line:
            raise ZeroDivisionError
        return say_yes(line, who)

    with listening(folder, breaks):
        with pytest.raises(DeviceError, match="no answer"):
            ask(folder, {"command": "reload"})
        assert "status" in ask(folder, {"command": "status"}).said
    assert broken == [ZeroDivisionError]


@contextlib.contextmanager
def a_controller_with_no_room(folder):
    """One that listens, and whose queue of callers is full."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        path = folder / "serve-999999.sock"
        server.bind(str(path))
        server.listen(1)
        with contextlib.suppress(BlockingIOError):
            while True:
                caller = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                caller.setblocking(False)
                caller.connect(str(path))
        yield path


def test_a_controller_without_room_for_a_caller_lives_and_keeps_its_socket(folder, monkeypatch):
    monkeypatch.setattr("leed_traffic.serve.operations.channel._BUSY_S", 0.2)
    with a_controller_with_no_room(folder) as path:
        assert running(folder) == [999999]
        with listening(folder, say_yes):
            assert path.is_socket()
            with pytest.raises(DeviceError, match="no answer from the controller"):
                ask(folder, {"command": "status"}, pid=999999)
    assert path.exists()
