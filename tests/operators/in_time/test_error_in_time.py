import numpy as np

from nwidth.meshes import Grid
from nwidth.operators.in_time.error_in_time import ErrorInTime


def test_errors_are_those_of_the_formula_in_any_batches():
    rng = np.random.default_rng(0)
    grid = Grid.uniform((5, 4), upper=(2.0, 1.0))
    p, u = rng.normal(size=(2, 3, 2, 5, 4, 2))
    q, v = rng.normal(size=(2, 3, 2, 5, 4))
    error = ErrorInTime(grid, {"velocity": 1.0, "height": 4.0})
    for some in (slice(0, 2), slice(2, 3)):
        for j in range(2):
            error.add(
                j,
                {"velocity": p[some, j], "height": 4 * q[some, j]},
                {"velocity": u[some, j], "height": 4 * v[some, j]},
            )
        error.close_samples()
    w = grid.weights
    off = np.einsum("stxyc,xy->st", (p - u) ** 2, w) + np.einsum("stxy,xy->st", (q - v) ** 2, w)
    size = np.einsum("stxyc,xy->st", u**2, w) + np.einsum("stxy,xy->st", v**2, w)
    whole, found = np.sqrt(off.sum(1) / size.sum(1)), error.summary()
    np.testing.assert_allclose(found["relative_l2_mean"], whole.mean())
    np.testing.assert_allclose(found["relative_l2_median"], np.median(whole))
    np.testing.assert_allclose(found["relative_l2_max"], whole.max())
    np.testing.assert_allclose(found["relative_l2_over_time"], np.sqrt(off / size).mean(0))


def test_a_reference_of_zeros_leaves_the_absolute_error():
    error = ErrorInTime(Grid.periodic(4), {"u": 1.0})
    error.add(0, {"u": np.full((1, 4), 2.0)}, {"u": np.zeros((1, 4))})
    error.close_samples()
    assert error.summary()["relative_l2_mean"] == 2.0
