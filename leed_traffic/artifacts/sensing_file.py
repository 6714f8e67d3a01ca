"""`sensing.toml`: which detectors a site has, where they lie, and how far they can be trusted.

`leedctl scenario detectors` writes one beside SUMO's additional file, with the same ids. `ideal`, `camera` and
`loops` are known by name and need no file.
"""

import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from leed_traffic.artifacts.home import expanded
from leed_traffic.artifacts.toml_file import read_toml, render_toml
from leed_traffic.artifacts.validation import first_fault
from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.domain.detectors.faults import DetectorFault, FaultRates
from leed_traffic.domain.detectors.layout import Detector, DetectorKind
from leed_traffic.domain.detectors.sensing import CAMERA, IDEAL, LOOPS, Sensing, SensingKind
from leed_traffic.domain.document import FiniteDocument
from leed_traffic.domain.network import Network
from leed_traffic.errors import SiteError

BY_NAME = {"ideal": IDEAL, "camera": CAMERA, "loops": LOOPS}

_HEAD = """\
# The detectors of a site: which are read, how far they are trusted in simulation, and where each lies.
#
# kind           camera: zones and exits are read; loops: stop and advance loops; ideal: lanes as the simulator knows them
# reach_m        metres upstream of the stop line that a camera sees
# miss           share of vehicles not seen
# occlusion      share more when the zone is full
# noise          standard deviation of a count, as a share of it
# persistence_s  for which an error stays
# sees_exits     whether exits are watched; else they count as free
# varies         every hour draws its own miss, occlusion and noise between 0 and these
# [faults]       dropouts_per_lane_hour: silences of dropout_s (mean); faults_per_lane_hour: dead, stuck_on, stuck_off or
#                chatter for fault_s (mean); one_per_intersection: a lane of every signal is broken in this way all the time
# [[detector]]   id as in the additional file; informs: [lane of the signal, share of what is seen that heads for it], ...
#
# All but kind, reach_m, sees_exits and [[detector]] shape simulations alone: in the street detectors make their
# own errors.
"""

Share = Annotated[float, Field(ge=0.0, lt=1.0)]


class FaultsEntry(FiniteDocument):
    """[faults]: how often detectors break in simulation."""

    dropouts_per_lane_hour: float = Field(default=0.0, ge=0.0, le=100.0)
    """Short silences."""
    dropout_s: float = Field(default=30.0, gt=0.0)
    """Mean length of one."""
    faults_per_lane_hour: float = Field(default=0.0, ge=0.0, le=100.0)
    """Lasting faults of any kind."""
    fault_s: float = Field(default=1800.0, gt=0.0)
    """Mean length of one."""
    one_per_intersection: str = Field(default="none", pattern="^(none|dead|stuck_on|stuck_off|chatter)$")
    """One lane of every signal is broken in this way all the time."""


class DetectorEntry(FiniteDocument):
    """[[detector]]: one detector."""

    id: str = Field(min_length=1)
    """As in the additional file, or at the gateway."""
    kind: DetectorKind
    """zone, exit, stop or advance."""
    signal: str
    """Whose."""
    lane: str
    """Where it lies."""
    from_m: float = Field(ge=0.0)
    """Along the lane."""
    to_m: float = Field(ge=0.0)
    """Along the lane; a loop is a point."""
    distance_m: float = Field(ge=0.0)
    """From the stop line."""
    informs: tuple[tuple[str, Annotated[float, Field(gt=0.0, le=1.0)]], ...] = Field(min_length=1)
    """Lanes of the signal, and the share of what it sees that heads for each."""


class SensingFile(FiniteDocument):
    """The whole file."""

    kind: SensingKind
    """What is read."""
    reach_m: float = Field(default=IDEAL.reach_m, ge=10.0, le=IDEAL.reach_m)
    """Of a camera."""
    miss: Share = 0.0
    """Share of vehicles not seen."""
    occlusion: Share = 0.0
    """Share more when the zone is full."""
    noise: Share = 0.0
    """Standard deviation of a count, as a share of it."""
    persistence_s: float = Field(default=IDEAL.persistence_s, gt=0.0)
    """For which an error stays."""
    sees_exits: bool | None = None
    """Whether exits are watched; unless said: not by loops."""
    varies: bool = False
    """Every hour draws its own miss, occlusion and noise between 0 and these."""
    faults: FaultsEntry = FaultsEntry()
    """How often detectors break."""
    detector: tuple[DetectorEntry, ...] = ()
    """Where they lie; none: where an installer would put them."""

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        ids = [entry.id for entry in self.detector]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"detector {twice[0]} is listed twice")
        return self


def load_sensing(name_or_path: str, network: Network) -> Sensing:
    """The detectors by name, or as a file has them.

    Args:
        name_or_path: `ideal`, `camera`, `loops`, or a sensing file.
        network: where they stand.

    Raises:
        SiteError: the file is missing, broken or made for another network.
    """
    if name_or_path in BY_NAME:
        return BY_NAME[name_or_path]
    path = expanded(name_or_path)
    try:
        file = SensingFile.model_validate(read_toml(path))
        sensing = _assembled(file)
    except OSError as err:
        known = ", ".join(BY_NAME)
        raise SiteError(f"{path}: cannot be read ({err.strerror}); sensing is {known} or a sensing file") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise SiteError(f"{path}: not TOML: {err}") from err
    except ValidationError as err:
        raise SiteError(f"{path}: {first_fault(err, whole='file', shows_value=True)}") from err
    except ValueError as err:
        raise SiteError(f"{path}: {err}") from err
    check_places(sensing, network, path)
    return sensing


def write_sensing_file(path: Path, sensing: Sensing) -> None:
    """Write detectors as a commented TOML file that reads back as the same.

    Raises:
        SiteError: it cannot be written there.
    """
    try:
        write_whole(path, render_sensing_file(sensing))
    except OSError as err:
        raise SiteError(f"{path}: cannot be written ({err.strerror}); choose another place") from err


def render_sensing_file(sensing: Sensing) -> str:
    """The text; the same detectors give the same bytes."""
    tables: dict[str, object] = {"kind": str(sensing.kind)}
    for name in ("reach_m", "miss", "occlusion", "noise", "persistence_s"):
        tables[name] = float(getattr(sensing, name))
    tables["sees_exits"] = sensing.sees_exits
    tables["varies"] = sensing.varies
    faults = asdict(sensing.faults)
    tables["faults"] = faults | {"one_per_intersection": sensing.faults.one_per_intersection.name.lower()}
    if sensing.detectors:
        tables["detector"] = [_detector_table(detector) for detector in sensing.detectors]
    return render_toml(tables, head=_HEAD)


def _detector_table(detector: Detector) -> dict[str, object]:
    table = asdict(detector)
    table["kind"] = str(detector.kind)
    table["informs"] = [[lane, share] for lane, share in detector.informs]
    for name in ("from_m", "to_m", "distance_m"):
        table[name] = round(float(table[name]), 2)
    return table


def _assembled(file: SensingFile) -> Sensing:
    rates = file.faults.model_dump()
    rates["one_per_intersection"] = DetectorFault[rates["one_per_intersection"].upper()]
    sees_exits = file.kind is not SensingKind.LOOPS if file.sees_exits is None else file.sees_exits
    return Sensing(
        kind=file.kind,
        reach_m=file.reach_m,
        miss=file.miss,
        occlusion=file.occlusion,
        noise=file.noise,
        persistence_s=file.persistence_s,
        sees_exits=sees_exits,
        varies=file.varies,
        faults=FaultRates(**rates),
        detectors=tuple(Detector(**entry.model_dump()) for entry in file.detector),
    )


def check_places(sensing: Sensing, network: Network, path: Path) -> None:
    """Every detector belongs to a lane of a signal that is there; every lane of every signal has one that is read."""
    lanes = {
        (i.id, lane.id): {span.lane for span in lane.spans} for i in network.intersections for lane in i.lanes
    }
    exits = {
        (i.id, m.exit_span.lane): {m.exit_span.lane}
        for i in network.intersections
        for m in i.movements
        if m.exit_span
    }
    for detector in sensing.detectors:
        if detector.signal not in network.by_id:
            continue  # a file for the whole town, a controller for a part of it
        own = exits if detector.kind is DetectorKind.EXIT else lanes
        for lane, _ in detector.informs:
            if (detector.signal, lane) not in own:
                raise SiteError(
                    f"{path}: detector {detector.id}: signal {detector.signal} has no such lane {lane} in this net; "
                    "`leedctl scenario detectors` writes a file for it"
                )
            if detector.lane not in own[detector.signal, lane]:
                raise SiteError(
                    f"{path}: detector {detector.id}: lies on {detector.lane}, which does not lead to {lane}"
                )
    wanted = {SensingKind.CAMERA: DetectorKind.ZONE, SensingKind.LOOPS: DetectorKind.STOP}.get(sensing.kind)
    if wanted is None or not sensing.detectors:
        return
    seen = {(d.signal, lane) for d in sensing.detectors if d.kind is wanted for lane, _ in d.informs}
    if unseen := sorted(lanes.keys() - seen):
        raise SiteError(
            f"{path}: lane {unseen[0][1]} of signal {unseen[0][0]} has no detector of kind {wanted}; add one"
        )
