from leed_traffic.artifacts.file_names import safe_name


def test_any_id_becomes_a_harmless_and_distinct_name():
    assert safe_name("A0") == "A0"
    names = [safe_name(x) for x in ("../../etc", "a/b", "a b", "", ".", "..", "x" * 300)]
    assert len(set(names)) == len(names)
    assert all("/" not in name and "." not in name and 0 < len(name) <= 60 for name in names)
