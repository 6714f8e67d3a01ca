"""The only way to a stage change: the policy asks, `rule` decides and says why.

A request is granted if the signal is not clearing, the minimum green is over, the maximum green is respected, and
everybody who waits can still be served within the maximum red. `rule` is pure and total: whatever comes in, a
`Ruling` comes out.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.domain.safety.timing import Timing

EXTENSION_LIMIT_S = 15.0  # s, a clearance is never extended longer: a vehicle that stands then has broken down
EXTENSION_SPEED_MPS = 3.0  # m/s, a vehicle that is faster at the end of a clearance leaves the junction by itself
EXTENSION_RELEASE_MPS = 6.0  # m/s, an extension ends when nobody is slower: who has stood is on the way out then


class Reason(StrEnum):
    """Reasons of a ruling."""

    GRANTED = "granted"
    CLEARING = "clearing"
    MIN_GREEN = "min_green"
    MAX_GREEN = "max_green"
    MAX_RED = "max_red"
    UNKNOWN_REQUEST = "unknown_request"
    STALE_REQUEST = "stale_request"
    OCCUPIED = "occupied"  # a clearance is extended: a vehicle still stands in the junction


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The stage to show next, and whether its lease may be renewed: without renewal the signal walks on by itself.

    A clearance is never renewed: it ends by itself, on time.
    """

    stage: int
    reason: Reason
    renews: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Stages that may be asked for now, and the answer to any other request."""

    legal: tuple[bool, ...]  # (S,), at least one is true
    otherwise: int
    reason: Reason


def permit(state: SignalState, timing: Timing, *, horizon_s: float) -> Permission:
    """Find the stages that a request may name.

    Args:
        state: what is shown and who waits.
        timing: the site's limits.
        horizon_s: seconds until the next ruling.
    """
    s = range(timing.n_stages)
    now = state.stage
    if state.is_clearing:
        return _only(now, timing, Reason.CLEARING)
    if not state.green_s >= timing.min_green_s[now]:  # a NaN green has not lasted
        return _only(now, timing, Reason.MIN_GREEN)
    in_time = (True,) * timing.n_stages
    if not _is_far_from_max_red(state, timing, horizon_s):
        in_time = tuple(_all_served_in_time(j, state, timing, horizon_s) for j in s)
    if not any(in_time):
        return _only(_longest_waiting(state), timing, Reason.MAX_RED)
    others_wait = any(state.wait_s[j] > 0.0 for j in s if j != now)
    if others_wait and state.green_s + state.earlier_s + horizon_s > timing.max_green_s[now]:
        legal = tuple(in_time[j] and j != now for j in s)
        if any(legal):
            return Permission(legal=legal, otherwise=_longest_waiting(state, legal), reason=Reason.MAX_GREEN)
    if all(in_time):
        return Permission(legal=in_time, otherwise=now, reason=Reason.GRANTED)
    return Permission(legal=in_time, otherwise=_longest_waiting(state, in_time), reason=Reason.MAX_RED)


def rule(
    requested: float | None,
    state: SignalState,
    timing: Timing,
    *,
    horizon_s: float,
    request_age_s: float = 0.0,
    lease_s: float = math.inf,
    permission: Permission | None = None,
) -> Ruling:
    """Decide on one request.

    Args:
        requested: the wanted stage; None, a non-integer, NaN or an unknown number is refused, never an error.
        state: what is shown and who waits.
        timing: the site's limits.
        horizon_s: seconds until the next ruling.
        request_age_s: age of the request.
        lease_s: a request older than this no longer counts, and the stage's lease is not renewed.
        permission: `permit` of the same state, timing and horizon, where it is at hand already.
    """
    permission = permission or permit(state, timing, horizon_s=horizon_s)
    if not request_age_s <= lease_s:  # a NaN age is stale
        return _without_request(permission, state, timing, horizon_s, Reason.STALE_REQUEST)
    stage = _as_stage(requested, timing.n_stages)
    if stage is None:
        return _without_request(permission, state, timing, horizon_s, Reason.UNKNOWN_REQUEST)
    if permission.legal[stage]:
        return Ruling(stage=stage, reason=Reason.GRANTED, renews=not state.is_clearing)
    return Ruling(stage=permission.otherwise, reason=permission.reason, renews=not state.is_clearing)


def hold_s(state: SignalState, timing: Timing, *, lease_s: float, shortest_s: float) -> float:
    """Seconds for which a renewed stage stands from now on if nobody speaks to the signal again.

    Args:
        state: a stage that stands, not a clearance.
        timing: the site's limits.
        lease_s: how long a renewal lasts; cut at the maximum green, never before the minimum green.
        shortest_s: until just after the next ruling; nothing is cut below that.
    """
    rest_s = timing.min_green_s[state.stage] - state.green_s
    room_s = timing.max_green_s[state.stage] - state.green_s - state.earlier_s
    return max(rest_s, shortest_s, min(lease_s, room_s))


def keeps_closed_mps(extended_s: float) -> float:
    """The speed under which a vehicle inside the junction keeps a clearance from ending, in m/s."""
    return EXTENSION_RELEASE_MPS if extended_s > 0.0 else EXTENSION_SPEED_MPS


def may_extend(state: SignalState, timing: Timing, *, extended_s: float, delay_s: float, horizon_s: float) -> bool:
    """Return whether a clearance that is over may stand another step: a vehicle still stands in the junction.

    An extension shows red only, so it is always safe; it is bounded, and it gives way to the maximum red.

    Args:
        state: at the last reading; clearing towards a stage.
        timing: the site's limits.
        extended_s: for how long the clearance would have been extended then.
        delay_s: from that reading until the stage would turn green.
        horizon_s: seconds between two rulings.
    """
    if not extended_s <= EXTENSION_LIMIT_S:
        return False
    return _all_served_in_time(state.stage, state, timing, horizon_s, delay_s=delay_s)


def _without_request(
    permission: Permission, state: SignalState, timing: Timing, horizon_s: float, reason: Reason
) -> Ruling:
    """Rule without a request: only a limit moves the signal, else the lease runs out and the fallback goes on.

    The cycle may move at any time before the next ruling. Where its next stage would then come too early for
    somebody else's maximum red, the stage that stands is held instead.
    """
    if permission.reason in (Reason.MAX_GREEN, Reason.MAX_RED):
        return Ruling(stage=permission.otherwise, reason=permission.reason)
    if state.is_clearing:
        return Ruling(stage=state.stage, reason=reason, renews=False)
    follows = timing.next_in_fallback(state.stage)
    is_in_time = _all_served_in_time(follows, state, timing, horizon_s, delay_s=horizon_s)
    return Ruling(stage=state.stage, reason=reason, renews=not is_in_time)


def _as_stage(requested: float | None, n_stages: int) -> int | None:
    if isinstance(requested, bool) or requested is None:
        return None
    try:
        stage = int(requested)
        return stage if stage == requested and 0 <= stage < n_stages else None
    except (TypeError, ValueError, OverflowError):
        return None


def _only(stage: int, timing: Timing, reason: Reason) -> Permission:
    return Permission(legal=tuple(j == stage for j in range(timing.n_stages)), otherwise=stage, reason=reason)


def _longest_waiting(state: SignalState, among: tuple[bool, ...] | None = None) -> int:
    candidates = [j for j in range(len(state.wait_s)) if among is None or among[j]]
    return max(candidates, key=lambda j: (state.wait_s[j], -j))


def _is_far_from_max_red(state: SignalState, timing: Timing, horizon_s: float) -> bool:
    """Return whether a whole round fits before anybody's maximum red, whatever is chosen now."""
    return max(state.wait_s) + horizon_s + timing.round_at(horizon_s) <= timing.max_red_s


def _all_served_in_time(
    choice: int, state: SignalState, timing: Timing, horizon_s: float, *, delay_s: float = 0.0
) -> bool:
    """Return whether all are served within the maximum red: `choice` after a delay, then the most urgent first.

    A wait grows while the stages before it take their clearance, their minimum green and a decision's delay each:
        wait_k + t_k <= max_red,   t_k = t_(k-1) + min_green_(k-1) + horizon + longest clearance to k
    Earliest due date first, d_k = max_red - wait_k + min_green_k + horizon, meets every such bound if any order
    does (Jackson 1955); with the longest clearance into a stage instead of the actual one this stays true whatever
    was served before.
    """
    others = [j for j in range(timing.n_stages) if state.wait_s[j] > 0.0 and j != choice]
    others.sort(key=lambda j: timing.min_green_s[j] - state.wait_s[j])
    start_s = delay_s
    for stage in (choice, *others):
        keeps = stage == choice == state.stage
        start_s += 0.0 if keeps else timing.longest_clearances_s[stage]
        if state.wait_s[stage] + start_s > timing.max_red_s:
            return False
        has_stood = (
            keeps and not state.is_clearing
        )  # its minimum green is over; a stage that is cleared towards has it to come
        start_s += horizon_s if has_stood else timing.min_green_s[stage] + horizon_s
    return True
