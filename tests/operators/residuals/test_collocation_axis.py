import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.operators.residuals.collocation_axis import CollocationAxis

AXES = [
    CollocationAxis(kind, n, 0.5, 2.0)
    for kind in ("chebyshev", "fourier", "sine")
    for n in (8, 9)
]  # fmt: skip


def function_of(axis):
    """Return a function of the axis, and its second derivative."""
    s = lambda x: (x - axis.lower) / 1.5  # noqa: E731
    if axis.kind == "chebyshev":
        return lambda x: s(x) ** 5 - s(x), lambda x: 20 * s(x) ** 3 / 1.5**2
    k = {"fourier": 4 * np.pi, "sine": 3 * np.pi}[axis.kind]
    return lambda x: np.sin(k * s(x)), lambda x: -((k / 1.5) ** 2) * np.sin(k * s(x))


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_matrices_are_exact_for_functions_of_the_axis(axis):
    u, bent = function_of(axis)
    x, some = axis.points, np.linspace(0.5, 1.9, 6)
    np.testing.assert_allclose(axis.derivative(2) @ u(x), bent(x), atol=1e-10)
    np.testing.assert_allclose(axis.at(some) @ u(x), u(some), atol=1e-12)
    np.testing.assert_allclose(axis.synthesis @ (axis.analysis @ u(x)), u(x), atol=1e-12)
    fine = axis.resized(17)
    np.testing.assert_allclose(axis.at(fine.points) @ u(x), u(fine.points), atol=1e-12)
    assert axis.axis("t").size == axis.size and (axis.axis().points == x).all()


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_sums_of_squares_are_mean_squares(axis):
    """Parseval, against Gauss's quadrature, for any values."""
    values = np.random.default_rng(0).standard_normal(axis.size)
    if axis.kind == "sine":
        values[[0, -1]] = 0
    nodes, weights = np.polynomial.legendre.leggauss(60)
    at = axis.at(1.25 + 0.75 * nodes)
    mean = weights @ (at @ values) ** 2 / 2
    assert ((axis.analysis @ values) ** 2).sum() == pytest.approx(mean, rel=1e-10)


def test_integrals_and_what_does_not_fit():
    time = CollocationAxis("chebyshev", 9, 0.5, 2.0)
    grown = time.antiderivative @ time.points**3
    np.testing.assert_allclose(grown, (time.points**4 - 0.5**4) / 4, atol=1e-12)
    for call, words in (
        (lambda: CollocationAxis("cosine", 8), "kind"),
        (lambda: CollocationAxis("sine", 2), "size"),
        (lambda: CollocationAxis("sine", 8, 1.0, 1.0), "upper"),
        (lambda: AXES[4].derivative(1), "even"),
        (lambda: AXES[0].wavenumbers, "waves or sines"),
        (lambda: AXES[2].antiderivative, "polynomials"),
        (lambda: AXES[2].at(0.7), r"shape \(m,\)"),
        (lambda: AXES[0].at([np.nan]), "finite"),
    ):
        with pytest.raises(InputError, match=words):
            call()
