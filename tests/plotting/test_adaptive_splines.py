import numpy as np
import pytest

from nwidth import plotting
from nwidth.errors import InputError
from nwidth.solvers.bsplines import auto_knots, table_knots


def f(x):
    return np.tanh(30 * x)


S = auto_knots(f, -1, 1)


def test_errors_found_are_drawn_beside_those_allowed(texts):
    figure = plotting.adaptive_spline(S, f, "layer", "u (m)", "x (m)")
    curve, length, error = figure.axes
    e = error.lines[0].get_ydata()
    assert len(e) == 8 * (len(S.sites) - 1)
    assert 1e-3 < e.max() <= 1
    assert length.lines[0].get_ydata()[:-1] == pytest.approx(np.diff(S.sites))
    assert set(S.sites) <= set(curve.lines[0].get_xdata())
    words = texts(figure)
    for text in ("layer", "u (m)", "x (m)", f"{len(S.sites)} sites, degree 7", "allowed"):
        assert text in words


def test_without_the_function_estimates_are_drawn(texts):
    s = table_knots(np.linspace(0, 1, 50), np.linspace(0, 1, 50) ** 5, rtol=1e-4)
    figure = plotting.adaptive_spline(s)
    drawn = figure.axes[2].lines[0].get_ydata()[:-1]
    assert drawn == pytest.approx(np.maximum(s.errors, 1e-6))
    assert "estimated error" in texts(figure)


def test_components_and_complex_values(texts):
    s = auto_knots(lambda x: np.stack([np.exp(1j * x), 5 + 0 * x, x]), 0, 1)
    figure = plotting.adaptive_spline(s)
    assert "component 3" in texts(figure)
    curves = [line.get_ydata() for line in figure.axes[0].lines[::2][:3]]
    assert min(map(np.min, curves)) >= -1e-9
    assert max(map(np.max, curves)) <= 1 + 1e-9


def test_other_functions_are_refused():
    with pytest.raises(InputError, match="function: expected values of shape"):
        plotting.adaptive_spline(S, lambda x: 1.0)
    with pytest.raises(InputError, match="spline: expected an AdaptiveSpline"):
        plotting.adaptive_spline(f)
