"""The one port of a controller: read-only, in a thread of its own, off unless asked for.

    /             one page, self-contained, draws itself anew every second
    /status.json  what the page draws
    /health       200 while signals are led or run by themselves (degraded counts as ready), 503 before the first tick and
                  when no sound tick has come for 30 s
    /metrics      for Prometheus

The loop puts a picture on the board after each tick and knows nothing of readers: a page that is slow, broken or
besieged costs readers their page. How many readers there may be, for how long and under which names:
serve/operations/page_server.py.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING

from leed_traffic.serve.operations.metrics import Metrics
from leed_traffic.serve.operations.page_server import Listen, serving
from leed_traffic.serve.operations.status import StatusBoard, status_document

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response


@contextmanager
def published(
    board: StatusBoard, metrics: Metrics, place: Listen, allowed_hosts: Sequence[str] = ()
) -> Iterator[str]:
    """Serve the page while the context lasts; yield its address.

    Args:
        board: what is shown.
        metrics: the figures for Prometheus.
        place: where to listen.
        allowed_hosts: names under which readers may come, beside localhost and the place's own.

    Raises:
        UsageError: the place cannot be used.
    """
    with serving(page(board, metrics), place, allowed_hosts) as address:
        yield address


def page(board: StatusBoard, metrics: Metrics) -> "Starlette":
    """Return the application of the four addresses."""
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
    from starlette.routing import Route

    document = files("leed_traffic.serve.operations").joinpath("status_page.html").read_text(encoding="utf-8")
    headers = _headers(document)

    async def index(request: "Request") -> "Response":
        return HTMLResponse(document, headers=headers)

    async def status(request: "Request") -> "Response":
        latest = board.latest
        health = board.health()
        shown = None if latest is None else status_document.dump_python(latest, mode="json")
        return JSONResponse({"health": asdict(health), "status": shown}, headers=headers)

    async def health(request: "Request") -> "Response":
        found = board.health()
        return JSONResponse(asdict(found), status_code=200 if found.is_ready else 503, headers=headers)

    async def figures(request: "Request") -> "Response":
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return PlainTextResponse(
            generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST, headers=headers
        )

    pages = {"/": index, "/status.json": status, "/health": health, "/metrics": figures}
    return Starlette(routes=[Route(path, answer) for path, answer in pages.items()])


def _headers(document: str) -> dict[str, str]:
    """Nothing runs on the page but what this file holds, and nothing is fetched but from here."""
    style, script = (re.findall(rf"<{tag}>(.*?)</{tag}>", document, re.DOTALL) for tag in ("style", "script"))
    policy = {
        "default-src": "'none'",
        "connect-src": "'self'",
        "style-src": " ".join(map(_hash, style)),
        "script-src": " ".join(map(_hash, script)),
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
