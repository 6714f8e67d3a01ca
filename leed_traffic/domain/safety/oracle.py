"""An independent judge of what a signal shows, for `verification.py` and the tests.

It shares no code with the envelope or the stage program: it reads letters, counts steps, and compares with the
site's limits and with geometry. Judged:

- two foes never both show G; no letter but G, g, y, r, s appears;
- a vehicle green never ends without yellow, a yellow never turns back to green, no link turns green meanwhile;
- when a stage begins, everything that lost its green has had its whole yellow, all-red and pedestrian clearance;
- under a reviewed site also: yellow at least 3 s, a crossing red for at least its length at 1.07 m/s;
- a link that serves a crossing and vehicles is held to the rules of both;
- every stage stands for its minimum green.
"""

import math
from dataclasses import dataclass

from leed_traffic.domain.network import Intersection, MovementKind
from leed_traffic.domain.safety.timing import Timing

_LEAST_YELLOW_S = 3.0  # s, MUTCD
_WALKING_MPS = 1.07  # m/s, MUTCD: 3.5 ft/s
_GREEN = "Gg"
_LETTERS = "Ggyrs"


@dataclass(frozen=True, slots=True)
class OracleMemory:
    """Facts that the judge keeps of a signal; counts in steps, capped where longer means no more."""

    origin: int  # the stage that stood last
    display: str
    age: tuple[int, ...]  # per link, since it shows this colour (green, yellow, red)
    yellow: tuple[int, ...]  # per link, length of its last yellow


class Oracle:
    """Judges one signal step by step."""

    def __init__(self, intersection: Intersection, timing: Timing, *, step_s: float, is_reviewed: bool) -> None:
        """Lay out what is needed.

        Args:
            intersection: links, foes, stages, crossings.
            timing: the limits that must be kept.
            step_s: seconds from one display to the next.
            is_reviewed: hold it to the floors as well; `as-net` is not.
        """
        self._timing = timing
        self._step_s = step_s
        self._foes = intersection.foes
        self._green = [{k for k, letter in enumerate(st.state) if letter in _GREEN} for st in intersection.stages]
        walkers = [m for m in intersection.movements if m.kind is MovementKind.PEDESTRIAN]
        self._walk_s = {m.link: 0.0 for m in walkers}
        for m in walkers:
            if is_reviewed:
                self._walk_s[m.link] = max(self._walk_s[m.link], m.length_m / _WALKING_MPS)
        self._bare = self._walk_s.keys() - {
            m.link for m in intersection.movements if m.kind is MovementKind.VEHICLE
        }
        self._least_yellow_s = _LEAST_YELLOW_S if is_reviewed else 0.0
        stages = range(timing.n_stages)
        longest_s = max(timing.clearance_s(i, j) for i in stages for j in stages)
        self._cap = math.ceil(max([longest_s, *self._walk_s.values()]) / step_s) + 2

    def first(self, stage: int, display: str) -> OracleMemory:
        """The memory of a signal that has stood at a stage for long."""
        return OracleMemory(stage, display, (self._cap,) * len(display), (0,) * len(display))

    def see(self, memory: OracleMemory, display: str, stage: int | None) -> tuple[OracleMemory, tuple[str, ...]]:
        """Judge one more step: the memory after it, and what is wrong with it.

        Args:
            memory: of all steps before.
            display: the letters of this step.
            stage: the stage that stands, None during a clearance.
        """
        if display == memory.display and stage in (None, memory.origin):
            return self._older(memory), ()
        wrong = [f"unknown letters in {display}"] if set(display) - set(_LETTERS) else []
        wrong += [
            f"links {a} and {b} are foes and both G" for a, b in self._foes if display[a] == display[b] == "G"
        ]
        age = []
        yellow = []
        for k, (old, new) in enumerate(zip(memory.display, display, strict=True)):
            wrong += self._changed(k, old, new, stage)
            same = _colour(old) == _colour(new)
            age.append(min(memory.age[k] + 1, self._cap) if same else 1)
            ends_yellow = old == "y" and not same
            yellow.append(memory.age[k] if ends_yellow else 0 if old in _GREEN else memory.yellow[k])
        seen = OracleMemory(memory.origin, display, tuple(age), tuple(yellow))
        if stage is not None and stage != memory.origin:
            wrong += self._begun(seen, memory.origin, stage)
            seen = OracleMemory(stage, display, seen.age, seen.yellow)
        return seen, tuple(wrong)

    def ended(self, stage: int, green_s: float) -> tuple[str, ...]:
        """Return the faults of a stage that ends after so long."""
        least_s = self._timing.min_green_s[stage]
        return (
            (f"stage {stage} ends after {green_s:g} s, min_green_s is {least_s:g}",)
            if green_s < least_s - 1e-6
            else ()
        )

    def kept(self, stage: int, green_s: float, until_s: float) -> tuple[str, ...]:
        """Return the faults of keeping a stage until the next ruling although somebody waits elsewhere."""
        most_s = self._timing.max_green_s[stage]
        if green_s + until_s <= most_s + 1e-6:
            return ()
        return (
            f"stage {stage} is kept at {green_s:g} s for {until_s:g} s while others wait, "
            f"max_green_s is {most_s:g}",
        )

    def _older(self, memory: OracleMemory) -> OracleMemory:
        age = tuple(min(a + 1, self._cap) for a in memory.age)
        return OracleMemory(memory.origin, memory.display, age, memory.yellow)

    def _changed(self, link: int, old: str, new: str, stage: int | None) -> list[str]:
        wrong = []
        if old in _GREEN and new in "rs" and link not in self._bare:
            wrong.append(f"link {link} turns from green to red without yellow")
        if old == "y" and new in _GREEN:
            wrong.append(f"link {link} turns from yellow to green")
        if stage is None and new in _GREEN and (old not in _GREEN or (old, new) == ("g", "G")):
            wrong.append(f"link {link} turns {new} during a clearance")
        return wrong

    def _begun(self, seen: OracleMemory, origin: int, stage: int) -> list[str]:
        """A stage shows its first step: is everything that lost its green cleared?"""
        timing = self._timing
        wrong = []
        for k in sorted(self._green[origin] - self._green[stage]):
            red_s = (seen.age[k] - 1) * self._step_s
            if k in self._bare:
                wrong += _short(k, "pedestrian clearance", red_s, timing.clearance_s(origin, stage), origin, stage)
            else:
                yellow_s = seen.yellow[k] * self._step_s
                least_s = max(timing.clearances.yellow_s[origin][stage], self._least_yellow_s)
                wrong += _short(k, "yellow", yellow_s, least_s, origin, stage)
                wrong += _short(k, "all-red", red_s, timing.clearances.all_red_s[origin][stage], origin, stage)
            if k in self._walk_s:
                wrong += _short(k, "time to cross", red_s, self._walk_s[k], origin, stage)
        return wrong


def _colour(letter: str) -> str:
    return "green" if letter in _GREEN else "yellow" if letter == "y" else "red"


def _short(link: int, what: str, shown_s: float, needed_s: float, origin: int, stage: int) -> list[str]:
    if shown_s >= needed_s - 1e-6:
        return []
    return [f"stage {origin} to {stage}: link {link} has {shown_s:g} s of {what}, needs {needed_s:g}"]
