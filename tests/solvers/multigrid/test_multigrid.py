import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.meshes import GaussianRandomField, Grid, TwoPhaseField
from nwidth.solvers import (
    Boundary,
    Darcy,
    DiffusionOperator,
    Dirichlet,
    FiniteVolume,
    Multigrid,
    Neumann,
    Status,
    conjugate_gradient,
)
from nwidth.solvers.boundary import Robin
from nwidth.solvers.multigrid import Chebyshev, Jacobi, LineRelaxation, PlaneRelaxation

FLOW = Boundary({"x_lower": Dirichlet(1.0), "x_upper": Dirichlet(0.0)}, default=Neumann())


def system(grid, a, boundary=None):
    problem = Darcy(grid, boundary)
    inputs = {"permeability": a}
    return problem.operator(inputs), problem.source(inputs)


def iterations(A, b, rtol=1e-8, **options):
    result = conjugate_gradient(A, b, preconditioner=Multigrid(A, **options), rtol=rtol)
    assert result.status is Status.CONVERGED
    return len(result.residuals) - 1


def convergence_factor(A, cycles=10, sweeps=(1,), **options):
    """Mean reduction of the error in the energy norm per cycle, after the first few."""
    M = Multigrid(A, sweeps=sweeps, **options)
    u = np.random.default_rng(0).standard_normal(A.domain_shape).astype(A.dtype)
    zero, energies = np.zeros_like(u), []
    for _ in range(cycles):
        M.improve(u, zero)
        energies.append(A.energy(u))
    return (energies[-1] / energies[2]) ** (0.5 / (cycles - 3))


def two_phase(n, low=3.0, high=12.0, seed=0):
    grid = Grid.uniform((n, n))
    field = TwoPhaseField(GaussianRandomField(grid, alpha=2, tau=3), low, high)
    return grid, field.sample(np.random.default_rng(seed))


@pytest.mark.parametrize(
    "n",
    [64, 65, 128, 200, 256, 511, 1024, pytest.param(2048, marks=pytest.mark.slow)],
)
def test_convergence_factor_in_two_dimensions_whatever_the_grid(n):
    A, _ = system(Grid.uniform((n, n)), np.ones((n, n)))
    assert convergence_factor(A, 8 if n > 500 else 12) < 0.1


@pytest.mark.parametrize(("shape", "limit"), [((256, 256), 0.04), ((32, 32, 32), 0.075)])
def test_convergence_factor_with_two_sweeps_and_more(shape, limit):
    A, _ = system(Grid.uniform(shape), np.ones(shape))
    assert convergence_factor(A, 8, sweeps=(2, 3, 4)) < limit


SIDES = {
    "dirichlet": Boundary(),
    "neumann": Boundary(default=Neumann()),
    "mixed": Boundary({"x_lower": Neumann(), "y_upper": Neumann()}),
    "weak robin": Boundary(default=Robin(1e-3)),
    "robin": Boundary(default=Robin(1.0)),
    "strong robin": Boundary({"x_upper": Dirichlet()}, default=Robin(1e3)),
}


@pytest.mark.parametrize("sides", list(SIDES))
@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize(
    ("shape", "limit"),
    [
        ((65, 65), 0.11),
        ((64, 64), 0.21),
        ((100, 37), 0.18),
        ((25, 25, 25), 0.25),
        ((20, 31, 18), 0.3),
    ],
)
def test_convergence_factor_for_all_sides(shape, limit, centering, sides):
    """Even numbers of points between open sides take longest: the last has no coarse one beyond."""
    grid = Grid.uniform(shape, upper=[n / 50 for n in shape], centering=centering)
    assert convergence_factor(FiniteVolume(grid, SIDES[sides]).operator(np.ones(shape))) < limit


@pytest.mark.parametrize(
    ("shape", "limit"), [((64, 64), 0.1), ((100, 37), 0.2), ((65, 65), 0.3), ((20, 31, 18), 0.22)]
)
def test_convergence_factor_on_rings(shape, limit):
    """Odd rings take three colours and have one pair of coarse points next to each other."""
    grid = Grid.uniform(shape, upper=[n / 50 for n in shape], periodic=True)
    assert convergence_factor(FiniteVolume(grid, Boundary()).operator(np.ones(shape))) < limit


@pytest.mark.parametrize(
    ("cycle", "shape", "limit"),
    [("W", (128, 128), 0.075), ("F", (128, 128), 0.075), ("W", (32, 32, 32), 0.18)],
)
def test_w_and_f_cycles_take_along_the_rates_of_two_grids(cycle, shape, limit):
    """Local Fourier analysis says 0.063 for two grids and two dimensions."""
    A, _ = system(Grid.uniform(shape), np.ones(shape))
    assert convergence_factor(A, cycle=cycle) < limit


@pytest.mark.parametrize("cycle", ["V", "W"])
def test_symmetric_cycles_precondition(cycle):
    grid, a = two_phase(128)
    assert iterations(*system(grid, a), cycle=cycle) <= 8


def test_iterations_do_not_depend_on_the_mesh():
    counts = []
    for n in (48, 85, 128, 211, 421):
        grid, a = two_phase(n)
        counts.append(iterations(*system(grid, a)))
    assert max(counts) <= 8
    assert max(counts) - min(counts) <= 2


@pytest.mark.parametrize(("contrast", "limit"), [(10, 9), (1e2, 12), (1e4, 17), (1e6, 20)])
@pytest.mark.parametrize("boundary", [None, FLOW])
def test_robust_for_high_contrast(contrast, limit, boundary):
    grid, a = two_phase(128, 1.0, contrast)
    assert iterations(*system(grid, a, boundary)) <= limit


def test_robust_for_rough_layers():
    """Log-normal noise of contrast 1e6 in flat cells, as in reservoirs."""
    rng = np.random.default_rng(0)
    layers = np.exp(2 * rng.standard_normal((1, 40)) + 0.5 * rng.standard_normal((100, 40)))
    a = np.repeat(np.repeat(layers, 2, 0), 2, 1)
    grid = Grid.uniform(a.shape, upper=(2500.0, 50.0), centering="cell")
    problem = Darcy(grid, FLOW, source=0.0)
    A, b = problem.operator({"permeability": a}), problem.source({"permeability": a})
    assert iterations(A, b, 1e-10) <= 20


@pytest.mark.parametrize("anisotropy", [1e-4, 1e-2, 0.2, 1.0, 8.0, 1e3])
@pytest.mark.parametrize("dimension", [2, 3])
def test_semi_coarsening_copes_with_anisotropy(anisotropy, dimension):
    shape = (96, 80) if dimension == 2 else (32, 28, 24)
    a = np.ones((dimension, *shape))
    a[-1] *= anisotropy
    grid = Grid.uniform(shape)
    # Worst where the weaker axis is only just coarsened too.
    assert iterations(*system(grid, a)) <= 20


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_any_size_shape_boundary_and_spacing(seed):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 4))
    shape = tuple(int(n) for n in rng.integers(3, 90 if d == 2 else 25, d))
    kind = "node" if rng.random() < 0.5 else "cell"
    periodic = [bool(p) for p in rng.random(d) < 0.2]
    upper = np.exp(rng.uniform(-3, 3, d))
    grid = Grid.uniform(shape, upper=upper, centering=kind, periodic=periodic)
    names = [n for n, p in zip(grid.names, periodic, strict=True) if not p]
    sides = {
        f"{n}_{end}": Neumann() for n in names for end in ("lower", "upper") if rng.random() < 0.4
    }
    a = np.exp(rng.standard_normal(shape))
    A = Darcy(grid, Boundary(sides)).operator({"permeability": a})
    b = rng.standard_normal(A.domain_shape)
    if A.singular:
        b -= b.mean()
    assert iterations(A, b) <= 35


@pytest.mark.parametrize("shape", [(17, 12), (9, 8, 7), (300,)])
@pytest.mark.parametrize("boundary", [None, Boundary(default=Neumann())])
@pytest.mark.parametrize("periodic", [False, True])
def test_symmetric_and_positive_definite(shape, boundary, periodic):
    wraps = [periodic] + [False] * (len(shape) - 1)
    grid = Grid.uniform(shape, centering="cell", periodic=wraps)
    a = np.exp(np.random.default_rng(0).standard_normal(shape))
    A = Darcy(grid, boundary).operator({"permeability": a})
    M = Multigrid(A)
    assert M.levels
    matrix = M.to_dense()
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12 * np.abs(matrix).max())
    assert np.linalg.eigvalsh(matrix)[0] > 0


@pytest.mark.parametrize("equation", ["definite", "singular"])
def test_cycles_alone_solve(equation):
    grid, a = two_phase(100)
    problem = Darcy(grid, None if equation == "definite" else Boundary(default=Neumann()))
    A = problem.operator({"permeability": a})
    b = np.random.default_rng(0).standard_normal(A.domain_shape)
    b -= b.mean()
    result = Multigrid(A).iterate(b, rtol=1e-9, max_iterations=40)
    assert result.status is Status.CONVERGED
    residual = np.linalg.norm(b - A.apply(result.x)) / np.linalg.norm(b)
    assert residual <= 1e-9


def test_single_precision_cycles_do_as_well():
    grid, a = two_phase(150)
    A, b = system(grid, a)
    assert iterations(A, b, dtype=np.float32) <= iterations(A, b) + 1
    tiny = A.astype(np.float64, 1e-60)  # far below the range of float32
    assert iterations(tiny, 1e-60 * b, dtype=np.float32) <= iterations(A, b) + 1


def test_single_precision_operators():
    grid, a = two_phase(100)
    A, b = system(grid, a.astype(np.float32))
    M = Multigrid(A)
    assert M.dtype == M.apply(b).dtype == np.float32
    assert conjugate_gradient(A, b, preconditioner=M, rtol=1e-4).status is Status.CONVERGED


def test_a_reaction_term():
    grid, a = two_phase(80)
    A, b = system(grid, a)
    B = DiffusionOperator(A.faces, np.full(A.domain_shape, 0.01))
    assert iterations(B, b) <= 11


def test_few_unknowns_are_solved_directly():
    A, b = system(Grid.uniform((8, 8)), np.ones((8, 8)))
    M = Multigrid(A)
    assert not M.levels
    np.testing.assert_allclose(A.apply(M.apply(b)), b, atol=1e-12)


SMOOTHERS = {
    "red-black": {},
    "jacobi": {"smoother": Jacobi},
    "chebyshev": {"smoother": Chebyshev},
    "alternating lines": {"smoother": LineRelaxation, "semi_coarsening": False},
    "planes": {"smoother": PlaneRelaxation, "semi_coarsening": False},
}


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_every_preconditioner_is_symmetric_and_positive_definite(seed):
    """Whatever the size, the aspect ratio, the boundary, the coefficient and the smoother."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    shape = tuple(int(n) for n in rng.integers(2, (200, 20, 8)[d - 1], d))
    periodic = [bool(p) for p in rng.random(d) < 0.3]
    grid = Grid.uniform(
        shape, upper=np.exp(rng.uniform(-4, 4, d)), centering="cell", periodic=periodic
    )
    names = [n for n, p in zip(grid.names, periodic, strict=True) if not p]
    kinds = [Dirichlet(), Neumann(), Robin(float(np.exp(rng.uniform(-5, 5))))]
    sides = {f"{n}_{end}": kinds[rng.integers(3)] for n in names for end in ("lower", "upper")}
    reaction = np.ones(shape) if rng.random() < 0.3 else None
    volumes = FiniteVolume(grid, Boundary(sides), reaction)
    A = volumes.operator(np.exp(2 * rng.standard_normal(shape)))
    name = list(SMOOTHERS)[rng.integers(5 if d == 3 else 4)]
    matrix = Multigrid(A, sweeps=(1, 2), **SMOOTHERS[name]).to_dense()
    root = 1 / np.sqrt(np.diag(matrix))
    scaled = matrix * root * root[:, None]
    np.testing.assert_allclose(scaled, scaled.T, atol=1e-9)
    assert np.linalg.eigvalsh(scaled)[0] > 0


def test_iterate_reports_failures():
    A, b = system(Grid.uniform((40, 40)), np.ones((40, 40)))
    M = Multigrid(A)
    assert M.iterate(b, rtol=1e-10, max_iterations=2).status is Status.MAX_ITERATIONS
    assert M.iterate(b, rtol=0.0, max_iterations=10**3).status is Status.STAGNATED
    assert M.iterate(b * np.nan).status is Status.NON_FINITE
    zero = M.iterate(0 * b)
    assert zero.status is Status.CONVERGED and not zero.x.any()
    start = M.iterate(b, initial=M.iterate(b, rtol=1e-12).x, rtol=1e-8)
    assert len(start.residuals) == 1
