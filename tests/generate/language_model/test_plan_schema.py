import random
import re

import pytest

from leed_traffic.errors import PlanError
from leed_traffic.generate.language_model.names import name_parts
from leed_traffic.generate.language_model.plan_schema import REASONING_PATTERN, plan_schema
from tests.generate.briefs import little
from tests.generate.chat_server import sample
from tests.generate.language_model.replies import BRIEF, NAMES, read


def keywords(schema):
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties":
                for inner in value.values():
                    yield from keywords(inner)
            else:
                yield key
                yield from keywords(value)
    elif isinstance(schema, list):
        for inner in schema:
            yield from keywords(inner)


@pytest.mark.parametrize("brief", [BRIEF, little(stages=5), little(n_periods=1)])
def test_the_schema_uses_only_what_holds_under_constrained_decoding(brief):
    used = set(keywords(plan_schema(brief, name_parts(brief))))
    assert used <= {"anyOf", "type", "properties", "required", "additionalProperties", "enum", "pattern", "items", "minItems",
                    "maxItems", "minimum", "maximum", "prefixItems"}  # fmt: skip


def test_no_count_in_a_pattern_is_over_what_xgrammar_takes():
    assert all(int(n) <= 128 for n in re.findall(r"\{\d+,(\d+)\}", REASONING_PATTERN))
    assert re.fullmatch(REASONING_PATTERN, "x" * 240)
    assert not any(re.search(REASONING_PATTERN, bad) for bad in ("", "x" * 241, 'a"b', "a\\b", "a\nb", "é"))


def test_whatever_the_schema_allows_is_a_plan_or_breaks_a_rule_that_no_schema_can_state():
    rng, refused = random.Random(3), []
    schema = plan_schema(BRIEF, NAMES)
    for _ in range(300):
        reply = sample(schema, rng)
        try:
            read(reply)
        except PlanError as err:
            refused.append((reply["form"], str(err)))
    assert len(refused) < 200
    known = ("min_green_s <=", "every movement", "periods must")
    assert [
        told for told in refused if told[0] != "sequence" or not any(words in told[1] for words in known)
    ] == []
