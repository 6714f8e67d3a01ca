"""The whole controller against a real SUMO over TCP; needs neither torch nor sumolib's readers on this side."""

import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from leed_traffic.domain.safety.program import build_program
from leed_traffic.errors import DeviceError, ExitCode
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.device.owner import is_marked
from leed_traffic.serve.run import ServeConfig, serve
from tests.serve.bundles import crossing
from tests.serve.test_run import ScriptedPolicy

pytestmark = pytest.mark.sumo


def run(bundle, port, *, stop=None, on_tick=None, policy=None, board=None, **changes):
    from leed_traffic.artifacts.policy import Policy

    return serve(
        ServeConfig(bundle=bundle, port=port, **changes),
        clock=time.perf_counter,
        stop=stop or StopRequest(),
        on_tick=on_tick or (lambda time_s, end_s, note: None),
        decider=Policy if policy is None else lambda bundle, ids: policy,
        board=board,
    )


def displays(record):
    """(time, program, state) of every step, as SUMO itself recorded them."""
    return [(float(e.get("time")), e.get("programID"), e.get("state")) for e in ET.parse(record).getroot()]


def stage_of(state):
    return next((k for k, stage in enumerate(crossing()[0].stages) if stage.state == state), None)


def check_clearances(shown):
    """Every change that SUMO recorded is one that the stage program makes, and lasts as long."""
    intersection, timing = crossing()
    program = build_program(intersection, timing)
    legal = {(a.state, program.phases[a.next].state) for a in program.phases}
    legal |= {
        (program.phases[i].state, program.phases[program.entries[i][j]].state) for i in range(4) for j in range(4)
    }
    runs = []
    for time_s, name, state in shown:
        if is_marked(name) and runs and runs[-1][0] == state:
            runs[-1][2] = time_s
        elif is_marked(name):
            runs.append([state, time_s, time_s])
    assert {(a[0], b[0]) for a, b in pairwise(runs)} <= legal
    shortest = {stage.state: timing.min_green_s[k] for k, stage in enumerate(intersection.stages)}
    for state, first_s, last_s in runs[1:-1]:
        assert last_s - first_s + 1.0 >= shortest.get(state, 2.0)
    return [stage_of(state) for state, _, _ in runs if stage_of(state) is not None]


def test_the_policies_drive_a_real_sumo_to_its_end(crossing_bundle, start_sumo, tmp_path):
    sumo = start_sumo("--end", "400")
    summary = run(crossing_bundle, sumo.port, events=tmp_path / "logs")
    assert sumo.process.wait(10.0) == 0
    assert summary.exit_code is ExitCode.OK
    assert (summary.begin_s, summary.end_s, summary.decisions) == (0.0, 399.0, 80)
    assert summary.violations == []
    served = check_clearances(displays(sumo.record))
    assert set(served) == {0, 1, 2, 3}
    assert len(served) > 15
    assert (tmp_path / "logs" / "events.parquet").is_file()


def changes_every_20_s(k, observation, legal):
    return [float(k // 4 % 4)]


def check_hand_back(record, at_s, own_program):
    """After the stop our program went on to a stage and its minimum green; the own program followed with the same display."""
    shown = displays(record)
    check_clearances(shown)
    k = max(k for k, (_, name, _) in enumerate(shown) if is_marked(name))
    assert shown[k + 1][1] == own_program
    assert shown[k + 1][2] == shown[k][2], "the display changed at the hand-back"
    assert stage_of(shown[k][2]) is not None, "handed back in the middle of a clearance"
    assert at_s <= shown[k][0] <= at_s + 25.0


def stop_at(at_s, number, stop):
    return lambda time_s, end_s, note: stop(number) if time_s == at_s else None


@pytest.mark.parametrize(
    ("number", "at_s"), [(signal.SIGTERM, 52.0), (signal.SIGINT, 58.0), (signal.SIGTERM, 61.0)]
)
def test_a_stop_hands_back_at_the_same_display(crossing_bundle, start_sumo, number, at_s):
    sumo, stop = start_sumo(), StopRequest()
    policy = ScriptedPolicy(changes_every_20_s)
    summary = run(crossing_bundle, sumo.port, stop=stop, policy=policy, on_tick=stop_at(at_s, number, stop))
    assert sumo.process.wait(10.0) == 0
    assert summary.exit_code == 128 + number
    assert summary.handed_back
    check_hand_back(sumo.record, at_s, "0")


def test_an_actuated_program_is_taken_over_and_gets_its_signal_back(crossing_bundle, start_sumo, tmp_path):
    phases = [
        f'<phase duration="{p.duration_s}" state="{p.state}"'
        + (' minDur="5" maxDur="40"/>' if stage_of(p.state) is not None else "/>")
        for p in crossing()[0].own_program
    ]
    own = tmp_path / "actuated.add.xml"
    logic = '<tlLogic id="C" type="actuated" programID="act" offset="0">'
    own.write_text(f"<additional>{logic}{''.join(phases)}</tlLogic></additional>")
    sumo, stop = start_sumo(additional=[own]), StopRequest()
    policy = ScriptedPolicy(changes_every_20_s)
    summary = run(
        crossing_bundle, sumo.port, stop=stop, policy=policy, on_tick=stop_at(61.0, signal.SIGTERM, stop)
    )
    assert sumo.process.wait(10.0) == 0
    assert summary.handed_back
    assert summary.violations == []
    check_hand_back(sumo.record, 61.0, "act")


def test_sigterm_stops_the_command_cleanly(crossing_bundle, start_sumo):
    sumo = start_sumo()
    command = [sys.executable, "-c", "from leed_traffic.cli.main import run; run()", "serve", str(crossing_bundle)]
    command += ["--connect", f"localhost:{sumo.port}", "--json"]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert client.stderr is not None
        client.stderr.readline()  # the first line tells that it serves
        client.send_signal(signal.SIGTERM)
        out, errors = client.communicate(timeout=30.0)
    finally:
        client.kill()
    assert client.returncode == 143, errors
    assert '"handed_back": true' in out
    assert sumo.process.wait(10.0) == 0
    last = displays(sumo.record)[-1]
    assert last[1] == "0"
    assert stage_of(last[2]) is not None


def test_a_frozen_sumo_ends_the_run_within_the_deadline(crossing_bundle, start_sumo):
    sumo = start_sumo()

    def freeze(time_s, end_s, note):
        if time_s == 20.0:
            os.kill(sumo.process.pid, signal.SIGSTOP)

    begin_s = time.monotonic()
    try:
        with pytest.raises(DeviceError, match=r"no answer within 0\.5 s"):
            run(crossing_bundle, sumo.port, deadline_s=0.5, on_tick=freeze)
    finally:
        os.kill(sumo.process.pid, signal.SIGCONT)
    assert time.monotonic() - begin_s < 20.0


def test_a_finer_step_is_walked_at_the_same_tick(crossing_bundle, start_sumo):
    sumo = start_sumo("--end", "200", "--step-length", "0.5")
    summary = run(crossing_bundle, sumo.port)
    assert summary.exit_code is ExitCode.OK
    assert (summary.ticks, summary.decisions) == (200, 40)
    assert summary.violations == []


def test_a_policy_sees_in_the_street_what_it_saw_in_training(crossing_bundle, start_sumo):
    """Same seed, same requests: the observations over TCP equal those of the training env, number by number."""
    pytest.importorskip("libsumo")
    from leed_traffic.artifacts.scenario import load_scenario
    from leed_traffic.artifacts.site import load_site
    from leed_traffic.simulation.env.signal_env import SignalEnv
    from leed_traffic.simulation.network.network_import import import_network

    scenario = replace(load_scenario("crossing"), end_s=600.0)
    network = import_network(scenario.net_file, scenario.additional_files)
    with SignalEnv(scenario, network, load_site(None, scenario, network)) as env:
        situation, ended, expected, requests = env.reset(7), False, [], []
        while not ended:
            expected.append(situation.observation)
            waits = situation.observation[0, -4:] * situation.legal[0]
            requests.append(float(np.argmax(waits)) if waits.any() else float(np.argmax(situation.legal[0])))
            transition = env.step([requests[-1]])
            situation, ended = transition.situation, transition.ended
    policy = ScriptedPolicy(lambda k, observation, legal: [requests[k]])
    run(crossing_bundle, start_sumo("--end", "600", demand_until_s=600.0).port, policy=policy)
    assert len(policy.observations) == len(expected) == 120
    np.testing.assert_array_equal(np.stack(policy.observations), np.stack(expected))
