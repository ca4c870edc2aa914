"""Gaussian fields: the Karhunen-Loeve sum, its covariance, one function on every grid, seeds."""

import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from scipy.fft import idctn

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid, LogNormalField, TwoPhaseField

BOUNDARIES = ["neumann", "dirichlet", "periodic"]


def eigenpairs(boundary, modes, lower, upper):
    """Eigenvalues and orthonormal eigenfunctions of -d^2/dx^2, from the textbook."""
    length = upper - lower
    pairs = []
    if boundary != "dirichlet":
        pairs.append((0.0, lambda x: np.full_like(x, length**-0.5)))
    factor = (2 if boundary == "periodic" else 1) * np.pi / length
    waves = {"neumann": [np.cos], "dirichlet": [np.sin], "periodic": [np.cos, np.sin]}[boundary]
    for m in range(1, modes + (boundary == "dirichlet")):
        for wave in waves:
            pairs.append(
                (
                    (m * factor) ** 2,
                    lambda x, m=m, wave=wave: (2 / length) ** 0.5 * wave(m * factor * (x - lower)),
                )
            )
    return pairs


def slow_expand(field, noise):
    """The sum over modes, term by term."""
    axes, d = field.grid.axes, field.grid.dimension
    boundary = (field.boundary,) * d if isinstance(field.boundary, str) else field.boundary
    terms = [
        [(value, phi(axis.points)) for value, phi in eigenpairs(b, n, axis.lower, axis.upper)]
        for axis, b, n in zip(axes, boundary, field._modes, strict=True)
    ]
    total = np.full(field.grid.shape, field.mean)
    for index in np.ndindex(noise.shape):
        chosen = [terms[k][m] for k, m in enumerate(index)]
        eigenvalue = sum(value for value, _ in chosen)
        if eigenvalue == 0 and field.zero_mean:
            continue
        scale = field.amplitude * (eigenvalue + field.tau**2) ** (-field.alpha / 2)
        phi = chosen[0][1]
        for _, factor in chosen[1:]:
            phi = np.multiply.outer(phi, factor)
        total += scale * noise[index] * phi
    return total


def grids(boundary):
    """1-3 D, odd and even, node and cell, boxes that are no unit cubes."""
    found = []
    for shape in [(2,), (7,), (8,), (5, 8), (3, 4, 5)]:
        lower, upper = [0.3, -1.0, 2.0][: len(shape)], [1.7, 0.5, 2.5][: len(shape)]
        for centering in ("node", "cell"):
            found.append(Grid.uniform(shape, lower, upper, centering=centering))
            if boundary == "periodic":
                found.append(Grid.periodic(shape, lower, upper, centering=centering))
    if boundary == "dirichlet":
        found = [g for g in found if g.axes[0].centering == "cell" or min(g.shape) > 2]
    return found


@pytest.mark.parametrize("modes", [None, 2, 4, 11, 40])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_fast_transforms_sum_the_series(boundary, modes):
    for grid in grids(boundary):
        if (modes == 40 and grid.dimension > 1) or (modes == 11 and grid.dimension > 2):
            continue
        field = GaussianRandomField(
            grid, 1.8, 2.5, boundary=boundary, mean=0.7, modes=modes, zero_mean=False
        )
        noise = np.random.default_rng(5).standard_normal(field.noise_shape)
        expected = slow_expand(field, noise)
        np.testing.assert_allclose(field.expand(noise), expected, rtol=0, atol=1e-13)
        assert field.expand(noise).flags.c_contiguous


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    ("shape", "modes"),
    [
        *[((n,), modes) for n in (37, 38, 75) for modes in (None, 4, 90)],
        *[(shape, 4) for shape in ((38, 5), (4, 37, 3), (3, 5, 37))],
        ((37, 6), None),
    ],
)
def test_matrix_products_sum_the_series_where_lengths_have_large_primes(boundary, shape, modes):
    lower, upper = [0.3, -1.0, 2.0][: len(shape)], [1.7, 0.5, 2.5][: len(shape)]
    grids = [Grid.uniform(shape, lower, upper, centering=c) for c in ("node", "cell")]
    if boundary == "periodic":
        grids += [Grid.periodic(shape, lower, upper, centering=c) for c in ("node", "cell")]
    for grid in grids:
        field = GaussianRandomField(
            grid, 1.8, 2.5, boundary=boundary, mean=0.7, modes=modes, zero_mean=False
        )
        noise = np.random.default_rng(5).standard_normal(field.noise_shape)
        found = field.expand(noise)
        np.testing.assert_allclose(found, slow_expand(field, noise), rtol=0, atol=1e-13)
        assert found.flags.c_contiguous


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_products_and_transforms_agree_on_fine_grids(boundary, centering, monkeypatch):
    grid = Grid.uniform((212, 179), centering=centering)
    field = GaussianRandomField(grid, 2.0, 3.0, boundary=boundary)
    found = field.samples(0, [1])
    products = []
    monkeypatch.setattr(
        "nwidth.meshes._parity_series.pays", lambda *args, **kw: products.append(args)
    )
    np.testing.assert_allclose(field.samples(0, [1]), found, atol=1e-13)
    assert len(products) == 2


def test_each_axis_may_have_its_own_boundary():
    grid = Grid.uniform(
        (5, 6, 4), periodic=(False, True, False), centering=("node", "node", "cell")
    )
    field = GaussianRandomField(
        grid, 2.0, 1.0, boundary=("dirichlet", "periodic", "neumann"), modes=(3, 2, 4)
    )
    noise = np.random.default_rng(0).standard_normal((3, 3, 4))
    np.testing.assert_allclose(field.expand(noise), slow_expand(field, noise), atol=1e-13)


@pytest.mark.parametrize("size", [16, 21])
@pytest.mark.parametrize(("alpha", "tau"), [(2.0, 3.0), (3.5, 7.0)])
def test_agrees_with_the_published_generator(size, alpha, tau):
    """On cells of the unit square: same noise, same field, with constant 1."""
    k = np.arange(size)
    decay = (np.pi**2 * (k[:, None] ** 2 + k[None, :] ** 2) + tau**2) ** (-alpha / 2)
    noise = np.random.default_rng(9).standard_normal((size, size))
    spectrum = size * tau ** (alpha - 1) * decay * noise
    spectrum[0, 0] = 0
    published = idctn(spectrum, norm="ortho")
    field = GaussianRandomField(Grid.uniform((size, size), centering="cell"), alpha, tau)
    np.testing.assert_allclose(field.expand(noise), published, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(field.sample(np.random.default_rng(9)), field.expand(noise))


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_one_seed_is_one_function_on_every_grid(boundary):
    """Nested, not nested, coarser than the modes, nodes and cells: all show the same function."""
    modes = 9
    fine = Grid.uniform((41, 31), upper=(2.0, 1.0))
    field = GaussianRandomField(fine, 2.0, 3.0, boundary=boundary, modes=modes)
    g = field.samples(3, [5])[0]
    nested = field.on(fine.coarsen((4, 5)))
    assert nested.grid.shape == (11, 7)
    np.testing.assert_allclose(nested.samples(3, [5])[0], fine.restrict(g, (4, 5)), atol=1e-13)

    noise = np.random.default_rng(1).standard_normal(field.noise_shape)
    for shape in [(40, 30), (17, 23), (5, 6), (6, 5)]:
        for centering in ("node", "cell"):
            other = field.on(Grid.uniform(shape, upper=(2.0, 1.0), centering=centering))
            assert other.noise_shape == field.noise_shape
            np.testing.assert_allclose(
                other.expand(noise), slow_expand(other, noise), rtol=0, atol=1e-12
            )


def covariance(field):
    """The Karhunen-Loeve covariance matrix of all grid points."""
    modes = np.stack([(field.expand(e) - field.mean).ravel() for e in unit(field)])
    return modes.T @ modes


def unit(field):
    """The noise of each mode alone."""
    return np.eye(int(np.prod(field.noise_shape))).reshape(-1, *field.noise_shape)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_sample_covariance_is_that_of_the_series(boundary):
    field = GaussianRandomField(Grid.uniform((7, 5)), 2.0, 3.0, boundary=boundary, mean=2.0)
    count = 4000
    samples = field.samples(0, count).reshape(count, -1)
    exact = covariance(field)
    # Entry ij of a sample covariance has variance (C_ii C_jj + C_ij^2) / count.
    diagonal = np.diag(exact)
    error = np.sqrt((np.outer(diagonal, diagonal) + exact**2) / count)
    deviations = np.abs((samples - 2.0).T @ (samples - 2.0) / count - exact)
    assert np.all(deviations <= 5 * error + 1e-12)
    assert np.all(np.abs(samples.mean(axis=0) - 2.0) <= 5 * np.sqrt(diagonal / count) + 1e-12)


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_variance_does_not_depend_on_the_grid(boundary, centering):
    """At the middle of the box, a point of every grid, the modes left out weigh O(1/n^2)."""
    variances = []
    for n in (9, 17, 33):
        grid = Grid.uniform((n, n), centering=centering)
        field = GaussianRandomField(grid, 2.0, 3.0, boundary=boundary)
        variances.append(sum(field.expand(e)[n // 2, n // 2] ** 2 for e in unit(field)))
    first, second = np.diff(variances)
    assert 0 < second < first / 3
    assert second < 0.01 * variances[-1]


def test_default_amplitude_and_zero_mean():
    grid = Grid.uniform((8, 8, 8), centering="cell")
    field = GaussianRandomField(grid, 2.0, 3.0)
    assert field.amplitude == pytest.approx(3.0**0.5)
    assert GaussianRandomField(grid, 2.0, 3.0, sigma=0.5).amplitude == 0.5
    shifted = GaussianRandomField(grid, 2.0, 3.0, mean=4.0)
    np.testing.assert_allclose(grid.integrate(field.samples(0, 3)), 0.0, atol=1e-14)
    np.testing.assert_allclose(grid.integrate(shifted.samples(0, 3)), 4.0, rtol=1e-13)
    kept = GaussianRandomField(grid, 2.0, 3.0, zero_mean=False)
    assert np.all(np.abs(grid.integrate(kept.samples(0, 3))) > 1e-6)


def test_samples_depend_on_seed_and_number_alone():
    field = GaussianRandomField(Grid.uniform((9, 6)), 2.0, 3.0, boundary="dirichlet")
    together = field.samples(17, range(6))
    np.testing.assert_array_equal(field.samples(17, [4, 1, 4]), together[[4, 1, 4]])
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        drawn = list(pool.map(field.samples, [17] * 6, [[k] for k in reversed(range(6))]))
    np.testing.assert_array_equal(np.concatenate(drawn)[::-1], together)
    assert not np.array_equal(field.samples(18, [0]), together[:1])
    assert field.samples(17, []).shape == (0, 9, 6)


def test_boundary_values():
    dirichlet = GaussianRandomField(Grid.uniform((9, 9)), 2.0, 3.0, boundary="dirichlet", mean=1.0)
    g = dirichlet.samples(0, 1)[0]
    assert np.all(g[[0, -1]] == 1.0)
    assert np.all(g[:, [0, -1]] == 1.0)
    periodic = GaussianRandomField(Grid.uniform(9), 2.0, 3.0, boundary="periodic")
    g = periodic.samples(0, 1)[0]
    assert g[0] == g[-1]


def test_round_trips():
    field = GaussianRandomField(
        Grid.uniform((5, 4)), 2.0, 3.0, boundary=["neumann", "dirichlet"], modes=(3, np.int64(2))
    )
    field.samples(0, 1)
    assert pickle.loads(pickle.dumps(field)) == field
    described = json.loads(json.dumps(field.describe()))
    facts = {key: value for key, value in described.items() if key != "kind"}
    assert GaussianRandomField.from_description(facts, field.grid) == field
    assert field.on(field.grid) == field
    assert len({field, field.on(Grid.uniform((7, 4)))}) == 2


GRID = Grid.uniform((5, 5))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"grid": Grid.tensor([[0.0, 0.3, 1.0]])}, "uniform grid"),
        ({"grid": (5, 5)}, "uniform grid"),
        ({"alpha": 1.0}, r"alpha > 1.0 in dimension 2"),
        ({"alpha": -1.0}, "alpha to be a finite number > 0"),
        ({"alpha": "smooth"}, "alpha to be"),
        ({"alpha": None}, "alpha to be"),
        ({"tau": 0.0}, "tau to be"),
        ({"tau": np.nan}, "tau to be"),
        ({"sigma": np.inf}, "sigma to be"),
        ({"sigma": 0}, "sigma to be"),
        ({"mean": np.nan}, "mean to be a finite number"),
        ({"mean": True}, "mean to be"),
        ({"boundary": "robin"}, "expected boundary"),
        ({"boundary": ("neumann",)}, "one per axis"),
        ({"grid": Grid.periodic((5, 5))}, "'periodic' on the periodic axis x"),
        ({"modes": 0}, "modes >= 1"),
        ({"modes": 2.5}, "modes >= 1"),
        ({"modes": (2, 2, 2)}, "one per axis"),
        ({"modes": 1}, "more than the constant mode"),
        ({"grid": Grid.uniform((5, 2)), "boundary": "dirichlet"}, "modes >= 1"),
    ],
)
def test_errors_say_what_to_do(options, words):
    with pytest.raises(InputError, match=words):
        GaussianRandomField(**{"grid": GRID, "alpha": 2.0, "tau": 3.0, **options})


def test_errors_of_methods():
    field = GaussianRandomField(GRID, 2.0, 3.0)
    with pytest.raises(InputError, match=r"expected shape \(5, 5\)"):
        field.expand(np.zeros((4, 5)))
    with pytest.raises(InputError, match="noise: expected finite"):
        field.expand(np.full((5, 5), np.nan))
    with pytest.raises(InputError, match="same box"):
        field.on(Grid.uniform((5, 5), upper=2.0))
    with pytest.raises(InputError, match="integers >= 0"):
        field.samples(0, [-1])
    with pytest.raises(InputError, match="integers >= 0"):
        field.samples(0, 2.5)
    with pytest.raises(InputError, match="seed"):
        field.samples(-1, 2)


def test_rough_fields_need_a_limit():
    assert GaussianRandomField(GRID, 0.5, 3.0, modes=4).samples(0, 1).shape == (1, 5, 5)


@pytest.mark.parametrize("boundary", [3, None, ("neumann", 3), {"neumann", "periodic"}])
def test_what_is_no_boundary_is_refused(boundary):
    with pytest.raises(InputError, match="expected boundary 'neumann'"):
        GaussianRandomField(Grid.uniform((5, 5)), alpha=2.0, tau=3.0, boundary=boundary)


@pytest.mark.parametrize("draw", [None, 3, np.random.RandomState(0)])
def test_samples_are_drawn_from_a_generator(draw):
    field = GaussianRandomField(Grid.uniform((5, 5)), alpha=2.0, tau=3.0)
    for drawn in (field, LogNormalField(field), TwoPhaseField(field, 1.0, 2.0)):
        with pytest.raises(InputError, match="expected a numpy Generator to draw from"):
            drawn.sample(draw)
