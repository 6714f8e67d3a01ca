"""Files of other people, made harmless: they may name outputs beside themselves, devices that write, and further files.

Whatever SUMO reads of a net, demand or additional file passes here, in every encoding. We read detectors ourselves
and leave nothing in anybody's folder: an attribute that names an output names SUMO's nowhere instead; of the
parameters that give a vehicle a device only those stay whose device changes how it drives; what a file draws in
stands in its place. A file that has none of this, and is plain UTF-8, may be read as it lies: nobody can then take
it for something else than was looked at.
"""

import re
import xml.etree.ElementTree as ET
from functools import lru_cache
from pathlib import Path

from leed_traffic.artifacts.sumo.option_table import DRIVING_DEVICES
from leed_traffic.artifacts.xml_file import UNREADABLE, in_its_place, included_file, open_plain_or_gzip, read_root
from leed_traffic.errors import ScenarioError

NOWHERE = "NUL"  # SUMO's name for it on every system
OUTPUTS = frozenset({"file", "output", "dest"})  # attributes: an output, whatever the element, but for these:
# Element: attribute with more of itself. SUMO 1.28 does not read a rerouter's, so it is none.
_READS = {"variableSpeedSign": "file", "calibrator": "file"}
DROPPED = frozenset({"edgesFile"})  # which edges an output is of
# What the schema also calls a file, and only SUMO's window reads
ONLY_SEEN = frozenset({"imgFile"})
# All that belongs into a net; SUMO would take detectors and vehicles there, too, and dies of SIGSEGV on some
_OF_A_NET = frozenset(
    {
        "location",
        "type",
        "edge",
        "tlLogic",
        "junction",
        "connection",
        "prohibition",
        "roundabout",
        "taz",
        "WAUT",
        "wautJunction",
    }
)
_WITHIN = frozenset(
    {
        "net",
        "lane",
        "neigh",
        "stopOffset",
        "param",
        "phase",
        "request",
        "restriction",
        "condition",
        "assignment",
        "tazSource",
    }
    | {"tazSink", "wautSwitch", "function"}
)
_ELEMENT = re.compile(rb"<([A-Za-z_][\w.:-]*)")
# What holds no elements, whichever begins first: in an instruction `<!--` begins no comment
_HOLDS_NONE = re.compile(rb"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>", re.DOTALL)
_WRITES = re.compile(r"(^|[._-])(file|files|output|dest)$", re.IGNORECASE)  # the last word of a parameter's name
_DEVICE = re.compile(r"(?:has\.(?P<has>.+)\.device|device\.(?P<of>[^.]+)\..*)", re.DOTALL)
_INTERESTING = re.compile(rb"<\s*include\b|\b(?:file|output|dest|edgesFile)\s*=|<\s*WAUT|<\s*wautJunction")
_PARAM = re.compile(rb"<param\b")
_USUAL_PARAM = re.compile(rb'<param key="(?!has\.|device\.)[\w.:@-]*"')
_DECLARED = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([\w.-]+)["']""")
_NEWER = re.compile(rb"""^<\?xml[^>]*?version\s*=\s*["']1\.[^0]""")  # XML 1.1 has further spaces
_PLAIN = (b"utf-8", b"us-ascii", b"ascii")


def freestanding(path: Path) -> ET.Element:
    """A file's outermost element without outputs and what writes them, what it draws in put in its place.

    Raises:
        ScenarioError: it, or what it draws in, cannot be read.
    """
    root = read_root(path)
    _harmless(root, path)
    return root


def as_bytes(root: ET.Element) -> bytes:
    """An element as a file."""
    return (ET.tostring(root, encoding="unicode") + "\n").encode()


def may_stay(path: Path) -> bool:
    """Return whether a file is free of all this and SUMO may read it as it lies.

    Raises:
        ScenarioError: it, or what it draws in, cannot be read.
    """
    try:
        stat = path.stat()
    except OSError as err:
        raise ScenarioError(f"{path}: cannot be read ({err.strerror or err})") from err
    return _may_stay(path.resolve(), stat.st_mtime_ns, stat.st_size, stat.st_ino)


@lru_cache(maxsize=256)
def _may_stay(path: Path, _changed_ns: int, _size: int, _inode: int) -> bool:
    """Looked at once as long as it does not change: every episode of a training run names the same net."""
    try:
        with open_plain_or_gzip(path) as stream:
            content = stream.read()
    except UNREADABLE as err:
        raise ScenarioError(f"{path}: not readable as XML ({err})") from err
    if not _is_plain(content):
        return False
    content = _HOLDS_NONE.sub(b"", content)  # netconvert's comment tells how the net was made
    if _INTERESTING.search(content):
        return False
    is_usual = all(_is_usual(content, found) for found in _PARAM.finditer(content))
    names = dict.fromkeys(name.decode() for name in _ELEMENT.findall(content))
    if is_usual and (next(iter(names), "") != "net" or names.keys() <= _OF_A_NET | _WITHIN):
        return True
    del content
    return not _harmless(read_root(path), path)


def _is_plain(content: bytes) -> bool:
    """UTF-8 that nobody can take for another encoding."""
    body = content.removeprefix(b"\xef\xbb\xbf")
    declared = _DECLARED.match(body[:200])
    if (
        b"\0" in content
        or _NEWER.match(body[:200])
        or not body.lstrip().startswith(b"<")
        or (declared and declared[1].lower() not in _PLAIN)
    ):
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_usual(content: bytes, found: re.Match[bytes]) -> bool:
    """Return whether a parameter is seen to be harmless without looking any closer."""
    usual = _USUAL_PARAM.match(content, found.start())
    return usual is not None and not _WRITES.search(usual[0][len('<param key="') : -1].decode())


def _harmless(root: ET.Element, path: Path) -> bool:
    """Make a whole file harmless; return whether that changed anything."""
    changed = _silence(root, path, ())
    if root.tag == "net":
        strangers = [item for item in root if item.tag not in _OF_A_NET]
        for item in strangers:
            root.remove(item)
        changed |= bool(strangers)
    return changed


def _silence(parent: ET.Element, path: Path, including: tuple[Path, ...]) -> bool:
    """Make an element's children harmless; return whether that changed anything."""
    children: list[ET.Element] = []
    changed = _silence_attributes(parent, path, including)
    for item in parent:
        if item.tag == "include":
            children += in_its_place(_drawn_in(included_file(path, item, including), (*including, path.resolve())))
            changed = True
        elif item.tag == "param" and not is_harmless_param(item.get("key", "")):
            changed = True
        else:
            changed |= _silence(item, path, including)
            children.append(item)
    if changed:
        parent[:] = children
    return changed


def _silence_attributes(item: ET.Element, path: Path, including: tuple[Path, ...]) -> bool:
    changed = False
    source = _READS.get(item.tag)
    if source is not None and item.get(source):
        item.extend(_drawn_in(path.parent / item.attrib.pop(source), (*including, path.resolve())))
        changed = True
    for name in DROPPED & item.attrib.keys():
        del item.attrib[name]
        changed = True
    for name in OUTPUTS & item.attrib.keys():
        changed |= item.get(name) != NOWHERE
        item.set(name, NOWHERE)
    return changed


def is_harmless_param(key: str) -> bool:
    """Return whether a generic parameter is harmless: the devices that change how a vehicle drives, and all that are no devices."""
    if _WRITES.search(key.strip()):
        return False
    device = _DEVICE.fullmatch(key.strip())
    return device is None or (device["has"] or device["of"]) in DRIVING_DEVICES


def _drawn_in(path: Path, including: tuple[Path, ...]) -> ET.Element:
    """The outermost element of a file that another names, made harmless."""
    if path.resolve() in including:
        raise ScenarioError(f"{path}: includes itself, directly or through others; take that out")
    root = read_root(path)
    _silence(root, path, including)
    return root
