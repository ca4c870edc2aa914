"""The compiled loop over anchors against its formula in arrays."""

import numpy as np
import pytest

from nwidth.rom.stability._natural_norm_numba import EPS, anchored_bounds, modulus


def plain(theta, points, values, norms, ranges):
    best = np.full(len(theta), -np.inf)
    for j, one in enumerate(theta):
        for point, beta, g, (a, b, c, d) in zip(
            points, values, norms, ranges.transpose(0, 2, 1), strict=True
        ):
            for ratio in [1.0, *(one[point != 0] / point[point != 0])]:
                s = abs(ratio)
                delta = (np.conj(ratio) / s if s else 1) * one - s * point
                inside = np.minimum(delta.real * a, delta.real * b)
                inside = inside + np.minimum(delta.imag * c, delta.imag * d)
                p = np.maximum(-g * abs(delta), inside).sum()
                size = s + (abs(one) + s * abs(point)) @ g
                best[j] = max(best[j], beta * (s + p - (4 * len(g) + 32) * EPS * size))
    return best


@pytest.mark.parametrize(("m", "k", "Q"), [(1, 1, 1), (7, 3, 2), (40, 5, 3)])
@pytest.mark.parametrize("is_complex", [False, True])
def test_it_agrees_with_the_formula(m, k, Q, is_complex):
    rng = np.random.default_rng(m)

    def numbers(*shape):
        real = rng.standard_normal(shape)
        return real + 1j * (rng.standard_normal(shape) if is_complex else 0)

    theta, points = numbers(m, Q), numbers(k, Q)
    theta[0, 0] = points[-1, 0] = 0  # coefficients that vanish
    values, norms = rng.uniform(0.1, 1, k), rng.uniform(0.1, 1, (k, Q))
    ranges = np.sort(rng.uniform(-1, 1, (k, Q, 4)).reshape(k, Q, 2, 2)).reshape(k, Q, 4)
    best = np.empty(m)
    anchored_bounds(theta.view(float), points.view(float), values, norms, ranges, best)
    expected = plain(theta, points, values, norms, ranges)
    np.testing.assert_allclose(best, expected, rtol=1e-12, atol=1e-13)


def test_moduli_are_never_too_small():
    assert modulus(3.0, -4.0) == 5.0 and modulus(0.0, 0.0) == 0.0
    assert modulus(3e-170, -4e-170) >= 5e-170  # its squares are zero


def test_what_overflows_gives_no_bound():
    theta, points = np.array([[1e200, 0.0]]), np.array([[1e-200, 0.0]])
    best, one = np.empty(1), np.ones((1, 1))
    anchored_bounds(theta, points, np.ones(1), one, np.ones((1, 1, 4)) * [-1, 1, -1, 1], best)
    assert best[0] <= 1.0
