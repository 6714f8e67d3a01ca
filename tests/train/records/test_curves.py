from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from leed_traffic.train.records.curves import ScalarLog
from leed_traffic.train.records.run_folder import MetricsRow


def row(unit, **figures):
    return MetricsRow(unit=unit, phase="ppo", episodes=unit, simulated_hours=float(unit), **figures)


def read(folder):
    found = EventAccumulator(str(folder))
    found.Reload()
    return {tag: [(s.step, s.value) for s in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_a_unit_is_a_step_of_every_figure_that_it_has(tmp_path):
    with ScalarLog(tmp_path) as log:
        log.add(row(1, losses={"kl": 0.5}))
        log.add(row(2, delay_s=9.0, weights={"A": 0.25}))
    assert read(tmp_path) == {
        "simulated_hours": [(1, 1.0), (2, 2.0)], "loss/kl": [(1, 0.5)], "delay_s": [(2, 9.0)], "weight/A": [(2, 0.25)],
    }  # fmt: skip
