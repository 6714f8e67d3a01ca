from leed_traffic.artifacts.sensing_file import load_sensing
from leed_traffic.domain.detectors.sensing import IDEAL, SensingKind
from leed_traffic.train.env import with_faults
from tests.train.fakes import NETWORK


def test_faults_in_training_come_on_top_of_what_the_site_has():
    made = with_faults(load_sensing("loops", NETWORK), 0.3)
    assert (made.kind, made.varies, made.faults.faults_per_lane_hour) == (SensingKind.LOOPS, True, 0.3)
    assert with_faults(IDEAL, 0.0).is_perfect
