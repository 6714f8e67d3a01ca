from hypothesis import given
from hypothesis import strategies as st

from leed_traffic.artifacts.whole_file import distinct_names, former_name, safe_name

ODD = (
    "../../etc",
    "a/b",
    "a b",
    "a_b",
    "",
    ".",
    "..",
    "x" * 300,
    "x" * 301,
    "-rf",
    "\x1b[2J",
    "nul\0",
    "\ud800",
    "ä",
)


def test_any_id_becomes_a_harmless_and_distinct_name():
    assert safe_name("A0") == "A0"
    names = [safe_name(x) for x in ODD]
    assert len(set(names)) == len(names)
    assert all("/" not in name and "." not in name and 0 < len(name) <= 60 and name[0] != "-" for name in names)


def test_an_id_that_is_another_ones_file_name_gets_a_name_of_its_own():
    for first in ODD:
        name = safe_name(first)
        assert name == first or safe_name(name) != name
        assert safe_name(former_name(first)) == former_name(first) == first or safe_name(
            former_name(first)
        ) != former_name(first)


@given(st.text(), st.text())
def test_two_ids_never_share_a_name(one, other):
    assert one == other or safe_name(one) != safe_name(other)
    assert one == safe_name(other) or safe_name(one) != safe_name(safe_name(other))


def test_ids_that_differ_in_case_alone_are_told_apart():
    names = distinct_names(["A1", "a1", "B", "STRASSE", "straße"])
    assert names["B"] == "B"
    assert len({name.casefold() for name in names.values()}) == 5
    assert names["A1"] == distinct_names(["a1", "A1"])["A1"]
