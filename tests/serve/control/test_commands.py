import contextlib
import errno
import json
import logging
import os
import socket
import tempfile
import threading
import time
from pathlib import Path

import pytest

from leed_traffic.artifacts.policy import Policy
from leed_traffic.errors import BundleError, DeviceError, ExitCode, MismatchError, UsageError
from leed_traffic.serve.control.assignment import assign
from leed_traffic.serve.control.commands import CommandQueue, Reload, Rollback
from leed_traffic.serve.operations.channel import CommandReply, ask, listening, running
from leed_traffic.serve.operations.command_server import CommandServer
from leed_traffic.serve.operations.connections import MOST_CLIENTS
from leed_traffic.serve.operations.status import StatusBoard
from leed_traffic.serve.run import ServeConfig
from tests.serve.bundles import write_crossing_bundle


@pytest.fixture
def folder():
    """A state folder."""
    with tempfile.TemporaryDirectory(prefix="leed-") as path:
        yield Path(path)


def say_yes(line, who):
    return CommandReply(exit_code=ExitCode.OK, said=f"{line.decode()} by {who}")


def test_an_order_that_no_tick_takes_is_withdrawn():
    commands = CommandQueue()
    with pytest.raises(DeviceError, match="nothing was changed"):
        commands.post(Rollback(), "test", within_s=0.01)
    assert list(commands.take()) == []


def test_nobody_waits_for_a_loop_that_has_ended():
    commands, said = CommandQueue(), []

    def post():
        try:
            commands.post(Rollback(), "test")
        except DeviceError as err:
            said.append(str(err))

    waiting = threading.Thread(target=post)
    waiting.start()
    time.sleep(0.05)
    commands.close()
    waiting.join(5.0)
    post()
    assert said == ["the controller has ended: nothing was changed"] * 2


def test_only_the_owner_may_order_and_the_kernel_says_who(folder):
    with listening(folder, say_yes):
        (path,) = folder.glob("serve-*.sock")
        assert path.stat().st_mode & 0o777 == 0o600
        said = ask(folder, {"command": "status"}).said
        assert f"uid {os.getuid()}" in said
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "noise", [b"", b"\n", b"{", b"\x00\xff" * 5000, b"x" * 200_000, b'{"command": "dance"}\n', b"[" * 30_000]
)
def test_noise_on_the_socket_breaks_nothing(folder, noise):
    server = a_server(folder)[0]
    with listening(folder, server.answer):
        (path,) = folder.glob("serve-*.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.connect(str(path))
            try:
                caller.sendall(noise)
                caller.shutdown(socket.SHUT_WR)
                caller.settimeout(10.0)
                assert b'"exit_code":2' in caller.recv(65536)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it stops listening at 64 kB
        with pytest.raises(UsageError, match="no tick yet"):
            ask(folder, {"command": "status"})


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


def test_a_socket_gets_its_name_once_it_listens_and_never_that_of_another(folder, caplog):
    path = folder / f"serve-{os.getpid()}.sock"
    with listening(folder, say_yes):
        assert [p.name for p in folder.iterdir()] == [path.name]
        with listening(folder, lambda line, who: CommandReply(exit_code=ExitCode.OK, said="another")):
            assert "this run takes no commands" in caplog.text
            assert "status" in ask(folder, {"command": "status"}).said


def test_what_a_killed_controller_left_is_removed_by_the_next(folder):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(folder / "serve-999999.sock"))
    assert running(folder) == []
    with listening(folder, say_yes):
        assert [path.name for path in folder.iterdir()] == [f"serve-{os.getpid()}.sock"]


def test_without_a_controller_the_caller_hears_what_to_do(folder):
    with pytest.raises(UsageError, match="found none; is it running, with this --state"):
        ask(folder, {"command": "status"})
    with (
        listening(folder, say_yes),
        pytest.raises(UsageError, match="no controller with process id 1 takes commands"),
    ):
        ask(folder, {"command": "status"}, pid=1)


def test_a_deep_state_folder_is_no_hindrance(folder):
    deep = folder / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    with listening(deep, say_yes):
        assert running(deep) == [os.getpid()]
        assert "status" in ask(deep, {"command": "status"}).said
    assert list(deep.iterdir()) == []


def test_where_no_socket_can_be_made_the_run_goes_on_without(folder, caplog):
    (folder / f"serve-{os.getpid()}.sock").mkdir()
    with caplog.at_level(logging.WARNING), listening(folder, say_yes):
        assert running(folder) == []
    assert "this run takes no commands" in caplog.text


def a_server(folder, **changes):
    """A command server for a running crossing bundle, its commands and the bundle."""
    running_bundle = write_crossing_bundle(folder / "running")
    config = ServeConfig(bundle=running_bundle.path, port=1, **changes)
    commands = CommandQueue()
    return (
        CommandServer(assign(running_bundle, None), running_bundle, config, Policy, commands, StatusBoard()),
        commands,
        running_bundle,
    )


def reload_request(path):
    return json.dumps({"command": "reload", "bundle": str(path)}).encode()


def test_a_sound_bundle_is_handed_to_the_loop_and_the_caller_hears_its_answer(folder):
    server, commands, bundle = a_server(folder)
    taken = []

    def tick():
        while not taken:
            for queued in commands.take():
                taken.append(queued.command)
                queued.answer.set_result("taken")

    loop = threading.Thread(target=tick)
    loop.start()
    reply = server.answer(reload_request(bundle.path), "test")
    loop.join(5.0)
    assert (reply.exit_code, reply.said, reply.bundle) == (ExitCode.OK, "taken", bundle.digest)
    assert isinstance(taken[0], Reload)


def altered(folder):
    path = write_crossing_bundle(folder / "other").path
    victim = next(path.glob("*/policy.onnx"))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    return path


def of_another_network(folder):
    return Path(__file__).parents[3] / "models" / "arterial5"


def with_another_interval(folder):
    from leed_traffic.artifacts.bundle import write_bundle

    old = write_crossing_bundle(folder / "other")
    write_bundle(
        folder / "slow", scenario="crossing", network=old.network, site=old.site, decision_interval_s=4.0, reach_m=100.0,
        policies=dict(zip(old.ids, old.policies, strict=True)), training=old.manifest.training,
    )  # fmt: skip
    return folder / "slow"


def with_another_reach(folder):
    from leed_traffic.artifacts.bundle import write_bundle

    old = write_crossing_bundle(folder / "other")
    write_bundle(
        folder / "far", scenario="crossing", network=old.network, site=old.site, decision_interval_s=5.0, reach_m=150.0,
        policies=dict(zip(old.ids, old.policies, strict=True)), training=old.manifest.training,
    )  # fmt: skip
    return folder / "far"


def under_another_site(folder):
    from dataclasses import replace

    from leed_traffic.artifacts.site import make_site
    from leed_traffic.drill.rig.linear_policy import write_linear_bundle

    old = write_crossing_bundle(folder / "other")
    timing = replace(old.site.timings[0], max_red_s=old.site.timings[0].max_red_s + 10.0)
    return write_linear_bundle(folder / "red", "crossing", old.network, make_site("derived", [timing])).path


def with_another_fallback(folder):
    from dataclasses import replace

    from leed_traffic.artifacts.site import make_site
    from leed_traffic.drill.rig.linear_policy import write_linear_bundle

    old = write_crossing_bundle(folder / "other")
    timing = old.site.timings[0]
    timing = replace(timing, fallback_green_s=tuple(g + 1.0 for g in timing.fallback_green_s))
    return write_linear_bundle(folder / "slower", "crossing", old.network, make_site("derived", [timing])).path


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda folder: folder / ("a/" * 5000), ExitCode.BUNDLE_REFUSED, "cannot be read: File name too long"),
        (lambda folder: folder / "nothing", ExitCode.BUNDLE_REFUSED, "no such bundle"),
        (altered, ExitCode.BUNDLE_REFUSED, "altered"),
        (of_another_network, ExitCode.MISMATCH, "made for intersection"),
        (with_another_interval, ExitCode.MISMATCH, "a decision every 4 s"),
        (with_another_reach, ExitCode.MISMATCH, "a reach of 150 m"),
        (under_another_site, ExitCode.MISMATCH, "max_red_s"),
        (with_another_fallback, ExitCode.MISMATCH, "never limits"),
    ],
)
def test_a_bundle_that_must_not_run_is_refused_before_the_loop_hears_of_it(folder, make, code, words):
    server, commands, _ = a_server(folder)
    reply = server.answer(reload_request(make(folder)), "test")
    assert reply.exit_code is code
    assert words in reply.said
    assert list(commands.take()) == []


def test_a_key_holds_for_reloads_too(folder):
    pytest.importorskip("cryptography")
    from leed_traffic.artifacts.signature import make_keys

    make_keys(folder / "agency.key")
    server, _, bundle = a_server(folder, trust=folder / "agency.key.pub")
    reply = server.answer(reload_request(bundle.path), "test")
    assert reply.exit_code is ExitCode.BUNDLE_REFUSED
    assert "not signed" in reply.said or "signature" in reply.said


def test_refusals_reach_the_caller_as_the_errors_that_they_are(folder):
    for code, kind in ((3, BundleError), (4, MismatchError), (5, DeviceError), (2, UsageError)):
        with (
            listening(folder, lambda line, who, code=code: CommandReply(exit_code=ExitCode(code), said="no")),
            pytest.raises(kind),
        ):
            ask(folder, {"command": "reload"})
