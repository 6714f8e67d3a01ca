"""Messages in protobuf's wire form, read without a schema: a number of fields, each a number or bytes."""

from collections.abc import Iterator, Set

MOST_FIELDS = 1024  # of one message; a policy's graph has about twenty

Value = int | bytes


class NotAMessageError(ValueError):
    """Bytes that no reader of the format would take, or far more fields than belong into a policy."""


def read_message(
    content: bytes, *, once: Set[int] = frozenset(), many: Set[int] = frozenset()
) -> dict[int, list[Value]]:
    """The values of a message by field number, in their order.

    Args:
        content: of the message.
        once: fields that may be there once: a second one would be merged into the first, by rules that readers
            differ in.
        many: fields that may be repeated.

    Raises:
        NotAMessageError: it is cut short, or has a field that is not allowed.
    """
    found: dict[int, list[Value]] = {}
    for number, value in _fields(content):
        if number not in once and number not in many:
            raise NotAMessageError(f"field {number} does not belong here")
        if number in once and number in found:
            raise NotAMessageError(f"field {number} is there twice")
        found.setdefault(number, []).append(value)
    return found


def as_bytes(value: Value) -> bytes:
    """A text, a message or packed numbers.

    Raises:
        NotAMessageError: it is a number.
    """
    if isinstance(value, int):
        raise NotAMessageError("a number where a message should be")
    return value


def as_number(value: Value) -> int:
    """A whole number.

    Raises:
        NotAMessageError: it is none.
    """
    if not isinstance(value, int):
        raise NotAMessageError("a message where a number should be")
    return value


def as_numbers(values: list[Value]) -> list[int]:
    """Repeated whole numbers, each on its own or packed."""
    numbers: list[int] = []
    for value in values:
        numbers += [value] if isinstance(value, int) else _varints(value)
    return numbers


def _fields(content: bytes) -> Iterator[tuple[int, Value]]:
    at = 0
    for _ in range(MOST_FIELDS):
        if at == len(content):
            return
        key, at = _varint(content, at)
        number = key >> 3
        wire = key & 7
        if wire == 0:
            value, at = _varint(content, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(content, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise NotAMessageError(f"wire type {wire}")
        if at + size > len(content):
            raise NotAMessageError("cut short")
        yield number, content[at : at + size]
        at += size
    if at < len(content):
        raise NotAMessageError(f"more than {MOST_FIELDS} fields")


def _varints(content: bytes) -> list[int]:
    values = list[int]()
    at = 0
    while at < len(content):
        if len(values) == MOST_FIELDS:
            raise NotAMessageError(f"more than {MOST_FIELDS} numbers")
        value, at = _varint(content, at)
        values.append(value)
    return values


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for k in range(10):
        if at + k >= len(content):
            raise NotAMessageError("cut short")
        byte = content[at + k]
        value |= (byte & 127) << (7 * k)
        if byte < 128:
            return value, at + k + 1
    raise NotAMessageError("a number without end")
