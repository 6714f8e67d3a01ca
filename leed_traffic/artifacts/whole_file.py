"""A file that is there as a whole or not at all."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from leed_traffic.artifacts.sealed_folder import sha256
from leed_traffic.errors import UsageError


def why_not_writable(path: Path) -> str:
    """Why a file could not be written here, asked before the hours that lead to it; empty where nothing is in its way."""
    if path.is_dir():
        return "is a folder"
    folder = next(parent for parent in path.absolute().parents if parent.exists())  # those below it are made
    if not folder.is_dir():
        return f"{folder} is no folder"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder} cannot be written"


def write_whole(path: Path, content: bytes | str, *, is_durable: bool = False, is_shared: bool = False) -> None:
    """Write under a temporary name in the same folder, then rename; an older file stands until then.

    Args:
        path: the file; its folder must be there.
        content: text is written as UTF-8.
        is_durable: the content is on the disk before the rename.
        is_shared: other processes may write it at the same moment; the last one's stands.

    Raises:
        OSError: it cannot be written there; the caller knows what to advise.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp" if is_shared else f".{path.name}.tmp")
    with fresh.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        if is_durable:
            file.flush()
            os.fsync(file.fileno())
    os.replace(fresh, path)


def write_output(path: Path, content: str | bytes) -> None:
    """Write what a user asked for, its folder too, as a whole or not at all.

    Raises:
        UsageError: it cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as err:
        raise UsageError(f"{path}: cannot be written ({err.strerror}); choose another place") from err


_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,59}")


_WITH_DIGEST = re.compile(r".*-([0-9a-f]{8}|[0-9a-f]{32})")  # as this module writes them, or wrote them


def safe_name(wanted: str) -> str:
    """A file's name for any id: the id itself where it is harmless, else what is harmless of it and a digest.

    Ids that look like a name with a digest get a digest of their own, so that no id takes another one's name.
    """
    if _SAFE_NAME.fullmatch(wanted) and not _WITH_DIGEST.fullmatch(wanted):
        return wanted
    return _with_digest(wanted)


def distinct_names(ids: Iterable[str]) -> dict[str, str]:
    """`safe_name` of each id, with a digest where two differ in nothing but case: some file systems would take them for one."""
    names = {id_: safe_name(id_) for id_ in ids}
    count = Counter(name.casefold() for name in names.values())
    return {id_: name if count[name.casefold()] == 1 else _with_digest(id_) for id_, name in names.items()}


def former_name(wanted: str) -> str:
    """The name that `safe_name` gave until it took longer digests; what lies under it is still found."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", wanted):
        return wanted
    return re.sub(r"[^A-Za-z0-9_-]+", "_", wanted)[:48] + "-" + _digest(wanted)[:8]


def _with_digest(wanted: str) -> str:
    words = re.sub(r"[^A-Za-z0-9_]+", "_", wanted)[:24] or "_"
    return f"{words}-{_digest(wanted)[:32]}"


def _digest(wanted: str) -> str:
    return sha256(wanted.encode("utf-8", "surrogatepass"))
