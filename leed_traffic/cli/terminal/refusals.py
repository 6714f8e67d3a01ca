"""Refusals of a file system or a connection, as one line with the advice that fits."""

import errno

from leed_traffic.errors import UsageError

_ROOM = "free some space or choose another place; the same command goes on"
_RIGHTS = "change its rights or choose another place"
_PATH = "check the path"
_ADVICE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), _ROOM),
    errno.EFBIG: (
        "the file would grow beyond what is allowed here; choose another place, or raise the limit (ulimit -f)"
    ),
    **dict.fromkeys((errno.EACCES, errno.EPERM), _RIGHTS),
    errno.EROFS: "the place is read-only; choose another one",
    **dict.fromkeys(
        (
            errno.ENOENT,
            errno.ENOTDIR,
            errno.EISDIR,
            errno.ELOOP,
            errno.ENAMETOOLONG,
            errno.EEXIST,
            errno.ENOTEMPTY,
            errno.EINVAL,
        ),
        _PATH,
    ),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "too much is open at once; raise the limit (ulimit -n)"),
    errno.ENOMEM: "free some memory",
    errno.EIO: "the disk or its file system fails; look at it before anything else",
    errno.EADDRINUSE: "choose another port",
}
_NETWORK = "the other side of a connection went away; see whether it runs, and try again"
_DAMAGED = "a file is damaged, cut short or of another kind; fetch it again or make it anew"


def told(error: OSError) -> UsageError:
    """Say in one line where it failed, what the system says and what to do."""
    where = error.filename or "a file or connection"
    said = error.strerror or str(error) or type(error).__name__
    return UsageError(f"{where}: {said}; {_advice(error)}")


def _advice(error: OSError) -> str:
    if isinstance(error, ConnectionError | TimeoutError):
        return _NETWORK
    if error.errno is None:  # a reader's own, as of Parquet or gzip: the system has refused nothing
        return _DAMAGED
    return _ADVICE.get(error.errno, "see what the system means by that, then try again")
