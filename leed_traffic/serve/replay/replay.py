"""`leedctl replay`: the same controller on a recorded device must decide, byte for byte, what it decided then."""

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.artifacts.policy import Policy, verify_bundle
from leed_traffic.artifacts.sensing_file import check_places
from leed_traffic.artifacts.validation import first_fault
from leed_traffic.domain.detectors.sensing import IDEAL
from leed_traffic.domain.document import Document
from leed_traffic.errors import BundleError, DeviceError, MismatchError, SiteError, StopError, UsageError
from leed_traffic.serve.control.assignment import Assignment, assign
from leed_traffic.serve.control.commands import Command, Reload, Rollback, SetOperatingMode
from leed_traffic.serve.control.config import ServeConfig
from leed_traffic.serve.control.hot_swap import Generation, HotSwap
from leed_traffic.serve.control.service import Service
from leed_traffic.serve.logs.recording import Reader, envelope_digest
from leed_traffic.serve.logs.records import CommandRecord, Header
from leed_traffic.serve.replay.tape import EndOfRecordingError, ReplayDifference, Tape
from leed_traffic.serve.safety.latch import Latched, LatchStore
from leed_traffic.serve.safety.supervisor import OperatingMode

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ReplayReport(Document):
    """How it went; the --json document of `leedctl replay`."""

    recording: str
    bundle_digest: str
    intersections: tuple[str, ...]
    is_cut_off: bool  # the run was killed: the recording ends without a word
    is_same_envelope: bool  # as in the program that recorded it
    ticks: int
    end_s: float
    decisions: int  # requests of policies, one per signal and decision step
    rulings: int  # lines of decisions.csv
    commands: int
    differ: int  # of all three
    first: ReplayDifference | None


def replay(
    path: Path, bundles: Sequence[Path] = (), on_read: Callable[[int], None] = lambda n: None
) -> ReplayReport:
    """Decide everything again.

    Args:
        path: of the recording.
        bundles: that ran, in any order; none: they are looked for where they were then.
        on_read: how many bytes of the recording have been read.

    Raises:
        UsageError: not a recording, or damaged.
        BundleError: a bundle is not the one that ran, or not sound.
    """
    reader = Reader(path)
    header = reader.header
    shelf = _Shelf(path, bundles, reader.header.intersections)
    first = shelf.find(header.bundle_digest, header.bundle)
    config = _config(path, header)
    assignment = _assignment(path, header, first.bundle)
    tape = Tape(reader, shelf.command_of, on_read)
    service = Service(
        config, assignment, HotSwap(first, assignment.timings, probation_s=header.probation_s), _latches(header), tape,
        clock=lambda: 0.0, sleep=lambda seconds: None, commands=tape.commands, kept=header.kept,
    )  # fmt: skip
    with contextlib.suppress(
        EndOfRecordingError, DeviceError, MismatchError, StopError
    ):  # as the run that was recorded ended
        service.run(tape.connect, tape.stop)
    tape.finish()
    return ReplayReport(
        recording=str(path),
        bundle_digest=first.bundle.digest,
        intersections=assignment.ids,
        is_cut_off=reader.is_torn,
        is_same_envelope=header.envelope_digest == envelope_digest(),
        ticks=tape.ticks,
        end_s=tape.time_s,
        decisions=tape.counts["asked"],
        rulings=tape.counts["ruled"],
        commands=tape.counts["called"],
        differ=tape.n_differ,
        first=tape.first,
    )


class _Shelf:
    """The bundles that ran, by digest."""

    def __init__(self, recording: Path, bundles: Sequence[Path], ids: Sequence[str]) -> None:
        self._recording = recording
        self._ids = ids
        self._is_given = bool(bundles)
        self._bundles: dict[str, Bundle] = {}
        for path in bundles:
            self._add(path)

    def find(self, digest: str, path: str) -> Generation:
        """The bundle of this digest: given, or still where it was.

        Raises:
            BundleError: it is neither.
            UsageError: it never decided for these signals.
        """
        if digest not in self._bundles and not self._is_given and Path(path).is_dir():
            self._add(Path(path))
        if digest not in self._bundles:
            known = ", ".join(f"{bundle.path} is {key[:12]}" for key, bundle in self._bundles.items())
            raise BundleError(
                f"{self._recording}: recorded with bundle {digest[:12]} (then at {path}); {known or 'nothing is there now'}; "
                "give the folder of the one that ran"
            )
        bundle = self._bundles[digest]
        try:
            return Generation(bundle=bundle, decider=Policy(bundle, self._ids))
        except MismatchError as err:
            raise UsageError(
                f"{self._recording}: its header is damaged: {err}; take the recording that was made"
            ) from err

    def command_of(self, record: CommandRecord) -> Command:
        """Return the command that was recorded."""
        if record.command == "reload":
            return Reload(generation=self.find(record.value, record.path))
        return (
            Rollback(why=record.value)
            if record.command == "rollback"
            else SetOperatingMode(mode=OperatingMode(record.value))
        )

    def _add(self, path: Path) -> None:
        bundle = verify_bundle(path)
        self._bundles[bundle.digest] = bundle


def _assignment(path: Path, header: Header, bundle: Bundle) -> Assignment:
    """The signals of a header, which is that of a run of this bundle.

    Raises:
        UsageError: it is not.
    """
    try:
        found = assign(bundle, header.intersections, sensing=header.sensing or IDEAL, priority=header.priority)
        check_places(found.sensing, bundle.network, path)
    except (MismatchError, SiteError) as err:
        raise UsageError(f"{path}: its header is damaged: {err}; take the recording that was made") from err
    if found.ids != header.intersections or not found.ids:
        raise UsageError(
            f"{path}: its header names other signals than were served; take the recording that was made"
        )
    return found


def _config(path: Path, header: Header) -> ServeConfig:
    try:
        return ServeConfig(
            bundle=Path(header.bundle),
            port=1,
            control=header.operating_mode,
            until_s=header.until_s,
            lease_s=header.lease_s,
            probation_s=header.probation_s,
            retry_s=86400.0,
        )
    except ValidationError as err:
        raise UsageError(
            f"{path}: its header is damaged: {first_fault(err)}; take the recording that was made"
        ) from err


def _latches(header: Header) -> LatchStore:
    latches = LatchStore(None, lambda: _EPOCH)
    for id_ in header.latched:
        latches.latched[id_] = Latched(signal=id_, fault="recorded", detail="", time_s=0.0, noted_at=_EPOCH)
    return latches
