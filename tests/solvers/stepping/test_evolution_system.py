import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.stepping import DiagonalPart, FunctionSystem
from nwidth.solvers.stepping.evolution_system import euclidean_norm


def test_both_parts_together():
    system = FunctionSystem(lambda t, v: t * v**2, DiagonalPart([-1.0, 3.0]))
    v, out, work = np.array([2.0, 1.0]), np.empty(2), np.empty(2)
    system.full(0.5, v, out, work)
    assert out.tolist() == [0.0, 3.5]
    FunctionSystem(lambda t, v: v + t).full(1.0, v, out, work)
    assert out.tolist() == [3.0, 2.0]
    assert system.rate(0.0, v) is None


def test_what_is_no_system_is_refused():
    with pytest.raises(InputError, match="function: expected"):
        FunctionSystem("rate")
    with pytest.raises(InputError, match="linear: expected a LinearPart"):
        FunctionSystem(lambda t, v: v, np.eye(2))


@pytest.mark.parametrize(
    ("dtype", "accuracy"), [(np.float64, 1e-9), (np.complex128, 1e-9), (np.float32, 2e-3)]
)
def test_the_jacobian_by_differences(dtype, accuracy):
    generator = np.random.default_rng(0)
    v, w = (generator.normal(size=(2, 5)).astype(dtype) for _ in range(2))
    if np.dtype(dtype).kind == "c":
        v = v + 1j * w[::-1]
    system, out = FunctionSystem(lambda t, v: t * np.abs(v) ** 2 * v), np.empty_like(v)
    exact = 2 * np.abs(v) ** 2 * w + v**2 * w.conj()
    system.jacobian(1.0, v, w, out)
    assert out.dtype == dtype and np.abs(out - exact).max() < accuracy * np.abs(exact).max()
    system.jacobian(1.0, v, 1e-12 * w, out)  # as long a difference, whatever the length of w
    assert np.abs(1e12 * out - exact).max() < accuracy * np.abs(exact).max()
    system.jacobian(1.0, v, 0 * w, out)
    assert not out.any()
    system.jacobian(1.0, 0 * v, w, out)
    assert np.abs(out).max() < 10 * accuracy


@pytest.mark.parametrize("unit", [1e-310, 1e-200, 1e200])
def test_the_jacobian_in_any_units(unit):
    system, out = FunctionSystem(lambda t, v: 3 * v), np.empty(2)
    v, w = unit * np.array([1.0, 2.0]), unit * np.array([-1.0, 1.0])
    system.jacobian(0.0, v, w, out)
    assert np.allclose(out / unit, [-3.0, 3.0], rtol=1e-5)
    assert euclidean_norm(v) == pytest.approx(unit * np.sqrt(5), rel=1e-12)
    assert euclidean_norm(np.array([np.nan, 1.0])) == np.inf and euclidean_norm(0 * v) == 0


@pytest.mark.parametrize("found", [None, "a", 1j, np.ones(3), np.ones(2) * 1j, [1.0, 1j]])
def test_functions_that_do_not_fit_the_state_are_told(found):
    with pytest.raises(InputError, match=r"function: expected N\(t, v\), float64 numbers of shape"):
        FunctionSystem(lambda t, v: found).nonlinear(0.0, np.ones(2), np.empty(2))
