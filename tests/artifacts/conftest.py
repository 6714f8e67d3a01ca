import pytest

from leed_traffic.artifacts.site import derive_site, write_site_file
from tests.artifacts.configurations import SUMOCFG
from tests.artifacts.site_files import NETWORK


@pytest.fixture
def written(tmp_path):
    """A derived site file and a way to change its text."""
    path = tmp_path / "site.toml"
    write_site_file(path, NETWORK, derive_site(NETWORK).timings)

    def change(old, new, count=1):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, count))
        return path

    return path, change


@pytest.fixture
def town(tmp_path):
    (tmp_path / "town.net.xml").write_text('<net><tlLogic id="A"/><tlLogic id="A"/><tlLogic id="B"/></net>')
    for name in ("a.rou.xml", "b.rou.xml"):
        (tmp_path / name).write_text("<routes/>")
    (tmp_path / "town.sumocfg").write_text(SUMOCFG)
    return tmp_path
