import re
import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from leed_traffic import __version__
from leed_traffic.cli import main
from leed_traffic.cli.terminal.former_words import FORMER
from leed_traffic.errors import LeedError, SiteError

WITHOUT_RESULTS = {
    ("reset-fault",),
    ("mode",),
    ("bundle", "keygen"),
    ("bundle", "sign"),
}  # they change files and print no figures

OPTIONS = {  # that users rely on; more may come
    "generate": (
        "out author plans runs seeds workers site spread seed decision-interval reach sensing json url "
        "model replay rounds candidates repairs concurrency temperature timeout start-timeout"
    ),
    "train": (
        "out demonstrations episodes episodes-per-update workers engine address seed site spread "
        "decision-interval reach cloning-steps critic-steps dagger-rounds follow-worse-expert expert-"
        "weight fixed-weight gate similarity sharing sensing detector-faults reward advantage-beta "
        "validation-seeds resume json"
    ),
    "export": "out json",
    "serve": (
        "scenario connect mode seed intersections events port order num-clients deadline-s state trust "
        "metrics-port retry until sensing site realtime probation status-port status-host adopt allowed-"
        "host json"
    ),
    "reload": "rollback state place pid wait json",
    "mode": "state place pid",
    "status": "state place pid json",
    "replay": "json",
    "reset-fault": "state place who",
    "drill": "full seed only at json",
    "soak": "hours seed json",
    "evaluate": ("controllers seeds site spread decision-interval sensing workers reference out report show json"),
    "benchmark": (
        "out learners site training-seeds evaluation-seeds validation-seeds episodes long-episodes "
        "search-runs workers list json"
    ),
    "demo": "out workers seeds json",
    "doctor": "json",
    "scenario detectors": "out sensing kind reach json",
    "scenario import": (
        "out routes additional counts begin end per-hour seed spread left-hand guess-signals walkers json"
    ),
    "scenario check": "seed fix json",
    "scenario list": "json",
    "scenario build": "out grid irregular seed json",
    "site derive": "out json",
    "site verify": "site decision-interval json",
    "bundle inspect": "json",
    "bundle verify": "trust json",
    "bundle sign": "key",
    "planner lessons": "out junctions drawn seed workers json",
    "planner train": "out epochs hidden layers threads seed json",
    "planner examine": "url model out junctions rounds candidates temperature seed json",
}


def commands(group=None, path=()):
    group = group or get_command(main.app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_explains_itself_with_examples_and_speaks_json(path):
    result = CliRunner().invoke(main.app, [*path, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", result.output)
    assert "Examples:" in text
    assert f"leedctl {' '.join(path)}" in text
    if path not in WITHOUT_RESULTS:
        assert "--json" in text


def test_the_version_is_told_and_nothing_else():
    result = CliRunner().invoke(main.app, ["--version"])
    assert result.output == f"leedctl {__version__}\n"


def failing(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (LeedError("net.xml: broken\nat line 3"), 2, "error LeedError: net.xml: broken at line 3"),
        (SiteError("J1: two stages"), 4, "error SiteError: J1: two stages"),
        (
            OSError(28, "No space left on device", "/logs/x"),
            2,
            "error UsageError: /logs/x: No space left on device; free some",
        ),
        (
            ModuleNotFoundError("x", name="torch"),
            2,
            "needs torch, which is not installed here; in the checkout: pip install '.[train]'",
        ),
    ],
)
def test_a_fault_of_the_world_is_one_line_and_its_exit_code(error, code, line, monkeypatch, capsys):
    monkeypatch.setattr(main, "app", failing(error))
    with pytest.raises(SystemExit) as stop:
        main.run()
    assert stop.value.code == code
    out, err = capsys.readouterr()
    assert out == ""
    assert line in " ".join(err.split())


@pytest.mark.parametrize("error", [KeyError("bug"), ModuleNotFoundError("x", name="leed_traffic.nonsense")])
def test_a_bug_keeps_its_traceback(error, monkeypatch):
    monkeypatch.setattr(main, "app", failing(error))
    with pytest.raises(type(error)):
        main.run()


def test_a_misspelt_option_is_a_usage_error():
    run = subprocess.run(
        [sys.executable, "-m", "leed_traffic.cli.main", "evaluate", "crossing", "--nonsense"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 2
    assert "No such option" in run.stderr
    assert run.stdout == ""


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_that_users_rely_on_is_there_by_its_name_or_as_a_former_word(name):
    command = get_command(main.app)
    for word in name.split():
        command = command.commands[word]
    former = {option.removeprefix("--") for option in FORMER.get(name, {})}
    there = {option.removeprefix("--") for parameter in command.params for option in parameter.opts}
    assert set(OPTIONS[name].split()) <= there | former
