import gzip

import pytest

from leed_traffic.artifacts.xml_file import check_readable, read_root, root_tag, top_level
from leed_traffic.errors import ScenarioError

CONTENT = '<net><edge id="a"><lane id="a_0"/></edge>\n<edge id="b"/></net>'
READERS = [lambda path: list(top_level(path)), read_root, root_tag]


@pytest.mark.parametrize("name", ["a.xml", "a.xml.gz"])
def test_a_file_is_read_plain_and_packed(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(CONTENT.encode()) if name.endswith(".gz") else CONTENT.encode())
    assert [(item.get("id"), [lane.get("id") for lane in item]) for item in top_level(path)] == [
        ("a", ["a_0"]),
        ("b", []),
    ]
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


@pytest.mark.parametrize(
    "head",
    [
        b'<!DOCTYPE net [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>',
        b'<?xml version="1.0"?><!-- a town -->\n<!DOCTYPE net SYSTEM "file:///etc/hostname">',
        b'<?xml version="1.0"?><!DOCTYPE net>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE net [<!ENTITY a "aaaa">]>'.encode("utf-16"),
    ],
)
@pytest.mark.parametrize("read", READERS)
def test_a_document_type_is_refused_before_its_entities_grow(tmp_path, head, read):
    body = CONTENT.encode("utf-16-le") if head.startswith(b"\xff\xfe") else CONTENT.encode()
    (tmp_path / "a.xml").write_bytes(head + body)
    with pytest.raises(ScenarioError, match=r"a\.xml: not readable as XML \(it declares a document type"):
        read(tmp_path / "a.xml")


@pytest.mark.parametrize("inside", [b"<edge id='x'/>" * 700_000, b"<x>" + b"a" * 40_000_000 + b"</x>"])
def test_a_small_archive_that_unpacks_out_of_all_proportion_is_refused(tmp_path, inside):
    path = tmp_path / "a.net.xml.gz"
    path.write_bytes(gzip.compress(b"<net>" + inside + b"</net>"))
    assert path.stat().st_size < 100_000
    for read in (check_readable, read_root):
        with pytest.raises(ScenarioError, match="unpacks to far more than a packed file of its size holds"):
            read(path)


def test_what_is_packed_is_known_by_its_content(tmp_path):
    (tmp_path / "a.xml").write_bytes(gzip.compress(CONTENT.encode()))
    check_readable(tmp_path / "a.xml")
    assert [item.get("id") for item in top_level(tmp_path / "a.xml")] == ["a", "b"]


@pytest.mark.parametrize("read", READERS[:2])
def test_elements_nested_without_end_are_refused(tmp_path, read):
    (tmp_path / "a.xml").write_text("<net>" + "<a>" * 100_000 + "</a>" * 100_000 + "</net>")
    with pytest.raises(ScenarioError, match="nested more than 64 deep"):
        read(tmp_path / "a.xml")


def test_included_files_stand_in_the_place_of_what_includes_them(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "a.xml").write_text('<r><x id="1"/><include href="in/b.xml"/><x id="4"/></r>')
    (tmp_path / "in" / "b.xml").write_text('<r><x id="2"/><include href="c.xml"/></r>')
    (tmp_path / "in" / "c.xml").write_text('<r><x id="3"/></r>')
    assert [item.get("id") for item in top_level(tmp_path / "a.xml", with_included=True)] == ["1", "2", "3", "4"]
    assert [item.tag for item in top_level(tmp_path / "a.xml")] == ["x", "include", "x"]


def test_files_that_include_each_other_are_named(tmp_path):
    (tmp_path / "a.xml").write_text('<r><include href="b.xml"/></r>')
    (tmp_path / "b.xml").write_text('<r><include href="a.xml"/></r>')
    with pytest.raises(ScenarioError, match=r"a\.xml: includes itself, directly or through others"):
        list(top_level(tmp_path / "a.xml", with_included=True))


def test_elements_are_named_as_they_are_written_and_one_with_a_prefix_is_another(tmp_path):
    (tmp_path / "a.xml").write_text(
        '<net xmlns="u" xmlns:s="v"><edge id="a"/><s:edge id="b"/><edge xmlns="w" id="c"/></net>'
    )
    assert root_tag(tmp_path / "a.xml") == "net"
    assert [item.get("id") for item in top_level(tmp_path / "a.xml") if item.tag == "edge"] == ["a", "c"]


def test_a_namespace_with_two_prefixes_is_refused(tmp_path):
    (tmp_path / "a.xml").write_text('<net xmlns="u" xmlns:s="u"><s:edge id="b"/></net>')
    with pytest.raises(ScenarioError, match="has two prefixes"):
        read_root(tmp_path / "a.xml")
