"""The systemd unit: two instances, each with whatever user it gets, share no folder that one of them may write."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "leed-serve@.service"
ROOTS = {"StateDirectory": Path("/var/lib"), "LogsDirectory": Path("/var/log")}


def service(instance):
    """The section of one instance, in which no key may stand twice."""
    unit = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    unit.optionxform = str
    unit.read_string(UNIT.read_text().replace("%i", instance))
    return unit["Service"]


def own_folders(instance):
    """Systemd makes these, and gives them to the instance's user with all that is in them."""
    return {root / name for key, root in ROOTS.items() for name in service(instance)[key].split()}


def test_no_folder_of_one_instance_is_anothers_or_lies_around_it():
    one, two = own_folders("one"), own_folders("two")
    assert len(one) == 2
    for a in one:
        for b in two:
            assert a != b
            assert a not in b.parents
            assert b not in a.parents


def test_the_controller_writes_into_its_own_folders_and_its_bundle_lies_in_none_of_any():
    for command in (service("one")["ExecStart"], service("one")["ExecReload"]):
        (state,) = re.findall(r"--state (\S+)", command)
        assert Path(state) in own_folders("one")
    (events,) = re.findall(r"--events (\S+)", service("one")["ExecStart"])
    assert Path(events) in own_folders("one")
    bundle = Path(re.findall(r"leedctl serve (\S+)", service("one")["ExecStart"])[0])
    assert not {bundle, *bundle.parents} & own_folders("one")
    assert Path("/var/lib") not in bundle.parents


def test_systemd_finds_nothing_wrong(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"/opt/leed/bin/leedctl", "/bin/true", UNIT.read_text()))
    said = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert UNIT.stem.removesuffix("@") not in said.stderr, said.stderr
