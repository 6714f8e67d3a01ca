"""Names of files and folders for ids that other people chose: no two ids share one, whatever they are."""

import re
from collections import Counter
from collections.abc import Iterable

from leed_traffic.artifacts.sealed_folder import sha256

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
