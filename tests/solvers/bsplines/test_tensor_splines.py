import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.interpolate

from nwidth.errors import InputError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines import _tensor_splines_numba, tensor_splines
from nwidth.solvers.bsplines.kronecker import KroneckerOperator
from nwidth.solvers.bsplines.spline_matrices import mixed_matrix
from nwidth.solvers.bsplines.tensor_splines import TensorSpline, TensorSplineBasis

RNG = np.random.default_rng(9)
PLANE = (KnotVector.open([0.0, 0.2, 0.7, 1.0], 3), KnotVector.uniform_periodic(6, 2))
SPACE = (*PLANE, KnotVector.uniform(2, 4, -1.0, 1.0))


@pytest.mark.parametrize("knots", [PLANE[:1], PLANE, SPACE], ids=len)
@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
def test_grids_scattered_points_and_matrices_agree_with_products_of_functions(knots, dtype):
    basis = TensorSplineBasis(*knots)
    d, v = len(knots), RNG.standard_normal((*basis.shape, 2)).astype(dtype)
    points = [RNG.uniform(k.lower, k.upper, 5 + a) for a, k in enumerate(knots)]
    orders = (1, 0, 2)[:d]
    exact = v
    for axis, (b, x, k) in enumerate(zip(basis.bases, points, orders, strict=True)):
        exact = np.moveaxis(np.tensordot(b.matrix(x, k).toarray(), exact, (1, axis)), 0, axis)
    size = abs(exact).max()
    tolerance = 30 * np.finfo(dtype).eps * size
    np.testing.assert_allclose(basis.evaluate(v, points, orders), exact, atol=tolerance)
    scattered = np.stack(np.meshgrid(*points, indexing="ij"), axis=-1)
    found = basis.evaluate_at(v, scattered, orders)
    np.testing.assert_allclose(found, exact, atol=tolerance)
    flat = basis.matrix(scattered.reshape(-1, d), orders) @ v.reshape(-1, 2)
    np.testing.assert_allclose(flat.reshape(exact.shape), exact, atol=tolerance)
    slopes = basis.gradient(v, scattered)
    assert slopes.shape == (*exact.shape, d)
    first = np.eye(d, dtype=int)[-1]
    np.testing.assert_allclose(slopes[..., -1], basis.evaluate(v, points, tuple(first)),
                               atol=100 * tolerance)  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_kernel_agrees_with_the_plain_reference(d, dtype, monkeypatch):
    monkeypatch.setattr(tensor_splines, "GATHERED", 1000)
    monkeypatch.setattr(tensor_splines, "BLOCK", 16)
    monkeypatch.setattr(_tensor_splines_numba, "get_num_threads", lambda: 3)
    basis = TensorSplineBasis(*SPACE[:d])
    orders = np.array([[0, 0, 0], [1, 0, 2], [0, 1, 1]])[:, :d].tolist()
    v = RNG.standard_normal((*basis.shape, 2)).astype(dtype)
    v = v * dtype(np.exp(0.7j)) if np.dtype(dtype).kind == "c" else v
    x = np.stack([RNG.uniform(k.lower, k.upper, 57) for k in SPACE[:d]], axis=-1)
    out = np.empty((3, 57, 2), dtype)
    basis._gathered(v, x, [tuple(k) for k in orders], out)
    found = basis.derivatives_at(v, x, orders)
    size = abs(out).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found / size, out / size, atol=20 * np.finfo(dtype).eps)
    with pytest.raises(InputError, match="points of the domain"):
        basis.evaluate_at(v, np.where(np.arange(57)[:, None] == 50, 7.0, x))


def test_four_variables():
    basis = TensorSplineBasis(*[KnotVector.uniform(2, 2)] * 4)
    x = RNG.uniform(0, 1, (9, 4))
    v = RNG.standard_normal(basis.shape)
    np.testing.assert_allclose(basis.evaluate_at(v, x), basis.matrix(x) @ v.ravel(), atol=1e-14)


@pytest.mark.parametrize(("d", "p"), [(2, 2), (2, 3), (2, 5), (3, 3)])
def test_interpolation_is_of_order_p_plus_one(d, p):
    def wave(*x):
        return np.exp(sum(np.sin(2 * np.pi * t + k) for k, t in enumerate(x)) / 2)

    errors, places = [], RNG.uniform(0, 1, (300, d))
    for n in (16, 32):
        knots = [KnotVector.uniform(n, p), *[KnotVector.uniform_periodic(n, p)] * (d - 1)]
        basis = TensorSplineBasis(*knots)
        s = basis.interpolate(wave(*basis.coordinates()))
        errors.append(abs(s(places) - wave(*places.T)).max())
    assert np.log2(errors[0] / errors[1]) > p + 0.6


def test_two_variables_as_scipy_has_them():
    x, y = np.sort(RNG.uniform(0, 1, 9)), np.sort(RNG.uniform(0, 1, 8))
    z = RNG.standard_normal((9, 8))
    peer = scipy.interpolate.RectBivariateSpline(x, y, z, kx=3, ky=2)
    (tx, ty), (kx, ky) = peer.get_knots(), (3, 2)
    basis = TensorSplineBasis(KnotVector(tx, kx), KnotVector(ty, ky))
    s = basis.interpolate(z, [x, y])
    points = [np.linspace(x[0], x[-1], 11), np.linspace(y[0], y[-1], 12)]
    np.testing.assert_allclose(s.on_grid(points), peer(*points), atol=1e-9)
    np.testing.assert_allclose(s.on_grid(points, (1, 0)), peer(*points, dx=1), atol=1e-7)


def test_least_squares_on_grids_and_at_scattered_points():
    basis = TensorSplineBasis(KnotVector.uniform(3, 3), KnotVector.uniform_periodic(5, 3))
    x, y = np.linspace(0, 1, 20), np.arange(15) / 15
    values = RNG.standard_normal((20, 15, 2))
    weights = [RNG.uniform(0.5, 1, 20), RNG.uniform(0.5, 1, 15)]
    s = basis.least_squares([x, y], values, weights)
    scattered = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    w = np.multiply.outer(*weights).ravel()
    other = basis.least_squares(scattered, values.reshape(-1, 2), w)
    np.testing.assert_allclose(s.coefficients, other.coefficients, atol=1e-12)
    B = basis.matrix(scattered).toarray() * np.sqrt(w)[:, None]
    exact = np.linalg.lstsq(B, values.reshape(-1, 2) * np.sqrt(w)[:, None], rcond=None)[0]
    np.testing.assert_allclose(s.coefficients.reshape(-1, 2), exact, atol=1e-12)
    z = (values[..., 0] + 1j * values[..., 1]).ravel()
    joined = basis.least_squares(scattered, z, w).coefficients
    np.testing.assert_allclose(joined, s.coefficients @ [1, 1j], atol=1e-12)


def test_scattered_least_squares_lose_no_digits():
    basis = TensorSplineBasis(*(KnotVector.uniform(n, p) for n, p in ((5, 3), (4, 2), (3, 5))))
    exact = TensorSpline(basis, RNG.standard_normal(basis.shape))
    x = RNG.uniform(size=(3000, 3))
    found = basis.least_squares(x, exact(x))
    np.testing.assert_allclose(found.coefficients, exact.coefficients, atol=1e-11)


def test_smoothing_fills_gaps_and_takes_noise_away():
    basis = TensorSplineBasis(KnotVector.uniform(12, 3), KnotVector.uniform(12, 3))
    x = RNG.uniform(0, 1, (150, 2))  # fewer points than functions
    plane = 1 + 2 * x[:, 0] - x[:, 1]
    with pytest.raises(InputError, match="smoothing"):
        basis.least_squares(x, plane)
    s = basis.least_squares(x, plane, smoothing=1e-3)
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.3, 0.9]])
    np.testing.assert_allclose(s(corners), 1 + 2 * corners[:, 0] - corners[:, 1], atol=1e-9)
    grid = [np.linspace(0, 1, 16)] * 2
    z = np.add.outer(grid[0] ** 2, grid[1]) + 0.1 * RNG.standard_normal((16, 16))
    rough, smooth = (basis.least_squares(grid, z, smoothing=k) for k in (0.0, 1e-3))
    bend = [np.sum(f.on_grid(grid, (2, 0)) ** 2) for f in (rough, smooth)]
    assert bend[1] < 0.05 * bend[0]


def test_knots_are_inserted_and_integrals_kept():
    basis = TensorSplineBasis(*SPACE)
    s = TensorSpline(basis, RNG.standard_normal((*basis.shape, 2)))
    x = np.stack([RNG.uniform(k.lower, k.upper, 40) for k in SPACE], axis=-1)
    fine = s.inserted([[0.1, 0.7], None, [0.3]])
    assert fine.shape == (8, 6, 7)
    for other in (fine, s.refined()):
        np.testing.assert_allclose(other(x), s(x), atol=1e-13)
        np.testing.assert_allclose(other.integral(), s.integral(), atol=1e-13)
    one = TensorSpline(basis, np.ones(basis.shape))
    assert one.integral() == pytest.approx(2.0, rel=1e-14)


@pytest.mark.parametrize("p", [2, 4])
def test_helmholtz_equation_by_the_kronecker_sum(p):
    """-Laplace u + u = f with natural boundary conditions, of order p + 1."""
    errors = []
    for n in (8, 16):
        basis = TensorSplineBasis(KnotVector.uniform(n, p), KnotVector.uniform_periodic(n + 1, p))
        x, y = basis.coordinates()
        u = np.cos(np.pi * x) * np.sin(2 * np.pi * y)
        # Of order p + 2, the error of the interpolated source does not count.
        fine = TensorSplineBasis(
            KnotVector.uniform(n, p + 2), KnotVector.uniform_periodic(n + 1, p + 2)
        )
        fx, fy = fine.coordinates()
        f = fine.interpolate((1 + 5 * np.pi**2) * np.cos(np.pi * fx) * np.sin(2 * np.pi * fy))
        pairs = zip(basis.bases, fine.bases, strict=True)
        load = KroneckerOperator([mixed_matrix(a, b) for a, b in pairs]).apply(f.coefficients)
        K = basis.stiffness(shift=1.0)
        v = K.solve(load)
        assert K.hermitian and abs(K.apply(v) - load).max() < 1e-12
        errors.append(abs(basis.evaluate(v) - u).max())
    assert np.log2(errors[0] / errors[1]) > p + 0.6


def test_wrong_arguments_are_told():
    basis = TensorSplineBasis(*PLANE)
    v = np.ones(basis.shape)
    with pytest.raises(InputError, match="one basis or more"):
        TensorSplineBasis()
    with pytest.raises(InputError, match=r"expected shape \(6, 6, \.\.\.\)"):
        basis.evaluate(np.ones((3, 3)))
    with pytest.raises(InputError, match="list of 2 arrays"):
        basis.evaluate(v, [np.ones(2)])
    with pytest.raises(InputError, match="orders"):
        basis.evaluate(v, orders=(1, 0, 0))
    with pytest.raises(InputError, match="list of tuples"):
        basis.derivatives_at(v, [[0.5, 0.5]], [])
    with pytest.raises(InputError, match=r"\(\.\.\., 2\)"):
        basis.evaluate_at(v, np.ones((4, 3)))
    with pytest.raises(InputError, match="points of the domain"):
        basis.evaluate_at(v, [[1.5, 0.5]])
    with pytest.raises(InputError, match="one for each point"):
        basis.least_squares(RNG.uniform(0, 1, (99, 2)), np.ones(98))
    with pytest.raises(InputError, match="list of 2"):
        TensorSpline(basis, v).inserted([[0.5]])


def agree_on_a_device():
    """Compare results on a device with those of the host; called in the simulator."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import simulated_cupy as cupy

    cupy.install()
    basis = TensorSplineBasis(*PLANE)
    values, x = RNG.standard_normal((*basis.shape, 2)), RNG.uniform(0, 1, (9, 2))
    host, device = basis.interpolate(values), basis.interpolate(cupy.asarray(values))
    assert isinstance(device.coefficients, cupy.ndarray)
    for wanted, found in (
        (host.coefficients, device.coefficients),
        (host(x, (1, 0)), device(cupy.asarray(x), (1, 0))),
        (host.gradient(x), device.gradient(cupy.asarray(x))),
        (
            basis.stiffness(2.0)._inverse(values, False),
            basis.stiffness(2.0)._inverse(cupy.asarray(values), False),
        ),
    ):
        assert isinstance(found, cupy.ndarray)
        np.testing.assert_allclose(found.get(), wanted, atol=1e-12 * abs(wanted).max())
    return "agreed"


def test_devices_agree_with_the_host_in_the_simulator(in_simulator):
    assert in_simulator(__file__, "agree_on_a_device") == "agreed"
