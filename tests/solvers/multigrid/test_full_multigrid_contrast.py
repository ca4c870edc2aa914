"""Full multigrid on media of high contrast: what it states of its errors, against the truth."""

import numpy as np
import pytest

from nwidth.errors import NotConvergedError
from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Darcy, Dirichlet, Neumann, Status, solve
from nwidth.solvers.multigrid import Multigrid, full_multigrid

FLOW = Boundary({"x_lower": Dirichlet(1.0), "x_upper": Dirichlet(0.0)}, default=Neumann())


def smoothed(shape, rng, width):
    """Normal numbers that are correlated over about `width` points per axis."""
    wave = np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij")
    damping = np.exp(-2 * np.pi**2 * sum((w * k) ** 2 for w, k in zip(width, wave, strict=True)))
    g = np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * damping).real
    return g / np.abs(g).max()


def blocks(shape, rng, inside, shell=None):
    """Squares of a few points in a medium of permeability 1, of another one or within a shell."""
    a = np.ones(shape)
    for _ in range(8):
        width = int(rng.integers(3, 7))
        i, j = (int(rng.integers(1, n - width - 1)) for n in shape)
        a[i : i + width, j : j + width] = inside if shell is None else shell
        if shell is not None:
            a[i + 1 : i + width - 1, j + 1 : j + width - 1] = inside
    return a


def checkerboard(shape, rng):
    i, j = np.indices(shape) // int(rng.integers(2, 6))
    return (i + j) % 2 == 0


MEDIA = {
    "conducting blocks": lambda shape, rng, c: blocks(shape, rng, c),
    "isolating blocks": lambda shape, rng, c: blocks(shape, rng, 1 / c),
    "isolated blocks": lambda shape, rng, c: blocks(shape, rng, 1.0, 1 / c),
    "blobs": lambda shape, rng, c: np.where(smoothed(shape, rng, (2, 2)) > 0, 1.0, c),
    "checkerboard": lambda shape, rng, c: np.where(checkerboard(shape, rng), 1.0, c),
    "points": lambda shape, rng, c: np.where(rng.random(shape) < 0.5, 1.0, c),
    "log-normal layers": lambda shape, rng, c: c ** (smoothed(shape, rng, (4, 1)) / 2),
}


def problem_on(shape, centering, flow):
    grid = Grid.uniform(shape, centering=centering)
    return Darcy(grid, FLOW, source=0.0) if flow else Darcy(grid)


def exact(problem, a):
    """The solution of the discrete equations."""
    return solve(problem, {"permeability": a}, method="direct").u


def discretization_error(problem, a, u, flow):
    """The error of u: every control volume is split into 9 x 9 of the same permeability."""
    node = problem.grid.axes[0].centering == "node"
    cut = slice(4, -4) if node else slice(None)
    fine = np.repeat(np.repeat(a, 9, 0), 9, 1)[cut, cut]
    v = exact(problem_on(fine.shape, "node" if node else "cell", flow), fine)
    at_points = slice(0, None, 9) if node else slice(4, None, 9)
    return problem.grid.norm(u - v[at_points, at_points]) / problem.grid.norm(u)


@pytest.mark.parametrize("contrast", [1e2, 1e6, 1e8])
@pytest.mark.parametrize("medium", MEDIA)
def test_errors_are_not_understated(medium, contrast):
    """The estimate is half the error at least, or says that there is no digit."""
    for seed, (centering, flow) in enumerate([("node", False), ("cell", True), ("cell", False)]):
        rng = np.random.default_rng(seed)
        shape = (27, 25)
        problem, a = problem_on(shape, centering, flow), MEDIA[medium](shape, rng, contrast)
        found, u = full_multigrid(problem, {"permeability": a}), exact(problem, a)
        assert found.status in (Status.CONVERGED, Status.UNRESOLVED)
        assert (found.discretization_error > 1) == (found.status is Status.UNRESOLVED)
        true = discretization_error(problem, a, u, flow)
        assert found.discretization_error >= 0.5 * true
        algebraic = problem.grid.norm(found.u - u) / problem.grid.norm(u)
        if found.status is Status.CONVERGED:
            assert algebraic <= 0.4 * found.discretization_error


@pytest.mark.parametrize("seed", range(40))
def test_the_algebraic_error_is_not_understated(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(24, 120, 2))
    a = [*MEDIA.values()][seed % len(MEDIA)](shape, rng, float(10 ** rng.uniform(2, 8)))
    problem = problem_on(shape, "node" if rng.random() < 0.5 else "cell", rng.random() < 0.5)
    found, u = full_multigrid(problem, {"permeability": a}), exact(problem, a)
    assert found.status in (Status.CONVERGED, Status.UNRESOLVED)
    if found.status is Status.CONVERGED:
        error = problem.grid.norm(found.u - u) / problem.grid.norm(u)
        assert error <= 0.4 * found.discretization_error


@pytest.mark.parametrize("seed", range(6))
def test_what_isolating_shells_enclose_is_put_to_trial(seed):
    """The cycles do not touch the mean of an enclosed block, and their corrections are small."""
    a = blocks((154, 64), np.random.default_rng(seed), 1.0, 1e-7)
    problem = problem_on(a.shape, "node", False)
    u = exact(problem, a)
    found = full_multigrid(problem, {"permeability": a})
    error = problem.grid.norm(found.u - u) / problem.grid.norm(u)
    assert error <= 2 * found.algebraic_error <= found.discretization_error
    alone = full_multigrid(problem, {"permeability": a}, cycle=Multigrid)
    assert alone.status is not Status.CONVERGED  # nothing takes over, which is told


def test_a_grid_that_resolves_nothing_is_told():
    a = np.where(np.random.default_rng(3).random((49, 49)) < 0.5, 1.0, 1e6)
    problem = Darcy(Grid.uniform(a.shape))
    solution = solve(problem, {"permeability": a}, method="full-multigrid")
    assert solution.status is Status.UNRESOLVED and solution.discretization_error > 1
    with pytest.raises(NotConvergedError, match="refine the grid"):
        solution.checked()


@pytest.mark.parametrize("shape", [(3, 40), (40, 4), (17, 2)])
def test_short_axes(shape):
    a = np.where(np.random.default_rng(0).random(shape) < 0.5, 1.0, 100.0)
    problem = problem_on(shape, "cell", False)
    found, u = full_multigrid(problem, {"permeability": a}), exact(problem, a)
    error = problem.grid.norm(found.u - u) / problem.grid.norm(u)
    assert error <= 0.4 * found.discretization_error
