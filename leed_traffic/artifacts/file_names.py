"""Names of files and folders for ids that other people chose."""

import re

from leed_traffic.artifacts.sealed_folder import sha256

_SAFE_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")


def safe_name(wanted: str) -> str:
    """A file's name for any id: the id itself where it is harmless, else what is harmless of it and a digest."""
    if _SAFE_NAME.fullmatch(wanted):
        return wanted
    return re.sub(r"[^A-Za-z0-9_-]+", "_", wanted)[:48] + "-" + sha256(wanted.encode())[:8]
