"""The HTTP client through which a language model's server is asked: goes where it was sent, takes no more than it can use."""

from typing import Any

from openai import APIError, DefaultAsyncHttpxClient

MAX_BODY_BYTES = 4 << 20  # a plan has 8 kB, a list of a thousand models 1 MB


class UnusableReplyError(APIError):
    """A reply that was not taken in."""


class GuardedClient(DefaultAsyncHttpxClient):
    """Follows no redirect, for prompts and key are for the address that a person gave; unpacks nothing, and stops reading."""

    async def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401  # the library beneath openai has changed its name
        """As the client does, with the whole body, or not at all.

        Raises:
            UnusableReplyError: the body is packed or has no end.
        """
        response = await super().send(request, **{**options, "stream": True, "follow_redirects": False})
        body = bytearray()
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise UnusableReplyError("the reply is packed, which was not asked for", request, body=None)
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise UnusableReplyError(f"the reply has over {MAX_BODY_BYTES >> 20} MiB", request, body=None)
        finally:
            await response.aclose()
        taken = type(response)(
            response.status_code, headers=response.headers, content=bytes(body), request=request
        )
        taken.encoding = (
            "utf-8"  # not the one that the server names: punycode takes hours, zlib unpacks, rot13 fails
        )
        return taken
