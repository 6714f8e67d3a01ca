"""SUMO's XML files, plain or gzipped: nets, demand, additional files."""

import gzip
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from leed_traffic.errors import ScenarioError

UNREADABLE = (OSError, EOFError, zlib.error, ET.ParseError, LookupError, ValueError)  # damaged, cut short, odd encoding


def open_plain_or_gzip(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where it ends in .gz."""
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def root_tag(path: Path) -> str:
    """The tag of a file's outermost element; reads no further than that.

    Raises:
        ScenarioError: the file cannot be read or is no XML.
    """
    try:
        with open_plain_or_gzip(path) as stream:
            for _, element in ET.iterparse(stream, events=("start",)):
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
            return ET.parse(stream).getroot()
    except UNREADABLE as err:
        raise ScenarioError(f"{path}: not readable as XML ({err})") from err


def top_level(path: Path) -> Iterator[ET.Element]:
    """Every child of a file's outermost element, with its own children; it is emptied when the next one is asked for.

    Raises:
        ScenarioError: the file cannot be read or is no XML.
    """
    try:
        with open_plain_or_gzip(path) as stream:
            depth = 0
            for event, element in ET.iterparse(stream, events=("start", "end")):
                depth += 1 if event == "start" else -1
                if event == "end" and depth == 1:
                    yield element
                    element.clear()
    except UNREADABLE as err:
        raise ScenarioError(f"{path}: not readable as XML ({err})") from err


def elements(path: Path, tags: Collection[str], within: tuple[Path, ...] = ()) -> Iterator[ET.Element]:
    """Every element of these kinds in the order in which SUMO reads them: at any depth, included files in their places.

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
            for event, element in ET.iterparse(stream, events=("start", "end")):
                step = 1 if event == "start" else -1
                depth, n_open = depth + step, n_open + step * (element.tag in tags)
                if event == "start" and element.tag == "include":
                    yield from elements(path.parent / element.get("href", ""), tags, (*within, path.resolve()))
                elif event == "end" and element.tag in tags:
                    yield element
                if event == "end" and depth <= 1 and not n_open:
                    element.clear()
    except UNREADABLE as err:
        raise ScenarioError(f"{path}: not readable as XML ({err})") from err
