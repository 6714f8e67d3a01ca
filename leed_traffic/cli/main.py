"""`leedctl`: every command, and its end when one fails."""

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
from leed_traffic.cli.operate import mode_command, reload_command, replay_command, status_command
from leed_traffic.cli.serve import reset_fault_command, serve_command
from leed_traffic.cli.terminal.aside import keep_standard_files_open, silence, whether_heard_or_not
from leed_traffic.cli.terminal.former_words import keep_former_words
from leed_traffic.cli.terminal.help_text import let_flow
from leed_traffic.cli.terminal.neutral import shielded
from leed_traffic.cli.terminal.output import report_error
from leed_traffic.cli.terminal.refusals import told
from leed_traffic.cli.train import export_command, train_command
from leed_traffic.errors import ExitCode, LeedError, UsageError

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
    "jinja2": "sim",
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
    "5 backend or a worker lost, 6 monitor violation, 7 fallback at the end, 129/130/143 stopped after a clean "
    "hand-back.",
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
keep_former_words(app)
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
    """Do nothing: every command speaks for itself."""


def run() -> None:
    """Run a command: a LeedError or an OSError becomes one line and an exit code; a bug keeps its traceback.

    The exit code says what happened even where nothing can be said in words.
    """
    keep_standard_files_open()
    code: int | str | None = None
    try:
        code = _run()
    except SystemExit as leaving:
        code = leaving.code
    with whether_heard_or_not(sys.stderr):
        pass
    sys.exit(code if _is_result_out() or code else int(ExitCode.USAGE))


def _run() -> int:
    try:
        with shielded():
            app()
    except LeedError as error:
        return report_error(error)
    except OSError as error:  # a full disk, a folder that is none: outside the program, wherever it struck
        return report_error(told(error))
    except ModuleNotFoundError as error:
        extra = EXTRA_OF.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        hint = (
            f"this command needs {error.name}, which is not installed here; in the checkout: pip install "
            f"'.[{extra}]'"
        )
        return report_error(UsageError(hint))
    return int(ExitCode.OK)


def _is_result_out() -> bool:
    """Return whether stdout took all that was written to it."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError) as error:
        silence(sys.stdout)
        report_error(
            UsageError(f"the standard output: {getattr(error, 'strerror', None) or error}; the result is lost")
        )
        return False
    return True


if __name__ == "__main__":
    run()
