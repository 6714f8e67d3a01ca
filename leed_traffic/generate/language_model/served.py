"""A language model behind one or several OpenAI-compatible servers, as vLLM's, asked over HTTP."""

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import openai
from openai import AsyncOpenAI

from leed_traffic.errors import DeviceError, LeedError, UsageError
from leed_traffic.generate.language_model.conversation import (
    MOST_TOKENS,
    ModelReply,
    OnReply,
    Question,
)
from leed_traffic.generate.language_model.guarded_client import GuardedClient
from leed_traffic.generate.language_model.plain_text import clean_text, one_line

API_KEY_VARIABLE = "LEED_MODEL_API_KEY"
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 20.0
HEALTH_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPatience:
    """Limits of waiting for a server and of asking again."""

    timeout_s: float = 300.0  # for one reply, from the question to its last byte
    # for a server that is not up, at the beginning or after it died; a vLLM takes 1 to 2 minutes
    start_s: float = 240.0
    attempts: int = 8  # of one question, overloads and lost connections alike


Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class _Server:
    """One address and what is under way there."""

    url: str
    client: AsyncOpenAI
    in_flight: int = 0
    is_up: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one at a time asks how it is
    watch: asyncio.Task[None] | None = None


class ServedModel:
    """A model behind one or several servers; each question goes to the one with the least under way."""

    def __init__(
        self,
        urls: Sequence[str],
        model: str,
        *,
        concurrency: int,
        patience: ServerPatience,
        clock: Clock,
        rng: Random,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            urls: as `http://host:8000/v1`.
            model: a name that the servers offer.
            concurrency: questions under way at a time, over all servers.
            patience: see there.
            clock: monotonic seconds.
            rng: for the jitter of pauses; replies do not depend on it.
            sleep: pauses; a test may shorten them.
        """
        self._urls = tuple(urls)
        self._model = model
        self._concurrency = concurrency
        self._patience = patience
        self._clock = clock
        self._rng = rng
        self._sleep = sleep
        self._servers: list[_Server] = []

    @property
    def name(self) -> str:
        """Name under which it is served."""
        return self._model

    def converse(self, questions: Sequence[Question], on_reply: OnReply) -> None:
        """See `LanguageModel`.

        Raises:
            DeviceError: a server stays away, or fails again and again.
            UsageError: the model is not served there, or the key is refused.
        """
        asyncio.run(self._converse(questions, on_reply))

    async def _converse(self, questions: Sequence[Question], on_reply: OnReply) -> None:
        self._servers = [_Server(url, self._client(url)) for url in self._urls]
        waiting = list(enumerate(questions))[::-1]

        async def work() -> None:
            while waiting:
                index, first = waiting.pop()
                question: Question | None = first
                while question is not None:
                    question = on_reply(index, await self._ask(question))

        try:
            async with asyncio.TaskGroup() as group:
                for server in self._servers:
                    group.create_task(self._await_model(server))
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._concurrency, len(questions))):
                    group.create_task(work())
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None  # one is enough to say: all tasks do the same
        finally:
            await self._close()

    def _client(self, url: str) -> AsyncOpenAI:
        return AsyncOpenAI(
            base_url=url,
            api_key=os.environ.get(API_KEY_VARIABLE, "none"),
            max_retries=0,
            timeout=self._patience.timeout_s,
            http_client=GuardedClient(timeout=self._patience.timeout_s),
            default_headers={"Accept-Encoding": "identity"},
        )

    async def _close(self) -> None:
        watches = [server.watch for server in self._servers if server.watch is not None]
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        await asyncio.gather(*(server.client.close() for server in self._servers))

    async def _ask(self, question: Question) -> ModelReply:
        """One reply, over as many attempts as patience allows."""
        attempt = 0
        failed: tuple[_Server, Exception] | None = None
        while True:
            attempt += 1
            server = self._choose(failed[0] if failed else None)
            began_s = self._clock()
            server.in_flight += 1
            try:
                async with asyncio.timeout(self._patience.timeout_s):
                    content = await self._send(server, question)
                return _reply(json.loads(content), self._clock() - began_s)
            except openai.BadRequestError as err:
                return ModelReply(text="", finish_reason="refused", fault=f"{server.url}: {_said(err)}")
            except (openai.APIError, TimeoutError, ValueError, RecursionError) as err:
                if attempt == self._patience.attempts or not _is_worth_another_try(err):
                    raise self._fault(server, err, attempt) from err
                failed = server, err
            finally:
                server.in_flight -= 1
            await self._recover(*failed, attempt)

    def _choose(self, avoided: _Server | None) -> _Server:
        """The server with the least under way; not one that is down or just failed, if there is another."""
        return min(self._servers, key=lambda server: (not server.is_up, server is avoided, server.in_flight))

    async def _send(self, server: _Server, question: Question) -> bytes:
        """The body of the server's reply, whatever it is."""
        messages: Any = [{"role": role, "content": content} for role, content in question.messages]
        form: Any = {"name": "plan", "schema": json.loads(question.schema), "strict": True}
        response = await server.client.chat.completions.with_raw_response.create(
            model=self._model,
            messages=messages,
            temperature=question.temperature,
            max_tokens=question.max_tokens,
            response_format={"type": "json_schema", "json_schema": form},
        )
        return response.content

    async def _recover(self, server: _Server, err: Exception, attempt: int) -> None:
        """Wait: for a server if none is up, else longer from attempt to attempt, with jitter."""
        lost = isinstance(err, openai.APIConnectionError) and not isinstance(err, openai.APITimeoutError)
        if lost or (isinstance(err, openai.APIStatusError) and err.status_code == 500):
            server.is_up = False
            if not any(other.is_up for other in self._servers):
                await self._await_health(server)
            elif server.watch is None or server.watch.done():
                server.watch = asyncio.create_task(self._watch(server))
        await self._sleep(self._pause(attempt))

    def _pause(self, attempt: int) -> float:
        """Seconds before the next attempt: doubled each time, with jitter so that not all come back at once."""
        longest_s = min(FIRST_PAUSE_S * 2.0 ** (attempt - 1), LONGEST_PAUSE_S)
        return longest_s * self._rng.uniform(0.5, 1.0)

    async def _watch(self, server: _Server) -> None:
        """Take a server that was lost back into service; while others serve, it may stay away."""
        with contextlib.suppress(LeedError):
            await self._await_health(server)

    async def _await_model(self, server: _Server) -> None:
        """Wait until the server is up and offers the model."""
        await self._await_health(server)
        try:
            async with asyncio.timeout(self._patience.timeout_s):
                response = await server.client.models.with_raw_response.list()
            served = _names(json.loads(response.content))
        except (openai.APIError, TimeoutError, ValueError, RecursionError) as err:
            raise self._fault(server, err, 1) from err
        if self._model not in served:
            found = one_line(", ".join(served)) or "no model"
            raise UsageError(f"{server.url}: serves {found}, not {self._model}; name one with --model")

    async def _await_health(self, server: _Server) -> None:
        """Poll until the server is well or its start takes too long; one without a health page counts as well."""
        until_s = self._clock() + self._patience.start_s
        attempt = 0
        address = server.url.rstrip("/").removesuffix("/v1") + "/health"
        async with server.turn:
            while not server.is_up:
                attempt += 1
                try:
                    async with asyncio.timeout(HEALTH_TIMEOUT_S):
                        await server.client.get(address, cast_to=object)
                    server.is_up = True
                except (ValueError, RecursionError):  # it answers; its page may be empty
                    server.is_up = True
                except (openai.APIError, TimeoutError) as err:
                    if not _is_worth_another_try(err):  # it has no such page, or shows it to nobody
                        server.is_up = True
                        continue
                    if self._clock() >= until_s:
                        raise DeviceError(
                            f"{server.url}: no model server answers ({_said(err)}), "
                            f"waited {self._patience.start_s:.0f} s; "
                            "start it (vllm serve MODEL) or correct --url; the same command goes on from here"
                        ) from err
                    await self._sleep(self._pause(attempt))

    def _fault(self, server: _Server, err: Exception, attempts: int) -> LeedError:
        """Describe in one line what is wrong and what to do."""
        if isinstance(err, openai.AuthenticationError | openai.PermissionDeniedError):
            return UsageError(f"{server.url}: refuses the key; set the environment variable {API_KEY_VARIABLE}")
        if isinstance(err, openai.APIStatusError) and 300 <= err.status_code < 400:
            place = one_line(err.response.headers.get("location", "nowhere"))
            return UsageError(
                f"{server.url}: redirects its clients, to {place}; give --url the address that answers itself"
            )
        if isinstance(err, openai.NotFoundError):
            return UsageError(
                f"{server.url}: {_said(err)}; --url must name an OpenAI-compatible server, ending in /v1"
            )
        if isinstance(err, openai.APITimeoutError | TimeoutError):
            return DeviceError(
                f"{server.url}: no reply within {self._patience.timeout_s:g} s in {attempts} attempts; "
                "lower --concurrency or raise --timeout; the same command goes on from here"
            )
        return DeviceError(
            f"{server.url}: {_said(err)}, {attempts} attempts; look at the server's log; "
            "the same command goes on from here"
        )


def _reply(completion: object, latency_s: float) -> ModelReply:
    """Completion of a server as a reply: nothing in it is as it should be until that was seen."""
    choices = _field(completion, "choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    content = _field(_field(choice, "message"), "content")
    usage = _field(completion, "usage")
    return ModelReply(
        text=clean_text(content) if isinstance(content, str) else "",
        finish_reason="length" if _field(choice, "finish_reason") == "length" else "stop",
        prompt_tokens=_count(_field(usage, "prompt_tokens")),
        reply_tokens=_count(_field(usage, "completion_tokens")),
        latency_s=round(latency_s, 3),
    )


def _names(listing: object) -> list[str]:
    """Ids of the models that a server says it has."""
    models = _field(listing, "data")
    ids = [_field(model, "id") for model in models] if isinstance(models, list) else []
    return [id_ for id_ in ids if isinstance(id_, str)]


def _field(document: object, name: str) -> object:
    return document.get(name) if isinstance(document, dict) else None


def _count(stated: object) -> int:
    """Tokens; 0 where no sensible number is stated."""
    return stated if isinstance(stated, int) and 0 <= stated < MOST_TOKENS else 0


def _is_worth_another_try(err: Exception) -> bool:
    """Return whether the same question may be answered later: overload, a lost connection, a dead engine."""
    if isinstance(err, openai.APIStatusError):
        return err.status_code in (408, 409, 425, 429) or err.status_code >= 500
    return True


def _said(err: Exception) -> str:
    """Message of the server, on one short line."""
    if isinstance(err, TimeoutError):
        return "no answer in time"
    return one_line(getattr(err, "message", err))
