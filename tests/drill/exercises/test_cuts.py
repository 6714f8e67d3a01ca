"""Cuts around every message and second owners: short versions, and whether the exercises would have found a fault."""

import pytest

from leed_traffic.drill.exercises import cuts, second_owner
from leed_traffic.drill.exercises.cuts import Messages, contents
from leed_traffic.drill.rig.frames import commands
from leed_traffic.drill.rig.gateway import Cut, Gateway
from leed_traffic.serve.device.traci_batch import TraciBatch
from leed_traffic.serve.device.traci_commands import Commands
from leed_traffic.serve.device.traci_signals import Signals

pytestmark = pytest.mark.sumo


def test_whatever_message_is_cut_nothing_unsafe_is_shown(setting):
    found = cuts.gateway_cuts(setting, kinds=("static",))
    assert found.faults == []
    assert found.count >= 12
    for what in ("own phase", "ours phase note note hold", "logic ours phase note note hold", "phase", "hold"):
        assert f"{what}: 2" in found.detail


def test_a_hand_back_in_two_messages_is_found_out(setting, monkeypatch):
    """As it was: the program first, then its phase."""

    def apart(self):
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            for part in command.parts:
                batch = TraciBatch(self._connection)
                batch.set(self._connection.trafficlight, *self._addressed(command.n, part))
                batch.send()

    monkeypatch.setattr(Commands, "send", apart)
    monkeypatch.setattr(cuts, "UNTIL_S", (96.0,))  # the own program would show another stage then
    found = cuts.gateway_cuts(setting, kinds=("static",))
    assert any("cut after 'own' number 1: 1 unsafe changes" in fault for fault in found.faults)


def test_owners_without_marks_are_found_out(setting, monkeypatch):
    monkeypatch.setattr("leed_traffic.serve.run.program_name", lambda folder: "leed-00000001")
    monkeypatch.setattr(Signals, "moved", lambda self: set())
    faults = second_owner._two_machines(setting.crossing, setting.crossing.folder / "unmarked", first=0)
    assert any("owners in turn, expected both" in fault for fault in faults)


def test_a_gateway_lives_on_when_its_controller_leaves(start_server_once):
    import traci

    with Gateway(start_server_once, steps_alone=5) as gateway:
        for k, begin_s in enumerate((0.0, 7.0)):
            client = traci.connect(gateway.port)
            assert client.simulation.getTime() == begin_s
            client.simulationStep()
            client.simulationStep()
            if k == 0:
                client._socket.close()  # without a word
            else:
                client.close(False)
            assert gateway.was_alone(10.0)
        assert gateway.steps == 4
    assert not gateway.was_alone(0.01)


@pytest.fixture
def start_server_once(crossing_place, tmp_path):
    from leed_traffic.drill.rig.place import sumo

    with sumo(crossing_place, tmp_path / "record") as (port, _):
        yield port


def test_a_message_is_cut_when_its_turn_comes_and_all_after_it():
    hold = bytes([0, 0, 0, 13, 9, 0xC2, 0x24, 0, 0, 0, 1, 67, 0])
    step = bytes([0, 0, 0, 6, 2, 0x02])
    assert [code for code, _ in commands(hold)] == [0xC2]
    assert (contents(hold), contents(step)) == ("hold", None)
    messages = Messages(what="hold", number=2, cut=Cut.AFTER)
    assert [messages(m) for m in (hold, step, hold, hold)] == [None, None, Cut.AFTER, Cut.AFTER]
    assert messages.has_cut
    assert not Messages().has_cut


def test_of_every_kind_the_last_message_is_cut_and_others_evenly_before():
    from collections import Counter

    assert cuts._chosen(Counter({"b": 9, "a": 1}), 1) == [("a", 1), ("b", 9)]
    assert cuts._chosen(Counter({"b": 9}), 3) == [("b", 1), ("b", 5), ("b", 9)]
    assert cuts._chosen(Counter({"b": 2}), 8) == [("b", 1), ("b", 2)]
