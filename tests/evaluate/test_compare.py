import csv

import pytest
from pydantic import ValidationError

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.errors import BundleError, MismatchError, PlanError, ScenarioError, SiteError
from leed_traffic.evaluate.compare import compare, evaluate
from leed_traffic.evaluate.config import EvaluateConfig
from leed_traffic.evaluate.controllers import parse_controllers
from leed_traffic.evaluate.exports import write_results
from leed_traffic.evaluate.results import Evaluation
from leed_traffic.simulation.network.network_import import import_network
from tests.artifacts.sample_bundle import write_sample

pytestmark = pytest.mark.sumo

HORIZON_S = 240.0


def config(controllers: str, **changes: object) -> EvaluateConfig:
    settings = {
        "scenario": "crossing",
        "controllers": parse_controllers(controllers),
        "seeds": (1001, 1002),
        "workers": 0,
        "horizon_s": HORIZON_S,
    }
    return EvaluateConfig.model_validate({**settings, **changes})


@pytest.fixture(scope="module")
def comparison():
    return compare(config("fixed,actuated,max-pressure,max-wave", keeps_timeline=True))


def test_every_controller_meets_the_same_vehicles(comparison):
    scheduled = {run.seed: run.scheduled for run in comparison.runs}
    assert all(run.scheduled == scheduled[run.seed] > 50 for run in comparison.runs)


def test_results_come_in_the_order_asked(comparison):
    assert [r.controller for r in comparison.evaluation.results] == [
        "fixed",
        "actuated",
        "max-pressure",
        "max-wave",
    ]
    assert [(run.controller, run.seed) for run in comparison.runs[:3]] == [
        ("fixed", 1001),
        ("fixed", 1002),
        ("actuated", 1001),
    ]
    assert comparison.evaluation.scenario == "crossing"
    assert comparison.evaluation.seeds == (1001, 1002)


def test_nobody_changes_unsafely(comparison):
    for result in comparison.evaluation.results:
        assert result.unsafe_changes == 0
        assert result.teleports == 0


def test_every_controller_there_is_runs_safely_and_meets_the_same_vehicles():
    evaluation = evaluate(config("delay_based,webster,sotl,shadow:sotl+max-wave", seeds=(1001,), horizon_s=600.0))
    assert [result.controller for result in evaluation.results] == ["delay_based", "webster", "sotl"]
    assert {result.unsafe_changes for result in evaluation.results} == {0}
    assert len({result.scheduled for result in evaluation.results}) == 1
    (pair,) = evaluation.shadows
    assert pair.pair == "shadow:sotl+max-wave"
    assert pair.decisions > 20
    assert pair.agreement is not None
    assert 0.0 < pair.agreement < 1.0


def test_every_run_tells_its_classes_and_its_intersections(comparison):
    for run in comparison.runs:
        vehicles = [score for score in run.classes if score.of_class in ("car", "truck")]
        assert sum(score.scheduled for score in vehicles) == run.scheduled
        assert sum(score.scheduled * score.delay_s for score in vehicles) == pytest.approx(
            run.scheduled * run.delay_s
        )
        assert any(score.of_class == "walker" for score in run.classes)
        (local,) = run.intersections
        assert sum(local.stage_share) + local.clearance_share == pytest.approx(1.0)
        assert 0.0 < local.delay_s < 2.0 * run.delay_s + 20.0


def test_a_reference_or_a_pair_that_names_nobody_ranked_is_refused():
    with pytest.raises(ValidationError, match="max-wave is not among"):
        config("fixed,sotl", reference="max-wave")
    with pytest.raises(ValidationError, match="ranks nobody"):
        config("shadow:sotl+max-wave")


def test_the_first_seeds_runs_tell_what_the_signals_showed(comparison):
    shown = [run for run in comparison.runs if run.timeline]
    assert {run.seed for run in shown} == {1001}
    assert [run.controller for run in shown] == [
        "fixed",
        "max-wave",
    ]  # the first and, without a bundle, the last one
    for run in shown:
        (spans,) = run.timeline.values()
        assert spans[-1].end_s == HORIZON_S
        assert {span.stage for span in spans} >= {0, 1, None}


def test_the_incumbents_run_their_stages_in_their_own_order(comparison):
    fixed = next(run for run in comparison.runs if run.controller == "fixed" and run.timeline)
    stages = [span.stage for span in fixed.timeline["C"] if span.stage is not None]
    assert stages[:4] == sorted(stages[:4])


def test_the_same_seeds_give_the_same_document(comparison):
    again = evaluate(config("max-wave"))
    assert again.results[0] == comparison.evaluation.results[3]


def test_parallel_processes_find_the_same(comparison):
    told = []
    again = compare(config("max-wave", workers=2), told.append)
    assert again.evaluation.results[0] == comparison.evaluation.results[3]
    assert sorted(run.seed for run in told) == [1001, 1002]


def test_results_are_written_beside_every_single_run(tmp_path, comparison):
    write_results(tmp_path / "out", comparison)
    assert (
        Evaluation.model_validate_json((tmp_path / "out" / "results.json").read_bytes()) == comparison.evaluation
    )
    with (tmp_path / "out" / "per_seed.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert float(rows[0]["delay_s"]) == pytest.approx(comparison.runs[0].delay_s, abs=1e-3)


def test_with_the_nets_own_clearances_the_site_says_so():
    evaluation = evaluate(config("fixed,actuated", site="as-net", seeds=(1001,)))
    assert evaluation.site == "as-net"
    assert evaluation.results[0].delay_s.low is None


@pytest.mark.parametrize(
    ("controllers", "changes", "kind", "message"),
    [
        ("fixed", {"scenario": "nowhere"}, ScenarioError, "nowhere"),
        ("fixed", {"site": "missing.toml"}, SiteError, "missing.toml"),
        ("max-wave", {"sensing": "sonar"}, SiteError, "sensing is ideal, camera, loops or a sensing file"),
        ("fixed,plan:missing.json", {}, PlanError, "plan:missing.json: missing.json: cannot be read"),
        ("fixed,bundle:missing", {}, BundleError, "bundle:missing: "),
    ],
)
def test_what_cannot_run_is_refused_before_anything_runs(controllers, changes, kind, message):
    runs = []
    with pytest.raises(kind) as caught:
        compare(config(controllers, **changes), runs.append)
    assert message in str(caught.value)
    assert runs == []


def test_what_controllers_see_is_named_in_the_document_and_changes_what_they_do(comparison):
    by_loops = compare(config("actuated,max-wave", seeds=(1001,), sensing="loops"))
    assert (comparison.evaluation.sensing, by_loops.evaluation.sensing) == ("ideal", "loops")
    delays = [{run.controller: run.delay_s for run in c.runs if run.seed == 1001} for c in (comparison, by_loops)]
    assert delays[0]["actuated"] == delays[1]["actuated"]  # SUMO's own detectors
    assert delays[0]["max-wave"] != delays[1]["max-wave"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    scenario = load_scenario("crossing")
    network = import_network(scenario.net_file, scenario.additional_files)
    path = tmp_path_factory.mktemp("bundles") / "crossing"
    return write_sample(path, network=network, site=load_site(None, scenario, network)).path


def test_a_bundle_drives_the_signals(bundle):
    (result,) = evaluate(config(f"bundle:{bundle}", seeds=(1001,))).results
    assert result.controller == f"bundle:{bundle}"
    assert result.unsafe_changes == 0
    assert result.departed > 50


@pytest.mark.parametrize(
    "changes",
    [{"site": "as-net"}, {"decision_interval_s": 10.0}, {"scenario": "arterial5"}],
    ids=lambda c: next(iter(c)),
)
def test_a_bundle_made_for_something_else_is_refused(bundle, changes):
    with pytest.raises(MismatchError, match=r"^bundle:.*crossing"):
        compare(config(f"bundle:{bundle}", **changes))


def test_a_run_that_fails_names_its_controller(tmp_path):
    scenario = load_scenario("crossing")
    (tmp_path / "broken.rou.xml").write_text(
        '<routes><trip id="a" depart="1" from="nowhere" to="nowhere"/></routes>'
    )
    sumocfg = f'<configuration><net-file value="{scenario.net_file}"/><route-files value="broken.rou.xml"/>'
    (tmp_path / "broken.sumocfg").write_text(f'{sumocfg}<begin value="0"/><end value="60"/></configuration>')
    with pytest.raises(ScenarioError, match="max-wave on seed 1001: "):
        compare(config("max-wave", scenario=str(tmp_path / "broken.sumocfg"), seeds=(1001,)))


def test_a_seed_that_stands_twice_is_refused():
    with pytest.raises(ValidationError, match="each seed once"):
        config("fixed", seeds=(1, 1))
