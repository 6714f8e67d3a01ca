"""HTML pages for people: one file each, nothing is fetched, every text is escaped by its template."""

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def render_page(
    package: str, template: str, facts: Mapping[str, Any], filters: Mapping[str, Callable[..., Any]]
) -> str:
    """Fill a template that extends `page.html.j2`; the same facts give the same bytes.

    Args:
        package: whose folder holds the template.
        template: name of its file.
        facts: values by the names that the template uses; one that is missing is a bug and raises.
        filters: functions by the names that the template uses.
    """
    loader = ChoiceLoader([PackageLoader(package, ""), PackageLoader("leed_traffic.artifacts", "")])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters.update(filters)
    return environment.get_template(template).render(facts)
