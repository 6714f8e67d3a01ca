"""Translation of a model's reply into a plan, or into the reason why it is none: nothing that a server promised is taken on trust."""

import json
import re
import unicodedata
from typing import Any, NoReturn

from pydantic import ValidationError

from leed_traffic.domain.plan import Plan, SequencePlan, check_plan, plan_adapter
from leed_traffic.errors import PlanError
from leed_traffic.generate.brief import Brief
from leed_traffic.generate.language_model.names import Names

MAX_REPLY_CHARS = 20_000  # the longest sensible plan has about 8,000
MAX_REASONING_CHARS = 300
MAX_REASON_CHARS = 300  # of what the model hears about its fault

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_QUOTES = dict.fromkeys('"\u2018\u2019\u201c\u201d', "'")
_PUNCTUATION = str.maketrans(_QUOTES | {"\\": "/", "\u2013": "-", "\u2014": "-"})


def read_plan(text: str, finish_reason: str, brief: Brief, names: Names) -> Plan:
    """The plan that a reply holds, in the junction's own identifiers.

    Raises:
        PlanError: why it is no plan for this junction, in words that its author can act on; no identifier is in
            them.
    """
    if finish_reason == "length":
        raise PlanError("the reply was cut off at the longest length allowed; write a shorter plan")
    stated = _parse(text)
    if "intersection" in stated:
        raise PlanError("intersection is no field of a reply; leave it out")
    translated = _translate(stated, names) | {"intersection": brief.intersection.id}
    translated["reasoning"] = _clean_reasoning(stated.get("reasoning"))
    try:
        plan = plan_adapter.validate_json(json.dumps(translated), strict=True)
    except ValidationError as err:
        raise PlanError(_cut(_first_fault(err))) from err
    except (ValueError, RecursionError) as err:
        raise PlanError(_cut(f"unusable value ({err})")) from err
    _check_served(plan, brief, names)
    try:
        check_plan(plan, brief.intersection, brief.timing)
    except PlanError as err:
        raise PlanError(_cut(str(err).removeprefix(f"plan for {brief.intersection.id}: "))) from err
    return plan


def _parse(text: str) -> dict[str, Any]:
    if len(text) > MAX_REPLY_CHARS:
        raise PlanError(f"the reply has over {MAX_REPLY_CHARS} characters; a plan needs a few hundred")
    first = text.find("{")
    last = text.rfind("}")
    if first < 0 or last < first:
        raise PlanError("the reply holds no JSON object")
    try:
        stated = json.loads(text[first : last + 1], strict=False, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as err:
        raise PlanError(_cut(f"the reply is not JSON ({err})")) from err
    if not isinstance(stated, dict):
        raise PlanError("the reply is not one JSON object")
    return stated


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _translate(stated: dict[str, Any], names: Names) -> dict[str, Any]:
    """Short names back into identifiers; whatever has a wrong shape is left for the plan's own model to refuse."""
    translated = dict(stated)
    weights = stated.get("lane_weights")
    if isinstance(weights, dict):
        lane_of = names.lane_of()
        translated["lane_weights"] = {
            _known(short, lane_of, "lane_weights", "lanes"): w for short, w in weights.items()
        }
    if isinstance(stated.get("periods"), list):
        translated["periods"] = [_translate_period(period, names.approach_of()) for period in stated["periods"]]
    return translated


def _translate_period(period: object, approach_of: dict[str, str]) -> object:
    if not isinstance(period, dict) or not isinstance(period.get("steps"), list):
        return period
    steps: list[object] = []
    for step in period["steps"]:
        extension = step.get("extend_while") if isinstance(step, dict) else None
        if isinstance(extension, dict) and isinstance(extension.get("approaches"), list):
            ids = [_known(short, approach_of, "extend_while", "approaches") for short in extension["approaches"]]
            step = step | {"extend_while": extension | {"approaches": ids}}
        steps.append(step)
    return period | {"steps": steps}


def _known(short: object, ids: dict[str, str], field: str, kind: str) -> str:
    if not isinstance(short, str) or short not in ids:
        raise PlanError(_cut(f"{field} names {_printable(str(short))[:40]}; {kind} are {', '.join(ids)}"))
    return ids[short]


def _clean_reasoning(reasoning: object) -> str:
    if not isinstance(reasoning, str) or not reasoning.strip():
        raise PlanError("reasoning: needs one sentence")
    if len(reasoning) > MAX_REASONING_CHARS:
        raise PlanError(f"reasoning: has {len(reasoning)} characters, at most {MAX_REASONING_CHARS} are allowed")
    if _CONTROL.search(reasoning):
        raise PlanError("reasoning: holds control characters; write one plain sentence")
    plain = unicodedata.normalize("NFKD", reasoning.translate(_PUNCTUATION)).encode("ascii", "ignore").decode()
    return " ".join(plain.translate(_PUNCTUATION).split())[:MAX_REASONING_CHARS]


def _check_served(plan: Plan, brief: Brief, names: Names) -> None:
    """Check that every movement has a green in every period; a fault speaks in the words of the brief."""
    if not isinstance(plan, SequencePlan):
        return
    stages = brief.intersection.stages
    every = {link for stage in stages for link in stage.green}
    for period in plan.periods:
        served = {link for step in period.steps if step.stage < len(stages) for link in stages[step.stage].green}
        if missing := names.words(sorted(every - served)):
            raise PlanError(
                _cut(
                    f"no step from {period.from_s:g} s on serves {', '.join(missing)}; every movement needs a green"
                )
            )


def _first_fault(err: ValidationError) -> str:
    first = err.errors(include_url=False)[0]
    where = ".".join(_printable(str(part))[:40] for part in first["loc"] if part not in ("sequence", "priority"))
    return f"{where or 'plan'}: {_printable(first['msg'])}"


def _cut(reason: str) -> str:
    """Short and printable: a reason is read by a person and by the model."""
    return _printable(reason)[:MAX_REASON_CHARS]


def _printable(text: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text)
