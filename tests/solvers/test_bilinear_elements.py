import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import Grid
from nwidth.solvers import BilinearElements, Boundary, Dirichlet, FiniteVolume, Neumann, Robin
from nwidth.solvers.bilinear_elements import eigenvalues

MIXED = Boundary({"x_lower": Neumann(), "y_upper": Neumann()})


def rotated(ratio, degrees, grid):
    """K with eigenvalues ratio and 1, turned."""
    t = np.deg2rad(degrees)
    R = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    return (R @ np.diag([ratio, 1.0]) @ R.T)[:, :, None, None] * np.ones(grid.shape)


def random_tensor(grid, seed=0):
    K = np.random.default_rng(seed).standard_normal((*grid.shape, 2, 2))
    K = K @ K.swapaxes(2, 3) + 0.05 * np.eye(2)
    return np.moveaxis(K, (2, 3), (0, 1))


def stretched(shape, seed=0):
    rng = np.random.default_rng(seed)
    return Grid.tensor([np.cumsum(0.1 + rng.random(n)) for n in shape])


def textbook(grid, K):
    """The matrix of all nodes: gradients at every corner of every cell, as in the docstring."""
    x, y = grid.points
    n0, n1 = grid.shape
    matrix = np.zeros((n0 * n1, n0 * n1))
    for i in range(n0 - 1):
        for j in range(n1 - 1):
            h0, h1 = x[i + 1] - x[i], y[j + 1] - y[j]
            for p in (i, i + 1):
                for q in (j, j + 1):
                    G = np.zeros((2, n0 * n1))
                    G[0, [i * n1 + q, (i + 1) * n1 + q]] = -1 / h0, 1 / h0
                    G[1, [p * n1 + j, p * n1 + j + 1]] = -1 / h1, 1 / h1
                    matrix += h0 * h1 / 4 * G.T @ K[:, :, p, q] @ G
    return matrix


@pytest.mark.parametrize("shape", [(3, 3), (4, 6), (6, 5)])
@pytest.mark.parametrize("boundary", [Boundary(), MIXED, Boundary(default=Neumann())])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_the_textbook(shape, boundary, dtype):
    grid = stretched(shape)
    K = random_tensor(grid).astype(dtype)
    elements = BilinearElements(grid, boundary)
    numbers = np.arange(grid.size).reshape(shape)[elements.volumes.interior].ravel()
    expected = textbook(grid, K)[np.ix_(numbers, numbers)]
    A = elements.operator(K)
    tolerance = 20 * np.finfo(dtype).eps * np.abs(expected).max()
    assert A.dtype == dtype
    np.testing.assert_allclose(A.to_dense(), expected, atol=tolerance)
    assert A.singular == elements.volumes.singular
    least = np.linalg.eigvalsh(expected)[0]
    assert ("positive definite" in A.properties) == (least > 1e-10)


@pytest.mark.parametrize("boundary", [Boundary(), MIXED])
def test_identity_is_the_five_point_operator(boundary):
    grid = stretched((7, 6))
    c = np.random.default_rng(0).random(grid.shape)
    five = FiniteVolume(grid, boundary, c).operator(np.ones(grid.shape))
    nine = BilinearElements(grid, boundary, c).operator(rotated(1, 0, grid))
    np.testing.assert_allclose(nine.to_dense(), five.to_dense(), atol=1e-11)


@given(st.integers(3, 8), st.integers(3, 8), st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_between_eigenvalues_times_the_identity(n0, n1, seed):
    grid = stretched((n0, n1), seed)
    K = random_tensor(grid, seed)
    smallest, largest = eigenvalues(K, grid)
    exact = np.linalg.eigvalsh(np.moveaxis(K, (0, 1), (2, 3)))
    assert smallest == pytest.approx(exact.min(), rel=1e-8)
    assert largest == pytest.approx(exact.max(), rel=1e-12)
    elements = BilinearElements(grid, MIXED)
    one = elements.operator(rotated(1, 0, grid))
    u = np.random.default_rng(seed).standard_normal(one.domain_shape)
    energy = elements.operator(K).energy(u)
    assert smallest * one.energy(u) <= energy * (1 + 1e-12)
    assert energy <= largest * one.energy(u) * (1 + 1e-12)


@pytest.mark.parametrize("neumann", [[], ["x_upper"], ["x_lower", "y_upper"]])
@pytest.mark.parametrize("degrees", [0, 30, 100])
def test_linear_functions_are_reproduced(neumann, degrees):
    grid = stretched((7, 9))
    K = rotated(20.0, degrees, grid)
    slope = np.array([2.0, -3.0])
    x, y = grid.coordinates()
    u = 1 + slope[0] * x + slope[1] * y
    normals = {"x_lower": (-1, 0), "x_upper": (1, 0), "y_lower": (0, -1), "y_upper": (0, 1)}
    flux = {side: Neumann(float(np.dot(normals[side], K[:, :, 0, 0] @ slope))) for side in neumann}
    boundary = Boundary(flux, Dirichlet(lambda x, y: 1 + slope[0] * x + slope[1] * y))
    elements = BilinearElements(grid, boundary)
    A, b = elements.operator(K), elements.right_hand_side(np.zeros(grid.shape), K)
    inner = u[elements.volumes.interior]
    np.testing.assert_allclose(A.apply(inner), b, atol=1e-11 * np.abs(A.diagonal).max())


def test_pure_neumann_sides_must_balance():
    grid = stretched((5, 6))
    elements = BilinearElements(grid, Boundary(default=Neumann()))
    K = random_tensor(grid)
    with pytest.raises(InputError, match="no side is Dirichlet"):
        elements.right_hand_side(np.ones(grid.shape), K)
    f = grid.coordinates()[0]
    f = f - grid.integrate(f) / grid.weights.sum()
    assert abs(elements.right_hand_side(f, K).sum()) < 1e-12


@pytest.mark.parametrize(
    ("grid", "boundary", "message"),
    [
        (Grid.uniform((5, 5), centering="cell"), Boundary(), "two axes of nodes"),
        (Grid.periodic((5, 5)), Boundary(), "not periodic"),
        (Grid.uniform(5), Boundary(), "two axes"),
        (Grid.uniform((5, 5, 5)), Boundary(), "two axes"),
        (Grid.uniform((5, 5)), Boundary({"x_lower": Robin(1.0)}), "robin"),
        (Grid.uniform((5, 5)), Boundary({"z_lower": Neumann()}), "z_lower"),
        (Grid.uniform((2, 5)), Boundary(), "at least 3"),
    ],
)
def test_grids_and_sides_that_are_not_supported(grid, boundary, message):
    with pytest.raises(InputError, match=message):
        BilinearElements(grid, boundary)


def changed(entries, dtype=np.float64):
    K = rotated(2.0, 30, Grid.uniform((4, 5))).astype(dtype)
    for (a, b), value in entries.items():
        K[a, b, 1, 2] = value
    return K


@pytest.mark.parametrize(
    ("K", "error", "message"),
    [
        (changed({(0, 0): -1.0}), InputError, r"positive definite .* at index \(1, 2\) \(1 of 20"),
        (changed({(0, 1): 9.0, (1, 0): 9.0}), InputError, r"definite tensors, got .*\(1, 2\)"),
        (changed({(0, 0): 0.0, (0, 1): 0.0, (1, 0): 0.0}), InputError, "positive definite"),
        (changed({(0, 0): 1.0, (1, 1): 1.0, (0, 1): 1.0, (1, 0): 1.0}), InputError, "1e-12"),
        (changed({(0, 1): 0.1}), InputError, r"symmetric tensor, got 0\.1 and .* index \(1, 2\)"),
        (changed({(1, 1): np.nan}), NonFiniteError, "permeability"),
        (changed({(1, 1): np.inf}), NonFiniteError, "permeability"),
        (np.ones((4, 5)), InputError, "shape"),
        (np.ones((2, 2, 5, 4)), InputError, "shape"),
        (np.ones((2, 2, 4, 5), complex), InputError, "real"),
    ],
)
def test_tensors_that_cannot_be_used(K, error, message):
    with pytest.raises(error, match=message):
        eigenvalues(K, Grid.uniform((4, 5)))


def test_eigenvalues_near_the_ends_of_the_range():
    grid = Grid.uniform((4, 5))
    smallest, largest = eigenvalues(1e-200 * rotated(4.0, 30, grid), grid)
    assert (smallest, largest) == pytest.approx((1e-200, 4e-200), rel=1e-12, abs=0)
    single = eigenvalues(rotated(4.0, 30, grid).astype(np.float32), grid)
    assert single == pytest.approx((1.0, 4.0), rel=1e-6)
