from nwidth.rom.estimated_answer import STATUSES, EstimatedAnswer, EstimateStatus


def test_statuses_are_numbered_in_their_order():
    assert tuple(EstimateStatus) == STATUSES
    assert STATUSES[0] is EstimateStatus.ESTIMATED


def test_every_failure_names_a_remedy():
    assert all(":" in status.value for status in STATUSES[1:])


def test_says_that_it_is_an_estimate():
    assert "not a bound" in EstimatedAnswer.__doc__
    assert "bound" not in EstimatedAnswer._fields
