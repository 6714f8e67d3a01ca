"""Faults seeded into the source of the safety core, one at a time: the checks that guard it find each out."""

import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest

from leed_traffic.domain.safety import envelope, program, signal_state, timing
from leed_traffic.domain.safety.verification import Subject, verify_timing
from tests.intersections import early_release, four_legs, star, t_junction, three_stages, tight_timing
from tests.street import Street, starve

ENVELOPE = [
    ("if state.is_clearing:\n        return _only(now, timing, Reason.CLEARING)", "if False:\n        pass"),
    ("if not state.green_s >= timing.min_green_s[now]:", "if not state.green_s >= timing.min_green_s[now] - 1.0:"),
    ("if not state.green_s >= timing.min_green_s[now]:", "if False:"),
    ("if not state.green_s >= timing.min_green_s[now]:", "if not state.green_s >= min(timing.min_green_s) - 1.0:"),
    ("return _only(_longest_waiting(state), timing, Reason.MAX_RED)", "return _only(now, timing, Reason.MAX_RED)"),
    (
        "others_wait and state.green_s + state.earlier_s + horizon_s >",
        "others_wait and state.green_s + state.earlier_s >",
    ),
    (
        "others_wait and state.green_s + state.earlier_s + horizon_s >",
        "others_wait and state.green_s + horizon_s > 1.0 +",
    ),
    ("if others_wait and state.green_s", "if not others_wait and state.green_s"),
    ("for j in s if j != now)", "for j in s if j == now)"),
    ("legal = tuple(in_time[j] and j != now for j in s)", "legal = in_time"),
    (
        "return Permission(legal=in_time, otherwise=_longest_waiting(state, in_time)",
        "return Permission(legal=in_time, otherwise=now",
    ),
    (
        "in_time = tuple(_all_served_in_time(j, state, timing, horizon_s) for j in s)",
        "in_time = (True,) * timing.n_stages",
    ),
    ("if not request_age_s <= lease_s:", "if request_age_s != request_age_s:"),
    ("if permission.legal[stage]:", "if True:"),
    ("reason=Reason.GRANTED, renews=not state.is_clearing)", "reason=Reason.GRANTED)"),
    ("reason=permission.reason, renews=not state.is_clearing)", "reason=permission.reason)"),
    (
        "return Ruling(stage=state.stage, reason=reason, renews=False)",
        "return Ruling(stage=state.stage, reason=reason)",
    ),
    ("if permission.reason in (Reason.MAX_GREEN, Reason.MAX_RED):", "if permission.reason is Reason.MAX_RED:"),
    ("if permission.reason in (Reason.MAX_GREEN, Reason.MAX_RED):", "if permission.reason is Reason.MAX_GREEN:"),
    ("return max(rest_s, shortest_s, min(lease_s, room_s))", "return max(shortest_s, min(lease_s, room_s))"),
    ("return max(rest_s, shortest_s, min(lease_s, room_s))", "return max(rest_s, shortest_s, lease_s)"),
    ("return stage if stage == requested and 0 <= stage < n_stages else None", "return stage"),
    ("stage == requested and 0 <= stage < n_stages", "stage == requested and stage < n_stages"),
    ("stage == requested and 0 <= stage < n_stages", "stage == requested and 0 <= stage <= n_stages"),
    ("except (TypeError, ValueError, OverflowError):", "except (TypeError, ValueError):"),
    ("except (TypeError, ValueError, OverflowError):", "except (TypeError, OverflowError):"),
    ("if state.wait_s[stage] + start_s > timing.max_red_s:", "if state.wait_s[stage] > timing.max_red_s:"),
    ("start_s += 0.0 if keeps else timing.longest_clearances_s[stage]", "start_s += 0.0"),
    ("start_s += horizon_s if has_stood else timing.min_green_s[stage] + horizon_s", "start_s += horizon_s"),
    ("start_s += horizon_s if has_stood else timing.min_green_s[stage] + horizon_s", "start_s += 0.0"),
    ("return max(candidates, key=", "return min(candidates, key="),
    ("timing.round_at(horizon_s) <= timing.max_red_s", "0.0 <= timing.max_red_s"),
]
PROGRAM = [
    ("timing.clearances.pedestrian_clearance_s[i][j]),", "0.0),"),
    ("timing.clearances.pedestrian_clearance_s[i][j]),", "timing.clearances.pedestrian_clearance_s[j][i]),"),
    ("timing.clearances.yellow_s[i][j]),", "timing.clearances.yellow_s[i][j] - 1.0),"),
    ("timing.clearances.all_red_s[i][j]),", "0.0),"),
    ('return "G" if before == after == "G" else "g"', 'return "G"'),
    ("if before in GREEN and after in GREEN:\n        return", "if after in GREEN:\n        return"),
    ('return "y" if loses and not is_crossing', 'return "y" if not loses'),
    ('return "y" if loses and not is_crossing', 'return "r" if loses and not is_crossing'),
    ("if is_crossing or before not in GREEN:", "if before not in GREEN:"),
    ("math.ceil(seconds / step_s - 1e-9)", "math.floor(seconds / step_s - 1e-9)"),
    ("duration_s=whole_steps(timing.fallback_green_s[i], step_s)", "duration_s=step_s"),
    ("next=entries[i][timing.next_in_fallback(i)]", "next=timing.next_in_fallback(i)"),
    ("next=entries[i][timing.next_in_fallback(i)]", "next=i"),
    ("follower = j if is_last else at + 1", "follower = j"),
    ("entries[i][j] = first if transition else j", "entries[i][j] = j"),
    ("first += len(transition)", "first += len(transition) - 1"),
]
WAITS = [
    (
        "self._wait_s = np.where(called, self._wait_s + elapsed_s, 0.0)",
        "self._wait_s = np.where(called, 0.0, 0.0)",
    ),
    ("self._wait_s *= 1.0 - shown", "self._wait_s *= 0.0 * shown"),
    ("links.append(row * k_max + movement.link)", "links.append(row * k_max)"),
    ("self._wait_s[:, None, :]).max(axis=2)", "self._wait_s[:, None, :]).min(axis=2)"),
]
TIMING = [
    ("needed_s = max((pedestrian_clearance_time(m) for m in walkers), default=0.0)", "needed_s = 0.0"),
    ("max(0.0, needed_s - yellow_s - all_red_s)", "max(0.0, needed_s - yellow_s - all_red_s - 2.0)"),
    (
        "losing = intersection.stages[i].green - intersection.stages[j].green\n    moves =",
        "losing = frozenset()\n    moves =",
    ),
    ("WALKING_SPEED_MPS = 1.07", "WALKING_SPEED_MPS = 1.4"),
    (
        "max(math.ceil(seconds * 2.0 - 1e-9) / 2.0, YELLOW_MIN_S), YELLOW_MAX_S)",
        "math.ceil(seconds * 2.0 - 1e-9) / 2.0, 2.5)",
    ),
]


def mutant(module, old, new):
    """The module's source with one change, executed as a module of its own."""
    source = Path(module.__file__).read_text(encoding="utf-8")
    assert old in source, f"{module.__name__} no longer holds: {old}"
    name = f"{module.__name__}_mutant"
    fresh = types.ModuleType(name)
    sys.modules[name] = fresh  # dataclasses look their module up
    try:
        exec(compile(source.replace(old, new, 1), f"<{name}>", "exec"), fresh.__dict__)
    finally:
        del sys.modules[name]
    return fresh


JUNCTIONS = [star(2), three_stages(), t_junction(), early_release(), four_legs()]


def uneven(junction):
    """Tight limits with minimum greens that differ from stage to stage: orders and sums matter."""
    limits = tight_timing(junction)
    least = tuple(low + 4.0 * (k % 2) for k, low in enumerate(limits.min_green_s))
    greens = {
        "fallback_green_s": least,
        "max_green_s": tuple(max(h, low + 6.0) for h, low in zip(limits.max_green_s, least, strict=True)),
    }
    room_s = sum(least) - sum(limits.min_green_s)
    return replace(limits, min_green_s=least, **greens, max_red_s=limits.max_red_s + room_s)


def complaints(*, subject=None, wait_clocks=signal_state.WaitClocks, derive=None):
    """Faults that the checks find: enumeration of states, then adversaries that starve a stage; the first ends."""
    for junction in JUNCTIONS:
        limits = uneven(junction) if derive is None else derive(junction)
        if derive is not None:
            limits = replace(limits, max_green_s=tuple(max(14.0, low + 5.0) for low in limits.min_green_s),
                             fallback_green_s=tuple(max(5.0, low) for low in limits.min_green_s))  # fmt: skip
        for interval_s, lease_s in ((5, 12.0), (1, 2.0)):
            found = verify_timing(
                junction, limits, decision_interval_s=interval_s, lease_s=lease_s, subject=subject
            ).violations
            if found:
                return found
            street = Street(junction, limits, interval_s=interval_s, subject=subject, wait_clocks=wait_clocks)
            for victim in range(junction.n_stages):
                for refuse in (False, True):
                    street.reset(victim)
                    if wrong := starve(street, victim, decisions=250 // interval_s, refuse=refuse):
                        return wrong
    return ()


def is_found_out(**changed):
    """A fault is found by a complaint, or by an exception where the real code never raises one."""
    try:
        return bool(complaints(**changed))
    except (ArithmeticError, LookupError, TypeError, ValueError, NameError):
        return True


def test_the_unchanged_source_passes_all_checks():
    assert complaints() == ()
    assert complaints(derive=timing.derive_timing) == ()


@pytest.mark.parametrize(("old", "new"), ENVELOPE, ids=range(len(ENVELOPE)))
def test_a_fault_in_the_envelope_is_found_out(old, new):
    changed = mutant(envelope, old, new)
    assert is_found_out(subject=Subject(rule=changed.rule, hold_s=changed.hold_s))


@pytest.mark.parametrize(("old", "new"), PROGRAM, ids=range(len(PROGRAM)))
def test_a_fault_in_the_stage_program_is_found_out(old, new):
    changed = mutant(program, old, new)
    assert is_found_out(subject=Subject(build_program=changed.build_program))


@pytest.mark.parametrize(("old", "new"), WAITS, ids=range(len(WAITS)))
def test_a_fault_in_the_clock_of_waits_is_found_out(old, new):
    changed = mutant(signal_state, old, new)
    assert is_found_out(wait_clocks=changed.WaitClocks)


@pytest.mark.parametrize(("old", "new"), TIMING, ids=range(len(TIMING)))
def test_a_fault_in_the_derived_clearances_is_found_out(old, new):
    changed = mutant(timing, old, new)
    assert is_found_out(derive=changed.derive_timing)
