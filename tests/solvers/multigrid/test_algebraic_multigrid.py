import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.meshes import GaussianRandomField, Grid, TwoPhaseField
from nwidth.solvers import (
    AlgebraicMultigrid,
    Boundary,
    Darcy,
    DiffusionOperator,
    Multigrid,
    Neumann,
    Status,
    conjugate_gradient,
)
from nwidth.solvers.multigrid import ruge_stueben


def system(grid, a, boundary=None):
    problem = Darcy(grid, boundary)
    inputs = {"permeability": a}
    return problem.operator(inputs), problem.source(inputs)


def rough(shape, contrast, dtype=np.float64):
    """Two phases with inclusions down to single points."""
    grid = Grid.uniform(shape)
    gaussian = GaussianRandomField(grid, alpha=1.5 if len(shape) == 2 else 1.6, tau=10)
    field = TwoPhaseField(gaussian, 1.0, contrast)
    return grid, field.sample(np.random.default_rng(0)).astype(dtype)


def iterations(A, b, rtol=1e-8, kind=AlgebraicMultigrid, **options):
    result = conjugate_gradient(A, b, preconditioner=kind(A, **options), rtol=rtol)
    assert result.status is Status.CONVERGED
    return len(result.residuals) - 1


@pytest.mark.parametrize("shape", [(64, 65), (129, 129), (250, 250), (17, 18, 19), (33, 33, 33)])
@pytest.mark.parametrize("contrast", [1e2, 1e4, 1e6])
def test_iterations_for_many_thin_inclusions(shape, contrast):
    grid, a = rough(shape, contrast)
    # At contrast 1e6 the last digit of the solution is worth a residual of 2e-8 at 250 x 250.
    rtol = 1e-7 if contrast == 1e6 else 1e-8
    limit = 26 if len(shape) == 2 else 20
    assert iterations(*system(grid, a), rtol, dtype=np.float32) <= limit


def test_averaged_fluxes_are_worse():
    """What the method is for."""
    A, b = system(*rough((129, 129), 1e4))
    result = conjugate_gradient(A, b, preconditioner=Multigrid(A), max_iterations=100)
    assert result.iterations >= 3 * iterations(A, b) and iterations(A, b) <= 25


def test_iterations_grow_slowly_with_the_grid():
    counts = [iterations(*system(*rough((n, n), 1e4))) for n in (65, 129, 257)]
    assert max(np.diff(counts)) <= 6


@pytest.mark.parametrize("shape", [(30, 31), (9, 10, 11)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_coarse_operators_are_galerkin_products(shape, dtype):
    """A residual of the second level that comes back as the exact one of P^T A P."""
    A, _ = system(*rough(shape, 100.0, dtype))
    M = AlgebraicMultigrid(A)
    matrix = A.to_sparse().astype(np.float64)
    P = ruge_stueben(matrix)
    coarse = (P.T @ matrix @ P).toarray()
    smoother = M.levels[1].smoother
    u = np.random.default_rng(0).standard_normal(len(coarse)).astype(dtype)
    out = np.empty_like(u)
    smoother.residual_into(out, np.zeros_like(u), u)
    tolerance = 20 * np.finfo(dtype).eps * np.abs(coarse).max() * len(shape)
    np.testing.assert_allclose(out, -coarse @ u, atol=tolerance)


@pytest.mark.parametrize("shape", [(17, 12), (9, 8, 7), (300,)])
@pytest.mark.parametrize("boundary", [None, Boundary(default=Neumann())])
@pytest.mark.parametrize("periodic", [False, True])
def test_symmetric_and_positive_definite(shape, boundary, periodic):
    wraps = [periodic] + [False] * (len(shape) - 1)
    grid = Grid.uniform(shape, centering="cell", periodic=wraps)
    a = np.exp(2 * np.random.default_rng(0).standard_normal(shape))
    A = Darcy(grid, boundary).operator({"permeability": a})
    M = AlgebraicMultigrid(A)
    assert M.levels
    matrix = M.to_dense()
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-11 * np.abs(matrix).max())
    assert np.linalg.eigvalsh((matrix + matrix.T) / 2)[0] > 0


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_any_size_shape_boundary_and_spacing(seed):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    shape = tuple(int(n) for n in rng.integers(3, {1: 500, 2: 60, 3: 16}[d], d))
    kind = "node" if rng.random() < 0.5 else "cell"
    periodic = [bool(p) for p in rng.random(d) < 0.3]
    grid = Grid.uniform(
        shape, upper=np.exp(rng.uniform(-2, 2, d)), centering=kind, periodic=periodic
    )
    names = [n for n, p in zip(grid.names, periodic, strict=True) if not p]
    sides = {
        f"{n}_{end}": Neumann() for n in names for end in ("lower", "upper") if rng.random() < 0.4
    }
    a = np.where(rng.random(shape) < 0.4, 1e4, 1.0)
    A = Darcy(grid, Boundary(sides)).operator({"permeability": a})
    b = rng.standard_normal(A.domain_shape)
    if A.singular:
        b -= b.mean()
    assert iterations(A, b) <= 40


@pytest.mark.parametrize("anisotropy", [1e-4, 0.2, 1e3])
def test_anisotropy(anisotropy):
    a = np.ones((2, 96, 80))
    a[-1] *= anisotropy
    assert iterations(*system(Grid.uniform((96, 80)), a)) <= 15


def test_single_precision():
    grid, a = rough((100, 100), 1e6)
    A, b = system(grid, a)
    assert iterations(A, b, dtype=np.float32) <= iterations(A, b) + 2
    tiny = A.astype(np.float64, 1e-60)  # far below the range of float32
    assert iterations(tiny, 1e-60 * b, dtype=np.float32) <= iterations(A, b) + 2
    A, b = system(*rough((100, 100), 10.0, np.float32))
    M = AlgebraicMultigrid(A)
    assert M.dtype == M.apply(b).dtype == np.float32
    assert conjugate_gradient(A, b, preconditioner=M, rtol=1e-4).status is Status.CONVERGED


def test_a_reaction_term():
    grid, a = rough((60, 60), 1e4)
    A, b = system(grid, a)
    B = DiffusionOperator(A.faces, np.full(A.domain_shape, 0.01))
    assert iterations(B, b) <= 25


def test_cycles_alone_solve():
    grid, a = rough((80, 80), 10.0)
    A, b = system(grid, a)
    result = AlgebraicMultigrid(A).iterate(b, rtol=1e-9, max_iterations=80)
    assert result.status is Status.CONVERGED


def test_few_unknowns_are_solved_directly():
    A, b = system(Grid.uniform((8, 8)), np.ones((8, 8)))
    M = AlgebraicMultigrid(A)
    assert not M.levels
    np.testing.assert_allclose(A.apply(M.apply(b)), b, atol=1e-12)
