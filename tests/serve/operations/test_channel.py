import logging
import os
import socket

import pytest

from leed_traffic.errors import BundleError, DeviceError, ExitCode, MismatchError, UsageError
from leed_traffic.serve.operations.channel import CommandReply, ask, listening, running
from tests.serve.operations.servers import a_server, say_yes


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


def test_refusals_reach_the_caller_as_the_errors_that_they_are(folder):
    for code, kind in ((3, BundleError), (4, MismatchError), (5, DeviceError), (2, UsageError)):
        with (
            listening(folder, lambda line, who, code=code: CommandReply(exit_code=ExitCode(code), said="no")),
            pytest.raises(kind),
        ):
            ask(folder, {"command": "reload"})
