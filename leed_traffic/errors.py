"""Everything that the world, not the caller, can do wrong.

LeedError                     exit code
├── ScenarioError      2   a net, demand or scenario file is missing or broken
├── PlanError          2   a plan does not fit its intersection
├── DemonstrationError 2   a demonstration folder is missing, broken or was made for something else
├── TrainingError      2   a checkpoint or a training setting is unusable
├── UsageError         2   an option's value makes no sense here
├── OwnerError         2   another controller on this machine owns a signal
├── BundleError        3   a bundle is incomplete, altered or unreadable
├── SiteError          4   a site file is broken or does not fit the network
├── MismatchError      4   two sound artefacts do not belong together (bundle and network, decision intervals)
├── WorkerError        5   a process that simulates for us was killed
├── DeviceError        5   the signal backend is unreachable, refuses or was lost
└── StopError    129, 130, 143   a person stopped the program before it held a signal (5: after it had lost them)

A message says where, what, expected, got, and what to do, on one line:
`models/j12: made for 9 lanes, junction j12 has 8; export it again`.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What `leedctl` returns to the shell."""

    OK = 0
    LIMITS_EXCEEDED = 1  # finished, with trips or overrides over the limit
    USAGE = 2
    BUNDLE_REFUSED = 3
    MISMATCH = 4
    BACKEND_LOST = 5
    MONITOR_VIOLATION = 6
    FALLBACK_AT_END = 7
    HUNG_UP = 129  # SIGHUP: the terminal has gone; after a clean hand-back or before a signal was touched
    INTERRUPTED = 130  # SIGINT, after a clean hand-back or before a signal was touched
    TERMINATED = 143  # SIGTERM, likewise


class LeedError(Exception):
    """A fault outside the program, said in one line."""

    exit_code: ExitCode = ExitCode.USAGE


class ScenarioError(LeedError):
    """A net, demand or scenario file is missing or broken."""


class PlanError(LeedError):
    """A plan does not fit its intersection."""


class DemonstrationError(LeedError):
    """A demonstration folder is missing, broken or was made for something else."""


class TrainingError(LeedError):
    """A checkpoint or a training setting is unusable."""


class UsageError(LeedError):
    """An option's value makes no sense here."""


class OwnerError(LeedError):
    """Another controller on this machine owns a signal."""


class BundleError(LeedError):
    """A bundle is incomplete, altered or unreadable."""

    exit_code = ExitCode.BUNDLE_REFUSED


class SiteError(LeedError):
    """A site file is broken or does not fit the network."""

    exit_code = ExitCode.MISMATCH


class MismatchError(LeedError):
    """Two sound artefacts do not belong together."""

    exit_code = ExitCode.MISMATCH


class WorkerError(LeedError):
    """A process that simulates for us was killed."""

    exit_code = ExitCode.BACKEND_LOST


class DeviceError(LeedError):
    """The signal backend is unreachable, refuses or was lost."""

    exit_code = ExitCode.BACKEND_LOST


class StopError(LeedError):
    """A person stopped the program while it had no signal in its hands."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code
