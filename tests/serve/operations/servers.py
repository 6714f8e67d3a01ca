"""A command server for a running crossing bundle."""

from leed_traffic.artifacts.policy import Policy
from leed_traffic.errors import ExitCode
from leed_traffic.serve.control.assignment import assign
from leed_traffic.serve.control.commands import CommandQueue
from leed_traffic.serve.operations.channel import CommandReply
from leed_traffic.serve.operations.command_server import CommandServer
from leed_traffic.serve.operations.status import StatusBoard
from leed_traffic.serve.run import ServeConfig
from tests.serve.bundles import write_crossing_bundle


def say_yes(line, who):
    return CommandReply(exit_code=ExitCode.OK, said=f"{line.decode()} by {who}")


def a_server(folder, **changes):
    """A command server for a running crossing bundle, its commands and the bundle."""
    running_bundle = write_crossing_bundle(folder / "running")
    config = ServeConfig(bundle=running_bundle.path, port=1, **changes)
    commands = CommandQueue()
    return (
        CommandServer(assign(running_bundle, None), running_bundle, config, Policy, commands, StatusBoard()),
        commands,
        running_bundle,
    )
