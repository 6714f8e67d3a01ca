r"""Text of others (ids, file names, replies), in which codes that a terminal would obey are made visible.

An escape becomes the four characters `\x1b`. All that `leedctl` prints passes here: prints, log lines, warnings
and tracebacks through `shielded`, tables and messages through `NeutralConsole`, whose own colours remain. Typer's
usage errors do not: rich shows escapes in them by itself.
"""

import errno
import io
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook
from rich.segment import Segment

# Controls (C0 but tab and line feed, DEL, C1), line separators, and what reorders the letters after it.
_CONTROLS = (
    *range(0x09),
    *range(0x0B, 0x20),
    *range(0x7F, 0xA0),
    0x2028,
    0x2029,
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
)
_SURROGATES = range(0xD800, 0xE000)
_VISIBLE = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in (*_CONTROLS, *_SURROGATES)}
_IN_ONE_LINE = _VISIBLE | {0x0A: "\\n"}
_IN_JSON = {code: f"\\u{code:04x}" for code in (*_CONTROLS, *_SURROGATES) if code >= 0x20}


def visible(text: str, *, in_one_line: bool = False) -> str:
    """Return a text without codes that a terminal obeys; a line feed stays, unless all is to be one line."""
    return text.translate(_IN_ONE_LINE if in_one_line else _VISIBLE)


def safe_json(document: str) -> str:
    """Return the same JSON document, in which codes that JSON would allow as they are stand as escapes."""
    return document.translate(_IN_JSON)


class NeutralConsole(Console):
    """A rich console whose texts are made visible; only its own colours and movements reach the terminal.

    Square brackets and colons of foreign text are text: `[llm]` is no style, `:car:` no picture.
    """

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401  # rich's own
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **settings})
        self.push_render_hook(_Hook())

    def on_broken_pipe(self) -> None:
        """Raise instead of rich's own end of the program: the caller decides.

        Raises:
            BrokenPipeError: as the stream has.
        """
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


class _Hook(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Neutral(renderable) for renderable in renderables]


class _Neutral:
    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._inner, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


class _Shield(io.TextIOBase):
    """A stream that makes visible what is written to it; a rich console writes past it."""

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream  # rich's name for the stream behind a proxy

    def write(self, text: str, /) -> int:
        self.rich_proxied_file.write(visible(text))
        return len(text)

    def flush(self) -> None:
        self.rich_proxied_file.flush()

    def isatty(self) -> bool:
        return self.rich_proxied_file.isatty()

    def fileno(self) -> int:
        return self.rich_proxied_file.fileno()

    def writable(self) -> bool:
        return True

    @property
    def buffer(self) -> Any:  # noqa: ANN401  # bytes are the writer's own
        return self.rich_proxied_file.buffer

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.rich_proxied_file.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self.rich_proxied_file.errors


def shield(stream: TextIO) -> _Shield:
    """Wrap a stream so that codes in prints are made visible."""
    return _Shield(stream)


class _OneLine(logging.Formatter):
    """Formatter that puts a record on one line; only a traceback takes more."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        return visible(super().formatMessage(record), in_one_line=True)

    def formatException(self, ei: Any) -> str:  # noqa: ANN401, N802  # logging's own name
        return visible(super().formatException(ei))


def _say_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback, as the interpreter would."""
    if sys.stderr is not None:
        sys.stderr.write(visible("".join(traceback.format_exception(kind, error, trace))))


def _say_bug_of_thread(args: threading.ExceptHookArgs, /) -> None:
    """Print a thread's traceback; one that leaves on purpose says nothing."""
    if args.exc_type is SystemExit or sys.stderr is None:
        return
    name = args.thread.name if args.thread is not None else "unknown"
    bug = "".join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback))
    sys.stderr.write(visible(f"Exception in thread {name}:\n{bug}"))


def _say_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a library's warning, which may quote what it has read."""
    stream = file or sys.stderr
    if stream is not None:
        stream.write(visible(warnings.formatwarning(message, category, filename, lineno, line)))


@contextmanager
def shielded() -> Iterator[None]:
    """Make codes in prints visible; from then on in log lines, warnings and tracebacks, too."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_OneLine())
    sys.excepthook = _say_bug
    threading.excepthook = _say_bug_of_thread
    warnings.showwarning = _say_warning
    before = sys.stdout
    if before is not None:  # else it was closed when we started: there is nothing to shield
        sys.stdout = shield(before)
    try:
        yield
    finally:
        sys.stdout = before
