import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import (
    BatchedDiffusionOperator,
    Boundary,
    Darcy,
    DiffusionOperator,
    Dirichlet,
    Neumann,
)

MIXED = Boundary({"x_lower": Dirichlet(1.0), "y_upper": Dirichlet()}, default=Neumann())


def faces_of(A, k, s):
    """Return the faces of sample s without the rim, unscaled."""
    starts = A.level[3::2][-len(A.shape) :]
    cut = [slice(i, i + n + (k == j)) for j, (i, n) in enumerate(zip(starts, A.shape, strict=True))]
    return A.box(A.faces[k])[(*cut, s)] / A.scales[s]


def walls_of(problem):
    return tuple(kinds[0] == "dirichlet" for kinds in problem.volumes.kinds)


GRIDS = {
    "nodes": Grid.uniform((9, 12)),
    "cells": Grid.uniform((8, 11), upper=(2.0, 1.0), centering="cell"),
    "unequal": Grid.tensor([np.linspace(0, 1, 10) ** 1.4, np.linspace(0, 2, 7) ** 0.8]),
    "narrow": Grid.uniform((3, 4)),
    "space": Grid.tensor([np.linspace(0, 1, 5) ** 1.4, np.linspace(0, 2, 7), np.linspace(0, 1, 6)]),
    "cells in space": Grid.uniform((4, 3, 5), upper=(2.0, 1.0, 3.0), centering="cell"),
}


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("boundary", [Boundary(), MIXED, Boundary(default=Neumann())])
@pytest.mark.parametrize("tensor", [False, True])
def test_faces_are_those_of_finite_volumes(grid, boundary, tensor):
    problem = Darcy(grid, boundary, source=0.0)
    shape = (3, grid.dimension, *grid.shape) if tensor else (3, *grid.shape)
    a = np.exp(3 * np.random.default_rng(0).standard_normal(shape))
    A = BatchedDiffusionOperator(problem.volumes.shape, walls_of(problem))
    A.set_coefficients(problem.volumes, a, a.reshape(3, -1).max(axis=1))
    assert A.singular == problem.volumes.singular
    for s in range(3):
        wanted = problem.operator({"permeability": a[s]})
        for k in range(grid.dimension):
            np.testing.assert_allclose(faces_of(A, k, s), wanted.faces[k], rtol=2e-15)
    assert np.all(np.frexp(A.scales)[0] == 0.5)
    largest = np.max([A.box(t).reshape(-1, A.lanes).max(axis=0) for t in A.faces], axis=0)
    assert np.all(largest < 1) and np.all(largest > 1e-5)


@pytest.mark.parametrize("name", ["nodes", "space"])
def test_operators_and_coefficients_give_the_same(name):
    problem = Darcy(GRIDS[name], MIXED, reaction=3.0)
    d = problem.grid.dimension
    a = np.exp(np.random.default_rng(1).standard_normal((4, *problem.grid.shape)))
    one, other = (
        BatchedDiffusionOperator(problem.volumes.shape, walls_of(problem), True) for _ in range(2)
    )
    one.set_coefficients(problem.volumes, a, a.reshape(4, -1).max(axis=1))
    other.set_operators([problem.operator({"permeability": x}) for x in a])
    for s in range(4):
        for k in range(d):
            np.testing.assert_allclose(faces_of(one, k, s), faces_of(other, k, s), rtol=2e-15)
    for A in (one, other):
        reaction = A.fields(A.reaction, 4, 1 / A.scales)
        np.testing.assert_allclose(reaction[2], problem.volumes.reaction, rtol=1e-15)
        for k in range(d):
            assert A.single[k].dtype == np.float32
            np.testing.assert_array_equal(A.single[k], A.faces[k].astype(np.float32))


@pytest.mark.parametrize("samples", [1, 3, 8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fields_come_back_and_the_rim_stays_zero(samples, dtype):
    A = BatchedDiffusionOperator((4, 5), (True, False))
    u = np.random.default_rng(2).standard_normal((samples, 4, 5)).astype(dtype)
    lanes = A.zeros(dtype)
    A.pack(u, lanes)
    np.testing.assert_array_equal(A.fields(lanes, samples), u)
    view = A.box(lanes).copy()
    np.testing.assert_array_equal(view[..., -1], view[..., samples - 1])
    view[1:5, 2:7] = 0
    assert not view.any()


@pytest.mark.parametrize("shape", [(3,), (3, 3, 3, 3), (3, 0), (3, 4, 5)])
def test_shapes_are_checked(shape):
    with pytest.raises(InputError, match=r"shape: expected|walls: expected 3"):
        BatchedDiffusionOperator(shape, (True, True))


def test_operators_that_do_not_fit_are_refused():
    A = BatchedDiffusionOperator((3, 3), (True, True))
    faces = (np.ones((4, 3)), np.ones((3, 4)))
    good = DiffusionOperator(faces)
    for other in (
        DiffusionOperator((np.ones((5, 3)), np.ones((4, 4)))),
        DiffusionOperator(faces, np.ones((3, 3))),
        DiffusionOperator(faces, periodic=(True, False)),
        DiffusionOperator((np.pad(np.ones((2, 3)), ((1, 1), (0, 0))), np.zeros((3, 4)))),
    ):
        with pytest.raises(InputError, match="operators: expected diffusion"):
            A.set_operators([good, other])
