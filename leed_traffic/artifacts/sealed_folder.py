"""Folder whose every byte is held to a digest: SHA256SUMS lists all other files, as `sha256sum -c` reads them.

Only a signature over SHA256SUMS itself, SHA256SUMS.sig, is not listed there. Reading goes from what is small to
what is large: first the seal, those two; then what lies in the folder, by name and size alone; only then the
bytes.
"""

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from leed_traffic.errors import BundleError

SUMS_NAME = "SHA256SUMS"
SIGNATURE_NAME = "SHA256SUMS.sig"
MAX_TOTAL_BYTES = 256 << 20  # five thousand policies
MAX_SUMS_BYTES = 4 << 20
MAX_SIGNATURE_BYTES = 4096
MAX_FILES = 20_000

_MOST_STRANGERS = 1000  # that are looked at: a folder may hold millions

_SUM_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_.-]{1,120}(?:/[A-Za-z0-9_.-]{1,120})?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """List of a folder's own files."""

    sums: bytes  # SHA256SUMS
    signature: bytes | None  # SHA256SUMS.sig, where it is there


def sha256(content: bytes) -> str:
    """Hexadecimal digest."""
    return hashlib.sha256(content).hexdigest()


def write_sealed(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder as a whole or not at all: beside its place first, then renamed.

    Args:
        path: the folder to make; an older sealed folder there is replaced, anything else is left alone.
        files: content by relative name.

    Raises:
        BundleError: something else is at `path`, or it cannot be written.
    """
    if not _is_free(path):
        raise BundleError(f"{path}: is there already and is no bundle; give another place")
    sealed = {**files, SUMS_NAME: _sums({name: sha256(content) for name, content in files.items()})}
    fresh, old = (path.with_name(f".{path.name}.{word}-{os.getpid()}") for word in ("new", "old"))
    shutil.rmtree(
        fresh, ignore_errors=True
    )  # of a process that was killed; a container gives the same number again
    try:
        for name, content in sealed.items():
            target = fresh / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        _put_in_place(fresh, path, old)
    except OSError as err:
        raise BundleError(f"{path}: cannot be written: {err.strerror or err}") from err
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def read_seal(path: Path) -> Seal:
    """Return what a signature is given for, and the signature; nothing else is read.

    Raises:
        BundleError: no such folder, or no seal in it.
    """
    if not path.is_dir():
        raise BundleError(f"{path}: no such bundle; expected a folder written by `leedctl export`")
    if not os.path.lexists(path / SUMS_NAME):
        raise BundleError(f"{path}: {SUMS_NAME} is missing; this is no bundle, or not all of it")
    sums = _read(path, SUMS_NAME, _size(path, SUMS_NAME, MAX_SUMS_BYTES))
    signature = None
    if os.path.lexists(path / SIGNATURE_NAME):
        signature = _read(path, SIGNATURE_NAME, _size(path, SIGNATURE_NAME, MAX_SIGNATURE_BYTES))
    return Seal(sums=sums, signature=signature)


def read_sealed(path: Path, seal: Seal, most_bytes: Mapping[str, int]) -> dict[str, bytes]:
    """Return every file of the folder by its relative name, after its digest was checked.

    Args:
        path: the folder.
        seal: of it, as it was read before.
        most_bytes: of each kind of file, by the last part of its name; there are no other kinds.

    Raises:
        BundleError: a file is missing, extra, altered, a link, too large or of no known kind.
    """
    listed = _listed(path, seal.sums)
    kinds = {name: name.rpartition("/")[2] for name in listed}
    _refuse(path, [f"unknown {name!r}" for name, kind in kinds.items() if kind not in most_bytes])
    _check_names(path, listed)
    sizes = {name: _size(path, name, most_bytes[kind]) for name, kind in kinds.items()}
    if (total := sum(sizes.values())) > MAX_TOTAL_BYTES:
        raise BundleError(f"{path}: holds {total >> 20} MiB, a bundle at most {MAX_TOTAL_BYTES >> 20}")
    files = {name: _read(path, name, size) for name, size in sizes.items()}
    altered = [f"altered {name}" for name, content in files.items() if sha256(content) != listed[name]]
    _refuse(path, altered)
    return files


def _put_in_place(fresh: Path, path: Path, old: Path) -> None:
    """Rename; an older folder there is put aside, and comes back where the new one cannot take its place."""
    if not path.exists():
        os.replace(fresh, path)
        return
    path.rename(old)
    try:
        os.replace(fresh, path)
    except OSError:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _is_free(path: Path) -> bool:
    """Return whether a bundle may be written here: nothing there, an empty folder or an older bundle."""
    if path.is_symlink() or not path.exists():
        return not path.is_symlink()
    return path.is_dir() and (not any(path.iterdir()) or (path / SUMS_NAME).is_file())


def _listed(path: Path, sums: bytes) -> dict[str, str]:
    """Digests by relative name."""
    listed: dict[str, str] = {}
    for line in sums.decode("utf-8", "replace").splitlines():
        match = _SUM_LINE.fullmatch(line)
        if match is None or {".", ".."} & set(match[2].split("/")):
            raise BundleError(
                f"{path}: {SUMS_NAME} has a line that is no digest and plain file name: {line[:80]!r}"
            )
        listed[match[2]] = match[1]
    if sums != _sums(listed):
        raise BundleError(
            f"{path}: {SUMS_NAME} is not in the form that this program writes; export the bundle again"
        )
    if len(listed) > MAX_FILES:
        raise BundleError(f"{path}: lists {len(listed)} files, a bundle has at most {MAX_FILES}")
    return listed


def _check_names(path: Path, listed: Mapping[str, str]) -> None:
    """Check that the folder holds what is listed and nothing else."""
    folders = {name.partition("/")[0] for name in listed if "/" in name}
    missing = [f"missing {name}" for name in sorted(listed) if not os.path.lexists(path / name)]
    strangers = (
        name for name in _items(path, folders) if name not in listed and name not in (SUMS_NAME, SIGNATURE_NAME)
    )
    extra = sorted(f"extra {name!r}" for name in islice(strangers, _MOST_STRANGERS))
    _refuse(path, [*missing, *extra])


def _items(path: Path, folders: Set[str]) -> Iterator[str]:
    """Names of what lies in the folder and in those of its folders that are to be there."""
    try:
        for folder in ("", *sorted(folders)):
            with os.scandir(path / folder) as items:
                for item in items:
                    if folder or not (item.name in folders and item.is_dir(follow_symlinks=False)):
                        yield f"{folder}/{item.name}" if folder else item.name
    except FileNotFoundError:
        return  # what should have been in it is missing
    except OSError as err:
        raise BundleError(f"{path}: cannot be read: {err.strerror or err}") from err


def _size(path: Path, name: str, most: int) -> int:
    """Bytes of a plain file that is no link and not too large."""
    try:
        status = (path / name).lstat()
    except OSError as err:
        raise BundleError(f"{path}: cannot be read: {name!r}: {err.strerror or err}") from err
    if not stat.S_ISREG(status.st_mode):
        raise BundleError(f"{path}: {name!r} is a link or no regular file; a bundle holds plain files only")
    if status.st_size > most:
        raise BundleError(f"{path}: {name!r} is too large for a bundle: {status.st_size} bytes, at most {most}")
    return status.st_size


def _read(path: Path, name: str, size: int) -> bytes:
    """Return a file's bytes, no more than were there a moment ago; one exchanged meanwhile has another digest."""
    try:
        number = os.open(path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(number, "rb") as file:
            return file.read(size)
    except OSError as err:
        raise BundleError(f"{path}: cannot be read: {name!r}: {err.strerror or err}") from err


def _refuse(path: Path, faults: list[str]) -> None:
    if faults:
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise BundleError(f"{path}: {', '.join(faults[:5])}{more}; fetch or export the bundle again")


def _sums(digests: Mapping[str, str]) -> bytes:
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()
