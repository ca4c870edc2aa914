"""What every method has to be, whatever its family."""

import numpy as np
import pytest

from nwidth.solvers import stepping
from nwidth.solvers.stepping import DiagonalPart, FunctionSystem, SteppingMethod

METHODS = [
    method
    for name in stepping.__all__
    if isinstance(method := getattr(stepping, name), SteppingMethod)
]


def test_names_are_different():
    assert len({method.name for method in METHODS}) == len(METHODS) >= 10


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_what_is_declared(method):
    assert method.order >= 1 and method.reach >= 0
    assert hash(method) == hash(method) and method == method.__class__(**vars(method))
    system, v = FunctionSystem(lambda t, v: -v, DiagonalPart([-1.0])), np.ones(1)
    stepper, out = method.start(system, v), np.full(1, np.nan)
    error = stepper.step(0.0, 0.1, v, out)
    assert (error is None) == (method.embedded_order is None)
    assert v.tolist() == [1.0] and np.exp(-0.2) == pytest.approx(out[0], rel=0.05)
    assert stepper.evaluations >= 1
    before = out.copy()
    stepper.step(0.0, 0.1, v, out)  # the same step again, as if it had been refused
    assert np.array_equal(out, before)
    stepper.accept()
    stepper.restore(stepper.memory())


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_embedded_orders_are_lower(method):
    assert method.embedded_order is None or 1 <= method.embedded_order < method.order
