"""Paths in a user's home folder, which need not be known: a container's number without a name has none."""

import getpass
import os
from pathlib import Path

from leed_traffic.errors import UsageError


def expanded(path: str | Path) -> Path:
    """Return a path with `~` and `~name` spelled out.

    Raises:
        UsageError: nobody knows that home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as err:
        raise UsageError(f"{path}: the home folder is not known here; give the whole path, or set HOME") from err


def state_home() -> Path:
    """Return the folder that keeps a user's state: $XDG_STATE_HOME, or ~/.local/state (XDG base directories).

    Raises:
        UsageError: neither is known.
    """
    chosen = os.environ.get("XDG_STATE_HOME", "")
    if Path(chosen).is_absolute():  # else it is to be ignored, says the specification
        return Path(chosen)
    try:
        return Path.home() / ".local" / "state"
    except RuntimeError as err:
        raise UsageError(
            "no home folder is known for the latches; give --state DIR, or set HOME or XDG_STATE_HOME"
        ) from err


def user() -> str:
    """Return the user at this shell, by name or number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
