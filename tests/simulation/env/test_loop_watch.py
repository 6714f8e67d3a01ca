from dataclasses import replace

import numpy as np

from leed_traffic.domain.detectors.layout import DetectorKind, place_loops
from leed_traffic.domain.detectors.sensing import IDEAL, LOOPS
from leed_traffic.simulation.env.loop_watch import FILE_NAME, LoopWatch
from tests.intersections import star

JUNCTION = star(2)
SENSING = replace(LOOPS, detectors=place_loops(JUNCTION))


class FakeEngine:
    """Counters that run on: so many vehicles have passed at every loop that is asked for."""

    def __init__(self):
        self.passed, self.asked = 0.0, []

    def loops(self, ids):
        self.asked.append(tuple(ids))
        return np.full(len(ids), self.passed), np.full(len(ids), self.passed / 2.0)


def test_without_loops_nothing_is_laid_out_and_nothing_is_read(tmp_path):
    engine = FakeEngine()
    watch = LoopWatch(engine, [JUNCTION], IDEAL)
    assert watch.lay_out(tmp_path) == ()
    assert watch.read() is None
    assert engine.asked == []


def test_every_loop_of_the_site_is_laid_out(tmp_path):
    (path,) = LoopWatch(FakeEngine(), [JUNCTION], SENSING).lay_out(tmp_path)
    assert path == tmp_path / FILE_NAME
    text = path.read_text()
    assert all(f'"{detector.id}"' in text for detector in SENSING.detectors)


def test_a_reading_is_what_was_counted_since_the_one_before(tmp_path):
    engine = FakeEngine()
    watch = LoopWatch(engine, [JUNCTION], SENSING)
    watch.lay_out(tmp_path)
    engine.passed = 3.0
    assert watch.read().stop_passed_veh.tolist() == [3.0, 3.0]
    engine.passed = 5.0
    seen = watch.read()
    assert seen.stop_passed_veh.tolist() == [2.0, 2.0]
    assert seen.stop_covered_s.tolist() == [1.0, 1.0]
    stops = tuple(d.id for d in SENSING.detectors if d.kind is DetectorKind.STOP)
    assert engine.asked[0] == stops


def test_a_new_simulation_counts_from_its_own_beginning(tmp_path):
    engine = FakeEngine()
    watch = LoopWatch(engine, [JUNCTION], SENSING)
    watch.lay_out(tmp_path)
    engine.passed = 9.0
    watch.read()
    watch.lay_out(tmp_path)
    engine.passed = 2.0
    assert watch.read().stop_passed_veh.tolist() == [2.0, 2.0]
