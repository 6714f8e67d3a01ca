import pytest

from tests.evaluate.conftest import make_comparison  # noqa: F401  # a fixture

JOINED = "cluster_" + "_".join(str(10_000_000_000 + k) for k in range(11))  # 139 letters, as joined junctions have


@pytest.fixture
def town(tmp_path):
    """A signal with a long id, at streets of which two have names."""
    from tests.networks.oddities import configure, cross

    net = cross(tmp_path)
    text = net.read_text().replace('="C"', f'="{JOINED}"').replace(":C_", f":{JOINED}_")
    for edge, street in (("NC", "Station Road [B1]"), ("EC", "High Street")):
        text = text.replace(f'<edge id="{edge}"', f'<edge id="{edge}" name="{street}"')
    net.write_text(text)
    return configure(tmp_path, net)
