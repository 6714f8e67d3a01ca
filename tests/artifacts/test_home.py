import getpass
import os
from pathlib import Path

import pytest

from leed_traffic.artifacts.home import expanded, state_home, user
from leed_traffic.errors import UsageError


@pytest.fixture
def homeless(monkeypatch):
    """A user number without a name, as in a container."""

    def unknown(*_):
        raise KeyError("getpwuid(): uid not found")

    for name in ("HOME", "XDG_STATE_HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr("pwd.getpwnam", unknown)


def test_without_a_home_the_folder_of_latches_is_asked_for(homeless, monkeypatch):
    with pytest.raises(UsageError, match="give --state DIR, or set HOME or XDG_STATE_HOME"):
        state_home()
    monkeypatch.setenv("XDG_STATE_HOME", "/var/lib/x")
    assert state_home() == Path("/var/lib/x")


def test_a_state_home_that_is_no_whole_path_is_ignored(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    for odd in ("", "state", "./state"):
        monkeypatch.setenv("XDG_STATE_HOME", odd)
        assert state_home() == Path("/home/somebody/.local/state")


@pytest.mark.parametrize("path", ["~/x", "~nobody-of-this-name/x"])
def test_a_home_that_nobody_knows_is_said_in_one_line(homeless, path):
    with pytest.raises(UsageError, match="the home folder is not known here"):
        expanded(path)
    assert expanded("x/~y") == Path("x/~y")


def test_a_user_without_a_name_is_a_number(homeless):
    assert user() == f"uid {os.getuid()}"


def test_a_user_with_a_name_is_that_name():
    assert user() == getpass.getuser()
