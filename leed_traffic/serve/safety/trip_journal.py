"""Journal of trips for when nothing else can be written: a file open, and of its whole size, since the start.

    STATE/trips-XXXXXXXX.journal   one per running controller, locked (flock) while it lives, removed at a good end

To write a trip down takes no descriptor and no free block of the disk, and a folder that was made read-only
meanwhile is no hindrance. One record per trip: `+` (it stands) or `-` (it was reset), the latch as JSON, spaces, a
line's end. A record fills whole slots, so none lies across two pages: a process that is killed has written it or
has not. A power cut in the middle may leave half of one: the next start is refused, as with every latch that
cannot be read.
"""

import contextlib
import errno
import fcntl
import os
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PATTERN = "trips-*.journal"
SLOT_BYTES = 1024  # divides a page; a latch is about 200 bytes
N_SLOTS = 256  # that are laid out at the start; more are appended, where the disk has room
_STANDS = b"+"
_RESET = b"-"
_TRIES = 100  # to make a journal beside others that start and tidy up at the same moment


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledTrip:
    """A record that stands; `content` may be damaged."""

    at: int  # bytes from the start of the journal
    content: bytes


class TripJournal:
    """The journal of this controller."""

    def __init__(self, folder: Path) -> None:
        """Lay it out.

        Raises:
            OSError: the folder cannot be written, or has no room.
        """
        self.path, self._fd = _make(folder)
        self._end = weakref.finalize(self, os.close, self._fd)
        self._at = 0
        try:
            if os.pwrite(self._fd, bytes(N_SLOTS * SLOT_BYTES), 0) != N_SLOTS * SLOT_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # a part of it was still taken
            os.fsync(self._fd)
            sync_folder(folder)
        except OSError:
            self.drop()
            raise

    def append(self, content: bytes) -> None:
        """Write a record; on the disk when this returns.

        Raises:
            OSError: it was not written, or the journal is no longer at its place, where a start would look for it.
        """
        size = -(-(len(content) + 2) // SLOT_BYTES) * SLOT_BYTES
        record = _STANDS + content.ljust(size - 2) + b"\n"
        try:
            written = os.pwrite(self._fd, record, self._at)
            if written != size:
                raise OSError(f"only {written} of {size} bytes were taken")
            os.fdatasync(self._fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.pwrite(self._fd, _RESET, self._at)
            raise
        self._at += size
        if not os.path.samestat(os.stat(self.path), os.fstat(self._fd)):
            raise FileNotFoundError(f"{self.path} is another file now")

    def close(self) -> None:
        """Leave it where it is: unlocked, the next start takes it in."""
        self._end()

    def drop(self) -> None:
        """Close and remove it: nothing in it is needed."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        self._end()


def standing(path: Path) -> list[JournaledTrip]:
    """The trips of a journal that nobody has reset; none where it is gone.

    Raises:
        OSError: it cannot be read.
    """
    try:
        content = path.read_bytes().rstrip(b"\0")
    except FileNotFoundError:
        return []
    trips = []
    at = 0
    while at < len(content):
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end + 1
        record = content[at:end]
        if not record.startswith(_RESET):
            trips.append(JournaledTrip(at=at, content=record.removeprefix(_STANDS)))
        at += -(-len(record) // SLOT_BYTES) * SLOT_BYTES
    return trips


def mark_reset(path: Path, trip: JournaledTrip) -> None:
    """Mark a trip that a person has reset: by one byte, whoever has the journal open.

    Raises:
        OSError: it cannot be written.
    """
    fd = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(fd, _RESET, trip.at)
        os.fsync(fd)
    finally:
        os.close(fd)


def abandoned(folder: Path) -> Iterator[Path]:
    """The journals whose controllers are gone; each is locked while it is looked at."""
    for path in sorted(folder.glob(PATTERN)):
        try:
            fd = os.open(path, os.O_RDWR)
        except FileNotFoundError:  # somebody else has taken it in
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # its controller lives, or nobody can tell here: it stays
            os.close(fd)
            continue
        try:
            if path.exists():
                yield path
        finally:
            os.close(fd)


def sync_folder(folder: Path) -> None:
    """Bring to the disk what was made, renamed or removed in a folder."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _make(folder: Path) -> tuple[Path, int]:
    """A new journal, locked before anybody could take it for one that was left behind."""
    for _ in range(_TRIES):
        fd, name = tempfile.mkstemp(prefix="trips-", suffix=".journal", dir=folder)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another start looks at it, and will remove it
            os.close(fd)
            continue
        except OSError:
            pass  # a file system without locks: there every journal counts as one of a controller that lives
        if Path(name).exists():
            return Path(name), fd
        os.close(fd)
    raise OSError(f"{folder}: others remove what is made here")
