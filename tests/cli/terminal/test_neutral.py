import io
import json
import logging
import sys
import threading
import warnings

import pytest
from pydantic import BaseModel
from rich.table import Table
from rich.text import Text

from leed_traffic.cli.terminal.neutral import NeutralConsole, safe_json, shielded, visible
from leed_traffic.cli.terminal.output import print_json, print_table, report_error
from leed_traffic.errors import UsageError

HOSTILE = "a\x1b]0;owned\x07\x1b[31m\r\x9b2J\x7f\u202eb\udc80"
SHOWN = "a\\x1b]0;owned\\x07\\x1b[31m\\x0d\\x9b2J\\x7f\\u202eb\\udc80"
OBEYED = set("\x1b\x07\r\x9b\x7f\u202e\udc80")


def test_what_a_terminal_obeys_is_made_visible_and_nothing_else():
    assert visible(HOSTILE) == SHOWN
    plain = "Straße 7, ‘grün’: 50 % →\t…\n"
    assert visible(plain) == plain
    assert visible("one\nERROR two", in_one_line=True) == "one\\nERROR two"


def test_prints_and_log_lines_are_made_visible(monkeypatch):
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with shielded():
        print(HOSTILE)
        record = logging.LogRecord("x", logging.WARNING, "", 0, "%s: said", (HOSTILE + "\nC: forged",), None)
        logging.lastResort.handle(record)
    assert out.getvalue() == SHOWN + "\n"
    assert err.getvalue() == f"{SHOWN}\\nC: forged: said\n"
    assert (sys.stdout, sys.stderr) == (out, err)


def test_a_traceback_is_made_visible(monkeypatch):
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with shielded():
        pass
    try:
        raise UsageError(HOSTILE)
    except UsageError:
        sys.excepthook(*sys.exc_info())
    assert "Traceback (most recent call last)" in err.getvalue()
    assert not OBEYED & set(err.getvalue())


def test_what_a_thread_dies_of_and_a_library_warns_of_is_made_visible(monkeypatch):
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    for place, name in ((sys, "excepthook"), (threading, "excepthook"), (warnings, "showwarning")):
        monkeypatch.setattr(place, name, getattr(place, name))

    def die():
        raise UsageError(HOSTILE)

    with shielded(), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning(UserWarning(HOSTILE), UserWarning, "file.py", 1)
        thread = threading.Thread(target=die, name=HOSTILE)
        thread.start()
        thread.join()
        threading.excepthook(threading.ExceptHookArgs((SystemExit, SystemExit(3), None, thread)))
    said = err.getvalue()
    assert "file.py:1: UserWarning: a\\x1b]0;owned" in said
    assert "Exception in thread a\\x1b]0;owned" in said
    assert said.count("UsageError: a\\x1b]0;owned") == 1
    assert "SystemExit" not in said
    assert not OBEYED & set(said)


def test_a_console_keeps_its_own_colours_and_makes_the_rest_visible(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    console = NeutralConsole(force_terminal=True, color_system="truecolor", width=200, markup=True)
    table = Table()
    table.add_column("x")
    table.add_row(Text(HOSTILE))
    with shielded():
        console.print("[bold red]error[/] " + HOSTILE.replace("[", "\\[") + " [green]fine[/]")
        console.print(table)
    written = out.getvalue()
    assert "\x1b[1;31merror" in written
    assert "\x1b[32mfine" in written
    assert "\x1b[31m" not in written
    assert "owned\x07" not in written
    assert not OBEYED - {"\x1b"} & set(written)


def test_tables_and_errors_show_a_hostile_text_whole_and_on_one_line(capsys):
    with shielded():
        print_table(HOSTILE[:9], ["id"], [[HOSTILE], ["[red]no markup[/]"], ["two\nlines"]])
        report_error(UsageError(f"{HOSTILE}: not here"))
    out, err = capsys.readouterr()
    assert SHOWN in out
    assert "[red]no markup[/]" in out
    assert "two\\nlines" in out
    assert not OBEYED & set(out + err)
    assert "not here" in err


class Document(BaseModel):
    said: str


@pytest.mark.parametrize("document", [Document(said=HOSTILE[:-1]), {"said": HOSTILE[:-1]}])
def test_json_is_whole_and_holds_nothing_that_a_terminal_obeys(document, capsys):
    with shielded():
        print_json(document)
    out, _ = capsys.readouterr()
    assert json.loads(out) == {"said": HOSTILE[:-1]}
    assert not OBEYED & set(out)


def test_a_document_without_such_codes_is_untouched():
    text = '{"said": "grün\\n\\u0007"}'
    assert safe_json(text) is text or safe_json(text) == text


def test_streams_that_were_closed_at_the_start_are_left_as_they_are(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with shielded():
        assert sys.stdout is None
        print("nobody hears this")
        sys.excepthook(ValueError, ValueError("nor this"), None)
