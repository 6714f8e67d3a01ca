"""The HTTP client that asks a model's server: goes where it was sent, takes no more than it can use."""

from typing import Any

from openai import APIError, DefaultAsyncHttpxClient

MAX_BODY_BYTES = 4 << 20  # a plan has 8 kB, a list of a thousand models 1 MB


class UnusableReplyError(APIError):
    """A reply that was not taken in."""


class GuardedClient(DefaultAsyncHttpxClient):
    """Follows no redirect (prompts and key are for the address that was given), unpacks nothing, stops reading."""

    async def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401  # httpx or httpx2, by version
        """Send as the client does; the reply comes with its whole body, or not at all.

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
        # not the one that the server names: punycode takes hours, zlib unpacks, rot13 fails
        taken.encoding = "utf-8"
        return taken
