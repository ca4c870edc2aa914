import numpy as np
import pytest

from nwidth.errors import InputError, NotConvergedError
from nwidth.solvers import continuation, newton


def follow(F, dF, **options):
    def solve(t, u):
        return newton(lambda v: F(v, t), lambda v, r: -r / dF(v, t), u, max_iterations=8)

    return continuation(solve, solve(0.0, np.array([1.0])), **options)


def test_reaches_what_newton_alone_does_not():
    # exp(20 t u) u = e^20 t-dependent: the root moves from 1 by far
    def F(u, t):
        return u * np.exp(u) - np.exp(1) * (1 + 1e5 * t)

    def dF(u, t):
        return (1 + u) * np.exp(u)

    direct = newton(lambda u: F(u, 1), lambda u, r: -r / dF(u, 1), [1.0], max_iterations=8)
    assert not direct.converged
    found = follow(F, dF, step=1.0).checked()
    assert found.reached == 1.0 and abs(F(found.u, 1)[0]) < 1e-6
    assert found.levels[0] == 0.0 and len(found.levels) > 2


def test_a_fold_ends_the_path_where_it_is():
    found = follow(lambda u, t: u**2 - 1 + 1.25 * t, lambda u, t: 2 * u, least=1e-5)
    assert not found.converged
    assert found.reached == pytest.approx(0.8, abs=1e-3) and found.reached <= 0.8
    with pytest.raises(NotConvergedError, match="could not be followed beyond"):
        found.checked()


def test_bad_input_is_told():
    with pytest.raises(InputError, match="step"):
        follow(lambda u, t: u - 1, lambda u, t: 1.0, step=2.0)
    with pytest.raises(InputError, match="least"):
        follow(lambda u, t: u - 1, lambda u, t: 1.0, least=0.0)
    failed = newton(lambda u: u**2 + 1, lambda u, r: -r / (2 * u), [1.3])
    with pytest.raises(NotConvergedError):
        continuation(lambda t, u: failed, failed)
