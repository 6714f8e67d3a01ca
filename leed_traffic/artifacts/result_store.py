"""One store of results that are dear to make: each in a file named by the digest of all that it was made from.

A result is written whole or not at all. Its file is compressed, so gzip's checksum is held against what is read
back: a result that is damaged, cut short or of another shape counts as missing and is made again.
"""

import gzip
import hashlib
import json
import zlib
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from leed_traffic.artifacts.whole_file import write_output

Result = TypeVar("Result")


class ResultStore(Generic[Result]):
    """A folder of results of one type; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, result_type: type[Result]) -> None:
        self._folder = folder
        self._adapter: TypeAdapter[Result] = TypeAdapter(result_type)

    def find(self, key: str) -> Result | None:
        """The result kept under a key; None where there is none that can be read."""
        content = self.find_bytes(key)
        try:
            return None if content is None else self._adapter.validate_json(content)
        except ValidationError:
            return None

    def keep(self, key: str, result: Result) -> None:
        """Write a result under a key.

        Raises:
            UsageError: it cannot be written there.
        """
        self.keep_bytes(key, self._adapter.dump_json(result))

    def find_bytes(self, key: str) -> bytes | None:
        """The bytes kept under a key; None where there are none that can be read."""
        if self._folder is None:
            return None
        try:
            return gzip.decompress(self._path(self._folder, key).read_bytes())
        except (OSError, EOFError, zlib.error):
            return None

    def keep_bytes(self, key: str, content: bytes) -> None:
        """Write bytes under a key; the same bytes give the same file.

        Raises:
            UsageError: they cannot be written there.
        """
        if self._folder is None:
            return
        write_output(self._path(self._folder, key), gzip.compress(content, compresslevel=1, mtime=0))

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        return folder / f"{key}.json.gz"


def digest_of(*parts: object) -> str:
    """sha256 over values that JSON can hold, in this order."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 over a file's content.

    Raises:
        OSError: it cannot be read.
    """
    stat = path.stat()
    return _content_digest(path, stat.st_mtime_ns, stat.st_size)


@cache
def _content_digest(path: Path, changed_ns: int, size: int) -> str:
    """Read once as long as it does not change: every task of a comparison names the same files."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def source_digest(*rooms: str) -> str:
    """sha256 over the source of some rooms of this package, such as `simulation`: code decides a result, too."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for room in rooms:
        for path in sorted((package / room).rglob("*.py")):
            digest.update(f"{path.relative_to(package)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
