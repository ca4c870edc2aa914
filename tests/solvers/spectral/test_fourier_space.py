import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.spectral import FourierSpace


def space_of(shape, real=True, **options):
    upper = [2.0, 3.0, 5.0][: len(shape)]
    lower = [-1.0, 0.5, 0.0][: len(shape)]
    return FourierSpace(Grid.periodic(shape, lower=lower, upper=upper), real=real, **options)


def random_function(space, seed=0):
    """Coefficients of a function whose cosines m = n/2 are left out."""
    generator = np.random.default_rng(seed)
    u = generator.normal(size=space.shape)
    if not space.real:
        u = u + 1j * generator.normal(size=space.shape)
    v = space.transform.forward(u)
    for n, m in zip(space.shape, space.numbers, strict=True):
        v = np.where(2 * abs(m) == n, 0, v)
    return v


SHAPES = [(9,), (12,), (6, 9), (7, 8), (4, 5, 6)]


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_derivatives_of_waves(shape, real):
    space = space_of(shape, real)
    x = np.meshgrid(*(a.points for a in space.grid.axes), indexing="ij")
    for a, axis in enumerate(space.grid.axes):
        k = 2 * np.pi / axis.length
        u, du = np.sin(k * x[a]), k * np.cos(k * x[a])
        kind = float if real else complex
        v = space.transform.forward(u.astype(kind))
        assert np.allclose(space.transform.backward(space.derivative(v, a)), du, atol=1e-13)
        assert np.allclose(
            space.transform.backward(space.derivative(v, a, 2)), -(k**2) * u, atol=1e-12
        )
        assert np.allclose(space.derivative(v, a, 0), v)


@pytest.mark.parametrize("shape", SHAPES)
def test_odd_derivatives_are_skew_and_real(shape):
    space = space_of(shape)
    generator = np.random.default_rng(1)
    v, w = (space.transform.forward(generator.normal(size=shape)) for _ in range(2))
    for a in range(len(shape)):
        one, other = space.inner(space.derivative(v, a), w), space.inner(v, space.derivative(w, a))
        assert one == pytest.approx(-other, abs=1e-11)
        u = space.transform.backward(space.derivative(v, a))
        assert np.allclose(space.transform.forward(u), space.derivative(v, a), atol=1e-13)


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_inner_products_and_integrals_are_sums_over_points(shape, real):
    space = space_of(shape, real)
    generator = np.random.default_rng(2)
    values = [generator.normal(size=(2, *shape)) for _ in range(2)]
    if not real:
        values = [u + 1j * generator.normal(size=u.shape) for u in values]
    v, w = map(space.transform.forward, values)
    cell = space.volume / np.prod(shape)
    axes = tuple(range(1, len(shape) + 1))
    assert np.allclose(space.inner(v, w), cell * (values[0].conj() * values[1]).sum(axes))
    assert np.allclose(space.integral(v), cell * values[0].sum(axes))


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize(("shape", "other"), [((9,), (16,)), ((8,), (9,)), ((6, 9), (12, 11)),
                                              ((4, 5, 6), (6, 6, 8))])  # fmt: skip
def test_resampled_functions_are_the_same_functions(shape, other, real):
    space, fine = space_of(shape, real), space_of(other, real)
    v = space.transform.forward(np.random.default_rng(0).normal(size=shape).astype(
        float if real else complex))  # fmt: skip
    w = space.resampled(v, fine)
    points = np.random.default_rng(4).uniform(-3, 3, (20, len(shape)))
    assert np.allclose(fine.evaluate(w, points), space.evaluate(v, points), atol=1e-12)
    smooth = random_function(space)
    assert np.allclose(fine.resampled(space.resampled(smooth, fine), space), smooth, atol=1e-15)


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_functions_interpolate(shape, real):
    space = space_of(shape, real)
    u = np.random.default_rng(5).normal(size=(2, *shape)).astype(float if real else complex)
    points = np.stack(
        [x.ravel() for x in np.meshgrid(*(a.points for a in space.grid.axes), indexing="ij")], -1
    )
    values = space.evaluate(space.transform.forward(u), points)
    assert np.allclose(values, u.reshape(2, -1), atol=1e-12)


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("degree", [2, 3, 4])
def test_products_of_kept_modes_are_exact(degree, real):
    """The 2/3 rule, and its like for more factors: what aliases falls onto modes that are cut."""
    space, fine = space_of((12, 15), real), space_of((60, 75), real)
    kept, steps = space.dealiased(degree), [slice(None, None, 5)] * 2
    factors = [random_function(space, seed) * kept for seed in range(degree)]
    values = [fine.transform.backward(space.resampled(v, fine)) for v in factors]
    whole = np.prod(values, axis=0)
    exact = fine.resampled(fine.transform.forward(whole), space)
    found = space.transform.forward(np.ascontiguousarray(whole[tuple(steps)]))
    assert np.allclose(found[kept], exact[kept], atol=1e-15)
    assert not np.allclose(found, exact, atol=1e-9)


def test_the_modes_that_are_kept():
    space = space_of((12, 15))
    assert np.array_equal(space.kept, space.dealiased(2))
    assert space.dealiased(3).sum() == 5 * 4 and space.dealiased(1).sum() == 11 * 8
    with pytest.raises(InputError, match="degree: expected an integer >= 1"):
        space.dealiased(0)


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("shape", [(4, 5), (6, 7), (9, 12, 8)])
def test_the_space_of_the_modes_that_are_kept(shape, real):
    grid = Grid.periodic(shape, lower=-1.0, upper=2.5)
    space = FourierSpace(grid, real=real, dtype=np.float32)
    kept = space.kept_space
    assert np.prod(kept.modes) == space.kept.sum() and kept.transform.precision == np.float32
    for one, other in zip(kept.wavenumbers, space.wavenumbers, strict=True):
        wanted = np.broadcast_to(other, space.modes)[space.kept].reshape(kept.modes)
        assert np.allclose(np.broadcast_to(one, kept.modes), wanted)
    with pytest.raises(InputError, match=r"grid: expected at least 4 points along each axis"):
        _ = FourierSpace(Grid.periodic((8, 3))).kept_space


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept(dtype):
    space = space_of((6, 8), dtype=dtype)
    v = space.transform.forward(np.ones((6, 8), dtype))
    assert space.transform.backward(v).dtype == dtype
    for w in (space.derivative(v, 0), space.derivative(v, 1, 2), space.product(v, v)):
        assert w.dtype == v.dtype and space.transform.backward(w).dtype == dtype


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("shape", [(2,), (3,), (8,), (9,), (4, 5), (6, 6), (3, 4, 5)])
def test_products_have_no_aliases(shape, real):
    """On a grid where the whole product has room, all of its modes are exact."""
    space, fine = (space_of(n, real=real) for n in (shape, [2 * n + 1 for n in shape]))
    rng = np.random.default_rng(3)
    u = rng.normal(size=(2, 3, *shape)) + (0 if real else 1j * rng.normal(size=(2, 3, *shape)))
    v, w = space.transform.forward(u)
    values = [fine.transform.backward(space.resampled(f, fine)) for f in (v, w)]
    exact = fine.resampled(fine.transform.forward(values[0] * values[1]), space)
    assert np.allclose(space.product(v, w), exact, atol=1e-13)
    kept = space.kept * v, space.kept * w  # of which the 2/3 rule makes the same without a grid
    plain = space.transform.forward(np.multiply(*(space.transform.backward(f) for f in kept)))
    assert np.allclose((space.product(*kept) - plain) * space.kept, 0, atol=1e-13)


def test_grids_that_are_not_periodic_are_refused():
    with pytest.raises(InputError, match="not periodic; take"):
        FourierSpace(Grid.uniform(8))
    with pytest.raises(InputError, match=r"points: expected shape \(m, 1\)"):
        space_of((8,)).evaluate(np.zeros(5, complex), [0.0])
    with pytest.raises(InputError, match="same box"):
        space_of((8,)).resampled(np.zeros(5, complex), FourierSpace(Grid.periodic(8)))


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda s, v, u: s.derivative(u), r"v: expected coefficients of shape \(\.\.\., 5\)"),
        (lambda s, v, u: s.derivative(v[:-1]), "v: expected coefficients"),
        (lambda s, v, u: s.derivative(list(v)), "v: expected coefficients"),
        (lambda s, v, u: s.derivative(v, axis=1), "axis: expected an integer below 1"),
        (lambda s, v, u: s.derivative(v, axis=0.0), "axis"),
        (lambda s, v, u: s.integral(u), "v: expected coefficients"),
        (lambda s, v, u: s.inner(v, u), "w: expected coefficients"),
        (lambda s, v, u: s.evaluate(u, [[0.0]]), "v: expected coefficients"),
        (lambda s, v, u: s.evaluate(v, "a"), "points: expected numbers"),
        (lambda s, v, u: s.evaluate(v, [[1j]]), "points: expected real numbers"),
        (lambda s, v, u: s.product(v, u), "w: expected coefficients"),
        (lambda s, v, u: s.resampled(u, s), "v: expected coefficients"),
        (lambda s, v, u: s.resampled(v, s.grid), "other: expected a FourierSpace"),
        (lambda s, v, u: s.resampled(v, space_of((8, 8))), "same box"),
        (lambda s, v, u: FourierSpace(s.grid, dtype="float12"), "dtype: expected float32"),
    ],
)
def test_what_are_no_coefficients_is_refused(use, message):
    space = space_of((8,))
    u = np.cos(space.grid.axes[0].points)
    with pytest.raises(InputError, match=message):
        use(space, space.transform.forward(u), u)


def test_boxes_that_are_moved_are_other_boxes():
    """Of equal lengths, but functions would silently move with their box."""
    space = space_of((8,))
    other = FourierSpace(Grid.periodic(16, lower=0.0, upper=3.0))
    with pytest.raises(InputError, match=r"same box, \(lower, length\) \[\(-1.0, 3.0\)\]"):
        space.resampled(np.zeros(5, complex), other)
