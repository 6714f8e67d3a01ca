"""The programs that a signal has of its own: which one is in force, and where each of our stages is in it.

A weekly plan, or a person, may change the one in force at any time: a hand-back goes to the one that runs now, not
to the one that ran at connection.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leed_traffic.domain.network import Intersection
from leed_traffic.serve.device.owner import is_marked
from leed_traffic.serve.device.plausible import phase_showing

NEMA = 4  # traci.constants.TRAFFICLIGHT_TYPE_NEMA
_NOBODYS = frozenset(
    {"online", "off"}
)  # SUMO's names for a state that a client has set, and for a signal that is off


def is_own(program_id: str) -> bool:
    """Return whether a program is one of the signal's own, by its name."""
    return program_id not in _NOBODYS and not is_marked(program_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPlan:
    """One program of the signal's own."""

    name: str
    phases: (
        tuple[int | None, ...] | None
    )  # (S,) where each stage is in it; None where it picks its phases itself (NEMA)
    n_phases: int

    @property
    def missing(self) -> int | None:
        """The first stage that it never shows: a signal under it is not taken over."""
        return self.phases.index(None) if self.phases is not None and None in self.phases else None


def own_plans(intersection: Intersection, logics: Mapping[str, Any]) -> dict[str, OwnPlan]:
    """The programs of a signal's own by name.

    Args:
        intersection: the signal, with S stages.
        logics: traci's programs by name.
    """
    return {name: _plan(intersection, name, logic) for name, logic in logics.items() if is_own(name)}


def _plan(intersection: Intersection, name: str, logic: Any) -> OwnPlan:  # noqa: ANN401  # traci ships no types
    states = [phase.state for phase in logic.phases]
    if logic.type == NEMA:
        return OwnPlan(name=name, phases=None, n_phases=len(states))
    phases = tuple(phase_showing(stage.state, stage.own_phase, states) for stage in intersection.stages)
    return OwnPlan(name=name, phases=phases, n_phases=len(states))
