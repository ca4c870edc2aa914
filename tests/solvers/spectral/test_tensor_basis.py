import sys
from pathlib import Path

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.spectral import (
    ChebyshevBasis,
    CosineBasis,
    FourierSpace,
    LegendreBasis,
    SineBasis,
    TensorBasis,
)


def fourier(shape=12, **options):
    lengths = [2 * np.pi, 3.0][: np.size(shape)]
    return FourierSpace(Grid.periodic(shape, upper=lengths), **options)


def products():
    return {
        "fourier-chebyshev": TensorBasis(fourier(), ChebyshevBasis(9, 0.0, 2.0)),
        "legendre-fourier": TensorBasis(LegendreBasis(8), fourier(11)),
        "plane-chebyshev": TensorBasis(fourier((6, 8)), ChebyshevBasis(7)),
        "complex-sine": TensorBasis(fourier(8, real=False), SineBasis(9)),
        "chebyshev-plane": TensorBasis(ChebyshevBasis(5), fourier((6, 5))),
        "chebyshev-legendre": TensorBasis(ChebyshevBasis(6), LegendreBasis(7, kind="gauss")),
        "cosine-fourier-sine": TensorBasis(CosineBasis(6), fourier(7), SineBasis(5)),
        "alone": TensorBasis(ChebyshevBasis(6)),
    }


@pytest.fixture(params=products())
def basis(request):
    return products()[request.param]


def random_values(basis, *batch):
    """Values of any functions of the basis."""
    generator = np.random.default_rng(1)
    u = generator.normal(size=(*batch, *basis.shape))
    if basis.fourier is not None and not basis.fourier.real:
        u = u + 1j * generator.normal(size=u.shape)
    return u


def test_round_trips(basis):
    u = random_values(basis, 2)
    v = basis.forward(u)
    assert v.shape == (2, *basis.modes) and np.allclose(basis.backward(v), u, atol=1e-13)
    assert (v.dtype.kind == "c") == (basis.fourier is not None)
    assert np.allclose(basis.forward(u[1]), v[1], atol=1e-15)
    single = TensorBasis(
        *(
            FourierSpace(f.grid, real=f.real, dtype="float32") if f is basis.fourier else f
            for f in basis.factors
        )
    )
    u = u.astype(np.complex64 if u.dtype.kind == "c" else np.float32)
    again = single.backward(single.forward(u))
    assert again.dtype == u.dtype and np.allclose(again, u, atol=2e-5)


def test_evaluation_and_integrals(basis):
    v = basis.forward(random_values(basis, 2))
    points = np.stack([x.ravel() for x in basis.coordinates()], axis=-1)
    values = basis.backward(v).reshape(2, -1)
    assert np.allclose(basis.evaluate(v, points), values, atol=1e-12)
    assert np.allclose(basis.evaluate(v[0], points[3:5]), values[0, 3:5], atol=1e-12)
    if not any(isinstance(f, SineBasis) for f in basis.factors):
        assert np.allclose(basis.integral(v), values @ basis.weights.ravel(), atol=1e-12)


def factor_values(factor, place, x, order):
    """A function that the factor has exactly, or its derivative."""
    if isinstance(factor, FourierSpace):
        k = 2 * np.pi / factor.grid.axes[place].length
        return [1.5 + np.sin(k * x), k * np.cos(k * x), -(k**2) * np.sin(k * x)][order]
    if isinstance(factor, CosineBasis | SineBasis):
        k = 2 * np.pi
        turns = [np.cos, lambda y: -np.sin(y), lambda y: -np.cos(y), np.sin]
        start = 0 if isinstance(factor, CosineBasis) else 3
        return k**order * turns[(start + order) % 4](k * x)
    return np.polynomial.Polynomial([1.0, -2.0, 0.5, 0.0, 3.0]).deriv(order)(x)


@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_go_along_their_axis(basis, order):
    coordinates = basis.coordinates()
    for axis in range(len(basis.shape)):
        u, wanted = np.ones(basis.shape), np.ones(basis.shape)
        for a, x in enumerate(coordinates):
            factor, place = basis._owners[a]
            u = u * factor_values(factor, place, x, 0)
            wanted = wanted * factor_values(factor, place, x, order if a == axis else 0)
        v = basis.derivative(basis.forward(u), axis, order)
        found = basis.derived(axis, order).backward(v)
        assert np.allclose(found, wanted, atol=1e-11 * abs(wanted).max())


@pytest.mark.parametrize("kind", [ChebyshevBasis, LegendreBasis])
def test_poisson_between_walls_to_round_off(kind):
    space = fourier((8, 12))
    basis = TensorBasis(space, kind(24, -1.0, 1.0))
    x, y, z = basis.coordinates()
    ky = 2 * np.pi / 3
    u = np.cos(2 * x) * np.sin(ky * y) * np.exp(z) + np.sin(3 * z) + z**2
    f = (4 + ky**2 - 1) * np.cos(2 * x) * np.sin(ky * y) * np.exp(z) + 9 * np.sin(3 * z) - 2
    values = np.stack([space.transform.forward(u[:, :, e].copy()) for e in (0, -1)])
    solver = basis.helmholtz()
    found = basis.backward(solver.solve(basis.forward(f), values))
    assert abs(found - u).max() < 1e-12
    slopes = np.cos(2 * x) * np.sin(ky * y) * np.exp(z) + 3 * np.cos(3 * z) + 2 * z
    values = np.stack([space.transform.forward(slopes[:, :, e].copy()) for e in (0, -1)])
    level = basis.helmholtz(0.0, "neumann", "neumann").solve(basis.forward(f), values)
    found = basis.backward(level)
    mean = (basis.weights * u).sum() / basis.weights.sum()
    assert abs(found - (u - mean)).max() < 1e-12
    both = solver.solve(np.stack([basis.forward(f), basis.forward(2 * f)]))
    assert both.shape == (2, *basis.modes) and np.allclose(both[1], 2 * both[0], atol=1e-14)


def test_heat_decays_at_its_rate():
    """Implicit steps of u_t = Laplace u from an eigenfunction: the factor of each is exact."""
    basis, h = TensorBasis(fourier(), ChebyshevBasis(20, 0.0, 1.0)), 0.01
    x, z = basis.coordinates()
    v = basis.forward(np.cos(x) * np.sin(np.pi * z))
    solver = basis.helmholtz(1 / h)
    for _ in range(5):
        v = solver.solve(v / h)
    exact = np.cos(x) * np.sin(np.pi * z) / (1 + h * (1 + np.pi**2)) ** 5
    assert abs(basis.backward(v) - exact).max() < 1e-14


def other_sizes(basis, size):
    """The same basis with other numbers of points."""
    return TensorBasis(
        *(
            fourier([size(n) for n in f.shape], real=f.real)
            if isinstance(f, FourierSpace)
            else f.resized(size(f.size))
            for f in basis.factors
        )
    )


def test_products_have_no_aliases(basis):
    if any(isinstance(f, SineBasis) for f in basis.factors):
        with pytest.raises(InputError, match="factors: expected no sines"):
            basis.product(*np.zeros((2, *basis.modes)))
        return
    v, w = basis.forward(random_values(basis, 2))
    large = other_sizes(basis, lambda n: 2 * n + 1)  # where the whole product has room
    values = [large.backward(basis.resampled(f, large)) for f in (v, w)]
    whole = large.forward(values[0] * values[1])
    found = basis.product(v, w)
    assert np.allclose(found, large.resampled(whole, basis), atol=1e-13)
    assert np.allclose(basis.product(np.stack([v, w]), w)[0], found, atol=1e-14)
    small = other_sizes(basis, lambda n: max(2, n // 2 - 1))
    v = small.resampled(small.forward(random_values(small)), basis)
    x = np.stack([np.random.default_rng(4).uniform(p[0], p[-1], 7) for p in basis.points], axis=1)
    assert np.allclose(basis.evaluate(basis.product(v, v), x), basis.evaluate(v, x) ** 2)
    with pytest.raises(InputError, match="other: expected a TensorBasis of the same kinds"):
        basis.resampled(v, TensorBasis(CosineBasis(5), LegendreBasis(5), CosineBasis(5)))


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="expected one or more bases"):
        TensorBasis()
    with pytest.raises(InputError, match="at most one Fourier space"):
        TensorBasis(fourier(), fourier())
    with pytest.raises(InputError, match="factors: expected a FourierSpace or SpectralBasis"):
        TensorBasis(3)
    basis = products()["fourier-chebyshev"]
    with pytest.raises(InputError, match=r"u: expected a shape that ends with \(12, 9\)"):
        basis.forward(np.zeros((9, 12)))
    with pytest.raises(InputError, match="u: expected real numbers"):
        basis.forward(np.zeros((12, 9), complex))
    for points in ("a", [[0.1, 0.1j]], [[0.1], [0.1, 0.2]], [[np.nan, 0.0]]):
        with pytest.raises(InputError, match="points: expected"):
            basis.evaluate(np.zeros(basis.modes, complex), points)
    for alpha in ("a", None, [1.0, 2.0]):
        with pytest.raises(InputError, match="alpha: expected a number"):
            basis.helmholtz(alpha)
    with pytest.raises(InputError, match="axis: expected less than 2"):
        basis.derivative(np.zeros((7, 9), complex), 2)
    with pytest.raises(InputError, match=r"points: expected shape \(m, 2\)"):
        basis.evaluate(np.zeros((7, 9), complex), [0.0, 1.0])
    for name in ("legendre-fourier", "chebyshev-legendre", "complex-sine"):
        with pytest.raises(InputError, match="factors: expected a"):
            products()[name].helmholtz()


def run_on_device_arrays():
    """Compare all products with those on the host; called in a process of its own, below."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import simulated_cupy as cupy

    cupy.install()
    for basis in products().values():
        u = random_values(basis, 2)
        points = np.stack([p[[1, 2]] for p in basis.points], axis=-1)
        v = basis.forward(u)
        device = basis.forward(cupy.asarray(u))
        pairs = [(device, v), (basis.backward(device), basis.backward(v))]
        pairs.append((basis.integral(device), basis.integral(v)))
        pairs.append((basis.evaluate(device, points), basis.evaluate(v, points)))
        for a in range(len(basis.shape)):
            pairs.append((basis.derivative(device, a), basis.derivative(v, a)))
        for f in basis.factors:
            if not isinstance(f, FourierSpace):
                w = np.random.default_rng(0).normal(size=(2, f.modes))
                pairs.append((f.product(cupy.asarray(w), cupy.asarray(w)), f.product(w, w)))
        if basis.factors[0] is basis.fourier and isinstance(basis.factors[1], ChebyshevBasis):
            solver = basis.helmholtz(0.0, "neumann", "neumann")
            values = np.ones((2, *basis.modes[:-1]))
            found = solver.solve(device, cupy.asarray(values))
            pairs.append((found, solver.solve(v, values)))
        for one, other in pairs:
            assert isinstance(one, cupy.ndarray) and one.dtype == other.dtype
            np.testing.assert_allclose(one.get(), other, atol=1e-12 * (1 + abs(other).max()))
    return f"agreed on {len(products())}"


def test_products_on_a_device_are_those_on_the_host(in_simulator):
    assert in_simulator(__file__, "run_on_device_arrays").startswith("agreed on ")
