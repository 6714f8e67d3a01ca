import gzip

import pytest

from leed_traffic.artifacts.xml_file import read_root, root_tag, top_level
from leed_traffic.errors import ScenarioError

CONTENT = '<net><edge id="a"><lane id="a_0"/></edge>\n<edge id="b"/></net>'
READERS = [lambda path: list(top_level(path)), read_root, root_tag]


@pytest.mark.parametrize("name", ["a.xml", "a.xml.gz"])
def test_a_file_is_read_plain_and_packed(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(CONTENT.encode()) if name.endswith(".gz") else CONTENT.encode())
    assert [(item.get("id"), [lane.get("id") for lane in item]) for item in top_level(path)] == [("a", ["a_0"]), ("b", [])]
    assert root_tag(path) == read_root(path).tag == "net"


def damaged():
    """Packed, with a byte of the packing itself altered."""
    packed = bytearray(gzip.compress(CONTENT.encode() * 200))
    packed[20] ^= 0xFF
    return bytes(packed)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xml", None),
        ("a.xml", b"hello"),
        ("a.xml", f'<?xml version="1.0" encoding="klingon"?>{CONTENT}'.encode()),
        ("a.xml", b'<?xml version="1.0" encoding="utf-8"?><n\xff/>'),
        ("a.xml.gz", CONTENT.encode()),
        ("a.xml.gz", gzip.compress(CONTENT.encode())[:30]),
        ("a.xml.gz", damaged()),
    ],
)
@pytest.mark.parametrize("read", READERS)
def test_what_cannot_be_read_is_one_line(tmp_path, name, content, read):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ScenarioError, match=rf"{name}: not readable as XML \(") as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", READERS[:2])
def test_a_file_cut_short_is_one_line(tmp_path, read):
    (tmp_path / "a.xml").write_text(CONTENT[:45])
    with pytest.raises(ScenarioError, match="not readable as XML"):
        read(tmp_path / "a.xml")


def test_a_fault_of_whoever_reads_the_elements_is_not_taken_for_the_files(tmp_path):
    (tmp_path / "a.xml").write_text(CONTENT)
    with pytest.raises(ValueError, match="could not convert"):
        [float(item.get("id")) for item in top_level(tmp_path / "a.xml")]
