import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def folder():
    """A state folder."""
    with tempfile.TemporaryDirectory(prefix="leed-") as path:
        yield Path(path)
