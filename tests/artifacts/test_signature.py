import base64
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from leed_traffic.artifacts import sealed_folder
from leed_traffic.artifacts.bundle import read_bundle
from leed_traffic.artifacts.policy import verify_bundle
from leed_traffic.artifacts.sealed_folder import write_sealed
from leed_traffic.artifacts.signature import make_keys, sign_bundle
from leed_traffic.errors import BundleError, UsageError
from tests.artifacts.sample_bundle import write_sample

pytest.importorskip("cryptography", reason="signatures are in the extra 'serve'")


@pytest.fixture
def keys(tmp_path):
    return make_keys(tmp_path / "agency.key")


@pytest.fixture
def signed(tmp_path, keys):
    write_sample(tmp_path / "b")
    return sign_bundle(tmp_path / "b", keys[0]).path


def test_a_signed_bundle_is_trusted_and_has_the_same_digest(tmp_path, keys):
    before = write_sample(tmp_path / "b")
    after = sign_bundle(tmp_path / "b", keys[0])
    assert after.digest == before.digest
    assert verify_bundle(tmp_path / "b", keys[1]).signature is not None
    assert verify_bundle(tmp_path / "b").ids == before.ids


def test_an_unsigned_bundle_is_refused_where_a_key_is_trusted(tmp_path, keys):
    write_sample(tmp_path / "b")
    with pytest.raises(BundleError, match=r"not signed, and only bundles signed for"):
        verify_bundle(tmp_path / "b", keys[1])


def test_a_bundle_signed_by_somebody_else_is_refused(tmp_path, signed):
    _, stranger = make_keys(tmp_path / "stranger.key")
    with pytest.raises(BundleError, match="its signature is not by"):
        verify_bundle(signed, stranger)


@pytest.mark.parametrize(
    "signature", [b"", b"x", b"\xff" * 64, base64.b64encode(b"0" * 64), base64.b64encode(b"0" * 63)]
)
def test_what_is_no_signature_is_refused(signed, keys, signature):
    (signed / "SHA256SUMS.sig").write_bytes(signature)
    with pytest.raises(BundleError, match="its signature is not by"):
        verify_bundle(signed, keys[1])


def test_a_bundle_that_was_sealed_again_with_an_old_signature_is_refused(signed, keys):
    files = {str(p.relative_to(signed)): p.read_bytes() for p in signed.rglob("*") if p.is_file()}
    signature = files.pop("SHA256SUMS.sig")
    del files["SHA256SUMS"]
    files["manifest.json"] = files["manifest.json"].replace(b'"seed": 1', b'"seed": 2')
    write_sealed(signed, files)
    (signed / "SHA256SUMS.sig").write_bytes(signature)
    assert read_bundle(signed).manifest.training.seed == 2
    with pytest.raises(BundleError, match="its signature is not by"):
        verify_bundle(signed, keys[1])


def test_openssl_agrees(signed, keys, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    (tmp_path / "message").write_bytes(b"leed_traffic bundle\n" + (signed / "SHA256SUMS").read_bytes())
    (tmp_path / "sig").write_bytes(base64.b64decode((signed / "SHA256SUMS.sig").read_bytes()))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(keys[1]), "-rawin"]
    done = subprocess.run(
        [*command, "-in", str(tmp_path / "message"), "-sigfile", str(tmp_path / "sig")], capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_a_private_key_is_its_owners_and_never_overwritten(tmp_path, keys):
    assert stat.S_IMODE(keys[0].stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="an older key is never overwritten"):
        make_keys(tmp_path / "agency.key")


def test_what_is_no_key_is_said_in_one_line(tmp_path, signed, keys):
    (tmp_path / "no.key").write_text("nothing")
    for key in (tmp_path / "no.key", tmp_path / "missing", keys[1]):
        with pytest.raises(UsageError, match="--key"):
            sign_bundle(signed, key)
    for key in (tmp_path / "no.key", tmp_path / "missing", keys[0]):
        with pytest.raises(UsageError, match="--trust"):
            verify_bundle(signed, key)


def test_an_unsound_bundle_is_not_signed(signed, keys):
    (signed / "site.json").write_text("{}")
    with pytest.raises(BundleError, match="altered"):
        sign_bundle(signed, keys[0])


def test_nothing_but_the_seal_is_read_before_the_signature_was_looked_at(tmp_path, keys, monkeypatch):
    write_sample(tmp_path / "b")
    read, seen = sealed_folder._read, []
    monkeypatch.setattr(
        sealed_folder, "_read", lambda path, name, size: (seen.append(name), read(path, name, size))[1]
    )
    with pytest.raises(BundleError, match="not signed"):
        verify_bundle(tmp_path / "b", keys[1])
    (tmp_path / "b" / "SHA256SUMS.sig").write_bytes(base64.b64encode(b"0" * 64))
    with pytest.raises(BundleError, match="its signature is not by"):
        verify_bundle(tmp_path / "b", keys[1])
    assert seen == ["SHA256SUMS", "SHA256SUMS", "SHA256SUMS.sig"]


def _with_algorithm(identifier):
    """A public key of an algorithm that nobody knows."""
    algorithm = bytes([0x30, len(identifier) + 2, 0x06, len(identifier)]) + identifier
    body = algorithm + b"\x03\x21\x00" + b"\x01" * 32
    encoded = base64.b64encode(bytes([0x30, len(body)]) + body)
    return b"-----BEGIN PUBLIC KEY-----\n" + encoded + b"\n-----END PUBLIC KEY-----\n"


def test_odd_keys_are_said_in_one_line(tmp_path, signed, keys):
    odd = tmp_path / "odd.pub"
    for content in (
        _with_algorithm(bytes([0x2A, 3, 4, 5])),
        _with_algorithm(bytes([0x2A, 0x85, 3, 7, 1, 1, 1, 1])),
        keys[1].read_bytes() * 2,
        b"\n" * 10**6 + keys[1].read_bytes(),
        b"",
        b"\x00\xff" * 50,
    ):
        odd.write_bytes(content)
        with pytest.raises(UsageError, match="--trust"):
            verify_bundle(signed, odd)
        odd.write_bytes(content.replace(b"PUBLIC", b"PRIVATE"))
        with pytest.raises(UsageError, match="--key"):
            sign_bundle(signed, odd)
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path("/dev/zero"), tmp_path, tmp_path / "\0"):
        with pytest.raises(UsageError, match=r"no such file|cannot be read"):
            verify_bundle(signed, place)
        with pytest.raises(UsageError, match=r"no such file|cannot be read"):
            sign_bundle(signed, place)
    with pytest.raises(UsageError, match="a private key; it stays with the maker"):
        verify_bundle(signed, keys[0])


def test_a_private_key_that_others_can_read_is_said(tmp_path, signed, keys, caplog):
    keys[0].chmod(0o640)
    sign_bundle(signed, keys[0])
    assert "others can read this private key" in caplog.text


def test_half_a_pair_is_not_left_behind(tmp_path):
    (tmp_path / "agency.key.pub").write_text("older")
    with pytest.raises(UsageError, match="an older key is never overwritten"):
        make_keys(tmp_path / "agency.key")
    assert [p.name for p in tmp_path.iterdir()] == ["agency.key.pub"]
