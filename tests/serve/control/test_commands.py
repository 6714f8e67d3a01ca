import threading
import time

import pytest

from leed_traffic.errors import DeviceError
from leed_traffic.serve.control.commands import CommandQueue, Rollback


def test_an_order_that_no_tick_takes_is_withdrawn():
    commands = CommandQueue()
    with pytest.raises(DeviceError, match="nothing was changed"):
        commands.post(Rollback(), "test", within_s=0.01)
    assert list(commands.take()) == []


def test_nobody_waits_for_a_loop_that_has_ended():
    commands, said = CommandQueue(), []

    def post():
        try:
            commands.post(Rollback(), "test")
        except DeviceError as err:
            said.append(str(err))

    waiting = threading.Thread(target=post)
    waiting.start()
    time.sleep(0.05)
    commands.close()
    waiting.join(5.0)
    post()
    assert said == ["the controller has ended: nothing was changed"] * 2
