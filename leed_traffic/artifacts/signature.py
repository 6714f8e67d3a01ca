"""Ed25519 signatures of bundles: who made it, not only whether it arrived whole.

The signature is over SHA256SUMS, which names the digest of every other file; it lies beside it as SHA256SUMS.sig.
Keys are PEM files as OpenSSL writes them. Needs the package `cryptography` (extra `serve`); nothing else imports
it.
"""

import base64
import binascii
import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

from leed_traffic.artifacts.bundle import Bundle, read_bundle
from leed_traffic.artifacts.sealed_folder import SIGNATURE_NAME, Seal
from leed_traffic.errors import BundleError, UsageError

log = logging.getLogger(__name__)

_CONTEXT = b"leed_traffic bundle\n"  # a signature given for something else is none for a bundle
_KEY_BYTES = 16 * 1024  # a key has about 120


def make_keys(path: Path) -> tuple[Path, Path]:
    """Write a new key pair, PATH (only the owner reads it) and PATH.pub; return both.

    Raises:
        UsageError: a file is there already, or cannot be written.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    public_path = path.with_name(path.name + ".pub")
    _write_key(path, private, 0o600)
    try:
        _write_key(public_path, public, 0o644)
    except UsageError:
        path.unlink()  # half a pair is of no use, and would bar the next try
        raise
    return path, public_path


def sign_bundle(path: Path, key_file: Path) -> Bundle:
    """Sign a bundle with a private key; an older signature is replaced.

    Raises:
        BundleError: no sound bundle.
        UsageError: no private Ed25519 key, or the bundle cannot be written.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    bundle = read_bundle(path)
    content = _read_key(key_file, "--key")
    if key_file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        log.warning(
            "%s: others can read this private key; chmod 600 it, and make a new pair if it has lain open", key_file
        )
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as err:
        raise UsageError(
            f"--key {key_file}: not a private key that can be read; make one with leedctl bundle keygen"
        ) from err
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"--key {key_file}: not an Ed25519 key; make one with leedctl bundle keygen")
    fresh = path.with_name(f".{path.name}.sig-{os.getpid()}")
    try:
        fresh.write_bytes(base64.b64encode(key.sign(_CONTEXT + bundle.sums)) + b"\n")
        os.replace(fresh, path / SIGNATURE_NAME)
    except OSError as err:
        raise UsageError(f"{path}: cannot be written: {err.strerror}") from err
    return read_bundle(path)


def check_signature(path: Path, seal: Seal, trusted_key: Path) -> None:
    """Hold a bundle to its maker, before anything but its seal was read.

    Args:
        path: of the bundle, for the message.
        seal: of it.
        trusted_key: the public key.

    Raises:
        BundleError: it is not signed, or not by this key.
        UsageError: no public Ed25519 key.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _read_key(trusted_key, "--trust")
    if b"PRIVATE KEY" in content:
        raise UsageError(
            f"--trust {trusted_key}: a private key; it stays with the maker, give the .pub of the pair"
        )
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as err:
        raise UsageError(
            f"--trust {trusted_key}: not a public key that can be read; expected the .pub of a key pair"
        ) from err
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"--trust {trusted_key}: not an Ed25519 key; expected the .pub of leedctl bundle keygen")
    if seal.signature is None:
        raise BundleError(
            f"{path}: not signed, and only bundles signed for {trusted_key} may run; leedctl bundle sign"
        )
    try:
        key.verify(base64.b64decode(seal.signature.strip(), validate=True), _CONTEXT + seal.sums)
    except (InvalidSignature, binascii.Error) as err:
        raise BundleError(
            f"{path}: its signature is not by {trusted_key}; fetch the bundle again from its maker"
        ) from err


def _write_key(target: Path, content: bytes, mode: int) -> None:
    try:
        file = os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")
    except OSError as err:
        raise UsageError(f"{target}: cannot be made: {err.strerror}; an older key is never overwritten") from err
    try:
        with file:
            file.write(content)
    except OSError as err:
        with suppress(OSError):
            target.unlink()
        raise UsageError(f"{target}: cannot be written: {err.strerror}") from err


def _read_key(path: Path, option: str) -> bytes:
    """Read the one key of a plain file: a pipe or a device could keep us waiting, or feed us for ever."""
    try:
        if not path.is_file():
            raise UsageError(f"{option} {path}: no such file; make a pair with leedctl bundle keygen")
        with path.open("rb") as file:
            content = file.read(_KEY_BYTES + 1)
    except (OSError, ValueError) as err:
        raise UsageError(f"{option} {path}: cannot be read: {getattr(err, 'strerror', None) or err}") from err
    if len(content) > _KEY_BYTES or content.count(b"-----BEGIN") > 1:
        raise UsageError(
            f"{option} {path}: expected one key in a file of under {_KEY_BYTES // 1024} kB, found more"
        )
    return content
