from pathlib import Path

import pytest
from pydantic import ValidationError

from leed_traffic.serve.control.config import ServeConfig
from leed_traffic.serve.safety.supervisor import OperatingMode


def config(**settings):
    return ServeConfig(**{"bundle": Path("b"), "port": 8813, **settings})


def test_a_controller_drives_unless_told_otherwise_and_never_for_ever():
    assert config().control is OperatingMode.ACTIVE
    assert (config().lease_s, config().until_s) == (4.0, None)


@pytest.mark.parametrize(
    ("setting", "last", "beyond"),
    [
        ("lease_s", 2.0, 1.9),
        ("lease_s", 30.0, 30.1),
        ("port", 65535, 65536),
        ("port", 1, 0),
        ("deadline_s", 600.0, 600.1),
        ("retry_s", 86400.0, 86401.0),
    ],
)
def test_a_setting_beyond_its_bound_is_refused(setting, last, beyond):
    assert getattr(config(**{setting: last}), setting) == last
    with pytest.raises(ValidationError, match=setting):
        config(**{setting: beyond})


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_no_number_is_endless(number):
    with pytest.raises(ValidationError, match="until_s"):
        config(until_s=number)
