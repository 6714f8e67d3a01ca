"""The first minutes of one of our scenarios, as anybody's .sumocfg: a whole command in a few seconds."""

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.simulation.demand.demand import write_demand


def shortened(name, seconds, folder):
    """Write it into a folder; the path as a command takes it."""
    scenario = load_scenario(name)
    (routes,) = write_demand(scenario, 1, folder)
    path = folder / "short.sumocfg"
    path.write_text(
        f'<configuration><net-file value="{scenario.net_file}"/><route-files value="{routes.name}"/>'
        f'<begin value="0"/><end value="{seconds}"/></configuration>'
    )
    return str(path)
