"""What every method of sensors and a basis owes its user, however it chose the points."""

import inspect

import numpy as np
import pytest

from nwidth import rom
from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import BasisInterpolation, EmpiricalInterpolation, PointInterpolation, Skeleton, pod

SHAPE = (6, 9)


def data(dtype):
    """Rows of fields on a small grid, with fast decay."""
    x, y = np.linspace(1, 3, 40)[:, None], np.linspace(0, 2, 54)
    f = np.exp(1j * x * y) if np.issubdtype(dtype, np.complexfloating) else np.exp(-x * y) + 0.1 * y
    return f.reshape(40, *SHAPE).astype(dtype)


def modes(dtype, r=5):
    return pod(data(dtype), 0.0, max_rank=r).modes


# How each method chooses points; those with more points than functions are no interpolation.
MAKERS = {
    "eim": lambda dtype: rom.eim(data(dtype), 0.0, max_rank=5),
    "compressed_eim": lambda dtype: rom.compressed_eim(data(dtype), 1e-5, max_rank=5),
    "generalized_eim": lambda dtype: rom.generalized_eim(data(dtype), np.eye(54), 0.0, max_rank=5),
    "deim": lambda dtype: rom.deim(modes(dtype)),
    "qdeim": lambda dtype: rom.qdeim(modes(dtype)),
    "s_opt": lambda dtype: rom.s_opt(modes(dtype)),
    "s_opt, more points": lambda dtype: rom.s_opt(modes(dtype), 9),
    "gnat": lambda dtype: rom.gnat(modes(dtype), 12),
    "mask of gappy_pod": lambda dtype: BasisInterpolation(modes(dtype), np.arange(0, 54, 3)),
}
DTYPES = [np.float64, np.complex128, np.float32]


def functions(model):
    return model.functions if isinstance(model, EmpiricalInterpolation) else model.basis


def tolerance(model):
    return 200 * np.finfo(functions(model).dtype).eps * max(1, model.lebesgue_constant())


@pytest.fixture(params=[(name, dtype) for name in MAKERS for dtype in DTYPES], ids=str)
def model(request):
    name, dtype = request.param
    return MAKERS[name](dtype)


def test_every_choice_of_points_is_here():
    """Functions of the package that take a basis and give back an interpolation."""
    found = {
        name
        for name in rom.__all__
        if inspect.isfunction(f := getattr(rom, name))
        and f.__annotations__.get("return") in (BasisInterpolation, EmpiricalInterpolation)
    }
    assert found == {name.split(",")[0] for name in MAKERS} - {"mask of gappy_pod"}


def test_shapes_and_points(model):
    assert isinstance(model, PointInterpolation)
    assert model.shape == SHAPE
    assert model.rank == 5
    assert model.points.dtype == np.int64
    assert len(set(model.points.tolist())) == len(model.points) >= 5
    m = len(model.points)
    for lead in ((), (3,), (2, 3), (0,)):
        assert model.coefficients(np.zeros((*lead, m))).shape == (*lead, 5)
        assert model.interpolate(np.zeros((*lead, m))).shape == (*lead, *SHAPE)


def test_fields_of_the_span_are_reproduced(model):
    U = functions(model)
    c = np.random.default_rng(0).standard_normal((4, 5)).astype(U.dtype)
    fields = np.tensordot(c, U, 1)
    values = fields.reshape(4, -1)[:, model.points]
    found = model.interpolate(values)
    assert found.dtype == U.dtype
    atol = tolerance(model) * abs(fields).max()
    np.testing.assert_allclose(found, fields, atol=atol)
    np.testing.assert_allclose(np.tensordot(model.coefficients(values), U, 1), found, atol=atol)


def test_values_at_the_points_are_kept_where_they_are_as_many(model):
    if len(model.points) > model.rank:
        pytest.skip("least squares")
    values = np.random.default_rng(1).standard_normal((3, 5)).astype(functions(model).dtype)
    found = model.interpolate(values).reshape(3, -1)[:, model.points]
    np.testing.assert_allclose(found, values, atol=20 * tolerance(model))


def test_lebesgue_constant_bounds_what_errors_of_values_do(model):
    m = len(model.points)
    largest = model.lebesgue_constant()
    assert largest > 0
    if m == model.rank:
        assert largest >= 1 - 1e-4
    signs = np.random.default_rng(2).choice([-1, 1], (500, m)).astype(functions(model).dtype)
    reached = abs(model.interpolate(signs)).max()
    assert 0.2 * largest <= reached <= largest * (1 + 1e-4)


def test_one_field_is_a_batch_of_one(model):
    values = np.random.default_rng(3).standard_normal((2, len(model.points)))
    one, two = model.interpolate(values[0]), model.interpolate(values)
    np.testing.assert_allclose(one, two[0], atol=tolerance(model))
    np.testing.assert_allclose(model.interpolate(values.tolist()), two, atol=tolerance(model))


def test_bad_values_are_told(model):
    m = len(model.points)
    with pytest.raises(InputError, match=f"values: expected the last axis to hold the {m} points"):
        model.interpolate(np.zeros(m + 1))
    with pytest.raises(InputError, match="values"):
        model.interpolate(1.0)
    bad = np.zeros((2, m))
    bad[1, 2] = np.nan
    with pytest.raises(NonFiniteError, match="values: expected finite numbers"):
        model.coefficients(bad)


def test_values_are_left_alone(model):
    values = np.ones((2, len(model.points)), functions(model).dtype)
    model.interpolate(values)
    assert (values == 1).all()


def test_file_round_trip(model, tmp_path):
    model.save(tmp_path / "model.h5")
    again = type(model).load(tmp_path / "model.h5")
    values = np.random.default_rng(4).standard_normal((2, len(model.points)))
    np.testing.assert_array_equal(again.points, model.points)
    np.testing.assert_array_equal(again.interpolate(values), model.interpolate(values))


@pytest.mark.parametrize(
    "name", [name for name in MAKERS if not name.endswith("eim") or "deim" in name]
)
def test_error_constant_is_that_of_the_projection(name):
    model = MAKERS[name](np.complex128)
    U = model.basis.reshape(5, -1).T
    projection = U @ np.linalg.pinv(U[model.points])
    assert model.error_constant() == pytest.approx(np.linalg.norm(projection, 2), rel=1e-8)


# How each method of columns and rows approximates a matrix.
SKELETONS = {
    "aca": lambda A: rom.aca(lambda i, j: A[i, j], A.shape, 1e-6),
    "cur": lambda A: rom.cur(A, 1e-6),
    "generalized_nystroem": lambda A: rom.generalized_nystroem(A, 8),
    "eim": lambda A: Skeleton.of(rom.eim(A, 1e-6)),
}


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize("name", SKELETONS)
def test_all_are_one_skeleton_formula(name, dtype):
    A = data(dtype).reshape(40, 54)
    found = SKELETONS[name](A)
    assert isinstance(found, Skeleton)
    error = np.linalg.norm(A - found.to_dense()) / np.linalg.norm(A)
    assert error < 1e-5
    # The formula as it stands loses as many digits as the core's condition has.
    formula = found.columns @ np.linalg.pinv(found.core, rcond=1e-14) @ found.rows
    atol = 1e-14 * np.linalg.cond(found.core)
    assert atol < 1e-4
    np.testing.assert_allclose(found.to_dense(), formula, atol=atol)
    if found.row_indices is not None:
        np.testing.assert_allclose(found.rows, A[found.row_indices], atol=1e-14)
        np.testing.assert_allclose(found.columns, A[:, found.column_indices], atol=1e-14)
    if name != "cur" and found.row_indices is not None:
        core = A[np.ix_(found.row_indices, found.column_indices)]
        np.testing.assert_allclose(found.core, core, atol=1e-14)
    estimate = found.error_estimate(A, samples=200)
    assert 0.5 * error - 1e-14 < estimate < 2 * error + 1e-14
