import pytest
from pydantic import BaseModel, ValidationError, model_validator

from leed_traffic.artifacts.validation import first_fault


class _Limits(BaseModel):
    min_green_s: tuple[float, ...]


def fault(content, **options):
    with pytest.raises(ValidationError) as caught:
        _Limits.model_validate_json(content)
    return first_fault(caught.value, **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "min_green_s.1: Input should be a valid number, unable to parse string as a number"),
        (
            {"shows_value": True},
            "min_green_s.1: Input should be a valid number, unable to parse string as a number, got 'x'",
        ),
    ],
)
def test_the_first_fault_says_where_and_what(options, said):
    assert fault('{"min_green_s": [5, "x", "y"]}', **options) == said


@pytest.mark.parametrize(("options", "before"), [({}, ""), ({"whole": "file"}, "file: ")])
def test_a_document_that_is_wrong_as_a_whole_has_no_place(options, before):
    assert fault("{", **options).startswith(f"{before}Invalid JSON")


def test_another_error_is_put_on_one_line():
    assert first_fault(ValueError("first\n  second")) == "first second"


def test_a_check_of_our_own_is_quoted_without_its_frame():
    class Pair(BaseModel):
        low: int
        high: int

        @model_validator(mode="after")
        def _ordered(self):
            raise ValueError("--low 3: need less than --high, 2")

    with pytest.raises(ValidationError) as caught:
        Pair(low=3, high=2)
    assert first_fault(caught.value) == "--low 3: need less than --high, 2"
