"""First fault of a document or of settings, in one line."""

from pydantic import ValidationError


def first_fault(error: Exception, *, whole: str = "", as_option: bool = False, shows_value: bool = False) -> str:
    """The first thing wrong: `weights.persons: Input should be a valid number`.

    Args:
        error: pydantic's, or any other that tells enough itself.
        whole: what is said to be wrong where no single place is.
        as_option: the place is the option of a command that set it: `--n-seeds`.
        shows_value: what stands there, too.
    """
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    fault = error.errors()[0]
    said = fault["msg"].removeprefix("Value error, ")  # pydantic's words for a check of our own
    if as_option and said.startswith("--"):
        return said  # a check of our own that names its options itself
    if not fault["loc"]:
        return f"{whole}: {said}" if whole else said
    place = ".".join(map(str, fault["loc"]))
    if as_option:  # the innermost name: the parts that settings are grouped into are no options
        option = [part for part in fault["loc"] if isinstance(part, str)][-1]
        place = f"--{option}".replace("_", "-")
    return f"{place}: {said}" + (f", got {fault['input']!r}" if shows_value else "")
