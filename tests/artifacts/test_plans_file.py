import json

import pytest

from leed_traffic.artifacts.plans_file import plans_file, read_plans
from leed_traffic.artifacts.site import make_site
from leed_traffic.domain.network import Network
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.errors import PlanError
from tests.intersections import flat_timing, star

NETWORK = Network(intersections=(star(2, "A"), star(3, "B")))
SITE = make_site("test", [flat_timing(2, name="A"), flat_timing(3, name="B")])


def write(path, plans):
    path.write_text(json.dumps({name: plan.model_dump(mode="json") for name, plan in plans.items()}))
    return path


def test_plans_are_read_from_a_file_or_from_the_folder_that_holds_one(tmp_path):
    plans = {name: max_wave_plan(name) for name in ("A", "B")}
    path = write(tmp_path / "plans.json", plans)
    assert plans_file(tmp_path) == plans_file(path) == path
    assert read_plans(tmp_path, NETWORK, SITE) == read_plans(path, NETWORK, SITE) == plans


def test_a_signal_without_a_plan_is_named(tmp_path):
    with pytest.raises(PlanError, match="B"):
        read_plans(write(tmp_path / "plans.json", {"A": max_wave_plan("A")}), NETWORK, SITE)


@pytest.mark.parametrize("content", ["", "[]", '{"A": {"form": "priority"}}', '{"A": 3, "B": 4}'])
def test_what_holds_no_plans_is_one_line(tmp_path, content):
    (tmp_path / "plans.json").write_text(content)
    with pytest.raises(PlanError) as caught:
        read_plans(tmp_path, NETWORK, SITE)
    assert "\n" not in str(caught.value)


def test_a_plan_that_does_not_fit_its_signal_is_refused(tmp_path):
    plans = {"A": max_wave_plan("B"), "B": max_wave_plan("B")}
    with pytest.raises(PlanError, match="A"):
        read_plans(write(tmp_path / "plans.json", plans), NETWORK, SITE)
