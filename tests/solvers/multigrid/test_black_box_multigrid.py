from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.meshes.eclipse import read_eclipse_field
from nwidth.solvers import (
    AnisotropicDarcy,
    BlackBoxMultigrid,
    Boundary,
    Darcy,
    DiffusionOperator,
    Dirichlet,
    Multigrid,
    Neumann,
    NinePointOperator,
    Status,
    conjugate_gradient,
)
from nwidth.solvers.multigrid import FourColour, RedBlack

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def rotated(ratio, degrees, shape):
    t = np.deg2rad(degrees)
    R = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    return (R @ np.diag([ratio, 1.0]) @ R.T)[:, :, None, None] * np.ones(shape)


def full_tensor(shape, ratio, degrees, boundary=None, dtype=np.float64):
    problem = AnisotropicDarcy(Grid.uniform(shape), boundary)
    return problem.operator({"permeability": rotated(ratio, degrees, shape).astype(dtype)})


def flux_form(a, boundary=None, centering="node"):
    return Darcy(Grid.uniform(a.shape, centering=centering), boundary).operator({"permeability": a})


def iterations(A, M=None, *, rtol=1e-8, limit=150, **options):
    """Steps of conjugate gradients for a random right-hand side."""
    b = np.random.default_rng(0).standard_normal(A.domain_shape).astype(A.dtype)
    if A.singular:
        b -= b.mean()
    M = BlackBoxMultigrid(A, **options) if M is None else M
    result = conjugate_gradient(A, b, preconditioner=M, rtol=rtol, max_iterations=limit)
    assert result.status is Status.CONVERGED
    return len(result.residuals) - 1


@pytest.mark.parametrize(
    ("ratio", "degrees", "limit"),
    [
        (1, 0, 8),
        (10, 0, 9),
        (10, 10, 19),
        (10, 30, 11),
        (10, 45, 9),
        (100, 0, 11),
        (100, 30, 17),
        (100, 45, 16),
    ],
)
def test_iterations_for_full_tensors_do_not_grow_with_the_grid(ratio, degrees, limit):
    for n in (65, 66, 129, 257):
        assert iterations(full_tensor((n, n), ratio, degrees)) <= limit


def test_iterations_for_a_rough_field_of_full_tensors():
    rng = np.random.default_rng(0)
    for n in (65, 128):
        K = rng.standard_normal((n, n, 2, 2))
        K = np.moveaxis(K @ K.swapaxes(2, 3) + 0.01 * np.eye(2), (2, 3), (0, 1))
        A = AnisotropicDarcy(Grid.uniform((n, n))).operator({"permeability": K})
        assert iterations(A) <= 25


def two_phase(n):
    z = GaussianRandomField(Grid.uniform((n, n)), alpha=2, tau=3).sample(np.random.default_rng(1))
    return np.where(z >= 0, 12.0, 3.0)


def log_normal(n):
    z = GaussianRandomField(Grid.uniform((n, n)), alpha=2, tau=3).sample(np.random.default_rng(1))
    return np.exp(2 * z / z.std())


def checkerboard(n, period, contrast):
    i, j = np.indices((n, n)) // period
    return np.where((i + j) % 2, contrast, 1.0)


def channels(n, contrast):
    """Oblique, three points wide."""
    i, j = np.indices((n, n))
    return np.where((i + 2 * j) // 3 % 7 == 0, contrast, 1.0)


@pytest.mark.parametrize(
    ("a", "limit"),
    [
        (two_phase(129), 9),
        (two_phase(258), 9),
        (log_normal(129), 9),
        (log_normal(258), 9),
        (checkerboard(129, 3, 1e4), 32),
        (checkerboard(258, 3, 1e4), 40),
        (checkerboard(129, 5, 1e4), 36),
        (checkerboard(258, 5, 1e6), 45),
        (checkerboard(129, 33, 1e6), 13),
        (channels(129, 1e4), 26),
        (channels(129, 1e8), 28),
    ],
)
def test_iterations_for_jumps(a, limit):
    assert iterations(flux_form(a)) <= limit


@pytest.mark.parametrize("a", [checkerboard(129, 5, 1e4), checkerboard(129, 3, 1e4)])
def test_jumps_off_the_coarse_grids_take_half_the_iterations_of_averaged_fluxes(a):
    A = flux_form(a)
    assert iterations(A) <= 0.6 * iterations(A, Multigrid(A))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the reservoir models are not here")
@pytest.mark.parametrize(("refine", "limit"), [(1, 18), (4, 14)])
def test_iterations_for_a_layer_of_spe_10(refine, limit):
    a = read_eclipse_field(SHARED / "spe10_model1_permx.inc", "PERMX", (100, 1, 20))[:, 0]
    a = np.kron(a, np.ones((refine, refine)))
    sides = Boundary({"x_lower": Dirichlet(1.0), "x_upper": Dirichlet(0.0)}, Neumann())
    grid = Grid.uniform(a.shape, upper=(5.0, 1.0), centering="cell")
    A = Darcy(grid, sides).operator({"permeability": a})
    assert iterations(A) <= limit
    assert iterations(A, dtype=np.float32) <= limit + 2


OPERATORS = {
    "full tensor": lambda: full_tensor((15, 14), 30.0, 20),
    "full tensor, mixed": lambda: full_tensor(
        (14, 17), 30.0, 120, Boundary({"x_lower": Neumann(), "y_upper": Neumann()})
    ),
    "full tensor, Neumann": lambda: full_tensor((12, 13), 5.0, 30, Boundary(default=Neumann())),
    "jumps": lambda: flux_form(checkerboard(17, 3, 1e6)),
    "jumps, Neumann": lambda: flux_form(checkerboard(16, 3, 100.0), Boundary(default=Neumann())),
    "cells": lambda: flux_form(checkerboard(18, 5, 100.0), centering="cell"),
    "semi-coarsening": lambda: full_tensor((30, 12), 1000.0, 0),
    "few unknowns": lambda: full_tensor((8, 9), 3.0, 30),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_symmetric_and_positive_definite(name):
    M = BlackBoxMultigrid(OPERATORS[name]())
    assert bool(M.levels) == (name != "few unknowns")
    matrix = M.to_dense()
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-11 * np.abs(matrix).max())
    assert np.linalg.eigvalsh((matrix + matrix.T) / 2)[0] > 0


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("cycle", ["V", "W", "F"])
def test_cycles_alone_solve(name, cycle):
    A = OPERATORS[name]()
    b = np.random.default_rng(0).standard_normal(A.domain_shape)
    b -= b.mean() if A.singular else 0
    result = BlackBoxMultigrid(A, cycle=cycle).iterate(b, rtol=1e-8, max_iterations=150)
    assert result.status is Status.CONVERGED
    assert np.linalg.norm(A.apply(result.x) - b) <= 2e-8 * np.linalg.norm(b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_coarse_operators_are_galerkin_products(dtype):
    A = full_tensor((21, 18), 10.0, 30, dtype=dtype)
    M = BlackBoxMultigrid(A)
    (P,) = M.levels[0].transfers
    m = P.coarse_shape
    dense = np.stack(
        [P.prolong(e.reshape(m).astype(dtype)).ravel() for e in np.eye(m[0] * m[1])], 1
    )
    coarse = dense.T.astype(np.float64) @ A.astype(np.float64).to_dense() @ dense
    smoother = M.levels[1].smoother if len(M.levels) > 1 else None
    e = np.random.default_rng(0).standard_normal(m).astype(dtype)
    if smoother is None:
        found = np.linalg.inv(M._inverse.astype(np.float64)) @ e.ravel()
    else:
        found = -_residual(smoother, e).ravel()
    scale = 100 * np.finfo(dtype).eps * np.abs(coarse).max()
    np.testing.assert_allclose(found, coarse @ e.ravel(), atol=scale)


def _residual(smoother, e):
    out = np.empty_like(e)
    smoother.residual_into(out, np.zeros_like(e), e)
    return out


def test_the_finest_level_of_a_flux_form_is_relaxed_red_black():
    M = BlackBoxMultigrid(flux_form(np.ones((40, 41))))
    assert isinstance(M.levels[0].smoother, RedBlack)
    assert isinstance(M.levels[1].smoother, FourColour)
    assert isinstance(
        BlackBoxMultigrid(full_tensor((40, 41), 3, 30)).levels[0].smoother, FourColour
    )


def test_strong_axes_alone_are_halved():
    assert BlackBoxMultigrid(full_tensor((40, 41), 100.0, 0)).levels[0].transfers[0].steps == (2, 1)
    assert BlackBoxMultigrid(full_tensor((40, 41), 0.01, 0)).levels[0].transfers[0].steps == (1, 2)
    assert BlackBoxMultigrid(full_tensor((40, 41), 2.0, 0)).levels[0].transfers[0].steps == (2, 2)


def test_single_precision():
    A = full_tensor((90, 101), 20.0, 30)
    assert iterations(A, dtype=np.float32) <= iterations(A) + 1
    tiny = A.astype(np.float64, 1e-60)  # far below the range of float32
    assert iterations(tiny, dtype=np.float32) <= iterations(A) + 1
    single = A.astype(np.float32)
    assert BlackBoxMultigrid(single).dtype == np.float32
    assert iterations(single, rtol=1e-4) <= iterations(A)


@pytest.mark.parametrize("c", [1e-3, 1.0, 1e6])
def test_a_reaction_term(c):
    problem = AnisotropicDarcy(Grid.uniform((80, 80)), Boundary(default=Neumann()), reaction=c)
    A = problem.operator({"permeability": rotated(10.0, 30, (80, 80))})
    assert not A.singular
    assert iterations(A) <= 21


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_any_size_spacing_tensor_and_boundary(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(4, 60, 2))
    grid = Grid.tensor([np.cumsum(rng.uniform(0.5, 1, n)) for n in shape])
    names = ["x_lower", "x_upper", "y_lower", "y_upper"]
    sides = Boundary({name: Neumann() for name in names if rng.random() < 0.5})
    K = rotated(rng.uniform(1, 20), rng.uniform(0, 180), shape) * np.exp(rng.uniform(-2, 2, shape))
    assert iterations(AnisotropicDarcy(grid, sides).operator({"permeability": K})) <= 40


def test_bad_operators():
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal(s) for s in [(9, 9), (8, 9), (9, 8), (8, 8), (8, 8)]]
    with pytest.raises(InputError, match="promises neither"):
        BlackBoxMultigrid(NinePointOperator(*parts))
    parts[0][2, 3] = -100.0
    with pytest.raises(InputError, match=r"positive diagonal .* \(2, 3\)"):
        BlackBoxMultigrid(NinePointOperator(*np.array(parts, object), definite=True))
    with pytest.raises(InputError, match="DiffusionOperator or NinePointOperator"):
        BlackBoxMultigrid(np.eye(3))
    with pytest.raises(InputError, match="two axes"):
        BlackBoxMultigrid(DiffusionOperator((np.ones(100),)))
    with pytest.raises(InputError, match="sweeps"):
        BlackBoxMultigrid(full_tensor((9, 9), 1, 0), sweeps=(0,))
    with pytest.raises(InputError, match="cycle"):
        BlackBoxMultigrid(full_tensor((9, 9), 1, 0), cycle="Z")
