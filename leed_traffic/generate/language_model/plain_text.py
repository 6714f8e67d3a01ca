"""Text of a server, fit to be kept, shown and printed: no control codes, no halves of characters, no end."""

MAX_REPLY_CHARS = 20_001  # kept of a reply: one more than any plan may have
MAX_LINE_CHARS = 300

_WHITE = "\t\n\r"


def clean_text(text: str) -> str:
    """Cut to what may be looked at; what a terminal or a page would obey, or no file takes, becomes a replacement character."""
    return "".join(c if c.isprintable() or c in _WHITE else "\ufffd" for c in text[:MAX_REPLY_CHARS])


def one_line(said: object) -> str:
    """A short line of it, as for a message."""
    text = str(said)[: 10 * MAX_LINE_CHARS]
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))[:MAX_LINE_CHARS]
