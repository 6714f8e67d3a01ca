"""The crossing under every kind of controller that a street has: fixed, actuated, NEMA's rings, and without an all-red."""

from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

from leed_traffic.artifacts.site import load_site, make_site
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.drill.rig.linear_policy import write_linear_bundle
from leed_traffic.drill.rig.place import Place
from leed_traffic.simulation.network.network_import import import_network

BARE = "no all-red"  # static; a clearance is held in a red beside it
KINDS = ("static", "actuated", "NEMA", BARE)
_RINGS = {
    "ring1": "1,2,3,4",
    "ring2": "5,6,7,8",
    "barrierPhases": "4,8",
    "coordinatePhases": "2,6",
    "minRecall": "2,4,6,8",
}
# The links of the shipped crossing that each of NEMA's phases serves: 2, 4, 6 and 8 straight on and right, the
# others left.
_SERVED = {
    "1": (6,),
    "2": (10, 11, 12),
    "3": (2,),
    "4": (7, 8),
    "5": (13,),
    "6": (3, 4, 5),
    "7": (9,),
    "8": (0, 1),
}


def under(place: Place, kind: str, folder: Path) -> Place:
    """The crossing whose signal runs a program of this kind of its own, with a bundle for it.

    Args:
        place: the shipped crossing.
        kind: one of `KINDS`.
        folder: for the program and the bundle.
    """
    if kind == "static":
        return place
    folder.mkdir(parents=True, exist_ok=True)
    if kind == BARE:
        site = make_site(kind, [_without_all_red(timing) for timing in place.site.timings])
        return replace(place, site=site, bundle=write_linear_bundle(folder / "bundle", kind, place.network, site))
    (intersection,), path = place.network.intersections, folder / f"{kind}.add.xml"
    rows = _rings(intersection) if kind == "NEMA" else _gaps(intersection)
    head = f'<tlLogic id={quoteattr(intersection.id)} type="{kind}" programID="{kind.lower()}" offset="0">'
    path.write_text(f"<additional>{head}{rows}</tlLogic></additional>\n", encoding="utf-8")
    scenario = replace(place.scenario, additional_files=(*place.scenario.additional_files, path))
    network = import_network(scenario.net_file, scenario.additional_files, begin_s=scenario.begin_s)
    site = load_site(None, scenario, network)
    bundle = write_linear_bundle(folder / "bundle", kind, network, site)
    return replace(place, scenario=scenario, network=network, site=site, bundle=bundle)


def _without_all_red(timing: Timing) -> Timing:
    nothing = ((0.0,) * timing.n_stages,) * timing.n_stages
    return replace(timing, clearances=replace(timing.clearances, all_red_s=nothing))


def _gaps(intersection: Intersection) -> str:
    """Its own phases; stages go on while the gaps between vehicles are short."""
    stages = {stage.state for stage in intersection.stages}
    return "".join(
        f'<phase duration="{phase.duration_s:g}" state="{phase.state}"'
        + (' minDur="9" maxDur="40"/>' if phase.state in stages else "/>")
        for phase in intersection.own_program
    )


def _rings(intersection: Intersection) -> str:
    """Two rings with eight phases and protected lefts; nobody walks."""
    rows = [
        f'<phase duration="40" minDur="5" maxDur="{12 if len(links) == 1 else 30}" vehext="2" yellow="4" red="2" name="{name}" '
        f'state="{"".join("G" if k in links else "r" for k in range(intersection.n_links))}"/>'
        for name, links in _SERVED.items()
    ]
    return "".join(rows + [f'<param key="{key}" value="{value}"/>' for key, value in _RINGS.items()])
