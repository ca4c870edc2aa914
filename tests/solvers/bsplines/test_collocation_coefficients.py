import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.bsplines.collocation_coefficients import (
    at_points,
    diffusion_tensor,
    inverse_of,
    pulled_back,
)

X, Y = np.meshgrid(np.linspace(0, 1, 3), np.linspace(0, 1, 4), indexing="ij")


def test_all_forms_of_a_tensor():
    full = diffusion_tensor(lambda x, y: [[2 + x, 0.5], [0.5, 1.0]], [X, Y])
    assert full.shape == (2, 2, 3, 4) and (full[0, 0] == 2 + X).all() and (full[0, 1] == 0.5).all()
    assert (diffusion_tensor([1.0, 1 + Y], [X, Y])[1, 1] == 1 + Y).all()
    assert (diffusion_tensor(1 + X, [X, Y])[1, 1] == 1 + X).all()
    assert (diffusion_tensor(np.eye(2), [X, Y])[0, 1] == 0).all()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([[1.0, 2.0], [2.0, 1.0]], "elliptic"),
        (-1.0, "elliptic"),
        (lambda x, y: x, "elliptic"),
        (np.ones((4, 3)), "shape"),
        ("no", "diffusion: expected"),
        (lambda x: x, "callable of 2 coordinates"),
        (None, "diffusion: expected"),
        ([1.0, "a"], "diffusion: expected"),
    ],
)
def test_what_is_not_elliptic_or_does_not_fit_is_refused(value, words):
    with pytest.raises(InputError, match=words):
        diffusion_tensor(value, [X, Y])


def test_nan_is_refused():
    with pytest.raises(NonFiniteError, match="reaction"):
        at_points(np.where(X > 0.9, np.nan, X), [X, Y], "reaction")


def test_an_operator_in_other_coordinates_is_the_same():
    """x = (s + s t / 4, t + s^2 / 3): derivatives in s and t give back those in x and y."""
    s, t = X, Y + 0.2
    J = np.array([[1 + t / 4, s / 4], [2 * s / 3, np.ones_like(s)]])
    H = np.zeros((2, 2, 2, *s.shape))
    H[0, 0, 1] = H[0, 1, 0] = 1 / 4
    H[1, 0, 0] = 2 / 3
    x, y = s + s * t / 4, t + s**2 / 3
    A = diffusion_tensor([[2.0, 0.3], [0.3, 1.0]], [s, t])
    b = at_points([0.5, -1.0], [s, t], "b", [(2,)])
    a_hat, b_hat = pulled_back(A, b, J, H)
    gradient, hessian = [2 * x * y, x**2], [[2 * y, 2 * x], [2 * x, 0 * x]]
    slopes = [sum(gradient[i] * J[i, k] for i in range(2)) for k in range(2)]
    bends = [
        [
            sum(hessian[i][j] * J[i, k] * J[j, m] for i in range(2) for j in range(2))
            + sum(gradient[i] * H[i, k, m] for i in range(2))
            for m in range(2)
        ]
        for k in range(2)
    ]
    found = sum(a_hat[k, m] * bends[k][m] for k in range(2) for m in range(2))
    found = found - sum(b_hat[k] * slopes[k] for k in range(2))
    wanted = 2.0 * 2 * y + 0.6 * 2 * x - 0.5 * 2 * x * y + x**2
    assert np.allclose(found, wanted, rtol=1e-13)


def test_maps_that_fold_are_refused():
    J = np.stack([np.stack([X - 0.5, 0 * X]), np.stack([0 * X, 1 + 0 * X])])
    with pytest.raises(InputError, match="one sign"):
        inverse_of(J)
