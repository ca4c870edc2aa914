"""Axes: control volumes, exact nesting, round trips, errors."""

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.meshes import Axis

FACES = np.array([0.0, 0.1, 0.4, 0.5, 1.1, 2.0])
AXES = [
    Axis.uniform(7),
    Axis.uniform(6, -1.3, 2.9, name="depth", unit="m", centering="cell"),
    Axis.uniform(8, 0.1, 0.7, periodic=True),
    Axis.uniform(8, 0.1, 0.7, periodic=True, centering="cell"),
    Axis(FACES, 0.0, 2.0),
    Axis(FACES[:-1] + 0.05, 0.0, 2.0, periodic=True),
    Axis.cells(FACES),
    Axis.cells(FACES, periodic=True),
    Axis.chebyshev(6, -0.5, 1.5, name="z", unit="m"),
]
IDS = [repr(axis) for axis in AXES]
each_axis = pytest.mark.parametrize("axis", AXES, ids=IDS)


@each_axis
def test_volumes_hold_their_points_and_fill_the_axis(axis):
    assert axis.faces.shape == (axis.size + 1,)
    assert np.all(axis.faces[:-1] <= axis.points)
    assert np.all(axis.points <= axis.faces[1:])
    assert axis.widths.sum() == pytest.approx(axis.length, rel=1e-14)
    np.testing.assert_array_equal(axis.widths, np.diff(axis.faces))


@each_axis
def test_arrays_are_locked(axis):
    for copied in (axis, pickle.loads(pickle.dumps(axis)), copy.deepcopy(axis)):
        for array in (copied.points, copied.faces, copied.widths):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 7.0


@each_axis
def test_round_trips_are_exact(axis):
    described = json.loads(json.dumps(axis.describe()))
    for again in (Axis.from_description(described), pickle.loads(pickle.dumps(axis))):
        assert again == axis
        assert hash(again) == hash(axis)
        np.testing.assert_array_equal(again.points, axis.points)


def test_all_axes_differ():
    assert len({*AXES}) == len(AXES)
    assert AXES[0] != "axis"


def test_points_are_copied_at_the_door():
    points = np.array([0.0, 0.5, 1.0])
    axis = Axis(points, 0.0, 1.0)
    points[1] = 0.7
    assert axis.points.tolist() == [0.0, 0.5, 1.0]


def test_only_uneven_axes_list_their_points():
    assert "points" not in Axis.uniform(9, 0.3, 0.9, centering="cell").describe()
    assert "points" in Axis.cells([0.0, 1.0, 3.0]).describe()
    # Rounded coordinates (1e-12) are uniform for every purpose, yet come back bit by bit.
    rounded = Axis(np.round(np.linspace(0, 1, 7), 12), 0.0, 1.0)
    assert rounded.is_uniform
    assert rounded.spacing == 1 / 6
    assert Axis.from_description(rounded.describe()) == rounded


def test_single_precision_coordinates_are_not_uniform():
    points = np.linspace(0, 1, 422, dtype=np.float32)
    assert Axis(points, 0.0, 1.0).spacing is None


@given(
    st.integers(2, 40),
    st.integers(1, 9),
    st.floats(-1e3, 1e3),
    st.floats(1e-3, 1e3),
    st.sampled_from([("node", False), ("node", True), ("cell", False), ("cell", True)]),
)
@settings(max_examples=40, deadline=None)
def test_uniform_axes_nest_exactly(coarse, factor, lower, length, kind):
    centering, periodic = kind
    whole = periodic or centering == "cell"
    fine = coarse * factor if whole else (coarse - 1) * factor + 1
    options = {"centering": centering, "periodic": periodic, "unit": "m"}
    bounds = (lower, lower + length)
    axis = Axis.uniform(fine, *bounds, **options)
    assert axis.coarsen(factor) == Axis.uniform(coarse, *bounds, **options)


@pytest.mark.parametrize("n", [2, 7, 40])
@pytest.mark.parametrize(
    ("periodic", "centering"), [(False, "node"), (True, "node"), (True, "cell")]
)
def test_like_axes_of_other_sizes(n, periodic, centering):
    kind = {"name": "t", "unit": "s", "periodic": periodic, "centering": centering}
    axis = Axis.uniform(9, -1.0, 2.5, **kind)
    assert axis.with_points(n) == Axis.uniform(n, -1.0, 2.5, **kind)
    assert Axis(FACES[:-1], 0.0, 1.1, unit="m").with_points(n) == Axis.uniform(n, 0, 1.1, unit="m")


def test_uneven_axes_coarsen():
    assert Axis(FACES[:-1], 0.0, 1.1).coarsen(2).points.tolist() == [0.0, 0.4, 1.1]
    merged = Axis.cells(FACES[:-1]).coarsen(2)
    np.testing.assert_allclose(merged.faces, FACES[[0, 2, 4]], atol=1e-15)
    assert merged.centering == "cell"


def test_widely_graded_cells_keep_their_faces():
    faces = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 200)])
    np.testing.assert_allclose(Axis.cells(faces).widths, np.diff(faces), rtol=1e-9)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Axis.uniform(1), "at least 2 points, got 1"),
        (lambda: Axis.uniform(2.0), "at least 2 points"),
        (lambda: Axis.uniform(True), "at least 2 points"),
        (lambda: Axis.uniform(4, 1.0, 1.0), "lower < upper"),
        (lambda: Axis.uniform(4, np.nan), "finite bounds"),
        (lambda: Axis.uniform(4, "left"), "number as bound"),
        (lambda: Axis.uniform(4, centering="face"), "'node' or 'cell'"),
        (lambda: Axis.uniform(4, name=""), "name to be a word"),
        (lambda: Axis.uniform(4, unit=3), "unit to be a word"),
        (lambda: Axis([0.0], 0.0, 1.0), "at least 2 points"),
        (lambda: Axis([[0.0, 1.0]], 0.0, 1.0), "shape"),
        (lambda: Axis(["a", "b"], 0.0, 1.0), "list of numbers"),
        (lambda: Axis([0.0, np.nan, 1.0], 0.0, 1.0), "nan at index"),
        (lambda: Axis([0.0, 0.6, 0.6, 1.0], 0.0, 1.0), "strictly increasing"),
        (lambda: Axis([0.0, 0.5], 0.0, 1.0), "last node"),
        (lambda: Axis([0.0, 1.0], 0.0, 1.0, periodic=True), "leave out the point at upper"),
        (lambda: Axis([0.2, 0.9], 0.0, 1.0, centering="cell"), "Axis.cells"),
        (lambda: Axis([0.1, 0.2, 0.9], 0.0, 1.0, centering="cell"), "Axis.cells"),
        (lambda: Axis.cells([0.0, 1.0]), "at least 3 points"),
        (lambda: Axis.uniform(9).coarsen(3), "divides its 8 intervals"),
        (lambda: Axis.uniform(9).coarsen(0), "factor >= 1"),
        (lambda: Axis.uniform(9).coarsen(1.5), "factor >= 1"),
        (lambda: Axis.uniform(9, centering="cell").coarsen(9), "leaves at least 2 points"),
        (lambda: Axis.uniform(9, periodic=True).coarsen(2), "divides its 9 intervals"),
        (lambda: Axis.from_description({"size": 3}), "expected the keys"),
        (lambda: Axis.from_description([1]), "expected the keys"),
        (
            lambda: Axis.from_description({**Axis.uniform(3).describe(), "points": [0.0, 1.0]}),
            "description is damaged",
        ),
        (lambda: Axis.from_description({**Axis.uniform(3).describe(), "x": 1}), "expected the"),
    ],
)
def test_errors_say_what_to_do(build, words):
    with pytest.raises(InputError, match=words):
        build()


@pytest.mark.parametrize("n", [2, 3, 8, 33])
def test_chebyshev_points_are_extrema_of_a_polynomial(n):
    axis = Axis.chebyshev(n, 1.0, 4.0)
    xi = (axis.points - 2.5) / 1.5
    assert np.allclose(xi, -np.cos(np.pi * np.arange(n) / (n - 1)), atol=1e-15)
    top = np.polynomial.chebyshev.Chebyshev.basis(n - 1)(xi)
    assert np.allclose(top, (-1.0) ** np.arange(n)[::-1], atol=1e-12)
    one = Axis.chebyshev(n)
    np.testing.assert_array_equal(one.points, -one.points[::-1])
    for wrong in (1, 2.0, True):
        with pytest.raises(InputError, match="at least 2 points"):
            Axis.chebyshev(wrong)
    with pytest.raises(InputError, match="lower < upper"):
        Axis.chebyshev(n, 1.0, 1.0)
