import numpy as np
import pytest

from nwidth import plotting
from nwidth.errors import InputError


def test_spreading_has_tails_and_lines_of_the_expected_slope(texts):
    x, t = np.linspace(-3, 3, 7), np.array([1.0, 2.0, 4.0])
    figure = plotting.spreading(
        x,
        {2.0: np.exp(-x * x), 1.5: 1 / (1 + x * x)},
        t,
        {2.0: t**0.5, 1.5: 3 * t ** (2 / 3)},
        "at last",
    )
    left, right = figure.axes
    assert left.get_yscale() == "log"
    assert [line.get_label() for line in left.lines] == [r"$\alpha$ = 1.5", r"$\alpha$ = 2"]
    dots, line = right.lines[:2]
    np.testing.assert_allclose(line.get_ydata(), dots.get_ydata())  # the law holds, so they agree
    assert "at last" in texts(figure)


def test_eigenvalues_are_sorted_beside_the_symbol_and_outliers_shown(texts):
    n = 200
    theta = np.pi * np.arange(1, n + 1) / (n + 1)
    hill = np.sin(theta) + 0.1
    values = np.concatenate([hill[:-1], [5.0]])
    figure = plotting.eigenvalues_against_symbol(
        {"rising": (theta, theta), "hill": (values[::-1], hill)}, "two", "l"
    )
    first, second = figure.axes
    assert len(first.lines) == 2  # a symbol that rises is not sorted
    symbol, ordered, dots = second.lines
    np.testing.assert_array_equal(symbol.get_ydata(), hill)
    np.testing.assert_array_equal(ordered.get_ydata(), np.sort(hill))
    assert dots.get_ydata()[-1] == 5.0
    assert len(dots.get_ydata()) < n
    assert "symbol, sorted" in texts(figure)


def test_bad_input():
    with pytest.raises(InputError, match="same orders"):
        plotting.spreading([0.0], {1.5: [1.0]}, [1.0], {1.2: [1.0]})
    with pytest.raises(InputError, match="same orders"):
        plotting.spreading([0.0], {}, [1.0], {})
    with pytest.raises(InputError, match="profiles"):
        plotting.spreading([0.0], {1.5: [1.0, 2.0]}, [1.0], {1.5: [1.0]})
    with pytest.raises(InputError, match="at least one"):
        plotting.eigenvalues_against_symbol({})
    with pytest.raises(InputError, match="symbol"):
        plotting.eigenvalues_against_symbol({"a": ([1.0, 2.0], [1.0])})
    with pytest.raises(InputError, match="list of numbers"):
        plotting.eigenvalues_against_symbol({"a": (3.0, [1.0])})
    with pytest.raises(InputError, match="expected a pair"):
        plotting.eigenvalues_against_symbol({"a": 3.0})
    with pytest.raises(InputError, match="panels"):
        plotting.eigenvalues_against_symbol([1.0])
    with pytest.raises(InputError, match="real numbers"):
        plotting.eigenvalues_against_symbol({"a": ([1j, 2.0], [1.0, 2.0])})
    good = {"x": [0.0], "profiles": {1.5: [1.0]}, "times": [1.0], "widths": {1.5: [1.0]}}
    for name, wrong, words in (
        ("x", "a", "x: expected numbers"),
        ("profiles", [[1.0]], "profiles: expected a Mapping"),
        ("profiles", {"a": [1.0]}, "profiles: order"),
        ("profiles", {1.5: [0.0]}, "densities > 0 somewhere"),
        ("times", [0.0], "times: expected numbers > 0"),
        ("widths", {1.5: [-1.0]}, "widths: expected numbers > 0"),
    ):
        with pytest.raises(InputError, match=words):
            plotting.spreading(**(good | {name: wrong}))
