import numpy as np

from nwidth.rom.quadratic_answers import STATUSES, QuadraticAnswers, QuadraticStatus


def test_arrays_and_single_answers():
    two = np.array([1.0, 2.0])
    answers = QuadraticAnswers(
        np.ones((2, 3)), two, two, two, two, two, np.array([3, 4]), np.array([True, False]),
        np.array([0, 2], np.int8),
    )  # fmt: skip
    assert len(answers) == 2 and answers.certified.tolist() == [True, False]
    assert answers.status == (QuadraticStatus.CERTIFIED, QuadraticStatus.UNSTABLE)
    last = answers[1]
    assert last.bound == 2.0 and last.iterations == 4 and last.inside is False
    assert last.status is STATUSES[2]


def test_every_failure_names_a_remedy():
    for status in STATUSES[1:]:
        assert "add a solution" in status.value
