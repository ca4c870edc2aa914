"""Tableaus, by the conditions of their order."""

import numpy as np
import pytest

from nwidth.solvers import stepping
from nwidth.solvers.stepping import ExplicitRungeKutta, FunctionSystem

METHODS = [
    method
    for name in stepping.__all__
    if isinstance(method := getattr(stepping, name), ExplicitRungeKutta)
]


def conditions(a, b, c, order):
    """Return what each rooted tree of up to four nodes asks of the weights, minus its value."""
    trees = {
        1: [b.sum() - 1],
        2: [b @ c - 1 / 2],
        3: [b @ c**2 - 1 / 3, b @ a @ c - 1 / 6],
        4: [b @ c**3 - 1 / 4, b @ (c * (a @ c)) - 1 / 8, b @ a @ c**2 - 1 / 12,
            b @ a @ a @ c - 1 / 24],
    }  # fmt: skip
    return np.concatenate([trees[p] for p in range(1, min(order, 4) + 1)])


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_conditions_of_the_order(method):
    s = len(method.b)
    a, b, c = np.zeros((s, s)), np.array(method.b), np.array(method.c)
    for i, row in enumerate(method.a):
        a[i + 1, : len(row)] = row
    assert np.allclose(a.sum(axis=1), c, atol=1e-14)
    assert np.abs(conditions(a, b, c, method.order)).max() < 1e-14
    if method.order < 4:
        assert np.abs(conditions(a, b, c, method.order + 1)).max() > 1e-3
    if method.embedded is not None:
        lower = np.array(method.embedded)
        assert np.abs(conditions(a, lower, c, method.embedded_order)).max() < 1e-14
        assert np.abs(conditions(a, lower, c, method.embedded_order + 1)).max() > 1e-5 or (
            method.embedded_order == 4
        )


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_reach_along_the_imaginary_axis(method):
    """|R(i y)| <= 1 up to the reach and no further, of methods of which it is stated."""
    if method.reach == 0:
        return
    grown = []
    for y in (0.99 * method.reach, 1.01 * method.reach):
        system, v = FunctionSystem(lambda t, v, y=y: 1j * y * v), np.ones(1, complex)
        out = np.empty_like(v)
        method.start(system, v).step(0.0, 1.0, v, out)
        grown.append(abs(out[0]))
    assert grown[0] <= 1 + 1e-12 < grown[1] + (1 if method.order > 4 else 0)


def test_the_last_stage_is_the_first_of_the_next_step():
    calls = []
    system = FunctionSystem(lambda t, v: calls.append(t) or -v)
    stepper, v = stepping.BOGACKI_SHAMPINE.start(system, np.ones(1)), np.ones(1)
    out = np.empty(1)
    stepper.step(0.0, 0.1, v, out)
    stepper.accept()
    assert calls == [0.0, 0.05, pytest.approx(0.075), 0.1] and stepper.evaluations == 4
    stepper.step(0.1, 0.1, out.copy(), out)
    stepper.step(0.1, 0.05, out.copy(), out)  # repeated: the first stage is still known
    assert len(calls) == 10
