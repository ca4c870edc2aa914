"""B-splines: a partition of unity, SciPy's values and derivatives, what is refused."""

import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.interpolate

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import KnotVector
from nwidth.solvers.bsplines import (
    BasisValues,
    BSplineBasis,
    _bspline_basis_numba,
    bspline_basis,
)
from nwidth.solvers.bsplines.bspline_basis import nonzero_functions

RNG = np.random.default_rng(0)


def all_kinds(p):
    """Return knots of every kind, with repeats as often as they may be."""
    inner = np.sort(RNG.uniform(0.1, 1.9, 5))
    return [
        KnotVector.uniform(7, p, -1.0, 2.0),
        KnotVector.cardinal(5, p),
        KnotVector.open(np.concatenate([[0.0], np.repeat(inner[:2], p + 1), inner[2:], [2.0]]), p),
        KnotVector.uniform_periodic(max(9, p + 1), p),
        KnotVector.closed(np.sort(RNG.uniform(0, 1, 10 + p)), p),
        KnotVector(np.sort(RNG.uniform(0, 1, 2 * p + 9)), p),
    ]


def points_of(knots):
    """Return points inside, the knots and both ends."""
    inside = RNG.uniform(knots.lower, knots.upper, 37)
    return np.concatenate([inside, knots.breakpoints, [knots.upper, knots.lower]])


def of_scipy(knots, x, order):
    """Return the matrix of SciPy, of which values at the upper end are those from the left."""
    t, p = knots.values, knots.degree
    n = len(t) - p - 1
    matrix = scipy.interpolate.BSpline(t, np.eye(n), p)(x, order)
    if knots.periodic:
        wrapped = np.zeros((len(x), knots.size))
        for j in range(n):
            wrapped[:, j % knots.size] += matrix[:, j]
        return wrapped
    return matrix


@pytest.mark.parametrize("p", range(8))
def test_values_and_derivatives_are_those_of_scipy(p):
    for knots in all_kinds(p):
        basis, x = BSplineBasis(knots), points_of(knots)
        for order in range(p + 2):
            wanted = of_scipy(knots, x, order)
            found = basis.matrix(x, order).toarray()
            scale = np.abs(wanted).max() + 1.0
            np.testing.assert_allclose(found / scale, wanted / scale, rtol=0, atol=2e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0, 1, 2, 3, 5, 8])
def test_functions_are_positive_and_sum_to_one(p, dtype):
    for knots in all_kinds(p):
        x = points_of(knots).astype(dtype)
        first, values = BSplineBasis(knots).evaluate(x, 2)
        assert values.dtype == dtype
        assert first.dtype.kind == "i"
        assert (values[0] >= 0).all()
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(values[0].sum(axis=1), 1, rtol=0, atol=4 * (p + 1) * eps)
        for k in (1, 2):
            sums, sizes = values[k].sum(axis=1), np.abs(values[k]).sum(axis=1)
            assert (np.abs(sums) <= 8 * (p + 1) * eps * sizes).all()


def test_greville_points_reproduce_x_and_integrals_the_supports():
    for p in range(1, 6):
        basis = BSplineBasis(KnotVector.open([0.0, 0.2, 0.2, 0.7, 1.0], p))
        x = np.linspace(0, 1, 23)
        np.testing.assert_allclose(basis.matrix(x) @ basis.greville, x, rtol=0, atol=1e-15)
        assert basis.integrals.sum() == pytest.approx(1.0, rel=1e-14)


def test_points_may_have_any_shape_and_be_none():
    basis = BSplineBasis(KnotVector.uniform(5, 3))
    x = RNG.uniform(0, 1, (3, 4))
    first, values = basis.evaluate(x, 1)
    flat = basis.evaluate(x.ravel(), 1)
    assert first.shape == (3, 4)
    assert np.array_equal(values.reshape(2, 12, 4), flat.values)
    assert basis.evaluate(0.5).values.shape == (1, 4)
    assert basis.evaluate(np.empty(0), 2).values.shape == (3, 0, 4)
    assert basis.matrix([]).shape == (0, 8)


def test_points_of_a_periodic_line_are_wrapped_if_asked_for():
    basis = BSplineBasis(KnotVector.uniform_periodic(7, 3))
    x = RNG.uniform(0, 1, 11)
    wanted = basis.matrix(x).toarray()
    for shift in (-3, 2):
        found = basis.matrix(x + shift, wrap=True).toarray()
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-14)
    with pytest.raises(InputError, match="wrap=True"):
        basis.evaluate(x + 1)
    with pytest.raises(InputError, match="periodic knots"):
        BSplineBasis(KnotVector.uniform(4, 3)).evaluate(x, wrap=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_points_outside_are_refused_and_the_ends_are_not(dtype):
    basis = BSplineBasis(KnotVector.uniform(10, 3, 0.1, 0.7))
    ends = np.array([0.1, 0.7], dtype)
    values = basis.matrix(ends).toarray()
    assert (values[0, 0], values[1, -1]) == (pytest.approx(1), pytest.approx(1))
    for wrong in (np.nextafter(ends[0], dtype(-1)), np.nextafter(ends[1], dtype(1))):
        with pytest.raises(InputError, match=r"domain \[0.1, 0.7\]"):
            basis.evaluate(np.array([0.5, wrong, 0.6], dtype))
    for bad in (np.nan, np.inf):
        with pytest.raises(NonFiniteError, match="index \\(1,\\)"):
            basis.evaluate(np.array([0.5, bad], dtype))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda b: b.evaluate([0.5j]), "real numbers"),
        (lambda b: b.evaluate(["a"]), "x: expected"),
        (lambda b: b.evaluate([0.5], -1), "derivatives"),
        (lambda b: b.matrix([0.5], 1.5), "order"),
        (lambda b: BSplineBasis([0, 1, 2]), "KnotVector"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call(BSplineBasis(KnotVector.uniform(4, 2)))


def reference(basis, x, derivatives):
    """Return what `evaluate` should, by the plain recursion."""
    t, p = basis.knots.values, basis.degree
    inside = np.clip(x.astype(np.float64), basis.lower, basis.upper)
    starts = np.searchsorted(t, basis.knots.breakpoints[:-1], "right") - 1
    spans = np.clip(np.searchsorted(t, inside, "right") - 1, starts[0], starts[-1])
    return spans - p, nonzero_functions(t, p, spans, inside, derivatives)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0, 3, 9])
def test_kernels_agree_with_the_plain_recursion(p, dtype):
    eps = np.finfo(dtype).eps
    for knots in [*all_kinds(p), KnotVector.open(np.geomspace(1e-9, 1.0, 40), p)]:
        basis = BSplineBasis(knots)
        x = np.concatenate([points_of(knots), RNG.uniform(knots.lower, knots.upper, 601)])
        for derivatives in (0, 1, 3):
            first, values = basis.evaluate(x.astype(dtype), derivatives)
            wanted_first, wanted = reference(basis, x.astype(dtype), derivatives)
            assert np.array_equal(first, wanted_first)
            for found, exact in zip(values, wanted, strict=True):
                scale = np.abs(exact).max(axis=1, keepdims=True)
                assert (np.abs(found - exact) <= 4 * (p + 1) * eps * scale).all()


def test_intervals_are_found_whatever_the_rounding():
    """Knots and their neighbours among the floating-point numbers, uniform or nearly so."""
    for knots in (
        KnotVector.uniform(1000, 2, 0.1, 0.7),
        KnotVector.uniform(997, 1, -1e6, 1e6 + 0.3),
        KnotVector.uniform(50, 1, 1e9, 1e9 + 1e-4),
        KnotVector.open(np.unique(RNG.uniform(0, 1, 500) ** 12), 2),
        KnotVector.closed([0.0, 0.0, 1.0], 1),
    ):
        basis, t = BSplineBasis(knots), knots.breakpoints
        near = np.concatenate([t, np.nextafter(t, np.inf)[:-1], np.nextafter(t, -np.inf)[1:]])
        wanted, _ = reference(basis, near, 0)
        assert np.array_equal(basis.evaluate(near).first, wanted)


def test_threads_and_memory_change_nothing(monkeypatch):
    basis = BSplineBasis(KnotVector.uniform(30, 3))
    x = RNG.uniform(0, 1, 1001)
    wanted = basis.evaluate(x, 1)
    monkeypatch.setattr(bspline_basis, "PART", 100)
    monkeypatch.setattr(_bspline_basis_numba, "get_num_threads", lambda: 3)
    room = BasisValues(np.zeros(1001, np.int64), np.full((2, 1001, 4), np.nan))
    found = basis.evaluate(x, 1, out=room)
    assert found is room
    assert np.array_equal(found.first, wanted.first)
    assert np.array_equal(found.values, wanted.values)
    x[777] = 1.5
    with pytest.raises(InputError, match=r"got 1\.5"):
        basis.evaluate(x, 1)
    with pytest.raises(InputError, match="out: expected values"):
        basis.evaluate(x, 2, out=room)


def agree_on_a_device():
    """Compare the CUDA kernels with those of the CPU; called in the simulator."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import simulated_cupy as cupy

    cupy.install()
    from nwidth.solvers.bsplines import Spline, _bspline_basis_cuda

    _bspline_basis_cuda.THREADS = 16
    for p in (0, 3):
        inner = np.sort(RNG.uniform(0.1, 1.9, 5))
        for knots in (
            KnotVector.open([0.0, *np.repeat(inner[:1], p + 1), *inner[1:], 2.0], p),
            KnotVector.uniform_periodic(6, p),
        ):
            basis = BSplineBasis(knots)
            c = RNG.standard_normal((knots.size, 2)) + 1j
            s = Spline(basis, c)
            on_device = Spline(basis, cupy.asarray(c))
            for dtype in (np.float32, np.float64):
                x = points_of(knots)[25:].astype(dtype)
                eps = np.finfo(dtype).eps
                wanted, found = basis.evaluate(x, 2), basis.evaluate(cupy.asarray(x), 2)
                assert isinstance(found.values, cupy.ndarray)
                assert found.values.dtype == dtype
                assert np.array_equal(found.first.get(), wanted.first)
                scale = np.abs(wanted.values).max(axis=(1, 2), keepdims=True) + 1
                assert (np.abs(found.values.get() - wanted.values) <= 8 * eps * scale).all()
                values, slopes = on_device.with_derivative(cupy.asarray(x))
                third = on_device(cupy.asarray(x), 1)
                for wanted, found in ((s(x), values), (s(x, 1), slopes), (s(x, 1), third)):
                    scale = np.abs(wanted).max() + 1
                    assert (np.abs(found.get() - wanted) <= 50 * np.finfo(float).eps * scale).all()
    try:
        basis.evaluate(cupy.asarray(x) + 5)
    except InputError:
        return "agreed"


def test_cuda_kernels_agree_with_those_of_the_cpu_in_the_simulator(in_simulator):
    assert in_simulator(__file__, "agree_on_a_device") == "agreed"
