import json
import threading
from pathlib import Path

import pytest

from leed_traffic.errors import ExitCode
from leed_traffic.serve.control.commands import Reload
from tests.serve.bundles import write_crossing_bundle
from tests.serve.operations.servers import a_server


def reload_request(path):
    return json.dumps({"command": "reload", "bundle": str(path)}).encode()


def test_a_sound_bundle_is_handed_to_the_loop_and_the_caller_hears_its_answer(folder):
    server, commands, bundle = a_server(folder)
    taken = []

    def tick():
        while not taken:
            for queued in commands.take():
                taken.append(queued.command)
                queued.answer.set_result("taken")

    loop = threading.Thread(target=tick)
    loop.start()
    reply = server.answer(reload_request(bundle.path), "test")
    loop.join(5.0)
    assert (reply.exit_code, reply.said, reply.bundle) == (ExitCode.OK, "taken", bundle.digest)
    assert isinstance(taken[0], Reload)


def altered(folder):
    path = write_crossing_bundle(folder / "other").path
    victim = next(path.glob("*/policy.onnx"))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    return path


def of_another_network(folder):
    return Path(__file__).parents[3] / "models" / "arterial5"


def with_another_interval(folder):
    from leed_traffic.artifacts.bundle import write_bundle

    old = write_crossing_bundle(folder / "other")
    write_bundle(
        folder / "slow", scenario="crossing", network=old.network, site=old.site, decision_interval_s=4.0, reach_m=100.0,
        policies=dict(zip(old.ids, old.policies, strict=True)), training=old.manifest.training,
    )  # fmt: skip
    return folder / "slow"


def with_another_reach(folder):
    from leed_traffic.artifacts.bundle import write_bundle

    old = write_crossing_bundle(folder / "other")
    write_bundle(
        folder / "far", scenario="crossing", network=old.network, site=old.site, decision_interval_s=5.0, reach_m=150.0,
        policies=dict(zip(old.ids, old.policies, strict=True)), training=old.manifest.training,
    )  # fmt: skip
    return folder / "far"


def under_another_site(folder):
    from dataclasses import replace

    from leed_traffic.artifacts.site import make_site
    from leed_traffic.drill.rig.linear_policy import write_linear_bundle

    old = write_crossing_bundle(folder / "other")
    timing = replace(old.site.timings[0], max_red_s=old.site.timings[0].max_red_s + 10.0)
    return write_linear_bundle(folder / "red", "crossing", old.network, make_site("derived", [timing])).path


def with_another_fallback(folder):
    from dataclasses import replace

    from leed_traffic.artifacts.site import make_site
    from leed_traffic.drill.rig.linear_policy import write_linear_bundle

    old = write_crossing_bundle(folder / "other")
    timing = old.site.timings[0]
    timing = replace(timing, fallback_green_s=tuple(g + 1.0 for g in timing.fallback_green_s))
    return write_linear_bundle(folder / "slower", "crossing", old.network, make_site("derived", [timing])).path


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda folder: folder / ("a/" * 5000), ExitCode.BUNDLE_REFUSED, "cannot be read: File name too long"),
        (lambda folder: folder / "nothing", ExitCode.BUNDLE_REFUSED, "no such bundle"),
        (altered, ExitCode.BUNDLE_REFUSED, "altered"),
        (of_another_network, ExitCode.MISMATCH, "made for intersection"),
        (with_another_interval, ExitCode.MISMATCH, "a decision every 4 s"),
        (with_another_reach, ExitCode.MISMATCH, "a reach of 150 m"),
        (under_another_site, ExitCode.MISMATCH, "max_red_s"),
        (with_another_fallback, ExitCode.MISMATCH, "never limits"),
    ],
)
def test_a_bundle_that_must_not_run_is_refused_before_the_loop_hears_of_it(folder, make, code, words):
    server, commands, _ = a_server(folder)
    reply = server.answer(reload_request(make(folder)), "test")
    assert reply.exit_code is code
    assert words in reply.said
    assert list(commands.take()) == []


def test_a_key_holds_for_reloads_too(folder):
    pytest.importorskip("cryptography")
    from leed_traffic.artifacts.signature import make_keys

    make_keys(folder / "agency.key")
    server, _, bundle = a_server(folder, trust=folder / "agency.key.pub")
    reply = server.answer(reload_request(bundle.path), "test")
    assert reply.exit_code is ExitCode.BUNDLE_REFUSED
    assert "not signed" in reply.said or "signature" in reply.said
