from dataclasses import replace

import pytest

from nwidth.cli.comparison import CONTESTANTS, FNO_CERTIFIED, MATCHED, PLAIN_FNO, Comparison, Row
from nwidth.cli.summary import print_summary, sentences


def comparison(times: dict[str, tuple[float, float]]) -> Comparison:
    """Return rows of made-up numbers; `times` are the middle halves of some methods."""
    rows = [
        Row(
            *(method, 1.5e-3, 0.01, 0.02, 0.05),
            polished=3,
            iterations=2.5,
            middle_half=times.get(method, (1e-3, 2e-3)),
            effectivity=(1.1, 1.5) if method == FNO_CERTIFIED else None,
        )
        for method in CONTESTANTS
    ]
    return Comparison(rows, effectivity_limit=2.0)


@pytest.mark.parametrize(
    ("solver", "expected"),
    [((3e-3, 4e-3), "slower than"), ((1e-4, 2e-4), "faster than"), ((1e-3, 4e-3), "about as fast")],
)
def test_an_order_of_times_is_only_told_where_the_samples_agree(solver, expected):
    made = comparison({MATCHED: solver, PLAIN_FNO: (1.5e-3, 2e-3)})
    assert f"accuracy, is {expected}" in sentences(made, 0.1, 4)[0]


@pytest.mark.parametrize(
    ("solver", "expected"),
    [
        ((1e-4, 2e-4), "On this easy problem a good solver beats the neural operator"),
        ((1e-3, 4e-3), "Neither is clearly faster on this problem"),
        ((3e-3, 4e-3), "On this problem the neural operator is the faster one"),
    ],
)
def test_what_the_times_mean_is_said_in_plain_words(solver, expected):
    made = comparison({MATCHED: solver, PLAIN_FNO: (1.5e-3, 2e-3)})
    first = sentences(made, 0.1, 4)[0]
    assert f"{expected}; the certificate is what makes either usable." in first
    other = sentences(comparison({}), 0.1, 4)[0]
    assert ("beats" in other, "Neither" in other) == (False, True)


def test_small_changes_of_the_clock_change_no_sentence():
    one = comparison({MATCHED: (1.00e-3, 2.0e-3), PLAIN_FNO: (1.5e-3, 2.5e-3)})
    two = comparison({MATCHED: (1.07e-3, 2.1e-3), PLAIN_FNO: (1.4e-3, 2.4e-3)})
    assert sentences(one, 0.1, 4) == sentences(two, 0.1, 4)


def test_times_stand_in_the_table_with_their_spread(capsys):
    print_summary(comparison({PLAIN_FNO: (1.5e-3, 2.5e-3)}), "four samples", 0.1, 4)
    out = capsys.readouterr().out
    assert "1.5 to 2.5 ms" in out and "middle half" in out


def test_errors_of_the_size_of_round_off_have_no_effectivity():
    made = comparison({})
    assert "at 1.10 to 1.50 times the true error" in " ".join(sentences(made, 0.1, 4))
    made.rows = [replace(row, effectivity=None) for row in made.rows]
    assert "times the true error" not in " ".join(sentences(made, 0.1, 4))
