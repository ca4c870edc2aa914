import numba
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.rom import SelectionStatus, eim

RNG = np.random.default_rng(0)
NORMS = ["sup", "l1", "l2", 3.5]


def norms_of_rows(r, norm, weights=1.0):
    if norm == "sup":
        return np.abs(r).max(axis=1)
    power = {"l1": 1.0, "l2": 2.0}.get(norm, norm)
    sizes = np.abs(r).astype(float)
    exponent = int(np.frexp(sizes.max(initial=0.0))[1])  # squares of tiny numbers would vanish
    sums = (weights * np.ldexp(sizes, -exponent) ** power).sum(axis=1)
    return np.ldexp(sums ** (1 / power), exponent)


def textbook(f, rtol, norm="sup", weights=1.0):
    """Greedy choice with every step done on every row."""
    r, rows, points, errors = f.copy(), [], [], []
    while True:
        sizes = norms_of_rows(r, norm, weights)
        errors.append(sizes.max())
        if errors[-1] <= rtol * errors[0]:
            return rows, points, errors
        rows.append(int(sizes.argmax()))
        points.append(int(np.abs(r[rows[-1]]).argmax()))
        r = r - r[:, points[-1], None] * (r[rows[-1]] / r[rows[-1], points[-1]])
        r[rows[-1]] = 0


def bumps(rows, points, width=0.05):
    x, y = np.linspace(0, 1, rows)[:, None], np.linspace(0, 1, points)
    return np.exp(-(((x - y) / width) ** 2))


def waves(rows, points, dtype):
    """Smooth rows times random sizes of rows and points, so that there are no ties."""
    x, y = np.linspace(1, 9, rows)[:, None], np.linspace(0, 2, points)
    sizes = np.random.default_rng(rows).uniform(0.5, 1, rows + points)
    wave = np.exp(1j * x * y**2) * sizes[:rows, None] * sizes[rows:]
    return (wave if np.dtype(dtype).kind == "c" else wave.real).astype(dtype)


def round_off(f):
    return 20 * np.finfo(f.dtype).eps


def analytic():
    """The field of section 5 of the reference, P1: 400 parameters, 500 points."""
    x, y = np.linspace(0, 1, 400)[:, None], np.linspace(0, 1, 500)
    return 1 / np.sqrt(4 * (x - 0.5) ** 2 + 9 * (y - x) ** 2 + 0.02)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("shape", [(61, 2051), (40, 17), (1, 5), (5, 1)])
def test_choice_is_that_of_the_textbook(dtype, norm, shape):
    f = waves(*shape, dtype)
    model = eim(f, 1e-4, norm=norm)
    rows, points, errors = textbook(f, 1e-4, norm)
    assert model.status is SelectionStatus.CONVERGED
    assert model.rows.tolist() == rows
    assert model.points.tolist() == points
    np.testing.assert_allclose(model.errors, errors, atol=round_off(f) * errors[0])
    assert model.functions.dtype == model.values.dtype == dtype
    np.testing.assert_array_equal(model.functions, f[rows])
    np.testing.assert_array_equal(model.values, f[:, points])


@pytest.mark.parametrize("norm", ["l1", "l2", 3.5])
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_weights_of_a_mesh(norm, dtype):
    f, weights = waves(40, 1100, dtype), np.geomspace(1e-3, 1, 1100)
    model = eim(f.reshape(40, 11, 100), 1e-4, norm=norm, weights=weights.reshape(11, 100))
    rows, points, errors = textbook(f, 1e-4, norm, weights)
    assert (model.rows.tolist(), model.points.tolist()) == (rows, points)
    np.testing.assert_allclose(model.errors, errors, atol=round_off(f) * errors[0])
    assert eim(f, 1e-4, norm=norm).rows.tolist() != rows


def test_infinite_power_is_the_maximum_norm():
    f = bumps(30, 40)
    assert eim(f, norm=np.inf).errors == eim(f).errors


def test_interpolation_is_exact_on_rows_and_at_points():
    f = bumps(80, 150)
    model = eim(f, 1e-10)
    found = model.interpolate(model.values)
    np.testing.assert_allclose(found, f, atol=1e-9)
    np.testing.assert_allclose(found[model.rows], f[model.rows], atol=1e-13)
    np.testing.assert_allclose(found[:, model.points], f[:, model.points], atol=1e-13)


@pytest.mark.parametrize("rank", [10, 20, 30])
def test_symmetric_formula_is_the_greedy_approximation(rank):
    f = analytic()
    model = eim(f, 1e-14, max_rank=rank)
    r = f.copy()
    for row, point in zip(model.rows, model.points, strict=True):
        r = r - np.outer(r[:, point], r[row] / r[row, point])
    np.testing.assert_allclose(model.interpolate(model.values), f - r, atol=1e-13 * abs(f).max())


@pytest.mark.parametrize("rank", [10, 20, 30])
def test_exchanged_roles_give_the_same_points(rank):
    f = analytic()
    model, other = eim(f, 1e-14, max_rank=rank), eim(f.T, 1e-14, max_rank=rank).swapped()
    assert model.rows.tolist() == other.rows.tolist()
    assert model.points.tolist() == other.points.tolist()
    np.testing.assert_allclose(other.interpolate(model.values), model.interpolate(model.values))


@pytest.mark.parametrize(("norm", "error"), [("l1", 3.6e-5), ("l2", 4.6e-5), ("sup", 2.8e-5)])
def test_errors_of_the_analytic_field_are_those_published(norm, error):
    f = analytic()
    model = eim(f, 1e-14, max_rank=30, norm=norm)
    r = f - model.interpolate(model.values)
    assert np.sqrt((r**2).mean()) == pytest.approx(error, rel=0.02)
    assert model.status is SelectionStatus.MAX_RANK


def test_zero_data_have_rank_zero():
    model = eim(np.zeros((4, 2, 3)))
    assert (model.rank, model.status, model.reached) == (0, SelectionStatus.CONVERGED, 0)
    assert model.functions.shape == (0, 2, 3)
    assert model.values.shape == (4, 0)
    assert model.interpolate(model.values).shape == (4, 2, 3)
    assert not model.interpolate(np.zeros(0)).any()
    assert model.lebesgue_constant() == 0
    assert model.swapped().functions.shape == (0, 4)


@pytest.mark.parametrize("norm", ["sup", "l1", "l2"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
@pytest.mark.parametrize(("shape", "rank"), [((50, 70), 7), ((300, 200), 40), ((31, 1500), 30)])
def test_rank_of_deficient_data_is_found(shape, rank, dtype, norm):
    left, right = RNG.standard_normal((shape[0], rank)), RNG.standard_normal((rank, shape[1]))
    if dtype == "c16":
        left = left + 1j * RNG.standard_normal(left.shape)
    model = eim((left @ right).astype(dtype), 0.0, norm=norm)
    if dtype == "f4":  # rounding the product gives it full rank, at the level of round-off
        model = eim((left @ right).astype(dtype), 1e-5, norm=norm)
        assert model.status is SelectionStatus.CONVERGED
    else:
        assert model.status is SelectionStatus.EXHAUSTED
        with pytest.raises(NotConvergedError, match=f"rank {rank}\\)"):
            model.checked()
    assert model.rank == rank


def test_tolerance_below_round_off_tells_what_is_reached():
    model = eim(bumps(90, 100), 1e-17)
    assert model.status is SelectionStatus.EXHAUSTED
    assert 0 < model.reached < 1e-14
    with pytest.raises(NotConvergedError, match=f"error {model.reached:.1e} of the largest row"):
        model.checked()
    assert eim(bumps(90, 100), 1e-10).checked().rank < model.rank


def test_rows_below_round_off_of_the_largest_are_not_chosen():
    model = eim(np.diag([1e-10, 1e-20, 1.0, 1e-5]), 0.0)
    assert model.status is SelectionStatus.EXHAUSTED
    assert (model.rows.tolist(), model.errors[-1]) == ([2, 3, 0], 1e-20)


def test_exact_data_end_with_zero():
    model = eim(np.diag([4.0, 1.0, 2.0]), 0.0)
    assert (model.rows.tolist(), model.errors) == ([0, 2, 1], (4.0, 2.0, 1.0, 0.0))
    assert model.status is SelectionStatus.CONVERGED


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_scales_change_nothing(norm, dtype, sign):
    f = waves(30, 60, dtype)
    scale = f.real.dtype.type(2.0 ** (sign * (90 if f.real.itemsize == 4 else 990)))
    model, scaled = eim(f, 1e-4, norm=norm), eim(f * scale, 1e-4, norm=norm)
    np.testing.assert_array_equal(scaled.rows, model.rows)
    np.testing.assert_array_equal(scaled.points, model.points)
    np.testing.assert_allclose(np.array(scaled.errors) / float(scale), model.errors, rtol=1e-12)
    assert scaled.status is SelectionStatus.CONVERGED


def test_first_of_equal_rows_and_values_counts():
    f = np.array([[1.0, 2.0, -2.0], [2.0, 0.0, -2.0], [1.0, 2.0, -2.0], [0.0, 0.0, 0.0]])
    model = eim(f)
    assert model.rows.tolist() == [0, 1]
    assert model.points.tolist() == [1, 0]
    again = eim(np.concatenate([f, f, f]))  # every row three times
    assert again.rows.tolist() == model.rows.tolist()
    assert again.errors == model.errors


@pytest.mark.parametrize("norm", NORMS)
def test_threads_change_no_bit(norm):
    f, before = RNG.standard_normal((60, 3000)) * np.logspace(0, -6, 60)[:, None], None
    threads = numba.get_num_threads()
    try:
        for count in {1, min(2, numba.config.NUMBA_NUM_THREADS)}:
            numba.set_num_threads(count)
            model = eim(f, 1e-8, norm=norm)
            found = (model.rows.tolist(), model.points.tolist(), model.errors)
            assert before is None or found == before
            before = found
    finally:
        numba.set_num_threads(threads)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.float16, ">f8", np.longdouble])
def test_other_numbers_become_floats(dtype):
    f = (RNG.integers(0, 2, (12, 30))).astype(dtype)
    model, wanted = eim(f), eim(f.astype("f4" if f.dtype == np.float16 else "f8"))
    np.testing.assert_array_equal(model.functions, wanted.functions)
    np.testing.assert_array_equal(model.values, wanted.values)
    assert model.functions.dtype == wanted.functions.dtype
    assert model.values.dtype == wanted.values.dtype


def test_data_are_left_as_they_are():
    for f in (bumps(20, 30), np.asfortranarray(bumps(20, 30)), bumps(40, 60)[::2, ::2]):
        before = f.copy()
        f.flags.writeable = False
        eim(f)
        np.testing.assert_array_equal(f, before)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_named(value):
    f = np.ones((70, 4, 50))
    f[66, 3, 7] = value
    with pytest.raises(NonFiniteError, match=r"row 66, column \(3, 7\)"):
        eim(f)
    with pytest.raises(NonFiniteError, match=r"row 66, column 157"):
        eim(f.reshape(70, 200) + 0j)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((0, 3)), "expected rows of fields"),
        (np.zeros((3, 0)), "expected rows of fields"),
        (np.zeros(3), "expected rows of fields"),
        (1.0, "expected rows of fields"),
        ([[1.0], [1.0, 2.0]], "expected an array of numbers"),
        (np.array([["a", "b"]]), "expected numbers"),
        (np.array([[1, None]]), "expected numbers, got dtype object"),
        (np.ma.masked_array([[1.0, 2.0]], [[False, True]]), "without masked entries"),
    ],
)
def test_data_that_are_no_rows_of_numbers(data, message):
    with pytest.raises(InputError, match=message):
        eim(data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rtol": -1e-3}, "rtol"),
        ({"rtol": 1.0}, "rtol"),
        ({"rtol": np.nan}, "rtol"),
        ({"max_rank": 0}, "max_rank"),
        ({"max_rank": 2.5}, "max_rank"),
        ({"norm": "l3"}, "norm: expected one of sup, l1, l2"),
        ({"norm": 0.5}, "norm"),
        ({"norm": 17}, "norm"),
        ({"norm": "l2", "weights": np.ones(3)}, "weights"),
        ({"norm": "l2", "weights": np.zeros(4)}, "weights"),
        ({"weights": np.ones(4)}, "got the maximum norm"),
        ({"memory": 0}, "memory"),
        ({"memory": 7 * 4 * 8}, "room for eight rows, 256 bytes"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(InputError, match=message):
        eim(np.ones((9, 4)), **options)


def test_progress_is_told():
    told = []
    model = eim(bumps(40, 50), 1e-3, progress=lambda steps, error: told.append((steps, error)))
    assert [steps for steps, _ in told] == list(range(model.rank + 1))
    assert [error for _, error in told] == [error / model.errors[0] for error in model.errors]


MATRICES = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.one_of(st.integers(-3, 3), st.floats(-1e3, 1e3)),
)


@settings(deadline=None, max_examples=60)
@example(np.array([[1.11253693e-308]]), "l2", 1e-2)
@given(MATRICES, st.sampled_from(["sup", "l1", "l2"]), st.sampled_from([1e-2, 1e-6, 1e-10]))
def test_whatever_comes_is_interpolated(f, norm, rtol):
    model = eim(f, rtol, norm=norm)
    largest = norms_of_rows(f, norm).max()
    rows, points, _ = textbook(f, rtol, norm) if largest else ([], [], [])
    assert (model.rows.tolist(), model.points.tolist()) == (rows, points)
    assert len(set(rows)) == len(rows) and len(set(points)) == len(points)
    left = norms_of_rows(f - model.interpolate(model.values), norm).max()
    assert left <= rtol * largest + 1e-12 * largest * model.lebesgue_constant() * (1 + len(rows))
