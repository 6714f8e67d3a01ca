"""A folder whose every byte is held to a digest: SHA256SUMS lists all other files, in the form that `sha256sum -c` reads.

Only a signature over SHA256SUMS itself, SHA256SUMS.sig, is not listed there.
"""

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from leed_traffic.errors import BundleError

SUMS_NAME, SIGNATURE_NAME = "SHA256SUMS", "SHA256SUMS.sig"
MAX_FILE_BYTES = 64 * 1024 * 1024  # a policy has about 50 kB; anything near this is no bundle of ours
MAX_FILES = 20_000

_SUM_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)")


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
    try:
        for name, content in sealed.items():
            target = fresh / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        if path.exists():
            path.rename(old)
        os.replace(fresh, path)
    except OSError as err:
        raise BundleError(f"{path}: cannot be written: {err.strerror or err}") from err
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def read_sealed(path: Path) -> dict[str, bytes]:
    """Every file of the folder by its relative name, after its digest was checked.

    Raises:
        BundleError: no such folder, or a file is missing, extra, altered, a link or too large.
    """
    if not path.is_dir():
        raise BundleError(f"{path}: no such bundle; expected a folder written by `leedctl export`")
    files = _read_files(path)
    _check_sums(path, files)
    return files


def _is_free(path: Path) -> bool:
    """Whether a bundle may be written here: nothing there, an empty folder or an older bundle."""
    if path.is_symlink() or not path.exists():
        return not path.is_symlink()
    return path.is_dir() and (not any(path.iterdir()) or (path / SUMS_NAME).is_file())


def _read_files(path: Path) -> dict[str, bytes]:
    """Every regular file below `path` by its relative name; anything else is refused."""
    files: dict[str, bytes] = {}
    try:
        for folder, subfolders, names in os.walk(path, onerror=_raise):
            for name in sorted(subfolders + names):
                item = Path(folder) / name
                mode, relative = item.lstat().st_mode, item.relative_to(path).as_posix()
                if stat.S_ISDIR(mode):
                    continue
                if not stat.S_ISREG(mode):
                    raise BundleError(f"{path}: {relative!r} is a link or no regular file; a bundle holds plain files only")
                if item.lstat().st_size > MAX_FILE_BYTES or len(files) >= MAX_FILES:
                    raise BundleError(f"{path}: {relative!r} is too large or one file too many for a bundle")
                files[relative] = item.read_bytes()
    except OSError as err:
        raise BundleError(f"{path}: cannot be read: {err.strerror or err}") from err
    return files


def _raise(error: OSError) -> None:
    raise error


def _check_sums(path: Path, files: Mapping[str, bytes]) -> None:
    """Hold the folder's files against SHA256SUMS and name what is missing, extra or altered."""
    if SUMS_NAME not in files:
        raise BundleError(f"{path}: {SUMS_NAME} is missing; this is no bundle, or not all of it")
    listed: dict[str, str] = {}
    for line in files[SUMS_NAME].decode("utf-8", "replace").splitlines():
        match = _SUM_LINE.fullmatch(line)
        if match is None or ".." in match[2].split("/"):
            raise BundleError(f"{path}: {SUMS_NAME} has a line that is no digest and plain file name: {line[:80]!r}")
        listed[match[2]] = match[1]
    actual = {name: sha256(content) for name, content in files.items() if name not in (SUMS_NAME, SIGNATURE_NAME)}
    faults = [f"missing {name}" for name in sorted(listed.keys() - actual.keys())]
    faults += [f"extra {name!r}" for name in sorted(actual.keys() - listed.keys())]
    faults += [f"altered {name}" for name in sorted(listed.keys() & actual.keys()) if listed[name] != actual[name]]
    if faults:
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise BundleError(f"{path}: {', '.join(faults[:5])}{more}; fetch or export the bundle again")
    if files[SUMS_NAME] != _sums(actual):
        raise BundleError(f"{path}: {SUMS_NAME} is not in the form that this program writes; export the bundle again")


def _sums(digests: Mapping[str, str]) -> bytes:
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()
