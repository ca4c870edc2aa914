"""What every basis of one variable promises, walked through all of them."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers import spectral
from nwidth.solvers.spectral.spectral_basis import SpectralBasis

KINDS = {
    "ChebyshevBasis": [{}],
    "LegendreBasis": [{"kind": "lobatto"}, {"kind": "gauss"}],
    "CosineBasis": [{"centering": "cell"}, {"centering": "node"}],
    "SineBasis": [{"centering": "cell"}, {"centering": "node"}],
}
LOWER, UPPER = -0.7, 1.9


def test_no_basis_is_left_out():
    found = {
        name
        for name in spectral.__all__
        if isinstance(getattr(spectral, name), type)
        and issubclass(getattr(spectral, name), SpectralBasis)
        and not getattr(spectral, name).__abstractmethods__
    }
    assert found == set(KINDS)


@pytest.fixture(
    params=[
        (name, options, size)
        for name, several in KINDS.items()
        for options in several
        for size in (3, 16, 33)
    ],
    ids=lambda p: f"{p[0]}-{'-'.join(p[1].values())}-{p[2]}",
)
def basis(request):
    name, options, size = request.param
    return getattr(spectral, name)(size, LOWER, UPPER, **options)


def coefficients(basis, *batch, dtype=float, seed=1):
    generator = np.random.default_rng(seed)
    v = generator.normal(size=(*batch, basis.modes)) * 0.8 ** np.arange(basis.modes)
    if np.dtype(dtype).kind == "c":
        v = v + 1j * generator.normal(size=v.shape)
    return v.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_round_trips_along_any_axis(basis, dtype):
    v = coefficients(basis, 2, 3, dtype=dtype)
    limit = (40 + 3 * basis.size) * np.finfo(dtype).eps * abs(v).max()
    u = basis.backward(v)
    again = basis.forward(u)
    assert u.dtype == again.dtype == v.dtype and u.shape == (2, 3, basis.size)
    assert np.allclose(again, v, rtol=0, atol=limit)
    moved = basis.backward(np.moveaxis(v, -1, 1), axis=1)
    assert np.allclose(moved, np.moveaxis(u, -1, 1), rtol=0, atol=limit)
    assert np.allclose(basis.forward(moved, axis=1), np.moveaxis(v, -1, 1), rtol=0, atol=limit)


def test_points_and_weights(basis):
    assert np.all(np.diff(basis.points) > 0) and np.all(basis.weights > 0)
    assert basis.points[0] >= LOWER and basis.points[-1] <= UPPER
    assert basis.weights.sum() == pytest.approx(UPPER - LOWER, rel=1e-14)


def test_values_are_those_at_the_points(basis):
    v = coefficients(basis, 2)
    u = basis.backward(v)
    assert np.allclose(basis.evaluate(v, basis.points), u, atol=1e-13)
    for dtype in (np.float32, np.complex128):
        assert basis.evaluate(v.astype(dtype), basis.points).dtype == dtype
    swapped = basis.evaluate(v.T, [0.1, 0.2], axis=0)
    assert swapped.shape == (2, 2) and np.allclose(swapped.T, basis.evaluate(v, [0.1, 0.2]))


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_derivatives_by_complex_neighbours(basis, order):
    """Fourth differences of the functions themselves: the only outside judge of all bases."""
    v = coefficients(basis)
    if type(basis).__name__ in ("CosineBasis", "SineBasis"):
        v[-1] = 0.0  # whose odd derivatives vanish at the points
    x, h = np.linspace(LOWER + 0.3, UPPER - 0.3, 9), 1e-3
    d = v
    for q in range(order):
        d = basis.derived(q).derivative(d)
    whole = basis.derivative(v, order)
    assert np.allclose(whole, d, rtol=1e-11, atol=1e-10 * (1 + abs(d).max()))
    if order == 1:
        f = [basis.evaluate(v, x + k * h) for k in (-2, -1, 1, 2)]
        slope = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h)
        found = basis.derived(1).evaluate(d, x)
        assert np.allclose(found, slope, atol=1e-5 * (1 + abs(slope).max()))
    if order == 0:
        assert np.array_equal(whole, v)


def test_integrals_are_those_of_a_fine_rule(basis):
    x, w = np.polynomial.legendre.leggauss(200)
    x = (LOWER + UPPER) / 2 + (UPPER - LOWER) / 2 * x
    v = coefficients(basis, 3)
    wanted = basis.evaluate(v, x) @ w * (UPPER - LOWER) / 2
    assert np.allclose(basis.integral(v), wanted, atol=1e-12)
    assert np.allclose(basis.integral(v.T, axis=0), wanted, atol=1e-12)
    if not isinstance(basis, spectral.SineBasis):
        assert np.allclose(basis.backward(v) @ basis.weights, wanted, atol=1e-12)


def test_products_do_not_alias(basis):
    """Coefficients are those of the product in a basis that holds it all."""
    v, w = coefficients(basis, seed=2) + 0.5, coefficients(basis, seed=3) + 0.5
    fine = basis.resized(4 * basis.size)
    a, b = (fine.backward(basis.resampled(f, fine)) for f in (v, w))
    result = basis
    if isinstance(basis, spectral.SineBasis):
        fine, result = fine.other, basis.other
    wanted = fine.resampled(fine.forward(a * b), result)
    assert np.allclose(basis.product(v, w), wanted, atol=1e-12)
    if basis.size > 3:  # at its own points they would alias
        aliased = result.forward(basis.backward(v) * basis.backward(w))
        assert not np.allclose(aliased, wanted, atol=1e-3)


def test_resampled_functions_are_the_same(basis):
    v = coefficients(basis, 2)
    fine = basis.resized(2 * basis.size + 1)
    assert type(fine) is type(basis) and fine.size == 2 * basis.size + 1
    w = basis.resampled(v, fine)
    x = np.linspace(LOWER, UPPER, 7)
    assert np.allclose(fine.evaluate(w, x), basis.evaluate(v, x), atol=1e-13)
    assert np.array_equal(fine.resampled(w, basis), v)
    with pytest.raises(InputError, match="same interval"):
        basis.resampled(v, type(basis)(9, 0.0, 3.0))


def test_what_does_not_fit_is_refused(basis):
    with pytest.raises(InputError, match=f"u: expected {basis.size} numbers along axis -1"):
        basis.forward(np.zeros(basis.size + 1))
    with pytest.raises(InputError, match=f"v: expected {basis.modes} numbers along axis 2"):
        basis.backward(np.zeros((basis.modes, 2)), axis=2)
    with pytest.raises(InputError, match="order"):
        basis.derivative(np.zeros(basis.modes), -1)
    for points in ([2.0], [[0.0]], [-0.8, 0.0]):
        with pytest.raises(InputError, match="points: expected shape"):
            basis.evaluate(np.zeros(basis.modes), points)
    for points, words in (
        ("a", "expected numbers"),
        ([0.5j], "real"),
        ([[0.1], [0.1, 0.2]], "array"),
    ):
        with pytest.raises(InputError, match=f"points: .*{words}"):
            basis.evaluate(np.zeros(basis.modes), points)
    for axis in ("a", None, 0.0, True):
        with pytest.raises(InputError, match="axis: expected an integer"):
            basis.forward(np.zeros(basis.size), axis)
    if isinstance(basis, spectral.PolynomialBasis):
        with pytest.raises(InputError, match="order: expected an integer"):
            basis.boundary_values("a")
    for ends in ((1.0, 1.0), (2.0, 1.0), (0.0, np.inf)):
        with pytest.raises(InputError, match=r"(upper|lower): expected"):
            type(basis)(5, *ends)
    with pytest.raises(InputError, match="size: expected"):
        type(basis)(1)
