"""A file that is there as a whole or not at all."""

import os
from pathlib import Path


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
