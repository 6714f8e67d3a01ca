from hypothesis import given
from hypothesis import strategies as st

from leed_traffic.domain.short_ids import LONGEST, fold, fold_ids

JOINED = "cluster_" + "_".join(str(10_000_000_000 + k) for k in range(11))


def test_a_short_id_stands_whole_and_a_joined_ones_ends_stay():
    assert fold("J12") == "J12"
    assert len(JOINED) == 139
    assert fold(JOINED) == "cluster_1000000000…000000010"
    assert len(fold(JOINED)) == LONGEST


def test_ids_that_differ_in_the_middle_alone_do_not_look_alike():
    other = JOINED.replace("10000000005", "19999999995")
    folded = fold_ids([JOINED, other, "J1"])
    assert folded["J1"] == "J1"
    assert folded[JOINED] != folded[other]


@given(st.lists(st.text(alphabet="ab_1…", max_size=60), max_size=8), st.integers(2, 30))
def test_no_two_ids_look_alike(ids, longest):
    folded = fold_ids(ids, longest)
    assert len(set(folded.values())) == len(set(ids))
