"""Messages on the side: they never end or delay what a controller does.

A terminal that is closed, a disk that is full, a reader that has gone or that does not read: what cannot be said
is left out. The exit code is said by other means and stays right.
"""

import contextlib
import io
import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

WAITING_LINES = 2000  # pieces of text that wait for a slow reader; what comes beyond that is left out
LAST_WORDS_S = 1.0  # s for which the end waits until a slow reader has read
_BROKEN = (OSError, ValueError)  # a stream that takes nothing, or is closed


class Aside(io.TextIOBase):
    """Stream that takes everything at once; a thread hands it on, as far as anybody takes it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: queue.Queue[str | None] = queue.Queue(WAITING_LINES)
        self._thread = threading.Thread(target=self._hand_on, name="aside", daemon=True)
        self._thread.start()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the stream behind."""
        return self._stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        """Take it, or leave it out."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing: the thread writes."""

    def writable(self) -> bool:
        """Return True: it takes everything."""
        return True

    def isatty(self) -> bool:
        """Return what the stream behind says, while it is there."""
        with contextlib.suppress(*_BROKEN):
            return self._stream.isatty()
        return False

    def fileno(self) -> int:
        """Return that of the stream behind: its size is asked for there."""
        return self._stream.fileno()

    def finish(self, seconds: float) -> bool:
        """Wait for what is still to be said, but no longer than this; return whether all of it was."""
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=seconds)
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _hand_on(self) -> None:
        is_broken = False
        while (text := self._waiting.get()) is not None:
            try:
                if not is_broken:
                    self._stream.write(text)
                    self._stream.flush()
            except _BROKEN:
                is_broken = True


@contextmanager
def said_aside() -> Iterator[None]:
    """Let nothing that is written to stderr fail or block; afterwards the stream is as it was, or silent."""
    before = sys.stderr
    if before is None:  # it was closed when we started
        yield
        return
    aside = Aside(before)
    sys.stderr = aside
    try:
        yield
    finally:
        is_said = aside.finish(LAST_WORDS_S)
        sys.stderr = before
        if not is_said:
            silence(before)


def silence(stream: TextIO | None) -> None:
    """Drop what a stream still holds, so that nothing fails when the interpreter ends."""
    if stream is None:
        return
    with contextlib.suppress(*_BROKEN):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextmanager
def whether_heard_or_not(stream: TextIO | None) -> Iterator[None]:
    """Leave out what cannot be said at the end."""
    try:
        yield
        if stream is not None:
            stream.flush()
    except _BROKEN:
        silence(stream)


def keep_standard_files_open() -> None:
    """Open standard input, output and error where closed: no other file may take their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
