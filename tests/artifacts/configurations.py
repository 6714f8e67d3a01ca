"""A `.sumocfg` of a town."""

from pathlib import Path

SUMOCFG = """<configuration>
  <input><net-file value="town.net.xml"/><route-files value="a.rou.xml, b.rou.xml"/></input>
  <time><begin value="25200"/><end value="28800"/><step-length value="0.5"/></time>
  <processing><lateral-resolution value="0.8"/><time-to-teleport value="300"/></processing>
  <output><tripinfo-output value="trips.xml"/></output>
</configuration>"""


def configured(folder: Path, old: str, new: str) -> str:
    path = folder / "town.sumocfg"
    path.write_text(SUMOCFG.replace(old, new))
    return str(path)
