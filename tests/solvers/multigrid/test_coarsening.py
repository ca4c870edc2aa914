import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Darcy, DiffusionOperator, Multigrid, Neumann
from nwidth.solvers.multigrid import coarsen, strong_axes


@pytest.mark.parametrize("n", [2, 3, 8, 9, 20, 21])
@pytest.mark.parametrize("walls", [(1.0, 1.0), (0.0, 0.0), (1.0, 0.0), (0.0, 2.0)])
def test_one_dimension_is_the_exact_schur_complement(n, walls):
    rng = np.random.default_rng(n)
    T = np.exp(rng.standard_normal(n + 1))
    T[0], T[-1] = walls
    A = DiffusionOperator((T,))
    coarse, transfer = coarsen(A, 0)
    P = np.stack([transfer.prolong(e) for e in np.eye(transfer.coarse_shape[0])], axis=1)
    galerkin = P.T @ A.to_sparse() @ P
    np.testing.assert_allclose(coarse.to_sparse().toarray(), galerkin, atol=1e-12)


@pytest.mark.parametrize("n", [4, 5, 8, 9])
def test_a_periodic_ring_is_reduced_exactly(n):
    T = np.exp(np.random.default_rng(n).standard_normal(n + 1))
    T[-1] = T[0]
    A = DiffusionOperator((T,), None, (True,))
    coarse, transfer = coarsen(A, 0)
    P = np.stack([transfer.prolong(e) for e in np.eye(transfer.coarse_shape[0])], axis=1)
    galerkin = P.T @ A.to_sparse() @ P
    np.testing.assert_allclose(coarse.to_sparse().toarray(), galerkin, atol=1e-12)
    assert coarse.singular


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_nothing_is_lost_between_open_sides(seed):
    """Couplings across the coarsened axis keep their total; the operator keeps its kind."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(3, 9, rng.integers(2, 4)))
    periodic = rng.random(len(shape)) < 0.3
    grid = Grid.uniform(shape, centering="cell", periodic=[bool(p) for p in periodic])
    a = np.exp(3 * rng.standard_normal(shape))
    A = Darcy(grid, Boundary(default=Neumann())).operator({"permeability": a})
    axis = int(rng.integers(len(shape)))
    coarse, transfer = coarsen(A, axis)
    assert coarse.domain_shape == transfer.coarse_shape
    assert coarse.singular and A.singular
    assert coarse.periodic == A.periodic
    for k in range(len(shape)):
        if k != axis:
            np.testing.assert_allclose(coarse.faces[k].sum(), A.faces[k].sum())


def test_reaction_is_shared_out():
    A = DiffusionOperator((np.array([0.0, 1, 1, 1, 0]),), np.ones(4))
    coarse, _ = coarsen(A, 0)
    np.testing.assert_allclose(coarse.reaction.sum(), 4.0)


def test_single_precision_stays():
    A = DiffusionOperator((np.ones((9, 8), np.float32), np.ones((8, 9), np.float32)))
    coarse, transfer = coarsen(A, 1)
    assert coarse.dtype == transfer.left.dtype == np.float32


@pytest.mark.parametrize(
    ("weights", "expected"),
    [((1, 1), [1, 0]), ((1, 100), [1]), ((100, 1), [0]), ((1, 2), [1, 0])],
)
def test_strong_axes(weights, expected):
    faces = [np.full((17, 16), weights[0], float), np.full((16, 17), weights[1], float)]
    assert strong_axes(DiffusionOperator(faces)) == expected


def test_axes_of_one_point_are_left_alone():
    assert strong_axes(DiffusionOperator([np.ones((3, 1)), np.ones((2, 2))])) == [0]
    assert strong_axes(DiffusionOperator([np.ones((2, 1)), np.ones((1, 2))])) == []


@pytest.mark.parametrize("periodic", [False, True])
def test_two_strongly_coupled_points_become_one(periodic):
    """Left side by side they would keep relaxation from smoothing along the other axis."""
    faces = [np.full((3, 40), 100.0), np.ones((2, 41))]
    if not periodic:
        faces[0][[0, -1]] = 0
    A = DiffusionOperator(faces, None, (periodic, False))
    assert strong_axes(A) == [0]
    coarse, transfer = coarsen(A, 0)
    assert coarse.domain_shape == (1, 40)
    P = np.stack([transfer.prolong(e.reshape(1, 40)).ravel() for e in np.eye(40)], axis=1)
    np.testing.assert_allclose(coarse.to_sparse().toarray(), P.T @ A.to_sparse() @ P, atol=1e-12)
    b = np.random.default_rng(0).standard_normal((2, 40))
    expected = np.linalg.solve(A.to_sparse().toarray(), b.ravel())
    x = Multigrid(A, sweeps=(1,)).iterate(b, rtol=1e-12).x
    np.testing.assert_allclose(x.ravel(), expected, atol=1e-9)


@pytest.mark.parametrize(("wall", "coarse"), [(0.0, 5), (1e-6, 5), (0.3, 5), (1.0, 4), (2.0, 4)])
def test_the_first_point_is_kept_where_the_wall_hardly_holds_it(wall, coarse):
    T = np.ones(10)
    T[0] = wall
    operator, transfer = coarsen(DiffusionOperator((T,)), 0)
    assert operator.domain_shape == (coarse,)
    assert transfer.offset == (0 if coarse == 5 else 1)


def test_every_axis_on_demand():
    faces = [np.full((17, 16), 1e-9), np.full((16, 17), 1.0)]
    assert strong_axes(DiffusionOperator(faces), every=True) == [1, 0]
    faces[0][...] = 0  # nothing to smooth along this one
    assert strong_axes(DiffusionOperator(faces), every=True) == [1]
