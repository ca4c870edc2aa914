from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.solvers.boundary import Boundary, Dirichlet, Neumann
from nwidth.solvers.fast_poisson import FastPoisson
from nwidth.solvers.finite_volume import FiniteVolume

D, N = "dirichlet", "neumann"
PAIRS = [(D, D), (N, N), (D, N), (N, D)]
AXES = [(c, pair) for c in ("node", "cell") for pair in PAIRS] + [("periodic", (N, N))]


def axis(centering: str, n: int, length: float, name: str = "x") -> Axis:
    if centering == "periodic":
        return Axis.uniform(n, 0.0, length, periodic=True, name=name)
    return Axis.uniform(n, 0.0, length, centering=centering, name=name)


def stiffness(a: Axis, lower: str, upper: str):
    """The one-dimensional flux matrix and its weights, written from the flux balance itself."""
    n, h = a.size, a.spacing
    k, w = np.zeros((n, n)), a.widths.copy()
    pairs = [(i, i + 1) for i in range(n - 1)] + ([(n - 1, 0)] if a.periodic else [])
    for i, j in pairs:
        k[i, i] += 1 / h
        k[j, j] += 1 / h
        k[i, j] -= 1 / h
        k[j, i] -= 1 / h
    keep = np.ones(n, dtype=bool)
    for side, kind in ((0, lower), (n - 1, upper)):
        if kind == D and a.centering == "cell":
            k[side, side] += 2 / h
        elif kind == D:
            keep[side] = False
    return k[np.ix_(keep, keep)], w[keep]


def dense(axes, kinds):
    parts = [stiffness(a, *kind) for a, kind in zip(axes, kinds, strict=True)]
    total = 0
    for k in range(len(parts)):
        term = np.ones((1, 1))
        for j, (matrix, weights) in enumerate(parts):
            term = np.kron(term, matrix if j == k else np.diag(weights))
        total = total + term
    return total, parts


def pseudo_inverse(matrix):
    values, vectors = np.linalg.eigh(matrix)
    inverse = np.where(values > 1e-10 * values[-1], 1 / np.where(values == 0, 1, values), 0.0)
    return (vectors * inverse) @ vectors.T


def check(axes, kinds, dtype):
    fast = FastPoisson(Grid(tuple(axes)), kinds)
    matrix, parts = dense(axes, kinds)
    rng = np.random.default_rng(0)
    x = rng.standard_normal(fast.domain_shape)
    weights = parts[0][1]
    for _, w in parts[1:]:
        weights = np.multiply.outer(weights, w)
    np.testing.assert_allclose(np.broadcast_to(fast.weights, weights.shape), weights, rtol=1e-12)
    singular = all(a.periodic or kind == (N, N) for a, kind in zip(axes, kinds, strict=True))
    assert fast.singular is singular
    if singular:
        x -= np.sum(weights * x) / np.sum(weights)
    b = (matrix @ x.ravel()).reshape(x.shape).astype(dtype)
    tolerance = 1e-12 if dtype == np.float64 else 5e-5
    u = fast.apply(b)
    assert u.dtype == dtype and u.shape == x.shape
    np.testing.assert_allclose(u, x, atol=tolerance * np.abs(x).max() * 30)
    # b . K^-1 b = x . K x, for one and for a stack
    energy = x.ravel() @ matrix @ x.ravel()
    np.testing.assert_allclose(fast.energy(b), energy, rtol=tolerance * 30)
    np.testing.assert_allclose(fast.energy(np.stack([b, 2 * b])), [energy, 4 * energy], rtol=3e-5)
    np.testing.assert_allclose(fast.solve(np.stack([b, 2 * b]))[1], 2 * u, rtol=1e-3, atol=1e-4)
    # (K^-1 b, c) = (b, K^-1 c): its own adjoint
    c = rng.standard_normal(x.shape)
    if not singular:
        left, right = np.vdot(fast.apply(x), c), np.vdot(x, fast.adjoint(c))
        assert left == pytest.approx(right, rel=1e-10)
    root = np.sqrt(weights.ravel())
    values = np.linalg.eigvalsh(matrix / np.outer(root, root))
    assert fast.smallest_eigenvalue == pytest.approx(values[1 if singular else 0], rel=1e-9)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [3, 8, 13])
@pytest.mark.parametrize(("centering", "pair"), AXES)
def test_one_dimension(centering, pair, n, dtype):
    check([axis(centering, n, 1.7)], [pair], dtype)


@pytest.mark.parametrize(("first", "second"), list(product(AXES, [*AXES[::2], AXES[-1]])))
def test_two_dimensions_every_pair_of_axes(first, second):
    axes = [axis(first[0], 6, 1.0), axis(second[0], 5, 0.3, "y")]
    check(axes, [first[1], second[1]], np.float64)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("offset", range(len(AXES)))
def test_three_dimensions(offset, dtype):
    chosen = [AXES[(offset + 2 * k) % len(AXES)] for k in range(3)]
    axes = [
        axis(c, n, s, m)
        for (c, _), n, s, m in zip(chosen, (4, 5, 6), (1, 2, 0.5), "xyz", strict=True)
    ]
    check(axes, [pair for _, pair in chosen], dtype)


def test_is_an_inverse_on_large_and_prime_sizes():
    grid = Grid.uniform((422, 19))
    fast = FastPoisson(grid, [(D, N), (N, N)])
    h, k = grid.axes[0].spacing, grid.axes[1].spacing
    parts = [
        sp.csr_array(stiffness(a, *kind)[0]) for a, kind in zip(grid.axes, fast.kinds, strict=True)
    ]
    weights = [
        sp.diags_array(stiffness(a, *kind)[1])
        for a, kind in zip(grid.axes, fast.kinds, strict=True)
    ]
    matrix = sp.kron(parts[0], weights[1]) + sp.kron(weights[0], parts[1])
    x = np.random.default_rng(1).standard_normal(fast.domain_shape)
    assert (h, k) == (1 / 421, 1 / 18)
    np.testing.assert_allclose(fast.apply((matrix @ x.ravel()).reshape(x.shape)), x, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("centering", "pair"), AXES[:-1])
def test_lengths_with_large_primes(centering, pair, dtype):
    # 37 is prime: 36 unknowns between Dirichlet nodes, 38 Neumann nodes, 37 otherwise
    n = 37 + (centering == "node") * (1 if D in pair and N in pair else 0)
    n += {(D, D): 1, (N, N): 1}.get(pair, 0) if centering == "node" else 0
    axes = [axis(centering, n, 1.0), axis("node", 4, 1.0, "y")]
    fast = FastPoisson(Grid(tuple(axes)), [pair, (D, N)])
    assert fast._slow(-2) and not fast._slow(-1)
    check(axes, [pair, (D, N)], dtype)
    check(axes[::-1], [(D, N), pair], dtype)


def test_singular_problem_ignores_the_total_and_returns_mean_zero():
    fast = FastPoisson(Grid.uniform((7, 6)), [(N, N), (N, N)])
    b = np.random.default_rng(2).standard_normal((7, 6))
    u = fast.apply(b)
    assert abs(np.sum(u * fast.weights)) < 1e-14
    np.testing.assert_allclose(fast.apply(b + 3 * fast.weights), u, atol=1e-13)
    assert fast.properties == {"symmetric", "positive semidefinite"}


def test_rejects_what_it_cannot_invert():
    with pytest.raises(InputError, match="equidistant"):
        FastPoisson(Grid.tensor([np.array([0.0, 0.1, 1.0, 2.0])]), [(D, D)])
    with pytest.raises(InputError, match="expected 2 pairs"):
        FastPoisson(Grid.uniform((4, 4)), [(D, D)])
    for kinds in (["dirichlet", "neumann"], [("dirichlet",)] * 2):
        with pytest.raises(InputError, match="expected 2 pairs"):
            FastPoisson(Grid.uniform((4, 5)), kinds)
    with pytest.raises(InputError, match="'dirichlet' or 'neumann'"):
        FastPoisson(Grid.uniform((4,)), [(D, "robin")])
    with pytest.raises(InputError, match="at least one unknown"):
        FastPoisson(Grid.uniform((2,)), [(D, D)])
    fast = FastPoisson(Grid.uniform((5,)), [(D, D)])
    for bad in (np.zeros(4), np.zeros((3, 2)), np.zeros(3, dtype=complex)):
        with pytest.raises(InputError, match="right-hand side"):
            fast.solve(bad)
    with pytest.raises(InputError, match="numbers"):
        fast.solve(np.array(["a", "b", "c"]))


def volumes(axes, kinds):
    """The finite volumes of the library on the same axes."""
    condition = {D: Dirichlet(), N: Neumann()}
    sides = {
        f"{a.name}_{end}": condition[kind]
        for a, pair in zip(axes, kinds, strict=True)
        if not a.periodic
        for end, kind in zip(("lower", "upper"), pair, strict=True)
    }
    return FiniteVolume(Grid(tuple(axes)), Boundary(sides))


@pytest.mark.parametrize(("first", "second"), list(product(AXES, AXES)))
def test_is_the_inverse_of_the_diffusion_operator(first, second):
    axes = [axis(first[0], 6, 1.0), axis(second[0], 7, 0.3, "y")]
    operator = volumes(axes, [first[1], second[1]]).operator(np.ones((6, 7)))
    fast = FastPoisson.of(operator, Grid(tuple(axes)))
    np.testing.assert_allclose(fast.spectral_bounds(operator), 1.0, rtol=1e-13)
    matrix, _ = dense(axes, [first[1], second[1]])
    np.testing.assert_allclose(operator.to_dense(), matrix, atol=1e-12 * np.abs(matrix).max())
    x = np.random.default_rng(3).standard_normal(fast.domain_shape)
    if fast.singular:
        x -= np.sum(fast.weights * x) / np.sum(fast.weights)
    np.testing.assert_allclose(fast.apply(operator.apply(x)), x, atol=1e-12)


@pytest.mark.parametrize(("first", "second"), [(AXES[0], AXES[3]), (AXES[1], AXES[5])])
@pytest.mark.parametrize("factor", [1.0, 5.0])
def test_a_reaction_proportional_to_the_volumes_is_diagonal_too(first, second, factor):
    axes = [axis(first[0], 9, 1.0), axis(second[0], 8, 0.3, "y")]
    plain = volumes(axes, [first[1], second[1]])
    fv = FiniteVolume(plain.grid, plain.boundary, np.full((9, 8), 3.0))
    operator = fv.operator(np.full((9, 8), factor))
    fast = FastPoisson.of(operator, fv.grid)
    assert fast.reaction == pytest.approx(3.0 / factor) and not fast.singular
    np.testing.assert_allclose(fast.spectral_bounds(operator), factor, rtol=1e-13)
    x = np.random.default_rng(0).standard_normal(fast.domain_shape)
    np.testing.assert_allclose(fast.apply(operator.apply(x)), factor * x, atol=1e-12)
    np.testing.assert_allclose(fast.energy(operator.apply(x)), factor * operator.energy(x))


def test_other_reactions_are_bounded():
    grid = Grid.uniform((9, 8))
    closed = Boundary(default=Neumann())
    for c, wanted in (
        (np.linspace(1, 4, 72).reshape(9, 8), (1.0, 4.0)),
        (np.eye(9, 8), (0.0, 9.0)),  # no wall and c = 0 somewhere: the mean, which bounds nothing
    ):
        operator = FiniteVolume(grid, closed, c).operator(np.ones((9, 8)))
        fast = FastPoisson.of(operator, grid)
        assert not fast.singular
        bounds = fast.spectral_bounds(operator)
        np.testing.assert_allclose(bounds, wanted, rtol=1e-12)
        values = np.linalg.eigvals(fast.to_dense() @ operator.to_dense()).real
        assert bounds[0] <= values.min() + 1e-12 and values.max() <= bounds[1] * (1 + 1e-12)
    with pytest.raises(InputError, match="reaction"):
        FastPoisson(grid, [(N, N)] * 2, reaction=-1.0)


def test_spectral_bounds_of_a_coefficient_and_a_stretched_grid():
    axes = [axis("node", 9, 1.0), axis("cell", 8, 1.0, "y")]
    fv = volumes(axes, [(D, N), (N, D)])
    a = np.where(np.random.default_rng(4).random((9, 8)) < 0.5, 3.0, 12.0)
    operator = fv.operator(a)
    fast = FastPoisson.of(operator, fv.grid)
    lower, upper = fast.spectral_bounds(operator)
    assert 3.0 * (1 - 1e-13) <= lower <= upper <= 12.0 * (1 + 1e-13)
    matrix, _ = dense(axes, [(D, N), (N, D)])
    values = np.linalg.eigvals(np.linalg.solve(matrix, operator.to_dense())).real
    assert lower <= values.min() * (1 + 1e-9) and values.max() <= upper * (1 + 1e-9)
    other = FastPoisson(fv.grid, [(D, D), (N, N)])
    with pytest.raises(InputError, match="expected the unknowns"):
        FastPoisson.of(operator, Grid((axis("node", 10, 1.0), axes[1])))
    assert other.domain_shape != fast.domain_shape
