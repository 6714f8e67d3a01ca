"""Writes crossing.json: the intersection of scenarios/crossing and its limits, for environments without sumolib.

Run from the repository's root after a change to that scenario: python tests/serve/make_crossing.py
"""

import json
from pathlib import Path

from pydantic import TypeAdapter

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.simulation.network.network_import import import_network


def make() -> str:
    scenario = load_scenario("crossing")
    network = import_network(scenario.net_file, scenario.additional_files)
    site = load_site(None, scenario, network)
    document = {
        "intersections": TypeAdapter(tuple[Intersection, ...]).dump_python(network.intersections, mode="json"),
        "timings": TypeAdapter(tuple[Timing, ...]).dump_python(site.timings, mode="json"),
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "crossing.json").write_text(make())
