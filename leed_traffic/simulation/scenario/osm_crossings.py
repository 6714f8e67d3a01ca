"""Crossings of an OpenStreetMap extract that lie on no street: a node on a wall, a platform, a street that is not built yet."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

from leed_traffic.artifacts.xml_file import read_root, top_level

_TYPE = "highway."  # SUMO's typemaps name the kinds of streets so


def street_kinds(typemaps: Iterable[Path]) -> frozenset[str]:
    """The values of the map's `highway` that netconvert makes streets of.

    Raises:
        ScenarioError: a typemap cannot be read.
    """
    names = (
        item.get("id", "")
        for path in typemaps
        for item in read_root(path).iter("type")
        if item.get("discard") != "true"
    )
    return frozenset(name.removeprefix(_TYPE) for name in names if name.startswith(_TYPE))


def without_stray_crossings(osm_file: Path, copy: Path, kinds: frozenset[str]) -> tuple[str, ...]:
    """Write a copy of an extract in which nodes on no street are no crossings; return those nodes.

    Args:
        osm_file: the extract, plain or packed.
        copy: to write; not there if no crossing is stray.
        kinds: of streets.

    Raises:
        ScenarioError: the extract cannot be read.
    """
    crossings: dict[str, None] = {}
    on_street: set[str] = set()
    for item in top_level(osm_file):
        if item.tag == "node" and _tags(item).get("highway") == "crossing":
            crossings[item.get("id", "")] = None
        elif item.tag == "way" and _tags(item).get("highway") in kinds:
            on_street.update(nd.get("ref", "") for nd in item.iterfind("nd"))
    stray = tuple(node for node in crossings if node not in on_street)
    if stray:
        _write_without(osm_file, copy, frozenset(stray))
    return stray


def _tags(item: ET.Element) -> dict[str, str]:
    return {tag.get("k", ""): tag.get("v", "") for tag in item.iterfind("tag")}


def _write_without(osm_file: Path, copy: Path, stray: frozenset[str]) -> None:
    """Element by element: an extract of a city does not fit into memory twice."""
    with copy.open("w", encoding="utf-8") as stream:
        stream.write('<osm version="0.6">\n')
        for item in top_level(osm_file):
            if item.tag == "node" and item.get("id") in stray:
                for tag in item.findall("tag"):
                    if (tag.get("k"), tag.get("v")) == ("highway", "crossing"):
                        item.remove(tag)
            item.tail = "\n"
            stream.write(ET.tostring(item, encoding="unicode"))
        stream.write("</osm>\n")
