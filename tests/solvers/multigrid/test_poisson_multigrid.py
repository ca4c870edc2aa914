import gc
import weakref
from functools import reduce

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import Boundary, DiffusionOperator, Neumann, Poisson, Status
from nwidth.solvers.multigrid import PoissonMultigrid
from nwidth.solvers.multigrid._kept_multigrid import kept_multigrid, takes_multigrid

RNG = np.random.default_rng(0)


def product_with(u, t, c):
    """A u by the operator that multigrid inverts."""
    faces = [np.full([n + (k == j) for j, n in enumerate(u.shape)], s) for k, s in enumerate(t)]
    return DiffusionOperator(tuple(faces), np.full(u.shape, float(c))).apply(u)


MIXED = [((1023, 511), np.float64), ((1023, 511), np.float32), ((127, 63, 127), np.float64)]


@pytest.mark.parametrize(("shape", "coarse_dtype"), MIXED)
def test_threads_change_no_bit(shape, coarse_dtype):
    M = PoissonMultigrid(shape, (1.0, 1.1, 1.2)[: len(shape)], coarse_dtype=coarse_dtype)
    b, threads = RNG.standard_normal(shape), numba.get_num_threads()
    if numba.config.NUMBA_NUM_THREADS == 1:
        pytest.skip("there is one thread only")
    results = []
    try:
        for count in (1, 2):
            numba.set_num_threads(count)
            found = M.iterate(b, rtol=1e-4), M.full_multigrid(b), M.iterate(b, start="full")
            assert M._levels.slabs == count
            results.append(found)
    finally:
        numba.set_num_threads(threads)
    for one, two in zip(*results, strict=True):
        assert one.x.tobytes() == two.x.tobytes()
        assert one.residuals == two.residuals


def convergence_factor(shape, t):
    M = PoissonMultigrid(shape, t)
    guess = RNG.standard_normal(shape)
    b = product_with(RNG.standard_normal(shape), t, 0.0)
    residuals = M.iterate(b, initial=guess, rtol=1e-9).residuals
    return (residuals[-2] / residuals[-5]) ** (1 / 3)


@pytest.mark.parametrize("n", [64, 128, 256, 512, 1024, pytest.param(2048, marks=pytest.mark.slow)])
def test_convergence_factor_2d(n):
    assert convergence_factor((n - 1, n - 1), (1.0, 1.0)) <= 0.03


@pytest.mark.parametrize("n", [32, 64, pytest.param(128, marks=pytest.mark.slow)])
def test_convergence_factor_3d(n):
    assert convergence_factor((n - 1,) * 3, (1.0, 1.0, 1.0)) <= 0.08


@pytest.mark.parametrize(
    ("t", "factor"),
    [
        ((2.0, 1.0), 0.09),
        ((1.0, 2.0), 0.09),
        ((2.0, 1.0, 1.0), 0.11),
        ((1.0, 1.0, 2.0), 0.11),
        ((2.0, 2.0, 1.0), 0.15),
    ],
)
def test_convergence_factor_with_unequal_couplings(t, factor):
    shape = (127, 127) if len(t) == 2 else (31, 31, 31)
    assert convergence_factor(shape, t) <= factor


@pytest.mark.parametrize(
    ("shape", "t", "cycles"),
    [
        ((255, 255), (1.0, 1.0), 6),
        ((255, 255), (2.0, 1.0), 8),
        ((31, 31, 31), (1.0, 1.0, 1.0), 7),
        ((31, 31, 31), (2.0, 2.0, 1.0), 9),
    ],
)
def test_cycles_to_eight_digits(shape, t, cycles):
    b = np.random.default_rng(1).standard_normal(shape)
    assert PoissonMultigrid(shape, t).iterate(b, rtol=1e-8).iterations <= cycles


@pytest.mark.parametrize("start", ["zero", "full", "guess"])
@pytest.mark.parametrize(
    ("shape", "coarse_dtype"),
    [((95, 63), np.float64), ((95, 63), np.float32), ((31, 23, 15), np.float64)],
)
def test_iterate_solves(shape, start, coarse_dtype):
    t, c = (1.0, 1.5, 1.2)[: len(shape)], 0.02
    M = PoissonMultigrid(shape, t, c, coarse_dtype=coarse_dtype)
    b = RNG.standard_normal(shape)
    begin = {"initial": RNG.standard_normal(shape)} if start == "guess" else {"start": start}
    found = M.iterate(b, rtol=1e-9, **begin)
    assert found.status is Status.CONVERGED
    true = np.linalg.norm(b - product_with(found.x, t, c)) / np.linalg.norm(b)
    assert true <= 1e-9
    assert found.residuals[-1] == pytest.approx(true, rel=1e-3)
    again = M.iterate(b, rtol=1e-9, initial=found.x * 1)
    assert again.iterations == 0


def test_float32():
    M = PoissonMultigrid((63, 63), (1.0, 1.0), dtype=np.float32)
    b = np.ones((63, 63), np.float32)
    found = M.iterate(b, rtol=1e-4)
    assert found.status is Status.CONVERGED
    assert found.x.dtype == np.float32
    assert M.iterate(b, rtol=1e-12).status is Status.STAGNATED
    assert M.full_multigrid(b).x.dtype == np.float32


def manufactured(n, d):
    """Problem on n intervals per axis, its right-hand side and the solution at the unknowns."""
    grid = Grid.uniform((n + 1,) * d)
    x = [
        np.linspace(0, 1, n + 1).reshape([-1 if j == k else 1 for j in range(d)]) for k in range(d)
    ]
    one = [np.sin(np.pi * y) * np.exp(y) for y in x]
    two = [
        (np.sin(np.pi * y) * (1 - np.pi**2) + 2 * np.pi * np.cos(np.pi * y)) * np.exp(y) for y in x
    ]
    f = -sum(
        reduce(np.multiply, [two[j] if j == k else one[j] for j in range(d)]) for k in range(d)
    )
    problem = Poisson(grid)
    u = reduce(np.multiply, one)[(slice(1, -1),) * d]
    return problem.operator({"source": f}), problem.source({"source": f}), u


@pytest.mark.parametrize(("d", "sizes"), [(2, (64, 128, 256, 512)), (3, (32, 64))])
def test_full_multigrid_stops_at_the_discretization_error(d, sizes):
    errors = []
    for n in sizes:
        operator, b, u = manufactured(n, d)
        M = PoissonMultigrid.of(operator)
        found = M.full_multigrid(b)
        exact = M.iterate(b, rtol=1e-11).x
        discretization = np.sqrt(np.mean((exact - u) ** 2))
        algebraic = np.sqrt(np.mean((found.x - exact) ** 2))
        assert found.status is Status.CONVERGED
        assert algebraic <= 0.2 * discretization
        assert found.discretization_error == pytest.approx(discretization, rel=0.2)
        assert algebraic / 4 <= found.algebraic_error <= 4 * algebraic
        errors.append(np.sqrt(np.mean((found.x - u) ** 2)))
        residual = np.linalg.norm(b - operator.apply(found.x)) / np.linalg.norm(b)
        assert found.residuals[-1] == pytest.approx(residual, rel=1e-3)
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(orders > 1.9)
    assert np.all(orders < 2.15)


def test_full_multigrid_in_mixed_precision():
    operator, b, u = manufactured(256, 2)
    found = PoissonMultigrid.of(operator, coarse_dtype=np.float32).full_multigrid(b)
    full = PoissonMultigrid.of(operator).full_multigrid(b)
    assert found.status is Status.CONVERGED
    error, wanted = (np.sqrt(np.mean((x - u) ** 2)) for x in (found.x, full.x))
    assert error == pytest.approx(wanted, rel=0.2)
    wide = PoissonMultigrid((2047, 3), (1.0, 1.0), coarse_dtype=np.float32)
    with pytest.raises(InputError, match="float32 coarse levels, got 2048"):
        wide.full_multigrid(np.ones((2047, 3)))


def test_limits_are_told():
    M = PoissonMultigrid((63, 63), (1.0, 1.0))
    b = RNG.standard_normal((63, 63))
    found = M.iterate(b, rtol=1e-10, max_iterations=2)
    assert found.status is Status.MAX_ITERATIONS
    assert len(found.residuals) == 3
    assert found.residuals[-1] == pytest.approx(
        np.linalg.norm(b - product_with(found.x, (1, 1), 0)) / np.linalg.norm(b), rel=1e-6
    )
    assert M.iterate(b, max_iterations=0).status is Status.MAX_ITERATIONS
    assert M.iterate(b, rtol=0).status is Status.STAGNATED


@pytest.mark.parametrize("shape", [(31, 31), (15, 15, 15)])
def test_zero_and_non_finite_right_hand_sides(shape):
    M = PoissonMultigrid(shape, (1.0,) * len(shape))
    for solve in (M.iterate, M.full_multigrid):
        found = solve(np.zeros(shape))
        assert found.status is Status.CONVERGED
        assert not found.x.any()
        for bad in (np.nan, np.inf):
            b = np.ones(shape)
            b[3] = bad
            assert solve(b).status is Status.NON_FINITE
        good = solve(np.ones(shape))  # nothing of it is left
        assert good.status is Status.CONVERGED
        assert np.isfinite(good.x).all()
    assert not M.apply(np.zeros(shape)).any()


@pytest.mark.parametrize("size", [1e-290, 1e-30, 1e30, 1e290])
def test_data_at_the_ends_of_the_range(size):
    b = RNG.standard_normal((31, 47))
    wanted = PoissonMultigrid((31, 47), (1.0, 1.0)).iterate(b).x
    for dtype in (np.float64, np.float32):
        M = PoissonMultigrid((31, 47), (1.0, 1.0), coarse_dtype=dtype)
        np.testing.assert_allclose(M.iterate(b * size).x / size, wanted, rtol=1e-6)
        np.testing.assert_allclose(M.apply(b * size) / size, M.apply(b), rtol=0, atol=2e-6)
    M = PoissonMultigrid((31, 47), (1e-200, 1e-200))
    np.testing.assert_allclose(M.iterate(b * 1e-200).x, wanted, rtol=1e-7)


@pytest.mark.parametrize("shape", [(65, 33), (17, 33, 25)])
def test_of_takes_poisson_and_agrees_with_it(shape):
    upper = tuple((n - 1) * w for n, w in zip(shape, (1.0, 1.2, 0.95), strict=False))
    problem = Poisson(Grid.uniform(shape, upper=upper))
    operator = problem.operator({"source": np.ones(shape)})
    assert PoissonMultigrid.suits(operator)
    M = PoissonMultigrid.of(operator)
    b = RNG.standard_normal(operator.range_shape)
    x = M.iterate(b, rtol=1e-9).x
    assert np.linalg.norm(b - operator.apply(x)) <= 1.1e-9 * np.linalg.norm(b)


def test_of_tells_why_an_operator_does_not_suit():
    ones = (np.ones((16, 15)), np.ones((15, 16)))
    grid = Grid.uniform((16, 17))
    rough = np.ones((16, 15))
    rough[3, 4] = 1.5
    reaction = np.ones((15, 15))
    reaction[0, 0] = 0
    cells = Poisson(Grid.uniform((16, 16), centering="cell"))
    mixed = Poisson(Grid.uniform((17, 17)), Boundary({"x_lower": Neumann()}))
    cases = {
        "DiffusionOperator": np.eye(3),
        "intervals": Poisson(grid).operator({"source": np.ones(grid.shape)}),
        "constant": DiffusionOperator((rough, ones[1])),
        "ratios": DiffusionOperator((2.5 * ones[0], ones[1])),
        "got values": DiffusionOperator(ones, reaction),
        "2 or 3 axes": DiffusionOperator((np.ones(16),)),
        "periodic": DiffusionOperator(ones, None, (True, False)),
        "Poisson multigrid": mixed.operator({"source": np.ones((17, 17))}),
        "Poisson multigrid: ": cells.operator({"source": np.ones((16, 16))}),
    }
    for reason, operator in cases.items():
        assert not PoissonMultigrid.suits(operator)
        with pytest.raises(InputError, match=reason):
            PoissonMultigrid.of(operator)


def test_what_cannot_be_used_is_told():
    bad = [((31, 31), (1.0, 3.0)), ((31,), (1.0,)), ((30, 31), (1.0, 1.0))]
    for shape, couplings in [*bad, ((2 * 97 - 1,) * 2, (1.0, 1.0))]:
        with pytest.raises(InputError, match="Multigrid takes"):
            PoissonMultigrid(shape, couplings)
    for couplings in ((1.0, -1.0), (1.0, np.nan), (1.0, "a"), 1.0):
        with pytest.raises(InputError, match="couplings"):
            PoissonMultigrid((31, 31), couplings)
    for shape in ((0, 31), (31.0, 31), "ab"):
        with pytest.raises(InputError, match="shape"):
            PoissonMultigrid(shape, (1.0, 1.0))
    for reaction in (-1.0, "a", None):
        with pytest.raises(InputError, match="reaction"):
            PoissonMultigrid((31, 31), (1.0, 1.0), reaction)
    with pytest.raises(InputError, match="dtype"):
        PoissonMultigrid((31, 31), (1.0, 1.0), dtype=np.int64)
    with pytest.raises(InputError, match="coarse_dtype"):
        PoissonMultigrid((31, 31), (1.0, 1.0), dtype=np.float32, coarse_dtype=np.float64)
    M = PoissonMultigrid((31, 31), (1.0, 1.0))
    b = np.ones((31, 31))
    for call in (
        lambda: M.iterate(np.ones((31, 30))),
        lambda: M.full_multigrid(np.ones((30, 31))),
        lambda: M.iterate(b, initial=np.ones((3, 3))),
        lambda: M.iterate(b, start="half"),
        lambda: M.iterate(b, start=3),
        lambda: M.iterate(b, start="full", initial=b),
        lambda: M.iterate(b, rtol=2.0),
        lambda: M.full_multigrid(b, max_cycles=0),
        lambda: M.apply(np.ones(3)),
        lambda: M.iterate(b + 1j),
        lambda: M.full_multigrid(b + 1j),
        lambda: M.iterate(b, initial=1j * b),
        lambda: M.iterate(np.ma.masked_array(b, b > 0)),
        lambda: M.iterate(b.astype(object)),
        lambda: M.iterate("a"),
        lambda: M.full_multigrid(None),
    ):
        with pytest.raises(InputError):
            call()


@pytest.mark.parametrize("start", ["zero", "full", "guess", "nested"])
@pytest.mark.parametrize("twice", [False, True])
def test_solutions_go_where_they_are_asked_for(start, twice):
    M, b, guess = PoissonMultigrid((31, 47), (1.0, 1.3)), *RNG.standard_normal((2, 31, 47))

    def solved(b, **out):
        if start == "nested":
            return M.full_multigrid(b, **out).x
        if start == "guess":
            return M.iterate(b, initial=guess, **out).x
        return M.iterate(b, start=start, **out).x

    expected, taken = solved(b), b.copy()
    out = taken if twice else np.full_like(b, np.nan)
    found = solved(taken, out=out)
    assert found is out
    assert (found == expected).all()


def test_arrays_for_solutions_that_do_not_fit_are_told():
    M, b = PoissonMultigrid((31, 47), (1.0, 1.0)), np.ones((31, 47))
    locked = np.empty((31, 47))
    locked.flags.writeable = False
    for out in (
        np.empty((47, 31)),
        np.empty((31, 47), np.float32),
        np.empty((47, 31)).T,
        locked,
        3,
    ):
        with pytest.raises(InputError, match="out: expected a writeable, C-contiguous array of"):
            M.iterate(b, out=out)
    out = np.ones((31, 47))
    assert M.iterate(np.zeros((31, 47)), out=out).x is out
    assert not out.any()


def test_inputs_are_left_alone():
    M = PoissonMultigrid((31, 31), (1.0, 1.0))
    b = RNG.standard_normal((31, 31))
    b.flags.writeable = False
    copy, guess = b.copy(), np.ones((31, 31))
    M.iterate(b, initial=guess)
    M.full_multigrid(b)
    M.iterate(np.asfortranarray(b))
    np.testing.assert_array_equal(b, copy)
    assert (guess == 1).all()


@settings(deadline=None, max_examples=25)
@given(
    st.integers(2, 3).flatmap(
        lambda d: st.tuples(
            st.lists(st.integers(2, 7), min_size=d, max_size=d),
            st.integers(1, 4 if d == 2 else 2),
            st.lists(st.floats(1.0, 2.0), min_size=d, max_size=d),
        )
    ),
    st.floats(0.0, 0.5),
)
def test_any_size(case, c):
    parts, power, t = case
    shape = tuple(m * 2**power - 1 for m in parts)
    M = PoissonMultigrid(shape, t, c)
    b = np.random.default_rng(1).standard_normal(shape)
    for start in ("zero", "full"):
        found = M.iterate(b, rtol=1e-8, start=start)
        assert found.status is Status.CONVERGED
        assert np.linalg.norm(b - product_with(found.x, t, c)) <= 1.01e-8 * np.linalg.norm(b)


def test_work_space_is_kept_as_long_as_the_operator_and_lent_to_one_at_a_time():
    operator = Poisson(Grid.uniform((17, 17))).reference_operator().astype(np.float64, 2.0)
    with kept_multigrid(operator) as one, kept_multigrid(operator) as two:
        assert one is not two
    with kept_multigrid(operator) as again:
        assert again in (one, two)
        with pytest.raises(ZeroDivisionError), kept_multigrid(operator):
            raise ZeroDivisionError
    assert takes_multigrid(operator)
    left = [weakref.ref(again), weakref.ref(operator)]
    del one, two, again, operator
    gc.collect()
    assert [reference() for reference in left] == [None, None]
    with kept_multigrid(DiffusionOperator((np.ones(4),))) as none:
        assert none is None
