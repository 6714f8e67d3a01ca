import pytest
from typer.main import get_command
from typer.testing import CliRunner

from leed_traffic.cli.main import app
from leed_traffic.cli.terminal.former_words import FORMER, renew

WORDS = {"--engine": "--backend", "--author vllm": "--author language-model"}


@pytest.mark.parametrize(
    ("given", "renewed", "n_lines"),
    [
        (["crossing", "--backend", "ray"], ["crossing", "--backend", "ray"], 0),
        (["crossing", "--engine", "ray"], ["crossing", "--backend", "ray"], 1),
        (["--engine=ray", "crossing"], ["--backend=ray", "crossing"], 1),
        (["--author", "vllm", "--engine", "ray"], ["--author", "language-model", "--backend", "ray"], 2),
        (["--author=vllm"], ["--author=language-model"], 1),
        (["--model", "vllm"], ["--model", "vllm"], 0),
        (["--", "--engine"], ["--", "--engine"], 0),
        ([], [], 0),
    ],
)
def test_an_old_word_becomes_the_new_one_with_a_line(given, renewed, n_lines):
    words, lines = renew(given, WORDS)
    assert words == renewed
    assert len(lines) == n_lines


def test_the_line_names_both_words():
    assert renew(["--engine", "ray"], WORDS)[1] == ["--engine goes with the next version: it is --backend now"]


def test_an_old_option_of_a_command_still_works_and_says_so_on_stderr():
    shown = CliRunner().invoke(app, ["serve", "none", "--connect", "localhost:1", "--deadline-s", "0"])
    assert str(shown.exception) == "--deadline 0.0: need more than 0"
    assert shown.stderr == "--deadline-s goes with the next version: it is --deadline now\n"
    assert shown.stdout == ""


@pytest.mark.parametrize("name", FORMER)
def test_every_new_word_is_an_option_and_no_old_one_is(name):
    options = {flag for parameter in get_command(app).commands[name].params for flag in parameter.opts}
    for old, new in FORMER[name].items():
        assert new.split()[0] in options
        assert old.split()[0] not in options or " " in old
