"""`serve`: runs a bundle's policies at the signals behind one device, from the first look to the hand-back."""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from leed_traffic import __version__
from leed_traffic.artifacts.bundle import Bundle, check_bundle_fits
from leed_traffic.artifacts.policy import Policy, verify_bundle
from leed_traffic.artifacts.sensing_file import load_sensing
from leed_traffic.artifacts.site import read_site_file
from leed_traffic.domain.detectors.sensing import SensingKind
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.priority import PriorityRule
from leed_traffic.domain.safety.program import StageProgram
from leed_traffic.serve.control.assignment import Assignment, assign
from leed_traffic.serve.control.commands import CommandQueue
from leed_traffic.serve.control.config import Connect, Look, ServeConfig
from leed_traffic.serve.control.hot_swap import Decider, Generation, HotSwap
from leed_traffic.serve.control.loop import OnTick, ServeSummary, StopRequest, Watcher
from leed_traffic.serve.control.pace import Clock
from leed_traffic.serve.control.service import Service
from leed_traffic.serve.device.contract import SignalDevice
from leed_traffic.serve.device.owner import program_name
from leed_traffic.serve.device.signal_locks import SignalLocks
from leed_traffic.serve.logs.actuations import write_detectors
from leed_traffic.serve.logs.journal import FolderJournal
from leed_traffic.serve.logs.recorded_device import RecordedDevice
from leed_traffic.serve.logs.recording import envelope_digest
from leed_traffic.serve.logs.records import Header
from leed_traffic.serve.operations.channel import listening
from leed_traffic.serve.operations.command_server import CommandServer
from leed_traffic.serve.operations.status import StatusBoard
from leed_traffic.serve.safety.kept_waits import KeptWaits, WaitStore
from leed_traffic.serve.safety.latch import LatchStore, Now
from leed_traffic.serve.safety.supervisor import OperatingMode

__all__ = ["Connect", "ServeConfig", "connect_traci", "serve"]

log = logging.getLogger(__name__)


def connect_traci(
    config: ServeConfig,
    assignment: Assignment,
    make_program: Callable[[int, float], StageProgram],
    look: Look,
) -> SignalDevice:
    """The device of the field: a TraCI server over TCP."""
    from leed_traffic.serve.device.connection import Endpoint
    from leed_traffic.serve.device.traci import TraciDevice

    endpoint = Endpoint(
        host=config.host,
        port=config.port,
        deadline_s=config.deadline_s,
        connect_s=config.connect_s,
        order=config.order,
    )
    return TraciDevice(
        endpoint,
        assignment.intersections,
        assignment.lanes,
        make_program,
        detectors=assignment.detectors,
        priority_classes=frozenset(kind for rule in assignment.priority for kind in rule.classes),
        program_name=config.program or program_name(config.state),
        adopted=frozenset(config.adopt),
        between_tries=look,
    )


def serve(
    config: ServeConfig,
    *,
    clock: Clock,
    stop: StopRequest,
    on_tick: OnTick = lambda time_s, end_s, note: None,
    connect: Connect = connect_traci,
    decider: Callable[[Bundle, Sequence[str]], Decider] = Policy,
    watchers: Sequence[Watcher] = (),
    board: StatusBoard | None = None,
    commands: CommandQueue | None = None,
    now: Now = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
    on_wait: Callable[[str], None] = lambda why: None,
    is_shared: bool | None = None,
) -> ServeSummary:
    """Verify the bundle, connect, drive the signals until the end or a stop, hand them back.

    Args:
        config: what to serve, where.
        clock: for latencies, and for the pace with `realtime`.
        stop: looked at once a tick.
        on_tick: device time, the time at which the run will end (may be infinite) and a few words.
        connect: opens the device, again after it was lost.
        decider: makes the policies of a bundle's intersections.
        watchers: are told of the bundle and of every sound tick.
        board: where the state of the signals is shown to other threads.
        commands: of persons, on their way to the loop.
        now: the wall clock, for the latches.
        sleep: between two tries to connect again, and between two ticks with `realtime`.
        on_wait: told why, at every look while the device is tried.
        is_shared: whether other controllers can reach the device, too; None: if `connect` is the field's.

    Raises:
        BundleError: a file, a model or an answer is not what was exported.
        MismatchError: the network at the device is not the bundle's.
        DeviceError: the device is unreachable or was lost; whatever it still shows walks on by its stage program.
        StopError: a stop came while the device was tried.
        OwnerError: another controller on this machine has one of the signals.
        UsageError: the folder of the logs or of the latches cannot be used.
    """
    bundle = verify_bundle(config.bundle, config.trust)
    board = board or StatusBoard()
    commands = commands or CommandQueue()
    everybody = (*watchers, board)
    for watcher in everybody:
        watcher.begin(bundle)
    assignment = assign(
        bundle,
        config.intersections,
        sensing=load_sensing(config.sensing, bundle.network),
        priority=_priority(config, bundle),
    )
    latches = LatchStore(config.state, now)
    # once: whatever becomes of the folder, this process knows its own program again after every loss
    config = config.model_copy(update={"program": config.program or program_name(config.state)})
    _name_latched(latches, assignment.intersections)
    first = Generation(bundle=bundle, decider=decider(bundle, assignment.ids))
    policies = HotSwap(first, assignment.timings, probation_s=config.probation_s)
    store = None if config.state is None else WaitStore(config.state, assignment.ids, now)
    with contextlib.ExitStack() as stack:
        stack.callback(latches.close)
        is_shared = connect is connect_traci if is_shared is None else is_shared
        locks = SignalLocks(config.host, config.port, assignment.ids if is_shared else (), config.state)
        stack.enter_context(locks)
        if config.control is OperatingMode.ACTIVE:
            locks.take()
        kept = () if store is None else store.read()
        server = CommandServer(assignment, bundle, config, decider, commands, board, locks.take)
        journal = stack.enter_context(
            FolderJournal(config.events, header_of(config, assignment, bundle, latches, kept))
        )
        if config.events is not None:
            write_detectors(config.events, assignment.intersections)
        if config.takes_orders and config.state is not None:
            stack.enter_context(listening(config.state, server.answer))
        stack.callback(commands.close)
        service = Service(
            config, assignment, policies, latches, journal,
            clock=clock, sleep=sleep, watchers=everybody, commands=commands, kept=kept, store=store,
            on_wait=on_wait,
        )  # fmt: skip
        return service.run(connect, stop, on_tick, lambda device: RecordedDevice(device, journal))


def _priority(config: ServeConfig, bundle: Bundle) -> tuple[PriorityRule, ...]:
    """The rules of the site file, whose limits must be those that the policies were trained under."""
    if config.site is None:
        return ()
    site = read_site_file(config.site, bundle.network)
    check_bundle_fits(bundle, bundle.network, replace(site, weights=bundle.site.weights))
    return site.priority


def _name_latched(latches: LatchStore, intersections: Sequence[Intersection]) -> None:
    """Say which signals stay as they are, and what brings them back."""
    for intersection in intersections:
        if entry := latches.latched.get(intersection.id):
            log.warning(
                "%s: stays on its own program: the monitor tripped at %s (%s: %s); when it is repaired: "
                "leedctl reset-fault %s --state %s",
                entry.signal, entry.noted_at.isoformat(timespec="seconds"), entry.fault, entry.detail,
                entry.signal, latches.folder,
            )  # fmt: skip


def header_of(
    config: ServeConfig, assignment: Assignment, bundle: Bundle, latches: LatchStore, kept: Sequence[KeptWaits]
) -> Header:
    """The first line of a recording."""
    return Header(
        leed_version=__version__,
        envelope_digest=envelope_digest(),
        bundle=str(bundle.path.resolve()),
        bundle_digest=bundle.digest,
        network_digest=bundle.network.digest(),
        site_digest=bundle.site.digest,
        intersections=assignment.ids,
        latched=tuple(id_ for id_ in assignment.ids if id_ in latches.latched),
        operating_mode=config.control,
        until_s=config.until_s,
        lease_s=config.lease_s,
        probation_s=config.probation_s,
        sensing=None if assignment.sensing.kind is SensingKind.IDEAL else assignment.sensing,
        priority=assignment.priority,
        kept=tuple(kept),
    )
