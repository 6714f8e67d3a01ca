"""SUMO's XML files, plain or gzipped: nets, demand, additional files, configurations.

They come from anybody. A file that grows out of all proportion when it is read (entities, a small archive that
unpacks to gigabytes, elements nested without end) is refused before it has grown.
"""

import gzip
import io
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from xml.parsers import expat

from leed_traffic.errors import ScenarioError

UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    ET.ParseError,
    expat.ExpatError,
    LookupError,
    ValueError,
)  # damaged, cut, odd
MOST_DEPTH = 64  # elements within elements; a net has 4, a person's plan 5
_GZIP = b"\x1f\x8b"  # SUMO, too, goes by the content and not by the name
_CHUNK = 1 << 16
# Packed nets and demand of SUMO's own tools unpack to 5 to 40 times their size and hold a tag per 10 bytes packed;
# these are allowed whatever they hold up to the first two, and up to the others for every byte packed.
_SMALL_BYTES = 16 << 20
_SMALL_TAGS = 500_000
_BYTES_PER_PACKED = 200
_TAGS_PER_PACKED = 1


def open_plain_or_gzip(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where it is gzipped; a document type is refused, and a packed file out of proportion.

    Raises:
        OSError, ValueError, ExpatError: it cannot be read, or is refused; see `UNREADABLE`.
    """
    with ExitStack() as refused:
        plain = refused.enter_context(path.open("rb"))
        if plain.read(2) == _GZIP:
            plain.seek(0)
            stream: IO[bytes] = io.BufferedReader(_Unpacked(plain, path.stat().st_size), _CHUNK)
        elif path.suffix == ".gz":
            raise gzip.BadGzipFile("its name ends in .gz, but it is not gzipped")
        else:
            plain.seek(0)
            stream = plain
        _refuse_document_type(stream)
        stream.seek(0)
        refused.pop_all()
    return stream


def check_readable(path: Path) -> None:
    """Look through a packed file, so that whoever reads it next in a way of their own need not fear its size.

    Raises:
        ScenarioError: it cannot be read, or holds more than it should.
    """
    try:
        with open_plain_or_gzip(path) as stream:
            while (
                isinstance(stream, io.BufferedReader) and isinstance(stream.raw, _Unpacked) and stream.read(_CHUNK)
            ):
                pass
    except UNREADABLE as err:
        raise ScenarioError(f"{path}: not readable as XML ({err})") from err


def root_tag(path: Path) -> str:
    """The tag of a file's outermost element; reads no further than that.

    Raises:
        ScenarioError: the file cannot be read or is no XML.
    """
    try:
        with open_plain_or_gzip(path) as stream:
            for _, element in _as_sumo_reads(stream):
                return str(element.tag)
    except UNREADABLE as err:
        raise ScenarioError(f"{path}: not readable as XML ({err})") from err
    raise ScenarioError(f"{path}: an empty XML file")


def read_root(path: Path) -> ET.Element:
    """A file as a whole.

    Raises:
        ScenarioError: the file cannot be read or is no XML.
    """
    try:
        with open_plain_or_gzip(path) as stream:
            return parse(stream)
    except UNREADABLE as err:
        raise ScenarioError(f"{path}: not readable as XML ({err})") from err


def parse(stream: IO[bytes]) -> ET.Element:
    """The outermost element of what a stream holds, with all that is in it.

    Raises:
        OSError, ValueError, ParseError: it cannot be read; see `UNREADABLE`.
    """
    root = None
    for _, element in _events(stream):
        root = element
    if root is None:
        raise ValueError("no element")
    return root


def top_level(path: Path, *, with_included: bool = False) -> Iterator[ET.Element]:
    """Children of a file's outermost element, with its own children; it is emptied when the next one is asked for.

    Args:
        path: of the file.
        with_included: what `<include href="..."/>` names stands in its place, as SUMO reads it.

    Raises:
        ScenarioError: the file cannot be read or is no XML.
    """
    yield from _top_level(path, () if with_included else None)


def _top_level(path: Path, including: tuple[Path, ...] | None) -> Iterator[ET.Element]:
    """Args as of `top_level`; `including` are the files that led here, None where nothing is included."""
    try:
        with open_plain_or_gzip(path) as stream:
            root: ET.Element | None = None
            for depth, element in _events(stream, starts=True):
                if depth == 0 and root is None:
                    root = element
                elif depth == 1 and root is not None:
                    if including is not None and element.tag == "include":
                        yield from _top_level(
                            included_file(path, element, including), (*including, path.resolve())
                        )
                    else:
                        yield element
                    root.clear()  # with its children: of millions none is kept
    except UNREADABLE as err:
        raise ScenarioError(f"{path}: not readable as XML ({err})") from err


def elements(path: Path, tags: Collection[str], within: tuple[Path, ...] = ()) -> Iterator[ET.Element]:
    """Elements of these kinds in the order in which SUMO reads them: at any depth, included files in their places.

    Args:
        path: of the file.
        tags: kinds of elements that do not contain each other.
        within: the files that include it.

    Raises:
        ScenarioError: it, or a file that it includes, cannot be read or is no XML, or includes itself.
    """
    if path.resolve() in within:
        raise ScenarioError(f"{path}: includes itself, directly or through others; take one <include> out")
    try:
        with open_plain_or_gzip(path) as stream:
            depth = n_open = 0
            for event, element in _as_sumo_reads(stream):
                step = 1 if event == "start" else -1
                depth = depth + step
                n_open = n_open + step * (element.tag in tags)
                if depth > MOST_DEPTH:
                    raise ValueError(f"elements nested more than {MOST_DEPTH} deep")
                if event == "start" and element.tag == "include" and not n_open:
                    yield from elements(path.parent / element.get("href", ""), tags, (*within, path.resolve()))
                elif event == "end" and element.tag in tags:
                    _put_in_place(element, path, within)
                    yield element
                if event == "end" and depth <= 1 and not n_open:
                    element.clear()
    except UNREADABLE as err:
        raise ScenarioError(f"{path}: not readable as XML ({err})") from err


def in_its_place(included: ET.Element) -> list[ET.Element]:
    """Contents of an included file: the items of a list, or its outermost element where it is a program, a phase, a flow."""
    return [included] if any(not name.startswith("{") for name in included.attrib) else list(included)


def _put_in_place(element: ET.Element, path: Path, within: tuple[Path, ...]) -> None:
    """Put what the `include`s within an element name in their places: phases of a program, say."""
    children: list[ET.Element] = []
    for item in element:
        if item.tag == "include":
            target = included_file(path, item, within)
            root = read_root(target)
            _put_in_place(root, target, (*within, path.resolve()))
            children += in_its_place(root)
        else:
            children.append(item)
    element[:] = children


def included_file(path: Path, include: ET.Element, including: tuple[Path, ...]) -> Path:
    """The file that an `include` of a file names.

    Raises:
        ScenarioError: one of those that led here is meant again.
    """
    target = path.parent / include.get("href", "")
    if target.resolve() in (*including, path.resolve()):
        raise ScenarioError(f"{target}: includes itself, directly or through others; take one <include> out")
    return target


def _events(stream: IO[bytes], *, starts: bool = False) -> Iterator[tuple[int, ET.Element]]:
    """Elements as they end, each with its depth (0: the outermost); with `starts` the outermost as it begins, too."""
    depth = -1
    for event, element in _as_sumo_reads(stream):
        if event == "start":
            depth += 1
            if depth >= MOST_DEPTH:
                raise ValueError(f"elements nested more than {MOST_DEPTH} deep")
            if starts and depth == 0:
                yield depth, element
        else:
            yield depth, element
            depth -= 1


def _as_sumo_reads(stream: IO[bytes]) -> Iterator[tuple[str, ET.Element]]:
    """Starts and ends of elements, named as SUMO reads them: as they are written, whatever namespace that stands for.

    One with a prefix is none of SUMO's, and keeps the parser's own name for it.
    """
    prefixes: dict[str, str] = {}  # by the namespace's name
    for event, item in ET.iterparse(stream, events=("start", "end", "start-ns")):
        if event == "start-ns":
            prefix, namespace = item
            if prefixes.setdefault(namespace, prefix) != prefix:
                raise ValueError(f"the namespace {namespace!r} has two prefixes; SUMO's files need none")
        else:
            if event == "start" and item.tag[0] == "{":
                namespace, _, name = item.tag[1:].partition("}")
                item.tag = item.tag if prefixes.get(namespace) else name
            yield event, item


def _refuse_document_type(stream: IO[bytes]) -> None:
    """Read up to the first element: SUMO's files need no document type, and the entities of one can grow without bound."""

    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type (<!DOCTYPE), which no file of SUMO's needs; remove it")

    elements: list[str] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, _: elements.append(name)
    while not elements and (chunk := stream.read(_CHUNK)):
        parser.Parse(chunk, False)


class _Unpacked(io.RawIOBase):
    """Contents of a gzipped file, as long as it stays in proportion to it."""

    def __init__(self, packed: IO[bytes], packed_bytes: int) -> None:
        self._file = packed
        self._unpacked = gzip.GzipFile(fileobj=packed, mode="rb")
        self._most_bytes = max(_SMALL_BYTES, _BYTES_PER_PACKED * packed_bytes)
        self._most_tags = max(_SMALL_TAGS, _TAGS_PER_PACKED * packed_bytes)
        self._bytes = self._tags = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Go to its beginning."""
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Begin again."""
        if (offset, whence) != (0, 0):
            raise OSError("a packed file is read from its beginning on")
        self._bytes = self._tags = 0
        return self._unpacked.seek(0)

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]
        """The next bytes."""
        chunk = self._unpacked.read(len(buffer))
        self._bytes += len(chunk)
        self._tags += chunk.count(b"<")
        if self._bytes > self._most_bytes or self._tags > self._most_tags:
            raise ValueError(
                "it unpacks to far more than a packed file of its size holds; give it unpacked if it is meant so"
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        """The file, too."""
        if not self.closed:
            self._unpacked.close()
            self._file.close()
        super().close()
