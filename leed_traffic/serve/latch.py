"""The monitor's latch on disk: a signal that tripped stays on its own program until a person resets it.

    STATE/<signal>.fault.json   one file per latched signal
    STATE/resets.jsonl          who cleared what, and when

Every file is written beside its place, flushed to the disk and renamed: a power cut leaves the old state or the new one. A file
that cannot be read refuses the start: nobody knows what it said.
"""

import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from leed_traffic.artifacts.file_names import safe_name
from leed_traffic.artifacts.validation import first_fault
from leed_traffic.errors import UsageError

FAULT_SUFFIX, RESETS_NAME = ".fault.json", "resets.jsonl"

Now = Callable[[], datetime]  # the wall clock, with its zone


class Latched(BaseModel):
    """Why one signal must not be touched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    signal: str
    fault: str
    detail: str
    time_s: float  # of the device
    noted_at: datetime  # of the wall


class Reset(BaseModel):
    """One line of the resets' log."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    signal: str
    fault: str
    who: str
    when: datetime


class LatchStore:
    """The latches of one place; without a folder they last as long as the process."""

    def __init__(self, folder: Path | None, now: Now) -> None:
        """Read what stands.

        Args:
            folder: of the latches; made if it is missing.
            now: the wall clock.

        Raises:
            UsageError: the folder cannot be written, or a file in it cannot be read.
        """
        self._folder, self._now = folder, now
        self.latched: dict[str, Latched] = {}
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                _write(folder / ".writable", b"")
                (folder / ".writable").unlink()
            except OSError as err:
                raise UsageError(f"--state {folder}: cannot be written: {err.strerror}; give another folder") from err
            self.latched = read_latches(folder)

    @property
    def folder(self) -> Path | None:
        """Where the latches are."""
        return self._folder

    def trip(self, signal: str, fault: str, detail: str, time_s: float) -> None:
        """Latch a signal; the first fault stands.

        Raises:
            OSError: the folder no longer takes it; the latch holds for this process all the same.
        """
        if signal in self.latched:
            return
        entry = Latched(signal=signal, fault=fault, detail=detail, time_s=time_s, noted_at=self._now())
        self.latched[signal] = entry
        if self._folder is not None:
            _write(_path(self._folder, signal), (entry.model_dump_json(indent=1) + "\n").encode())


def read_latches(folder: Path) -> dict[str, Latched]:
    """The latches of a folder by signal.

    Raises:
        UsageError: a file there makes no sense.
    """
    latched = {}
    for path in sorted(folder.glob(f"*{FAULT_SUFFIX}")):
        try:
            entry = Latched.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as err:
            fault = first_fault(err) if isinstance(err, ValidationError) else err.strerror
            raise UsageError(
                f"{path}: not a latch that can be read ({fault}); see what happened to the signal, then remove the file"
            ) from err
        latched[entry.signal] = entry
    return latched


def reset_latches(folder: Path, signals: Sequence[str], *, who: str, now: Now) -> list[Latched]:
    """Clear the latches of these signals, all without any; each leaves a line in the log first.

    Raises:
        UsageError: a signal has no latch here, or the folder cannot be written.
    """
    latched = read_latches(folder)
    if unknown := [signal for signal in signals if signal not in latched]:
        raise UsageError(f"{folder}: {unknown[0]} is not latched here; latched: {', '.join(latched) or 'nothing'}")
    cleared = [latched[signal] for signal in (signals or sorted(latched))]
    try:
        for entry in cleared:
            line = Reset(signal=entry.signal, fault=entry.fault, who=who, when=now())
            with (folder / RESETS_NAME).open("a", encoding="utf-8") as log:
                log.write(json.dumps(line.model_dump(mode="json")) + "\n")
            _path(folder, entry.signal).unlink()
    except OSError as err:
        raise UsageError(f"{folder}: cannot be written: {err.strerror}") from err
    return cleared


def _path(folder: Path, signal: str) -> Path:
    return folder / f"{safe_name(signal)}{FAULT_SUFFIX}"


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and on the disk when this returns."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
