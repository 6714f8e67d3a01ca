import os
import shutil
import subprocess

import pytest

from leed_traffic.artifacts import sealed_folder
from leed_traffic.artifacts.bundle import read_bundle
from leed_traffic.artifacts.sealed_folder import write_sealed
from leed_traffic.artifacts.site import make_site
from leed_traffic.domain.network import Network
from leed_traffic.errors import BundleError
from tests.artifacts.sample_bundle import NETWORK, SITE, write_sample


def files_of(path):
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def test_the_standard_tool_checks_the_sums(tmp_path):
    write_sample(tmp_path / "b")
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=tmp_path / "b").returncode == 0
    with (tmp_path / "b" / "manifest.json").open("a") as manifest:
        manifest.write(" ")
    assert subprocess.run(check, cwd=tmp_path / "b", capture_output=True).returncode == 1


def test_nothing_is_left_beside_a_bundle_and_an_older_one_is_replaced(tmp_path):
    write_sample(tmp_path / "b")
    write_sample(
        tmp_path / "b", Network(intersections=NETWORK.intersections[:1]), make_site("test", SITE.timings[:1])
    )
    assert os.listdir(tmp_path) == ["b"]
    assert read_bundle(tmp_path / "b").ids == ("A",)


def test_what_is_no_bundle_is_never_overwritten(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.tex").write_text("mine")
    with pytest.raises(BundleError, match="is no bundle"):
        write_sample(tmp_path / "b")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BundleError, match="is no bundle"):
        write_sample(tmp_path / "link")


def test_missing_extra_and_altered_files_are_all_named(tmp_path):
    write_sample(tmp_path / "b")
    write_sample(tmp_path / "c")
    (tmp_path / "b" / "site.json").unlink()
    (tmp_path / "b" / "A" / "notes.txt").write_text("")
    (tmp_path / "b" / "A" / "policy.onnx").write_bytes(b"")
    with pytest.raises(BundleError, match=r"missing site.json, extra 'A/notes.txt'; fetch"):
        read_bundle(tmp_path / "b")
    (tmp_path / "b" / "A" / "notes.txt").unlink()
    shutil.copy(tmp_path / "c" / "site.json", tmp_path / "b")
    (tmp_path / "b" / "manifest.json").write_bytes(b"")
    with pytest.raises(BundleError, match=r"altered A/policy.onnx, altered manifest.json; fetch"):
        read_bundle(tmp_path / "b")


def test_a_folder_of_strangers_is_not_listed_to_its_end_and_nothing_is_called_missing_that_is_there(
    tmp_path, monkeypatch
):
    write_sample(tmp_path / "b")
    monkeypatch.setattr(sealed_folder, "_MOST_STRANGERS", 7)
    for k in range(20):
        (tmp_path / "b" / f"x{k}").write_bytes(b"")
    with pytest.raises(BundleError, match=r"b: extra 'x\d+'(, extra 'x\d+'){4} and 2 more; fetch"):
        read_bundle(tmp_path / "b")


def no_reading(monkeypatch, allowed=("SHA256SUMS", "SHA256SUMS.sig")):
    read, seen = sealed_folder._read, []

    def watched(path, name, size):
        seen.append(name)
        assert name in allowed, f"{name} was read"
        return read(path, name, size)

    monkeypatch.setattr(sealed_folder, "_read", watched)
    return seen


@pytest.mark.parametrize("name", ["x1", "A/x1", "A/deeper/x1"])
def test_a_sparse_file_beside_a_bundle_costs_nothing(tmp_path, monkeypatch, name):
    write_sample(tmp_path / "b")
    (tmp_path / "b" / name).parent.mkdir(exist_ok=True)
    with (tmp_path / "b" / name).open("wb") as file:
        file.truncate(1 << 40)
    no_reading(monkeypatch)
    with pytest.raises(BundleError, match="extra '"):
        read_bundle(tmp_path / "b")


@pytest.mark.parametrize("name", ["manifest.json", "site.json", "A/policy.onnx", "A/golden.json"])
def test_a_file_of_a_bundle_that_is_too_large_is_refused_unread(tmp_path, monkeypatch, name):
    write_sample(tmp_path / "b")
    with (tmp_path / "b" / name).open("r+b") as file:
        file.truncate((64 << 20) + 1)
    no_reading(monkeypatch)
    with pytest.raises(BundleError, match=f"'{name}' is too large for a bundle: 67108865 bytes, at most"):
        read_bundle(tmp_path / "b")


def test_a_bundle_that_is_too_large_as_a_whole_is_refused_unread(tmp_path, monkeypatch):
    write_sample(tmp_path / "b")
    monkeypatch.setattr(sealed_folder, "MAX_TOTAL_BYTES", 5000)
    no_reading(monkeypatch)
    with pytest.raises(BundleError, match="a bundle at most"):
        read_bundle(tmp_path / "b")


@pytest.mark.parametrize("name", ["SHA256SUMS", "SHA256SUMS.sig"])
def test_a_seal_that_is_too_large_is_refused_unread(tmp_path, monkeypatch, name):
    write_sample(tmp_path / "b")
    with (tmp_path / "b" / name).open("ab") as file:
        file.truncate(1 << 40)
    no_reading(monkeypatch, allowed=("SHA256SUMS",) if name != "SHA256SUMS" else ())
    with pytest.raises(BundleError, match=f"'{name}' is too large"):
        read_bundle(tmp_path / "b")


@pytest.mark.parametrize("name", ["x", "A/x", "A/A/policy.onnx", "B" * 121 + "/policy.onnx"])
def test_a_sealed_file_of_no_known_kind_is_refused(tmp_path, name):
    write_sample(tmp_path / "b")
    files = files_of(tmp_path / "b")
    del files["SHA256SUMS"]
    write_sealed(tmp_path / "b", {**files, name: b"x"})
    with pytest.raises(BundleError, match=r"unknown 'A?/?x'|no digest and plain file name"):
        read_bundle(tmp_path / "b")


def test_links_are_refused(tmp_path):
    write_sample(tmp_path / "b")
    shutil.copy(tmp_path / "b" / "site.json", tmp_path / "site.json")
    (tmp_path / "b" / "site.json").unlink()
    (tmp_path / "b" / "site.json").symlink_to(tmp_path / "site.json")
    with pytest.raises(BundleError, match=r"'site.json' is a link"):
        read_bundle(tmp_path / "b")


@pytest.mark.parametrize(
    "line", ["0" * 64 + "  ../secret", "0" * 64 + "  /etc/passwd", "nonsense", "F" * 64 + "  site.json"]
)
def test_a_line_of_sums_that_leaves_the_folder_is_refused(tmp_path, line):
    write_sample(tmp_path / "b")
    sums = tmp_path / "b" / "SHA256SUMS"
    sums.write_text(sums.read_text() + line + "\n")
    with pytest.raises(BundleError, match="no digest and plain file name"):
        read_bundle(tmp_path / "b")


def test_what_a_killed_process_of_the_same_number_left_gets_into_no_bundle(tmp_path):
    left = tmp_path / f".b.new-{os.getpid()}"
    left.mkdir()
    (left / "left.json").touch()
    write_sample(tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
