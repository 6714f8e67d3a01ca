"""The authors by name: to add one, write its class and name it here and in `AuthorName`."""

from collections.abc import Mapping

from leed_traffic.errors import UsageError
from leed_traffic.generate.author import Author
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.embedded import GivenAuthor, WebsterAuthor
from leed_traffic.generate.language_model.author import LanguageModelAuthor
from leed_traffic.generate.search.author import SearchAuthor

AUTHORS: Mapping[AuthorName, type[Author]] = {
    author.name: author for author in (WebsterAuthor, SearchAuthor, LanguageModelAuthor, GivenAuthor)
}


def check_author(config: GenerateConfig) -> None:
    """Refuse what the chosen author cannot do, before anything runs.

    Raises:
        UsageError: see there.
    """
    if (config.author is AuthorName.GIVEN) != (config.plans is not None):
        raise UsageError("--author given and --plans PATH belong together: give both or neither")
    AUTHORS[config.author].check(config)


def planned_runs(config: GenerateConfig) -> int:
    """Runs that progress will tell of, demonstrations included."""
    return AUTHORS[config.author].schedule_for(config).n_told + len(config.seeds)
