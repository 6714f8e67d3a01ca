"""First fault of a document or of settings, in one line."""

from pydantic import ValidationError


def first_fault(error: Exception, *, whole: str = "", shows_value: bool = False) -> str:
    """The first thing wrong: `weights.persons: Input should be a valid number`.

    Args:
        error: pydantic's, or any other that tells enough itself.
        whole: what is said to be wrong where no single place is.
        shows_value: what stands there, too.
    """
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    fault = error.errors()[0]
    said = fault["msg"].removeprefix("Value error, ")  # pydantic's words for a check of our own
    if not fault["loc"]:
        return f"{whole}: {said}" if whole else said
    place = ".".join(map(str, fault["loc"]))
    return f"{place}: {said}" + (f", got {fault['input']!r}" if shows_value else "")
