"""Plans on disk: the `plans.json` of a demonstrations folder, or one that a person wrote."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from leed_traffic.artifacts.demonstrations import PLANS_NAME
from leed_traffic.artifacts.site import Site
from leed_traffic.artifacts.validation import first_fault
from leed_traffic.domain.network import Network
from leed_traffic.domain.plan import Plan, check_plan
from leed_traffic.errors import PlanError

_plans: TypeAdapter[dict[str, Plan]] = TypeAdapter(dict[str, Plan])


def plans_file(path: Path) -> Path:
    """Return the file that holds the plans of a demonstrations folder, or the file itself."""
    return path / PLANS_NAME if path.is_dir() else path


def read_plans(path: Path, network: Network, site: Site) -> dict[str, Plan]:
    """Read the plans in a demonstrations folder or a `plans.json`, checked against the network and the site.

    Raises:
        PlanError: nothing there, it is broken, or an intersection has no sound plan.
    """
    file = plans_file(path)
    try:
        plans = _plans.validate_json(file.read_bytes())
    except OSError as err:
        raise PlanError(
            f"{file}: cannot be read ({err.strerror}); give a demonstrations folder or a {PLANS_NAME}"
        ) from err
    except ValidationError as err:
        raise PlanError(f"{file}: {first_fault(err, whole='file')}; generate the demonstrations again") from err
    for intersection, timing in zip(network.intersections, site.timings, strict=True):
        if intersection.id not in plans:
            raise PlanError(
                f"{file}: has no plan for intersection {intersection.id}; was it made for another network?"
            )
        check_plan(plans[intersection.id], intersection, timing)
    return plans
