"""Commands for a running controller are checked here before the loop hears of them, never in its own thread."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.artifacts.policy import verify_bundle
from leed_traffic.artifacts.validation import first_fault
from leed_traffic.domain.document import Document
from leed_traffic.errors import ExitCode, LeedError, UsageError
from leed_traffic.serve.control.assignment import Assignment, check_successor
from leed_traffic.serve.control.commands import CommandQueue, Reload, Rollback, SetOperatingMode
from leed_traffic.serve.control.config import ServeConfig
from leed_traffic.serve.control.hot_swap import Decider, Generation
from leed_traffic.serve.operations.channel import CommandReply
from leed_traffic.serve.operations.status import StatusBoard, status_document
from leed_traffic.serve.safety.supervisor import OperatingMode

log = logging.getLogger(__name__)


class CommandLine(Document):
    """One line of a client."""

    command: Literal["reload", "rollback", "mode", "status"]
    bundle: str = ""  # for reload: its folder; empty: the folder of the start, read again
    mode: OperatingMode = OperatingMode.ACTIVE  # for mode


class CommandServer:
    """Checks a bundle as a start does, and that it fits what runs; hands sound commands to the loop."""

    def __init__(
        self,
        assignment: Assignment,
        running: Bundle,
        config: ServeConfig,
        decider: Callable[[Bundle, Sequence[str]], Decider],
        commands: CommandQueue,
        board: StatusBoard,
        own: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin without a command.

        Args:
            assignment: what is controlled.
            running: the bundle of the start.
            config: of the start.
            decider: makes the policies of a bundle's intersections.
            commands: queue to the loop.
            board: what the loop shows.
            own: makes this controller the owner of its signals, before it may drive them; raises OwnerError.
        """
        self._own = own
        self._assignment = assignment
        self._running = running
        self._config = config
        self._decider = decider
        self._commands = commands
        self._board = board
        self._checking = (
            threading.Lock()
        )  # one bundle at a time: its memory and its processor are the controller's

    def answer(self, line: bytes, who: str) -> CommandReply:
        """Return what to say to a client, once its command has been taken or refused."""
        try:
            request = CommandLine.model_validate_json(line)
            if request.command == "status":
                return self._status()
            said, digest = self._pass_on(request, who)
        except ValidationError as err:
            return CommandReply(exit_code=ExitCode.USAGE, said=f"not a command: {first_fault(err)}")
        except LeedError as err:
            log.warning("a command of %s was refused: %s", who, err)
            return CommandReply(exit_code=err.exit_code, said=str(err))
        except (OSError, ValueError) as err:  # a path of odd characters, or too long
            said = f"{request.bundle[:80]}: cannot be read: {getattr(err, 'strerror', None) or err}"
            log.warning("a command of %s was refused: %s", who, said)
            return CommandReply(exit_code=ExitCode.BUNDLE_REFUSED, said=said)
        log.warning("%s, by command of %s", said, who)
        return CommandReply(exit_code=ExitCode.OK, said=said, bundle=digest)

    def check(self, path: Path) -> Generation:
        """Check everything that a start checks, then the fit.

        Raises:
            BundleError: the bundle is not sound, or not signed as it must be.
            MismatchError: it was made for something else than what runs.
        """
        with self._checking:
            bundle = verify_bundle(path, self._config.trust)
            check_successor(bundle, self._running, self._assignment.ids)
            return Generation(bundle=bundle, decider=self._decider(bundle, self._assignment.ids))

    def _pass_on(self, request: CommandLine, who: str) -> tuple[str, str]:
        """Return what the loop says to a command, and the digest of the bundle that it is about."""
        if request.command == "reload":
            generation = self.check(Path(request.bundle) if request.bundle else self._config.bundle)
            return self._commands.post(Reload(generation=generation), who), generation.bundle.digest
        if request.command == "mode" and request.mode is OperatingMode.ACTIVE:
            self._own()
        command = Rollback() if request.command == "rollback" else SetOperatingMode(mode=request.mode)
        return self._commands.post(command, who), ""

    def _status(self) -> CommandReply:
        latest = self._board.latest
        if latest is None:
            raise UsageError("no tick yet: there is nothing to tell")
        said = f"{latest.control}, bundle {latest.bundle[:12]}, {self._board.health().status}"
        return CommandReply(
            exit_code=ExitCode.OK, said=said, status=status_document.dump_python(latest, mode="json")
        )
