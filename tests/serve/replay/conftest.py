import shutil
from pathlib import Path

import pytest

from tests.serve.bundles import write_crossing_bundle
from tests.serve.replay.recorded import busy_device
from tests.serve.test_run import drive


@pytest.fixture(scope="module")
def five_minutes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    drive(write_crossing_bundle(folder / "bundle").path, busy_device(end_s=300.0), events=folder / "logs")
    return folder


@pytest.fixture
def recorded(five_minutes, tmp_path):
    """A copy of the recording, which a test may spoil."""
    return Path(shutil.copy(five_minutes / "logs" / "recording.jsonl.gz", tmp_path))
