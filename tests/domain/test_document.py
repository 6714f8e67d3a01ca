from typing import Annotated

import pytest
from pydantic import ValidationError

from leed_traffic.domain.document import COMMA_SEPARATED, Document, FiniteDocument, Settings


class Sample(Settings):
    names: Annotated[tuple[str, ...], COMMA_SEPARATED] = ("A",)
    """In their order."""


def test_a_document_refuses_unknown_fields_and_changes():
    class Closed(Document):
        x: float = 1.0

    with pytest.raises(ValidationError, match="Extra inputs"):
        Closed.model_validate({"y": 1.0})
    with pytest.raises(ValidationError, match="frozen"):
        Closed().x = 2.0


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_finite_document_refuses_what_is_no_number(value):
    class Finite(FiniteDocument):
        x: float

    with pytest.raises(ValidationError, match="finite"):
        Finite(x=value)


@pytest.mark.parametrize(
    ("given", "names"), [("A,B", ("A", "B")), (" A , B ", ("A", "B")), ("", ()), (("A,B",), ("A,B",))]
)
def test_a_value_may_be_given_as_the_word_that_it_is_written_as(given, names):
    assert Sample.model_validate({"names": given}).names == names
    assert COMMA_SEPARATED.write(("A", "B")) == "A,B"


def test_a_fields_docstring_is_its_description():
    assert Sample.model_fields["names"].description == "In their order."
