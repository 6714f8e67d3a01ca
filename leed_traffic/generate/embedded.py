"""Embedded authors that try their starts and improve nothing: Webster's method, and plans that somebody else wrote."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from leed_traffic.artifacts.plans_file import read_plans
from leed_traffic.errors import UsageError
from leed_traffic.generate.author import Author
from leed_traffic.generate.bench import Plans
from leed_traffic.generate.brief import Brief
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.progress import OnAsking
from leed_traffic.generate.schedule import AUTHOR_SEEDS, Schedule
from leed_traffic.generate.search.starts import webster_starts
from leed_traffic.simulation.env.env_spec import EnvSpec


class WebsterAuthor(Author):
    """Fixed-time plans by Webster's method, each signal with its own cycle or all with one."""

    name = AuthorName.WEBSTER
    schedule = Schedule(n_starts=2)

    @classmethod
    @contextmanager
    def open(
        cls, config: GenerateConfig, setting: EnvSpec, clock: Callable[[], float], on_asking: OnAsking
    ) -> Iterator[Self]:
        """See `Author`."""
        yield cls()

    def starts(self, briefs: Sequence[Brief]) -> dict[str, Plans]:
        """See `Author`."""
        return webster_starts(briefs)


class GivenAuthor(Author):
    """Plans of a file, on one hour beside the fallback cycle."""

    name = AuthorName.GIVEN
    schedule = Schedule(n_starts=1, seeds=AUTHOR_SEEDS[:1])

    def __init__(self, plans: Plans) -> None:
        self._plans = plans

    @classmethod
    @contextmanager
    def open(
        cls, config: GenerateConfig, setting: EnvSpec, clock: Callable[[], float], on_asking: OnAsking
    ) -> Iterator[Self]:
        """See `Author`.

        Raises:
            UsageError: no plans are given.
            PlanError: they are missing, broken or do not fit.
        """
        if config.plans is None:
            raise UsageError("--author given needs --plans PATH")
        yield cls(read_plans(config.plans, setting.network, setting.site))

    def starts(self, briefs: Sequence[Brief]) -> dict[str, Plans]:
        """See `Author`."""
        return {"given": self._plans}
