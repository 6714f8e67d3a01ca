from leed_traffic.serve.control.agreement import Agreement, StageComparison


def test_shadow_counts_what_the_signal_did_against_what_was_asked_for():
    comparison = StageComparison(5.0)
    comparison.ask(10.0, 0, 0)
    comparison.look(14.0, 0, False)
    assert comparison.counts.compared == 0, "too early to tell"
    comparison.look(15.0, 0, False)
    assert (comparison.counts.compared, comparison.counts.agreed) == (1, 1)
    for at_s, asked, later in ((20.0, 1, 0), (30.0, 0, 1), (40.0, 2, 1)):
        comparison.ask(at_s, 0, asked)
        comparison.look(at_s + 5.0, 0, True)
        comparison.look(at_s + 7.0, later, False)
    counts = comparison.counts
    assert (counts.would_have_left, counts.would_have_stayed, counts.another_stage) == (1, 1, 1)
    assert counts.share == 0.25


def test_a_share_of_nothing_is_nothing():
    assert Agreement().share == 0.0


def test_who_leads_from_now_on_is_not_compared_with_what_was_asked_before():
    comparison = StageComparison(5.0)
    comparison.ask(10.0, 0, 0)
    comparison.forget()
    comparison.look(20.0, 0, False)
    assert comparison.counts.compared == 0
