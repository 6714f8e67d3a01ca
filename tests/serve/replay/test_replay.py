import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.artifacts.policy import Policy
from leed_traffic.domain import situation
from leed_traffic.errors import BundleError, DeviceError
from leed_traffic.serve.control.commands import Reload, Rollback, SetOperatingMode
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.logs.recording import Writer
from leed_traffic.serve.replay.replay import replay
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.serve.safety.supervisor import OperatingMode
from tests.serve.bundles import write_crossing_bundle
from tests.serve.control.test_hot_swap import SlowPolicy, bundles, serve_two
from tests.serve.replay.recorded import busy_device
from tests.serve.test_run import drive

__all__ = ["bundles"]


def test_a_run_is_decided_again_byte_for_byte(recorded):
    report = replay(recorded)
    assert (report.decisions, report.ticks, report.differ, report.first) == (60, 300, 0, None)
    assert report.commands > 100
    assert report.is_same_envelope
    assert not report.is_cut_off


def test_equal_runs_leave_equal_recordings(five_minutes, tmp_path, recorded):
    drive(five_minutes / "bundle", busy_device(end_s=300.0), events=tmp_path / "again")
    assert (tmp_path / "again" / "recording.jsonl.gz").read_bytes() == recorded.read_bytes()


def test_another_envelope_is_found_out_with_time_and_place(recorded, monkeypatch):
    rule = situation.rule

    def lazy(requested, state, timing, **changes):
        ruling = rule(requested, state, timing, **changes)
        return replace(ruling, stage=state.stage) if requested == 2.0 else ruling

    monkeypatch.setattr(situation, "rule", lazy)
    report = replay(recorded)
    assert report.differ > 0
    assert report.first.intersection == "C"
    assert 0.0 < report.first.time_s < 300.0
    assert "ruled 2 (granted)" in report.first.recorded
    assert "ruled 1 (granted)" in report.first.now


def test_another_observation_is_found_out(recorded, monkeypatch):
    encode = situation.Encoder.encode
    monkeypatch.setattr(situation.Encoder, "encode", lambda self, *a: encode(self, *a) + np.float32(1e-6))
    report = replay(recorded)
    assert report.differ >= 60
    assert "observation" in report.first.recorded


def test_another_bundle_is_refused_and_so_is_one_that_is_gone(crossing_bundle, tmp_path):
    drive(crossing_bundle, busy_device(end_s=30.0), events=tmp_path / "logs")
    recorded = tmp_path / "logs" / "recording.jsonl.gz"
    weights = np.zeros((write_crossing_bundle(tmp_path / "x").specs[0].size, 4), dtype=np.float32)
    other = write_crossing_bundle(tmp_path / "other", weights)
    with pytest.raises(BundleError, match=r"recorded with bundle .* give the folder of the one that ran"):
        replay(recorded, [other.path])
    crossing_bundle.rename(tmp_path / "moved")
    with pytest.raises(BundleError, match="nothing is there now"):
        replay(recorded)
    assert replay(recorded, [other.path, tmp_path / "moved"]).differ == 0


def test_reloads_modes_and_a_rollback_are_replayed(bundles, tmp_path):
    def on_tick(time_s, commands, generations):
        orders = {
            40.0: Reload(generation=generations[1]), 100.0: Rollback(), 160.0: SetOperatingMode(mode=OperatingMode.SHADOW),
            230.0: SetOperatingMode(mode=OperatingMode.ACTIVE), 300.0: Reload(generation=generations[1]), 301.0: Rollback(),
            302.0: Rollback(),
        }  # fmt: skip
        if time_s in orders:
            commands.put(orders[time_s], "test")

    summary, _ = serve_two(bundles, on_tick, events=tmp_path / "logs", until_s=400.0)
    assert summary.steps["mode"] == 2
    report = replay(tmp_path / "logs" / "recording.jsonl.gz")
    assert (report.differ, report.is_cut_off) == (0, False)
    with pytest.raises(BundleError, match=bundles[1].digest[:12]):
        replay(tmp_path / "logs" / "recording.jsonl.gz", [bundles[0].path])


def test_a_bundle_that_went_because_it_was_slow_goes_again_in_a_replay(bundles, tmp_path):
    slow = SlowPolicy(0.6, Policy(bundles[1]))

    def on_tick(time_s, commands, generations):
        if time_s == 40.0:
            commands.put(Reload(generation=generations[1]), "test")

    changes = {"policies": {bundles[1].digest: slow}, "clock": slow, "events": tmp_path / "logs", "until_s": 200.0}
    summary, _ = serve_two(bundles, on_tick, **changes)
    assert summary.steps["rolled_back"] == 1
    assert replay(tmp_path / "logs" / "recording.jsonl.gz").differ == 0


@pytest.mark.parametrize("seed", range(2))
def test_faults_of_sensing_monitor_and_program_are_replayed(crossing_bundle, tmp_path, seed):
    rng, device = np.random.default_rng(seed), busy_device(end_s=400.0)

    def meddle(time_s, end_s, note):
        device.missing = frozenset(range(len(device.lane_index))) if 100.0 <= time_s < 140.0 else frozenset()
        if time_s == float(200 + seed):
            device.take_away()
        device.shown_by_others = "G" * 18 if time_s == 350.0 else None
        device.is_stuck = bool(rng.uniform() < 0.3)

    summary, _ = drive(crossing_bundle, device, on_tick=meddle, events=tmp_path / "logs")
    assert summary.detector_faults == {"missing": 1}
    assert summary.transitions["fallback: monitor_trip"] == 1
    report = replay(tmp_path / "logs" / "recording.jsonl.gz")
    assert (report.differ, report.ticks) == (0, 400)


@pytest.mark.parametrize("at_s", [22, 41, 47, 53])
def test_a_stop_is_replayed(crossing_bundle, tmp_path, at_s):
    stop = StopRequest()
    drive(
        crossing_bundle, busy_device(), stop=stop, events=tmp_path / "logs",
        on_tick=lambda time_s, end_s, note: time_s == at_s and stop(15),
    )  # fmt: skip
    assert replay(tmp_path / "logs" / "recording.jsonl.gz").differ == 0


def test_a_lost_device_and_the_one_after_it_are_replayed(crossing_bundle, tmp_path):
    devices = [busy_device(lost_at_s=50.0), busy_device(end_s=80.0)]
    request = devices[0].request

    def breaks(n, stage, hold_s):
        if devices[0]._time_s >= 45.0:
            raise DeviceError("fake: lost in a command")
        return request(n, stage, hold_s)

    devices[0].request = breaks
    queue = list(devices)
    serve(
        ServeConfig(bundle=crossing_bundle, port=1, events=tmp_path / "logs", retry_s=5.0), clock=lambda: 0.0,
        stop=StopRequest(), connect=lambda *_: queue.pop(0), sleep=lambda s: None,
    )  # fmt: skip
    report = replay(tmp_path / "logs" / "recording.jsonl.gz")
    assert report.differ == 0
    assert report.ticks > 120


KILLED = """
import itertools, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from tests.serve.test_run import drive
from tests.serve.replay.test_replay import busy_device
drive(Path(sys.argv[1]), busy_device(), events=Path(sys.argv[2]),
      on_tick=lambda time_s, end_s, note: time_s == 200.0 and os.kill(os.getpid(), signal.SIGKILL))
"""


def test_the_recording_of_a_killed_run_holds_every_tick_up_to_the_last(crossing_bundle, tmp_path, pytestconfig):
    arguments = [str(crossing_bundle), str(tmp_path / "logs"), str(pytestconfig.rootpath)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False, cwd=pytestconfig.rootpath)
    assert killed.returncode == -9
    report = replay(tmp_path / "logs" / "recording.jsonl.gz")
    assert (report.is_cut_off, report.end_s, report.ticks, report.differ) == (True, 200.0, 201, 0)


def test_replaying_needs_neither_torch_nor_a_simulator(recorded):
    code = (
        "import sys; from pathlib import Path; from leed_traffic.serve.replay.replay import replay\n"
        "assert replay(Path(sys.argv[1])).differ == 0\n"
        "assert not {'torch', 'traci', 'libsumo', 'sumolib'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(recorded)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_logs_of_an_earlier_run_move_aside(crossing_bundle, tmp_path):
    for seconds in (20.0, 30.0, 40.0):
        drive(crossing_bundle, busy_device(end_s=seconds), events=tmp_path / "logs")
    ticks = [
        replay(tmp_path / "logs" / name / "recording.jsonl.gz").ticks for name in ("earlier-1", "earlier-2", ".")
    ]
    assert ticks == [20, 30, 40]
    assert (tmp_path / "logs" / "earlier-1" / "events.parquet").is_file()


def test_a_disk_that_is_full_ends_the_recording_and_not_the_run(crossing_bundle, tmp_path, monkeypatch, caplog):
    flush, ticks = Writer.flush, []

    def fills_up(self):
        ticks.append(1)
        if len(ticks) > 50:
            raise OSError(28, "No space left on device")
        flush(self)

    monkeypatch.setattr(Writer, "flush", fills_up)
    summary, _ = drive(crossing_bundle, busy_device(end_s=100.0), events=tmp_path / "logs")
    assert summary.ticks == 100
    assert summary.violations == []
    assert "the recording ends here: No space left on device" in caplog.text
    assert replay(tmp_path / "logs" / "recording.jsonl.gz").differ == 0
