"""Settings of the language model that the author `vllm` asks."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field

from leed_traffic.domain.document import Settings
from leed_traffic.errors import UsageError


class ModelConfig(Settings):
    """Language model (--author vllm)."""

    urls: tuple[str, ...] = ()
    """Model server (OpenAI-compatible), as http://HOST:8000/v1; repeat for several."""
    model: str | None = None
    """Name that the servers offer; without --url the model that vLLM loads here."""
    replay: Path | None = None
    """Transcripts of an earlier run; no model is asked."""
    rounds: int = Field(default=3, ge=1, le=50)
    """At most; two without gain end it."""
    candidates: int = Field(default=4, ge=1, le=64)
    """Plans per intersection and round."""
    repairs: int = Field(default=2, ge=0, le=10)
    """Times that a refused plan goes back to the model with the reason."""
    concurrency: int = Field(default=64, ge=1, le=1024)
    """Questions under way at a time."""
    temperature: float = Field(default=0.7, ge=0.0, le=2.0)
    """More gives more varied plans."""
    max_tokens: int = Field(default=1500, ge=50)
    """Longest reply."""
    timeout_s: float = Field(default=300.0, gt=0.0)
    """Seconds for one reply."""
    start_s: float = Field(default=240.0, ge=0.0)
    """Seconds for a server to come up, or back."""
    attempts: int = Field(default=8, ge=1)
    """Attempts at one question, where the server is overloaded or lost."""


def check_model(config: ModelConfig) -> None:
    """Refuse settings that name no model, or no server.

    Raises:
        UsageError: what is missing, and an example.
    """
    if config.replay is not None and config.urls:
        raise UsageError("--replay asks no server; leave --url out")
    if config.replay is None and not config.model:
        raise UsageError(
            "--author vllm: name the model: --url http://HOST:8000/v1 --model NAME, or --model PATH, or "
            "--replay FILE"
        )
    for url in config.urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise UsageError(f"--url {url}: expected an address as http://HOST:8000/v1")
