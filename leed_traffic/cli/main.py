"""`leedctl`: every command, and what happens when one fails."""

import sys
from typing import Annotated

import typer

from leed_traffic import __version__
from leed_traffic.cli import bundle, planner, scenario, site
from leed_traffic.cli.benchmark import benchmark_command
from leed_traffic.cli.demo import demo_command
from leed_traffic.cli.doctor import doctor_command
from leed_traffic.cli.drill import drill_command, soak_command
from leed_traffic.cli.evaluate import evaluate_command
from leed_traffic.cli.generate import generate_command
from leed_traffic.cli.help_text import let_flow
from leed_traffic.cli.operate import mode_command, reload_command, replay_command, status_command
from leed_traffic.cli.output import report_error
from leed_traffic.cli.serve import reset_fault_command, serve_command
from leed_traffic.cli.train import export_command, train_command
from leed_traffic.errors import LeedError, UsageError

EXTRA_OF = {
    "torch": "train",
    "onnx": "train",
    "tensorboard": "train",
    "libsumo": "sim",
    "sumolib": "sim",
    "sumo": "sim",
    "pettingzoo": "sim",
    "matplotlib": "sim",
    "cryptography": "serve",
    "prometheus_client": "serve",
    "starlette": "serve",
    "uvicorn": "serve",
    "openai": "llm",
    "jinja2": "llm",
    "transformers": "planner",
    "tokenizers": "planner",
}

app = typer.Typer(
    name="leedctl",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Traffic-signal control from expert demonstrations: generate, train, export, serve, evaluate.",
    epilog="Exit codes: 0 ok, 1 limits exceeded, 2 usage or input, 3 bundle refused, 4 site or network mismatch, "
    "5 backend or a worker lost, 6 monitor violation, 7 fallback at the end, 130/143 stopped after a clean hand-back.",
)
app.add_typer(scenario.app, name="scenario")
app.add_typer(site.app, name="site")
app.add_typer(bundle.app, name="bundle")
app.add_typer(planner.app, name="planner")
app.command("generate")(generate_command)
app.command("train")(train_command)
app.command("export")(export_command)
app.command("serve")(serve_command)
app.command("reload")(reload_command)
app.command("mode")(mode_command)
app.command("status")(status_command)
app.command("replay")(replay_command)
app.command("reset-fault")(reset_fault_command)
app.command("drill")(drill_command)
app.command("soak")(soak_command)
app.command("evaluate")(evaluate_command)
app.command("benchmark")(benchmark_command)
app.command("demo")(demo_command)
app.command("doctor")(doctor_command)
let_flow(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"leedctl {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Nothing of its own: every command speaks for itself."""


def run() -> None:
    """Entry point: a LeedError, and what a file system refuses, become one line and an exit code; a bug keeps its traceback."""
    try:
        app()
    except LeedError as error:
        sys.exit(report_error(error))
    except OSError as error:  # a full disk, a folder that is none: outside the program, wherever it struck
        where = error.filename or "a file or connection"
        hint = "free some space, change its rights or choose another place; the same command goes on"
        sys.exit(report_error(UsageError(f"{where}: {error.strerror or error}; {hint}")))
    except ModuleNotFoundError as error:
        extra = EXTRA_OF.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        hint = f"this command needs {error.name}, which is not installed here; in the checkout: pip install '.[{extra}]'"
        sys.exit(report_error(UsageError(hint)))


if __name__ == "__main__":
    run()
