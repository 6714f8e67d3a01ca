"""Checkpoints: written whole or not at all, read without running anything that they contain."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.errors import TrainingError

FORMAT = 2


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write beside the final place, flush to the disk, rename: a kill at any moment leaves the old or the new one.

    Args:
        path: the file to make.
        content: tensors, numbers, text, and lists and dicts of these.

    Raises:
        TrainingError: it cannot be written.
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **content}, buffer)
    try:
        write_whole(path, buffer.getvalue(), is_durable=True)
    except OSError as err:
        raise TrainingError(f"{path}: cannot be written: {err.strerror or err}") from err


def describe(error: Exception) -> str:
    """Beginning of an error's first line, or its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:100]


def _check_size(path: Path) -> None:
    """Refuse an archive that unpacks to more than it is: we pack nothing.

    Raises:
        ValueError: it does.
        BadZipFile: it is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(item.file_size for item in archive.infolist())
    if unpacked > path.stat().st_size:
        raise ValueError(f"{path.stat().st_size} bytes that unpack to {unpacked}")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read the content of a checkpoint.

    Raises:
        TrainingError: it is missing, damaged or of another format.
    """
    if not path.is_file():
        raise TrainingError(f"{path}: no such checkpoint; begin the run without --resume")
    try:
        _check_size(path)
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (
        OSError,
        RuntimeError,
        EOFError,
        KeyError,
        ValueError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as err:
        raise TrainingError(f"{path}: damaged checkpoint ({describe(err)}); train again") from err
    if not isinstance(content, dict) or content.get("format") not in (1, FORMAT):
        raise TrainingError(f"{path}: not a checkpoint of format {FORMAT}; train again with this version")
    try:
        return content if content["format"] == FORMAT else _renamed(content)
    except (KeyError, TypeError, AttributeError) as err:
        raise TrainingError(f"{path}: damaged checkpoint ({describe(err)}); train again") from err


def _renamed(content: dict[str, Any]) -> dict[str, Any]:
    """Content of format 1 by the names of today."""
    if "own_hours" in content:
        content["on_policy_hours"] = content.pop("own_hours")
    for part in content.get("labelled", ()):
        part["has_choice"] = part.pop("usable")
    return content
