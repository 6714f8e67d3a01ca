"""Checked documents: closed (an unknown field is refused) and frozen."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class Document(BaseModel):
    """A checked value of a file, a message or a command's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FiniteDocument(Document):
    """A document in which every number is finite."""

    model_config = ConfigDict(allow_inf_nan=False)


class Settings(FiniteDocument):
    """Settings of a command: a field is an option, its default the option's, its docstring the option's help."""

    model_config = ConfigDict(use_attribute_docstrings=True)


@dataclass(frozen=True, slots=True)
class Written:
    """Form of a value of several parts in one word of a command line; annotates the field of some settings."""

    read: Callable[[str], object]
    write: Callable[[Any], str]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Accept the word in the place of the value."""
        return core_schema.no_info_before_validator_function(self._value_of, handler(source))

    def _value_of(self, given: object) -> object:
        return self.read(given) if isinstance(given, str) else given


def _join(words: tuple[str, ...]) -> str:
    return ",".join(words)


def _split(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


COMMA_SEPARATED = Written(read=_split, write=_join)
