"""The server under the status page: whatever comes to its port, it holds few connections, each for a short time.

One request per connection, no bodies, heads up to 16 KiB. At most READERS connections are open: the next one costs
the oldest that has asked for nothing yet, so a reader that asks at once is answered although many hold the line. A
name in the Host header that is not allowed is refused: a page elsewhere whose name is pointed at this address (DNS
rebinding) reads nothing.
"""

import asyncio
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from leed_traffic.errors import UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

READERS = 32  # connections at once
QUEUE = 1024  # that wait in the kernel, which takes no descriptor; of them READERS are let in at a time
CONNECTION_S = 10.0  # s from its beginning to its end, whatever it does
HEAD_BYTES = 16 * 1024
STOP_S = 5.0
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """An address to listen at."""

    option: str  # of the command line, for messages
    host: str
    port: int  # 0 takes a free one


@contextmanager
def serving(app: "ASGIApp", place: Listen, allowed_hosts: Sequence[str]) -> Iterator[str]:
    """Serve an application while the context lasts; yield its address.

    Raises:
        UsageError: the place cannot be used.
    """
    hosts = frozenset(_plain(host) for host in (*LOCAL_HOSTS, place.host, *allowed_hosts))
    with _listen(place) as listener:
        server = uvicorn.Server(
            uvicorn.Config(
                Doorkeeper(app, hosts), lifespan="off", log_level="critical", access_log=False, http=BriefConnection, ws="none",
                backlog=READERS, h11_max_incomplete_event_size=HEAD_BYTES, headers=[("connection", "close")],
                timeout_graceful_shutdown=1, server_header=False,
            )
        )  # fmt: skip
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="leed-status", daemon=True
        )
        thread.start()
        while thread.is_alive() and not server.started:
            time.sleep(0.005)
        listener.listen(QUEUE)
        try:
            yield _address(listener)
        finally:
            server.should_exit = True
            thread.join(STOP_S)


class BriefConnection(H11Protocol):
    """A connection that ends in time, and makes room when there are too many."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin its time; the oldest that has asked for nothing yields to it."""
        super().connection_made(transport)
        self._since_s = self.loop.time()
        self._has_yielded = False
        self._end = self.loop.call_later(CONNECTION_S, transport.abort)
        others = [
            c for c in self.connections if isinstance(c, BriefConnection) and c is not self and not c._has_yielded
        ]
        if len(others) >= READERS:
            min(others, key=lambda c: (c.cycle is not None, c._since_s)).make_room()

    def make_room(self) -> None:
        """End at once; the event loop lets go of it in its next round."""
        self._has_yielded = True
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._end.cancel()
        super().connection_lost(exc)


class Doorkeeper:
    """Lets requests through to the application that name an allowed host and bring nothing along."""

    def __init__(self, app: "ASGIApp", hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer, or let the application answer."""
        headers = Headers(scope=scope)
        answer: ASGIApp = self._app
        if not self._is_allowed(headers.get("host", ""), scope):
            answer = PlainTextResponse(
                "this name is not among the allowed hosts; see serve --allowed-host\n", status_code=421
            )
        elif headers.get("content-length", "0").strip("0") or "transfer-encoding" in headers:
            answer = PlainTextResponse("no request here has a body\n", status_code=413)
        await answer(scope, receive, send)

    def _is_allowed(self, header: str, scope: "Scope") -> bool:
        """By the list, or by the very address that was reached: no name of somebody else's leads there as an address."""
        host = _plain(header.rpartition(":")[0] if _has_port(header) else header)
        reached = scope.get("server")
        return host in self._hosts or (reached is not None and _is_address(host) and host == _plain(reached[0]))


def _has_port(header: str) -> bool:
    name, colon, port = header.rpartition(":")
    return bool(colon) and port.isdecimal() and (":" not in name or name.endswith("]"))


def _plain(host: str) -> str:
    """One spelling of a name or address."""
    host = host.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _listen(place: Listen) -> socket.socket:
    if not 0 <= place.port <= 65535:
        raise UsageError(f"{place.option} {place.port}: expected 0 to 65535, where 0 takes a free one")
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        return socket.create_server(address[:2], family=family, backlog=READERS)
    except (OSError, UnicodeError) as err:
        said = getattr(err, "strerror", None) or err
        raise UsageError(
            f"{place.option} {place.port} at {place.host}: cannot be used: {said}; choose another"
        ) from err


def _address(listener: socket.socket) -> str:
    name: tuple[Any, ...] = listener.getsockname()
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"http://{host}:{name[1]}/"
