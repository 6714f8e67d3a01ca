from leed_traffic.generate.language_model.names import letters


def test_letters_go_on_after_z():
    assert [letters(k) for k in (0, 25, 26, 27, 51, 52)] == ["A", "Z", "AA", "AB", "AZ", "BA"]
