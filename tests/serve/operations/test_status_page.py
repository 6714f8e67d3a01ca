import json
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from dataclasses import replace

import pytest

from leed_traffic.serve.operations.status import StatusBoard
from tests.serve.operations.clients import blind, get, open_page
from tests.serve.operations.test_metrics import drive_watched
from tests.serve.test_run import fake

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def test_the_page_answers_before_during_and_after_a_run(crossing_bundle):
    board = StatusBoard()
    with open_page(board) as address:
        assert get(address + "health")[0] == 503
        assert json.loads(get(address + "status.json")[2])["status"] is None
        drive_watched(crossing_bundle, board, until_s=30.0)
        code, headers, text = get(address)
        assert code == 200
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "http" not in re.sub(r"http-equiv", "", text), "it fetches nothing from elsewhere"
        answer = json.loads(get(address + "status.json")[2])
        assert answer["status"]["signals"][0]["id"] == "C"
        assert get(address + "metrics")[0] == 200
        assert get(address + "etc/passwd")[0] == 404
        assert get(address + "health")[0] == 200
    with pytest.raises(urllib.error.URLError):
        get(address)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
@pytest.mark.parametrize(("width", "device"), [(1200, fake), (500, blind)])
def test_a_browser_draws_the_page(crossing_bundle, tmp_path, width, device):
    board = StatusBoard()
    drive_watched(crossing_bundle, board, device=device(), until_s=40.0)
    joined = replace(board.latest.signals[0], id="cluster_" + "_".join(str(10_000_000_000 + k) for k in range(11)))
    board.latest = replace(board.latest, signals=(*board.latest.signals, joined))
    with open_page(board) as address:
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ]
        options += [
            f"--user-data-dir={tmp_path}",
            f"--window-size={width},900",
            "--virtual-time-budget=3000",
            "--dump-dom",
        ]
        drawn = subprocess.run(
            [CHROMIUM, *options, address], capture_output=True, text=True, check=True, timeout=120.0
        )
    assert 'class="lamp G"' in drawn.stdout
    assert ">C<" in drawn.stdout
    assert f'title="{joined.id}">cluster_1000000000…000000010<' in drawn.stdout
    assert "monitor violations" in drawn.stdout
    shown = drawn.stdout.partition("<script>")[0]
    assert "does not answer" not in shown
    assert ("none: inside not seen" in shown) == (device is blind)


def test_the_page_may_be_read_while_the_loop_draws(crossing_bundle):
    board, seen, is_over = StatusBoard(), set(), threading.Event()

    def read():
        while not is_over.is_set():
            if board.latest is not None:
                seen.add((board.latest.time_s, board.latest.ticks))
            time.sleep(0.0005)

    reader = threading.Thread(target=read)
    reader.start()
    drive_watched(crossing_bundle, board, until_s=100.0)
    is_over.set()
    reader.join(5.0)
    assert all(ticks == time_s + 1.0 for time_s, ticks in seen), "a picture of two ticks at once"
