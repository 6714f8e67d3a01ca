import pytest

from leed_traffic.domain.seeds import demonstration_seeds_of, seeds_as_text, seeds_of
from leed_traffic.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("2", (1001, 1002)), ("7,9", (7, 9)), ("1001-1003", (1001, 1002, 1003)), ("5-5", (5,))],
)
def test_seeds_are_a_count_a_list_or_a_range(text, seeds):
    assert seeds_of(text) == seeds


def test_demonstrations_count_from_one():
    assert demonstration_seeds_of("3") == (1, 2, 3)
    assert demonstration_seeds_of("4,7") == (4, 7)


@pytest.mark.parametrize("text", ["0", "x", "3-1", "", "1,,2"])
def test_seeds_that_name_nothing_are_refused(text):
    with pytest.raises(UsageError, match="--seeds"):
        seeds_of(text)


@pytest.mark.parametrize(
    ("seeds", "text"), [((1, 2, 3), "1-3"), ((7,), "7-7"), ((7, 9), "7,9"), ((3, 2, 1), "3,2,1"), ((5, 6), "5-6")]
)
def test_a_text_of_seeds_names_the_same_seeds(seeds, text):
    assert seeds_as_text(seeds) == text
    assert seeds_of(text) == seeds
