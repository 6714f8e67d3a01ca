"""SUMO's XML files, plain or gzipped: nets, demand, additional files."""

import gzip
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
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
