import re

import pytest

from leed_traffic import errors
from leed_traffic.errors import ExitCode, LeedError


def kinds():
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LeedError)]


@pytest.mark.parametrize(
    "kind", [kind for kind in kinds() if kind is not LeedError], ids=lambda kind: kind.__name__
)
def test_the_tree_at_the_head_names_every_error_with_its_code(kind):
    (line,) = [line for line in errors.__doc__.splitlines() if re.search(rf"── {kind.__name__}\b", line)]
    codes = [int(code) for code in re.findall(r"\b\d+\b", line.partition(kind.__name__)[2])]
    raised = kind("somewhere: something", *([ExitCode.INTERRUPTED] if kind is errors.StopError else []))
    assert int(raised.exit_code) in codes


def test_an_error_is_its_one_line():
    assert str(errors.PlanError("plan for J: no steps")) == "plan for J: no steps"
    assert errors.PlanError("x").exit_code is ExitCode.USAGE
