from dataclasses import replace

import pytest

from leed_traffic.artifacts.sensing_file import BY_NAME, load_sensing, render_sensing_file, write_sensing_file
from leed_traffic.domain.detectors.faults import DetectorFault, FaultRates
from leed_traffic.domain.detectors.layout import DetectorKind, place_loops, place_zones
from leed_traffic.domain.detectors.sensing import CAMERA, LOOPS, SensingKind
from leed_traffic.domain.network import Network
from leed_traffic.errors import SiteError
from tests.intersections import t_junction

NETWORK = Network(intersections=(t_junction("T"),))
DETECTORS = tuple(d for i in NETWORK.intersections for d in (*place_zones(i, 80.0), *place_loops(i)))


@pytest.mark.parametrize("name", ["ideal", "camera", "loops"])
def test_the_known_kinds_need_no_file(name):
    assert load_sensing(name, NETWORK) == BY_NAME[name]


@pytest.mark.parametrize(
    "sensing",
    [
        replace(CAMERA, detectors=DETECTORS, varies=True),
        replace(
            LOOPS,
            detectors=DETECTORS,
            faults=FaultRates(faults_per_lane_hour=0.2, one_per_intersection=DetectorFault.DEAD),
        ),
    ],
    ids=["camera", "loops"],
)
def test_a_file_reads_back_as_what_was_written_and_the_same_detectors_give_the_same_bytes(sensing, tmp_path):
    path = tmp_path / "a.sensing.toml"
    write_sensing_file(path, sensing)
    assert load_sensing(str(path), NETWORK) == sensing
    assert path.read_text() == render_sensing_file(sensing)


def test_a_short_file_is_enough(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text('kind = "loops"\nmiss = 0.1\n[faults]\none_per_intersection = "stuck_on"\n')
    sensing = load_sensing(str(path), NETWORK)
    assert (sensing.kind, sensing.miss, sensing.sees_exits) == (SensingKind.LOOPS, 0.1, False)
    assert sensing.faults.one_per_intersection is DetectorFault.STUCK_ON


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "sonar"', "kind: "),
        ('kind = "camera"\nreach = 5', "reach: Extra inputs"),
        ('kind = "camera"\nreach_m = 5', "reach_m: "),
        ('kind = "camera"\nmiss = 1.0', "miss: "),
        ('kind = "camera"\n[faults]\none_per_intersection = "odd"', r"faults\.one_per_intersection: "),
        ("kind = camera", "not TOML"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(text, message, tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(SiteError, match=message) as caught:
        load_sensing(str(path), NETWORK)
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_what_is_known(tmp_path):
    with pytest.raises(SiteError, match="ideal, camera, loops"):
        load_sensing(str(tmp_path / "none.toml"), NETWORK)


@pytest.mark.parametrize(
    ("detectors", "message"),
    [
        (
            tuple(replace(d, signal="Z") for d in DETECTORS),
            "has no detector of kind zone",
        ),  # of another part of the town
        (tuple(replace(d, informs=(("elsewhere", 1.0),)) for d in DETECTORS), "no such lane"),
        (tuple(d for d in DETECTORS if d.kind is not DetectorKind.ZONE), "has no detector of kind zone"),
        ((*DETECTORS, DETECTORS[0]), "listed twice"),
    ],
)
def test_detectors_of_another_network_are_refused(detectors, message, tmp_path):
    path = tmp_path / "s.toml"
    write_sensing_file(path, replace(CAMERA, detectors=detectors))
    with pytest.raises(SiteError, match=message):
        load_sensing(str(path), NETWORK)
