"""Options of a command, derived from its settings: names, types, defaults and help stand in the model alone.

A field becomes an option of its name, without the unit at its end: `decision_interval_s` is `--decision-interval`.
The fields of a nested model are options beside the others, in a help panel of their own that bears the first line
of the model's docstring. Where two fields have one name, the nested model's stands before it: `--dagger-steps`.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

import typer
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from leed_traffic.domain.document import Settings, Written
from leed_traffic.errors import UsageError

S = TypeVar("S", bound=Settings)

UNITS = ("_s", "_m")  # at the end of a field's name, not of an option's; the help names them
NEEDS = {  # by pydantic's name of the fault
    "greater_than_equal": "need at least {ge:g}",
    "greater_than": "need more than {gt:g}",
    "less_than_equal": "need at most {le:g}",
    "less_than": "need less than {lt:g}",
    "multiple_of": "need a multiple of {multiple_of:g}",
    "finite_number": "need a finite number",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One field of some settings on the command line."""

    path: tuple[str, ...]  # names of the fields that lead to it
    flag: str
    parameter: inspect.Parameter  # as Typer reads it

    @property
    def key(self) -> str:
        """Place in the settings: `language.rounds`."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Given(Generic[S]):
    """Values of some settings as a command line gives them."""

    settings: type[S]
    values: Mapping[tuple[str, ...], Any]  # by the path of the field, as typed; None where nothing was
    flags: Mapping[tuple[str, ...], str]

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401  # of the field's type
        """Value of one option as typed; None where the line says nothing and the field has no other default."""
        return self.values[tuple(key.split("."))]

    def build(self, **more: object) -> S:
        """Return the checked settings.

        Args:
            more: fields that the command line does not say itself; they replace what it says.

        Raises:
            UsageError: a value makes no sense, alone or with another; names the option.
        """
        document: dict[str, Any] = {}
        for path, value in self.values.items():
            if value is None:
                continue
            place = document
            for name in path[:-1]:
                place = place.setdefault(name, {})
            place[path[-1]] = value
        try:
            return self.settings.model_validate(document | more)
        except ValidationError as err:
            raise UsageError(self._fault(err.errors()[0])) from err

    def _fault(self, fault: ErrorDetails) -> str:
        """One line, as `--runs 0: need at least 1`."""
        said = fault["msg"].removeprefix("Value error, ")  # pydantic's words for a check of our own
        if fault["type"] in NEEDS:
            said = NEEDS[fault["type"]].format(**fault.get("ctx", {}))
        place = fault["loc"]
        for length in range(len(place), 0, -1):
            flag = self.flags.get(tuple(map(str, place[:length])))
            if flag is not None:
                return f"{flag} {fault['input']}: {said}"
        return said


def takes(
    settings: type[S],
    *,
    arguments: tuple[str, ...] = (),
    required: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    names: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of some settings in the place of its first parameter, a `Given`.

    Args:
        settings: the model. Fields of nested models are named `model.field` below.
        arguments: fields that are arguments, without a dash.
        required: fields that the command line must name though the model has a default.
        without: fields that are no options.
        names: options that are not called as their field; without dashes.
    """
    options = tuple(_options(settings, arguments, required, without, names or {}))

    def derive(command: Callable[..., None]) -> Callable[..., None]:
        _, *own = inspect.signature(command, eval_str=True).parameters.values()
        parameters = [
            *(option.parameter for option in options),
            *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own),
        ]

        @wraps(command)
        def with_settings(**values: Any) -> None:  # noqa: ANN401  # as Typer reads them
            said = {option.path: values.pop(option.parameter.name) for option in options}
            command(Given(settings, said, {option.path: option.flag for option in options}), **values)

        with_settings.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        with_settings.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return with_settings

    return derive


def _options(
    settings: type[Settings],
    arguments: tuple[str, ...],
    required: tuple[str, ...],
    without: tuple[str, ...],
    names: Mapping[str, str],
) -> Iterator[Option]:
    fields = [found for found in _fields(settings) if ".".join(found[0]) not in without]
    plain = [_without_unit(path[-1]) for path, *_ in fields]
    for path, field, default, panel in fields:
        key = ".".join(path)
        name = names.get(key) or _without_unit(path[-1])
        if key not in names and len(path) > 1 and plain.count(name) > 1:
            name = f"{path[-2]}_{name}"
        flag = f"--{name.replace('_', '-')}"
        is_argument = key in arguments
        value = PydanticUndefined if key in required else default
        told = " ".join((field.description or "").split()) + _limits(field)
        info = (
            typer.Argument(help=told, show_default=False)
            if is_argument
            else typer.Option(*_flags(flag, value), help=told, rich_help_panel=panel)
        )
        parameter = inspect.Parameter(
            name.replace("-", "_"),
            inspect.Parameter.KEYWORD_ONLY,
            default=_default(field, value),
            annotation=Annotated[_type(field), info],
        )
        yield Option(path=path, flag=name.upper() if is_argument else flag, parameter=parameter)


def _fields(
    settings: type[BaseModel],
    defaults: object = None,
    above: tuple[str, ...] = (),
    panel: str | None = None,
) -> Iterator[tuple[tuple[str, ...], FieldInfo, Any, str | None]]:
    """Path, field, default and help panel of every field, those of nested models in their place."""
    for name, field in settings.model_fields.items():
        path = (*above, name)
        default = field.get_default(call_default_factory=True, validated_data={})
        if defaults is not None:
            default = getattr(defaults, name)
        nested = _without_none(field.annotation)
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            title = (nested.__doc__ or name).splitlines()[0].rstrip(".")
            yield from _fields(nested, default if isinstance(default, nested) else None, path, title)
        else:
            yield path, field, default, panel


def _without_unit(name: str) -> str:
    unit = next((unit for unit in UNITS if name.endswith(unit)), "")
    return name.removesuffix(unit)


def _flags(flag: str, default: object) -> tuple[str, ...]:
    """Names of an option; a switch that is on by default has one to turn it off."""
    return (f"{flag}/--no-{flag[2:]}",) if default is True else (flag,)


def _without_none(annotation: Any) -> Any:  # noqa: ANN401  # any type
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    (inner,) = (part for part in get_args(annotation) if part is not type(None))
    return inner


def _written(field: FieldInfo) -> Written | None:
    return next((part for part in field.metadata if isinstance(part, Written)), None)


def _type(field: FieldInfo) -> Any:  # noqa: ANN401  # any type
    """Type that Typer reads: a word for a value that is written as one, a list for what may be given again."""
    if _written(field) is not None:
        return str | None
    inner = _without_none(field.annotation)
    if get_origin(inner) is tuple:
        return list[get_args(inner)[0]] | None  # type: ignore[misc]
    return inner if inner is bool or field.is_required() else inner | None


def _default(field: FieldInfo, default: Any) -> Any:  # noqa: ANN401  # of the field's type
    """Default as Typer shows it; none for what must be given."""
    if default is PydanticUndefined:
        return inspect.Parameter.empty
    written = _written(field)
    if default is None or default == ():
        return None
    return default if written is None else written.write(default)


def _limits(field: FieldInfo) -> str:
    """Range of a number, in parentheses."""
    bounds = {"ge": "at least", "gt": "over", "le": "at most", "lt": "under"}
    limits = {name: getattr(part, name) for name in bounds for part in field.metadata if hasattr(part, name)}
    if limits.keys() == {"ge", "le"}:
        return f" ({limits['ge']:g} to {limits['le']:g})"
    told = ", ".join(f"{bounds[name]} {limit:g}" for name, limit in limits.items())
    return f" ({told})" if told else ""
