"""A study without a simulation: the plans of a hand-built junction, with invented results."""

from leed_traffic.generate.author import Author
from leed_traffic.generate.brief import Attempt
from leed_traffic.generate.diagnosis import Diagnosis
from leed_traffic.generate.run import start_plans
from leed_traffic.planner.study import Study, Tried
from leed_traffic.planner.variants import common_settings, priority_plan, writable
from tests.generate.briefs import crossroads


def tried(what, plan, delay_s, brief):
    n_approaches = len({lane.approach for lane in brief.intersection.lanes})
    diagnosis = Diagnosis(
        queue_veh=tuple(float(k) for k in range(n_approaches)),
        longest_veh=tuple(10.0 + k for k in range(n_approaches)),
        green_share=(0.4,) * brief.intersection.n_stages,
        wasted_share=0.1,
        blocked_share=0.0,
    )
    return Tried(what=what, attempt=Attempt(plan=plan, local_return=-100 * delay_s, diagnosis=diagnosis), delay_s=delay_s)


def study(name="J"):
    """Priority plans at 20, 22 ... s; embedded ones from 26 s on, Webster's sequence at 21 s."""
    brief = crossroads(name)
    starts = {what: plans[name] for what, plans in start_plans([brief], Author.SEARCH).items()}
    sequence = writable(starts["webster, own cycles"], brief.timing).model_copy(update={"reach_m": 60.0})
    others = [tried(f"common {k}", priority_plan(name, s), 20.0 + 2 * k, brief) for k, s in enumerate(common_settings())]
    return Study(
        brief=brief,
        baseline_delay_s=50.0,
        starts=tuple(tried(what, plan, 26.0 + k, brief) for k, (what, plan) in enumerate(starts.items())),
        others=(*others, tried("sequence", sequence, 21.0, brief)),
    )
