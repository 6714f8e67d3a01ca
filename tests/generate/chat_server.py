"""A small real HTTP server that speaks the OpenAI chat API and answers as a test tells it to."""

import hashlib
import json
import random
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DROP = "drop"  # close the connection in the middle of the reply
DRIP = "drip"  # a byte now and then, for as long as somebody listens
ENDLESS = "endless"  # a reply without end


@dataclass
class Answer:
    """What the server does with one request."""

    text: str = ""
    status: int = 200
    body: bytes | None = None  # instead of a completion, as it is
    finish_reason: str = "stop"
    delay_s: float = 0.0
    how: str = ""
    headers: dict = field(default_factory=dict)


@dataclass
class ChatServer:
    """Serves in threads of its own; `script(request, n)` answers the n-th chat request (from 0)."""

    script: object
    models: tuple = ("tiny",)
    key: str | None = None
    port: int = 0
    requests: list = field(default_factory=list)
    answered: list = field(default_factory=list)  # prompts whose reply went out whole
    most_in_flight: int = 0
    course: list = field(default_factory=list)  # (second, requests in flight from then on)
    is_healthy: bool = True
    well: int = 200  # the status by which it says so
    elsewhere: str = ""  # where callers of its list of models are sent
    n_bytes: int = 0  # of endless replies, until nobody listened any more

    def __post_init__(self):
        self._lock, self._in_flight, self._server = threading.Lock(), 0, None

    def __enter__(self):
        class Server(ThreadingHTTPServer):
            request_queue_size = 256  # as a real server's backlog: a burst of connections is not refused
            daemon_threads = True

            def handle_error(self, request, client_address):
                """A client that went away is its own affair."""

        handler = type("Handler", (_Handler,), {"chat": self})
        self._server = Server(("127.0.0.1", self.port), handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def mean_in_flight(self, full):
        """Over the time from the first moment with so many to the arrival of the last request."""
        first = next(k for k, (_, n) in enumerate(self.course) if n == full)
        last = max(k for k in range(1, len(self.course)) if self.course[k][1] > self.course[k - 1][1])
        spans = [(self.course[k + 1][0] - self.course[k][0], self.course[k][1]) for k in range(first, last)]
        return sum(seconds * n for seconds, n in spans) / sum(seconds for seconds, _ in spans)

    def answer(self, request):
        with self._lock:
            n = len(self.requests)
            self.requests.append(request)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            self.course.append((time.monotonic(), self._in_flight))
        answer = self.script(request, n)
        if answer.delay_s:
            time.sleep(answer.delay_s)
        return answer

    def leave(self, request, *, whole):
        with self._lock:
            self._in_flight -= 1
            self.course.append((time.monotonic(), self._in_flight))
            if whole:
                self.answered.append(prompt_of(request))


class _Handler(BaseHTTPRequestHandler):
    chat: ChatServer
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/health":
            self._send(self.chat.well if self.chat.is_healthy else 503, b"")
        elif not self._may():
            self._send(401, b'{"error": {"message": "no key"}}')
        elif self.path == "/v1/models" and self.chat.elsewhere:
            self._send(302, b"", {"Location": self.chat.elsewhere})
        elif self.path == "/v1/models":
            models = [{"id": name, "object": "model", "created": 0, "owned_by": "x"} for name in self.chat.models]
            self._send(200, json.dumps({"object": "list", "data": models}).encode())
        else:
            self._send(404, b'{"error": {"message": "not found"}}')

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._may():
            self._send(401, b'{"error": {"message": "no key"}}')
            return
        answer = self.chat.answer(request)
        whole = False
        try:
            if answer.how == DROP:
                self._drop()
                return
            if answer.how in (DRIP, ENDLESS):
                self._go_on(answer.how)
                return
            body = answer.body if answer.body is not None else completion(answer)
            self._send(answer.status, body, answer.headers)
            whole = answer.status == 200
        finally:
            self.chat.leave(request, whole=whole)

    def _may(self):
        return self.chat.key is None or self.headers.get("Authorization") == f"Bearer {self.chat.key}"

    def _drop(self):
        self.wfile.write(
            b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"id": '
        )
        self.wfile.flush()
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _go_on(self, how):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):
            for _ in range(200):  # 10 s, 50 MiB
                self.wfile.write(b" " if how == DRIP else b" " * (1 << 18))
                self.wfile.flush()
                self.chat.n_bytes += 1 if how == DRIP else 1 << 18
                time.sleep(0.05 if how == DRIP else 0.0)

    def _send(self, status, body, headers=()):
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **dict(headers),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Quiet."""


def completion(answer):
    choice = {
        "index": 0,
        "finish_reason": answer.finish_reason,
        "message": {"role": "assistant", "content": answer.text},
    }
    usage = {"prompt_tokens": 1700, "completion_tokens": max(1, len(answer.text) // 4), "total_tokens": 0}
    return json.dumps(
        {
            "id": "c",
            "object": "chat.completion",
            "created": 0,
            "model": "tiny",
            "choices": [choice],
            "usage": usage,
        }
    ).encode()


def prompt_of(request):
    return json.dumps(request["messages"])


def sample(schema, rng):
    """Any value that a schema allows."""
    if "anyOf" in schema:
        return sample(rng.choice(schema["anyOf"]), rng)
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kind = schema["type"]
    if kind == "object":
        names = [n for n in schema["properties"] if n in schema["required"] or rng.random() < 0.5]
        return {name: sample(schema["properties"][name], rng) for name in names}
    if kind == "array":
        first = schema.get("prefixItems", [])
        size = rng.randint(schema.get("minItems", 0), schema["maxItems"])
        return [sample(first[k] if k < len(first) else schema["items"], rng) for k in range(size)]
    if kind == "integer":
        return rng.randint(schema["minimum"], schema["maximum"])
    return None if kind == "null" else f"Plan {rng.randrange(10**6)}."


def priority_reply(request):
    """A sound priority plan, another for every prompt, as the schema sent along allows it."""
    seed = int(hashlib.sha256(prompt_of(request).encode()).hexdigest()[:12], 16)
    schema = request["response_format"]["json_schema"]["schema"]
    schema = schema.get("anyOf", [schema])[0]  # the last repair asks for this form alone
    return json.dumps(sample(schema, random.Random(seed)))


def willing(request, n):
    """Answers every question with a sound plan."""
    return Answer(text=priority_reply(request))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
