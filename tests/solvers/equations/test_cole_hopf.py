from decimal import Decimal, localcontext

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers import cole_hopf


def of_two_waves(x, t, nu, length=1.0):
    """u = -2 nu w_x / w with w = 2 + e^(-nu k^2 t) cos k x, k = 2 pi / length."""
    k = 2 * np.pi / length
    decay = np.exp(-nu * k**2 * t)
    return 2 * nu * k * decay * np.sin(k * x) / (2 + decay * np.cos(k * x))


@pytest.mark.parametrize("n", [63, 64, 1024])
@pytest.mark.parametrize("nu", [1e-3, 0.1])
@pytest.mark.parametrize("t", [1e-3, 0.1, 2.0])
def test_closed_solution_with_and_without_mean(n, nu, t):
    x = 3.0 * np.arange(n) / n
    start = of_two_waves(x, 0.0, nu, 3.0)
    found = cole_hopf(start, nu, t, length=3.0)
    # Distances are about (nu t)^(1/2), and divided by t.
    assert abs(found - of_two_waves(x, t, nu, 3.0)).max() < 5e-16 * (nu + (nu / t) ** 0.5)
    moved = cole_hopf(0.7 + start, nu, t, length=3.0)
    assert abs(moved - 0.7 - of_two_waves(x - 0.7 * t, t, nu, 3.0)).max() < 2e-15


def test_fronts_of_small_viscosity_in_a_hundred_digits():
    """The series in Bessel functions of u(x, 0) = sin 2 pi x, whose terms cancel by e^(-160)."""
    nu, t, eighth = 1e-3, 0.4, [0, 1, 2, 3, 4]
    with localcontext() as context:
        context.prec = 130
        pi = Decimal(
            "3.14159265358979323846264338327950288419716939937510582097494459230781640628"
            "62089986280348253421170679821480865132823066470938446095505822317253594"
        )
        k, root = 2 * pi, Decimal(2).sqrt() / 2
        cosine = [Decimal(1), root, Decimal(0), -root, Decimal(-1), -root, Decimal(0), root]
        half, values = 1 / (4 * Decimal(nu) * k), []
        first = Decimal(1)
        for n in range(200):
            first = first * half / n if n else first
            term = total = first
            for m in range(1, 260):
                term = term * half * half / (m * (m + n))
                total += term
            values.append(total * (-Decimal(nu) * k * k * n * n * Decimal(t)).exp())
        exact = []
        for j in eighth:
            above = sum(n * a * cosine[(n * j - 2) % 8] for n, a in enumerate(values))
            below = 2 * sum(a * cosine[n * j % 8] for n, a in enumerate(values)) - values[0]
            exact.append(float(4 * Decimal(nu) * k * above / below))
    assert exact[3] > 0.6 and abs(exact[4]) < 1e-100  # a front at 1/2
    x = np.arange(512) / 512
    found = cole_hopf(np.sin(2 * np.pi * x), nu, t, points=np.array(eighth) / 8)
    assert abs(found - exact).max() < 1e-14


def test_points_are_anywhere():
    x = np.array([[-0.3, 0.123], [0.5, 7.77]])
    start = of_two_waves(np.arange(64) / 64, 0.0, 0.05)
    found = cole_hopf(start, 0.05, 0.3, points=x)
    assert found.shape == (2, 2) and abs(found - of_two_waves(x, 0.3, 0.05)).max() < 1e-15
    assert float(cole_hopf(start, 0.05, 0.3, points=0.123)) == found[0, 1]


def test_bad_input():
    u = np.zeros(8)
    for change, message in (
        ({"u": np.zeros((2, 4))}, "u: expected values"),
        ({"u": ["a", "b"]}, "u"),
        ({"viscosity": 0}, "viscosity"),
        ({"time": 0.0}, "time"),
        ({"length": -1}, "length"),
        ({"points": [1j]}, "points"),
    ):
        arguments = {"u": u, "viscosity": 0.1, "time": 1.0, **change}
        with pytest.raises(InputError, match=message):
            cole_hopf(**arguments)
    with pytest.raises(NonFiniteError, match="u"):
        cole_hopf(np.full(8, np.nan), 0.1, 1.0)
