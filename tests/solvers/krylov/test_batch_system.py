import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from nwidth.errors import InputError
from nwidth.solvers import krylov
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.krylov.batch_system import BatchSystem
from nwidth.solvers.linear_operator import MatrixOperator
from nwidth.solvers.multigrid import Multigrid


@pytest.mark.parametrize(
    ("a", "b", "m", "expected"),
    [
        (np.float32, np.float32, None, np.float32),
        (np.float32, np.float64, None, np.float64),
        (np.float64, np.float32, None, np.float64),
        (np.float32, np.float32, np.float64, np.float32),
        (np.float64, np.float64, np.float32, np.float64),
        (np.complex64, np.float32, None, np.complex64),
        (np.float64, np.complex64, None, np.complex128),
        (np.float64, np.float64, np.complex64, np.complex128),
        (np.float64, np.int64, None, np.float64),
    ],
)
def test_precision_follows_operator_and_right_hand_side(a, b, m, expected):
    preconditioner = None if m is None else np.eye(3, dtype=m)
    system = BatchSystem(np.eye(3, dtype=a), np.ones(3, b), preconditioner, None)
    assert system.dtype == expected
    assert system.multiply(system.b).dtype == system.precondition(system.b).dtype == expected


@pytest.mark.parametrize("wrap", [np.asarray, sp.csr_array, sp.csc_matrix, spla.aslinearoperator])
def test_matrices_of_every_kind(wrap):
    matrix = np.arange(9.0).reshape(3, 3)
    system = BatchSystem(wrap(matrix), np.ones(3), None, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(system.residual()[0], 1 - matrix @ [1, 2, 3])


@pytest.mark.parametrize("preconditioned", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        "bicgstab",
        "conjugate_gradient",
        "deflated_conjugate_gradient",
        "fgmres",
        "gcro_dr",
        "minres",
    ],
)
def test_complex_right_hand_sides_of_real_operators(name, preconditioned):
    """Kernels of real operators know real arrays only; nothing is cut off on the way to them."""
    rng = np.random.default_rng(0)
    A = DiffusionOperator((1 + rng.random((8, 9)), 1 + rng.random((7, 10))))
    b = rng.standard_normal((7, 9)) + 1j * rng.standard_normal((7, 9))
    M = Multigrid(A) if preconditioned else None
    result = getattr(krylov, name)(A, b, preconditioner=M, rtol=1e-10)
    expected = np.linalg.solve(A.to_dense(), b.ravel()).reshape(b.shape)
    np.testing.assert_allclose(result.x, expected, rtol=1e-7)


def test_scaling_is_taken_back():
    b = np.array([1e-300, 2e-300])
    system = BatchSystem(np.eye(2), b, None, b / 2)
    assert 0.1 < system.b.max() <= 1
    np.testing.assert_array_equal(system.solution(system.b), b)
    np.testing.assert_array_equal(system.solution(system.x), b / 2)


def test_the_guess_is_not_changed():
    guess = np.ones(2)
    system = BatchSystem(np.eye(2), np.ones(2), None, guess)
    system.x += 1
    assert (guess == 1).all()


@pytest.mark.parametrize(
    ("A", "b", "options"),
    [
        (np.eye(3), np.ones(4), {}),
        (np.ones((3, 2)), np.ones(3), {}),
        (np.ones((3, 2)), np.ones(2), {}),
        (np.eye(3), np.ones((3, 1)), {}),
        (np.zeros((0, 0)), np.ones(0), {}),
        (np.eye(3), np.array(["a", "b", "c"]), {}),
        (np.eye(3), np.ones(3), {"initial": np.ones(2)}),
        (np.eye(3), np.ones(3), {"preconditioner": np.eye(2)}),
        ("matrix", np.ones(3), {}),
        (np.ones(3), np.ones(3), {}),
        (np.array([["a"]]), np.ones(1), {}),
    ],
)
def test_what_does_not_fit_is_refused(A, b, options):
    with pytest.raises(InputError):
        BatchSystem(A, b, **{"preconditioner": None, "initial": None, **options})


def test_operators_keep_their_shape():
    A = MatrixOperator(np.diag([1.0, 2.0]))
    assert BatchSystem(A, np.ones(2), None, None).A is A
