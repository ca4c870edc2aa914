import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError
from nwidth.solvers import AlgebraicHierarchy, HierarchyCycle, Status, conjugate_gradient


def poisson(n):
    one = sp.diags_array([[2.0] * n, [-1.0] * (n - 1), [-1.0] * (n - 1)], offsets=[0, 1, -1])
    return (sp.kron(one, sp.eye_array(n)) + sp.kron(sp.eye_array(n), one)).tocsr()


def solve(M, b, rtol=1e-8):
    result = conjugate_gradient(M.operator, b, preconditioner=M, rtol=rtol)
    assert result.status is Status.CONVERGED
    x = result.x
    assert np.linalg.norm(b - M.operator.matrix @ x) <= 1.01 * rtol * np.linalg.norm(b)
    return result.iterations


@pytest.mark.parametrize("smoother", ["gauss-seidel", "jacobi", "chebyshev"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cycle", ["V", "W"])
def test_preconditions_conjugate_gradients(smoother, dtype, cycle):
    A = poisson(33)
    M = HierarchyCycle(
        AlgebraicHierarchy.from_matrix(A), dtype=dtype, smoother=smoother, cycle=cycle
    )
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    assert solve(M, b) <= 10


@pytest.mark.parametrize("columns", [1, 3, 8, 9])
@pytest.mark.parametrize("smoother", ["gauss-seidel", "jacobi", "chebyshev"])
def test_columns_are_cycles_side_by_side(columns, smoother):
    hierarchy = AlgebraicHierarchy.from_matrix(poisson(21))
    r = np.random.default_rng(0).standard_normal((441, columns))
    single = HierarchyCycle(hierarchy, smoother=smoother)
    several = HierarchyCycle(hierarchy, smoother=smoother, columns=columns).apply(r)
    for c in range(columns):
        expected = single.apply(np.ascontiguousarray(r[:, c]))
        np.testing.assert_allclose(several[:, c], expected, atol=1e-12)


def test_several_right_hand_sides():
    A = poisson(25)
    M = HierarchyCycle(AlgebraicHierarchy.from_matrix(A), columns=5, dtype=np.float32)
    b = np.random.default_rng(0).standard_normal((625, 5))
    assert solve(M, b) <= 9


@pytest.mark.parametrize("kind", ["ruge-stueben", "smoothed-aggregation"])
def test_as_many_iterations_as_pyamg(kind):
    """Theirs relaxes twice as often in a cycle, forwards and backwards on both ways."""
    pyamg = pytest.importorskip("pyamg", reason="PyAMG is not installed")
    A = poisson(64)
    build = {
        "ruge-stueben": pyamg.ruge_stuben_solver,
        "smoothed-aggregation": pyamg.smoothed_aggregation_solver,
    }[kind]
    multilevel = build(A)
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    residuals = []
    multilevel.solve(b, tol=1e-8, accel="cg", residuals=residuals)
    M = HierarchyCycle(AlgebraicHierarchy.of(multilevel), sweeps=(2,))
    theirs = len(residuals) - 1
    assert abs(solve(M, b) - theirs) <= 2
    once = HierarchyCycle(AlgebraicHierarchy.of(multilevel), dtype=np.float32)
    assert solve(once, b) <= theirs + 2


def test_elasticity():
    pyamg = pytest.importorskip("pyamg", reason="PyAMG is not installed")
    A, rigid = pyamg.gallery.linear_elasticity((20, 20))
    hierarchy = AlgebraicHierarchy.from_matrix(A, "smoothed-aggregation", rigid)
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    assert solve(HierarchyCycle(hierarchy), b) <= 25


def test_diagonal_matrix():
    A = sp.diags_array(np.arange(1.0, 101.0))
    assert solve(HierarchyCycle(AlgebraicHierarchy.from_matrix(A)), np.ones(100)) == 1


def test_singular_matrix():
    A = poisson(20)
    A = A - sp.diags_array(A.sum(axis=1))
    M = HierarchyCycle(AlgebraicHierarchy.from_matrix(A))
    b = np.random.default_rng(0).standard_normal(400)
    assert solve(M, b - b.mean()) <= 12


@pytest.mark.parametrize("scale", [1e-250, 1e250])
def test_entries_near_the_ends_of_the_range(scale):
    hierarchy = AlgebraicHierarchy.from_matrix(poisson(15) * scale)
    result = HierarchyCycle(hierarchy, dtype=np.float32).iterate(np.ones(225) * scale)
    assert result.status is Status.CONVERGED


def test_library_products_give_the_same_cycle():
    """The road that arrays on a device take, with SciPy in the place of CuPy."""
    hierarchy = AlgebraicHierarchy.from_matrix(poisson(20))
    r = np.random.default_rng(0).standard_normal((400, 2))
    for smoother in ("jacobi", "chebyshev"):
        M = HierarchyCycle(hierarchy, columns=2, smoother=smoother)
        expected = M.apply(r)
        for level in M.levels:
            level.smoother.operator._compiled = False
            for transfer in level.transfers:
                transfer._restrict._compiled = transfer._prolong._compiled = False
        np.testing.assert_allclose(M.apply(r), expected, atol=1e-12)


def test_on_a_device():
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError:
        pytest.skip("no CUDA device")
    hierarchy = AlgebraicHierarchy.from_matrix(poisson(40))
    r = np.random.default_rng(0).standard_normal((1600, 2))
    for smoother in ("jacobi", "chebyshev"):
        host = HierarchyCycle(hierarchy, columns=2, smoother=smoother).apply(r)
        device = HierarchyCycle(hierarchy, columns=2, smoother=smoother, device=True)
        np.testing.assert_allclose(device.apply(cupy.asarray(r)).get(), host, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"smoother": "ilu"}, "smoother"),
        ({"device": True}, "smoother: expected one of jacobi"),
        ({"dtype": np.int32}, "dtype"),
        ({"columns": 0}, "columns"),
        ({"cycle": "X"}, "cycle"),
        ({"sweeps": (0,)}, "sweeps"),
    ],
)
def test_bad_arguments(options, told):
    with pytest.raises(InputError, match=told):
        HierarchyCycle(AlgebraicHierarchy.from_matrix(poisson(4)), **options)


def test_a_matrix_is_no_hierarchy():
    with pytest.raises(InputError, match="from_matrix"):
        HierarchyCycle(poisson(4))
