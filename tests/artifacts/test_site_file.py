import pytest

from leed_traffic.artifacts.site import derive_site, read_site_file, write_site_file
from leed_traffic.domain.network import Network
from leed_traffic.errors import SiteError
from tests.artifacts.site_files import NETWORK, refusal
from tests.intersections import t_junction


def test_a_written_file_reads_back_as_the_same_limits(written):
    path, _ = written
    derived = derive_site(NETWORK)
    read = read_site_file(path, NETWORK)
    assert read.timings == derived.timings
    assert read.digest == derived.digest
    assert (read.name, derived.name) == ("site.toml", "derived")


def test_the_same_limits_give_the_same_bytes_and_nothing_else_is_left_behind(written):
    path, _ = written
    first = path.read_bytes()
    write_site_file(path, NETWORK, derive_site(NETWORK).timings)
    assert path.read_bytes() == first
    assert [file.name for file in path.parent.iterdir()] == ["site.toml"]


def test_the_file_explains_every_key(written):
    path, _ = written
    head = path.read_text().split("[[intersection]]")[0]
    assert all(line.startswith("#") for line in head.strip().splitlines())
    for key in (
        "min_green_s",
        "max_green_s",
        "yellow_s",
        "all_red_s",
        "pedestrian_clearance_s",
        "intergreen",
        "max_red_s",
    ):
        assert key in head


def test_a_folder_that_is_not_there_is_a_site_error(tmp_path):
    with pytest.raises(SiteError, match="cannot be written"):
        write_site_file(tmp_path / "nowhere" / "site.toml", NETWORK, derive_site(NETWORK).timings)


MINIMAL = """
[defaults]
min_green_s = 8
max_green_s = 40
fallback_green_s = 12
yellow_s = 4
all_red_s = 2.5

[[intersection]]
id = "T"
stages = ["GgGrr", "GGrrG", "rrrGG"]
pedestrian_clearance_s = 3
"""


ONE = Network(intersections=(t_junction("T"),))


def test_one_number_holds_where_it_means_something(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(MINIMAL)
    timing = read_site_file(path, ONE).timings[0]
    assert timing.min_green_s == (8.0, 8.0, 8.0)
    assert timing.clearances.yellow_s[0] == (0.0, 4.0, 4.0)
    assert timing.clearances.all_red_s[2] == (2.5, 2.5, 0.0)
    assert (
        timing.clearances.pedestrian_clearance_s == ((0.0, 0.0, 0.0),) * 3
    )  # no crossing loses its green anywhere
    assert (timing.fallback_order, timing.max_red_s) == ((0, 1, 2), 180.0)


def test_an_intersection_overrides_the_defaults(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(MINIMAL + "min_green_s = [9, 5, 7]\nfallback_order = [2, 1, 0]\n")
    timing = read_site_file(path, ONE).timings[0]
    assert (timing.min_green_s, timing.fallback_order) == ((9.0, 5.0, 7.0), (2, 1, 0))


@pytest.mark.parametrize(("seconds", "all_red_s"), [(6.4, 2.5), (6.5, 2.5), (6.6, 2.6), (9.0, 5.0)])
def test_an_intergreen_raises_the_all_red_where_yellow_and_all_red_are_shorter(tmp_path, seconds, all_red_s):
    path = tmp_path / "site.toml"
    path.write_text(MINIMAL + f"intergreen = [[2, 3, {seconds}]]\n")
    timing = read_site_file(path, ONE).timings[0]
    assert timing.clearances.all_red_s[0][2] == pytest.approx(
        all_red_s
    )  # link 2 ends in stage 0, 3 begins in stage 2
    assert (
        timing.clearances.all_red_s[0][1]
        == timing.clearances.all_red_s[1][2]
        == timing.clearances.all_red_s[2][0]
        == 2.5
    )


def test_an_intergreen_of_a_crossing_counts_from_its_red(written):
    path, change = written
    before = read_site_file(path, NETWORK).timings[0]
    change("max_red_s = 180.0", "intergreen = [[8, 0, 13.5]]\nmax_red_s = 180.0")
    after = read_site_file(path, NETWORK).timings[0]
    assert before.clearance_s(2, 0) == 12.0
    assert after.clearance_s(2, 0) == pytest.approx(13.5)


def test_an_intergreen_of_links_that_are_not_there_is_refused(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(MINIMAL + "intergreen = [[2, 5, 6]]\n")
    assert "links are 0 to 4" in refusal(path, ONE)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('id = "X"', 'id = "Q"', "intersection Q: the net has no such signal; it has T, X"),
        ('id = "T"', 'id = "X"', "intersection X is listed twice"),
        ('"GgrrGgrrrGrG"', '"GgrrGgrrrGrr"', "made for stages GgrrGgrrrGrr"),
        ("min_green_s = [7.0, 5.0", "min_green_s = [6.9, 5.0", "need a walk of at least 7.0 s, got 6.9"),
        ("min_green_s = [7.0, 5.0", "min_green_s = [nan, 5.0", "min_green_s"),
        ("min_green_s = [7.0, 5.0", "min_green_s = [7.0, -5.0", "intersection X: min_green_s"),
        (
            "min_green_s = [7.0, 5.0",
            "min_green_s = [7.0",
            "min_green_s: need one number or 4, one per stage, got 3",
        ),
        ("min_green_s = [7.0, 5.0", "min_green = [7.0, 5.0", "min_green"),
        ("min_green_s = [7.0, 5.0", 'min_green_s = ["long", 5.0', "intersection X: min_green_s"),
        ("max_green_s = [60.0", "max_green_s = [11.0", "need 0 < min_green_s <= fallback_green_s <= max_green_s"),
        ("max_red_s = 180.0", "max_red_s = 40.0", "need max_red_s >= one round"),
        (
            "fallback_order = [0, 1, 2, 3]",
            "fallback_order = [0, 1, 2, 2]",
            "fallback_order needs each of 4 stages once",
        ),
        (
            "yellow_s = [\n  [0.0, 3.5",
            "yellow_s = [\n  [0.0, 2.9",
            "yellow_s from stage 0 to 1: vehicles lose their green, need >= 3.0 s, got 2.9",
        ),
        ("yellow_s = [\n", "yellow_s = [\n  [0.0, 1.0, 2.0],\n", "yellow_s: need one number or 4 rows of 4"),
        ("[[intersection]]", "[[intersection]", "not TOML"),
        ("[[intersection]]", "speed = 3\n[[intersection]]", "speed: Extra inputs are not permitted"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(written, old, new, complaint):
    _, change = written
    assert complaint in refusal(change(old, new))


def test_a_signal_that_the_file_leaves_out_is_named(written):
    path, _ = written
    write_site_file(path, Network(intersections=NETWORK.intersections[:1]), derive_site(NETWORK).timings[:1])
    assert "no [[intersection]] for signal T" in refusal(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert "cannot be read" in refusal(tmp_path / "none.toml")


@pytest.mark.parametrize("key", ["min_green_s = 8\n", "yellow_s = 4\n"])
def test_a_value_that_neither_the_signal_nor_the_defaults_give_is_missing(tmp_path, key):
    path = tmp_path / "site.toml"
    path.write_text(MINIMAL.replace(key, ""))
    assert f"{key.split()[0]} is missing; give it here or under [defaults]" in refusal(path, ONE)
