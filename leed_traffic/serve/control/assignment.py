"""Signals that a controller takes care of, and what a bundle must have to take over from the one that runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from leed_traffic.artifacts.bundle import Bundle, check_bundle_fits
from leed_traffic.domain.detectors.detection import lanes_to_read
from leed_traffic.domain.detectors.layout import Detector
from leed_traffic.domain.detectors.sensing import IDEAL, Sensing, SensingKind
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.priority import PriorityRule
from leed_traffic.domain.road_users import Crossing, crossings_of
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.errors import MismatchError
from leed_traffic.serve.detectors.readings import site_detectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """N signals of a bundle, in its order."""

    intersections: tuple[Intersection, ...]
    timings: tuple[Timing, ...]
    decision_interval_s: float
    reach_m: float
    sensing: Sensing = IDEAL
    priority: tuple[PriorityRule, ...] = ()
    counts_persons: bool = False  # the policies see who waits at crossings

    @property
    def crossings(self) -> tuple[Crossing, ...]:
        """Crossings at which waiting persons are counted; none where the policies do not see them."""
        return tuple(crossings_of(self.intersections)) if self.counts_persons else ()

    @property
    def lanes(self) -> tuple[str, ...]:
        """Lanes whose vehicles are read; none where the site's own detectors are."""
        return lanes_to_read(self.intersections, self.reach_m) if self.sensing.kind is SensingKind.IDEAL else ()

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """The site's own detectors that are read; none where vehicles are."""
        return site_detectors(self.sensing, self.intersections, self.reach_m)

    @property
    def ids(self) -> tuple[str, ...]:
        """(N,) of the signals."""
        return tuple(intersection.id for intersection in self.intersections)


def assign(
    bundle: Bundle, ids: Sequence[str] | None, *, sensing: Sensing = IDEAL, priority: Sequence[PriorityRule] = ()
) -> Assignment:
    """The signals to serve; all of the bundle's without a choice.

    Raises:
        MismatchError: the bundle has no such signal, or its policies want to see what no device reads.
    """
    counts_persons = bundle.site.weights.counts_persons
    if counts_persons and sensing.kind is not SensingKind.IDEAL:
        raise MismatchError(
            f"{bundle.path}: its policies see persons at crossings, and a site that sees by {sensing.kind} "
            "counts none; serve with --sensing ideal where the device tells of persons, or train without weights "
            "for persons"
        )
    wanted = set(bundle.ids if ids is None else ids)
    if unknown := sorted(wanted - set(bundle.ids)):
        raise MismatchError(f"{bundle.path}: has no intersection {unknown[0]}; it has {', '.join(bundle.ids[:8])}")
    rows = [
        (i, t) for i, t in zip(bundle.network.intersections, bundle.site.timings, strict=True) if i.id in wanted
    ]
    return Assignment(
        intersections=tuple(i for i, _ in rows),
        timings=tuple(t for _, t in rows),
        decision_interval_s=bundle.manifest.decision_interval_s,
        reach_m=bundle.manifest.reach_m,
        sensing=sensing,
        priority=tuple(priority),
        counts_persons=counts_persons,
    )


def check_successor(bundle: Bundle, running: Bundle, ids: Sequence[str]) -> None:
    """Refuse a bundle that was made for other junctions, limits, observations or intervals than those that run.

    Args:
        bundle: to swap to.
        running: what the controller started with.
        ids: of the signals that it serves.

    Raises:
        MismatchError: the first difference, precisely.
    """
    check_bundle_fits(bundle, running.network, running.site, running.manifest.decision_interval_s)
    specs = dict(zip(bundle.ids, bundle.specs, strict=True))
    served = dict(zip(running.ids, running.specs, strict=True))
    limits = {timing.intersection: timing for timing in running.site.timings}
    for timing in bundle.site.timings:
        if timing.intersection in ids and timing != limits[timing.intersection]:
            raise MismatchError(
                f"{bundle.path}/{timing.intersection}: its site {bundle.site.name} has another fallback program "
                "than runs here; a swap changes policies, never limits: restart the controller with it"
            )
    for id_ in ids:
        if id_ not in specs:
            raise MismatchError(
                f"{bundle.path}: has no policy for {id_}, which is served here; it has {', '.join(specs)}"
            )
        if specs[id_].digest() != served[id_].digest():
            raise MismatchError(
                f"{bundle.path}/{id_}: trained on another table of observations or a reach of "
                f"{specs[id_].reach_m:g} m, {served[id_].reach_m:g} m are read here; "
                "restart the controller with it"
            )
