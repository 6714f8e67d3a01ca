from leed_traffic.serve.control.tally import KEPT_DURATIONS, KEPT_VIOLATIONS, ServeTally


def test_every_violation_is_counted_and_the_first_ones_are_kept():
    tally = ServeTally()
    for first in range(0, KEPT_VIOLATIONS + 3, 2):
        tally.note_violations([first, first + 1])
    assert tally.n_violations == KEPT_VIOLATIONS + 4
    assert tally.violations == list(range(KEPT_VIOLATIONS))


def test_a_run_of_months_keeps_the_latest_durations():
    tally = ServeTally()
    for durations in (tally.tick_s, tally.decision_s, tally.resume_s, tally.lateness_s):
        durations.extend(range(KEPT_DURATIONS + 1))
        assert (len(durations), durations[0]) == (KEPT_DURATIONS, 1)
