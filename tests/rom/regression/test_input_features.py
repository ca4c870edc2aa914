import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.regression.input_features import InputFeatures

MU = np.random.default_rng(0).uniform([0.5, -1.0], [2.0, 1.0], (15, 2))


@pytest.fixture
def data(make_data):
    return make_data(MU)


def features(data, *names, rtol=1e-3, limit=10):
    weights = {name: np.asarray(data.grid.weights) for name in ("u", "k")}
    return InputFeatures.of(data, names, weights, rtol, limit)


def test_scalars_are_scaled_to_their_box(data):
    found = features(data, "a", "b")
    points, inside = found.points({"a": MU[:, 0], "b": MU[:, 1]})
    assert found.dimension == 2 and inside.all()
    np.testing.assert_allclose(points.min(axis=0), -1)
    np.testing.assert_allclose(points.max(axis=0), 1)
    column, _ = found.points({"a": MU[:, :1], "b": MU[:, 1]})
    np.testing.assert_array_equal(column, points)
    middle = (MU.min(axis=0) + MU.max(axis=0)) / 2
    points, _ = found.points({"a": middle[:1], "b": middle[1:]})
    np.testing.assert_allclose(points, 0, atol=1e-15)


def test_parameters_outside_of_the_box_are_flagged(data):
    found = features(data, "a", "b")
    inside = found.points({"a": [1.0, 3.0, 1.0], "b": [0.0, 0.0, -5.0]})[1]
    assert inside.tolist() == [True, False, False]


def test_fields_of_two_parameters_have_two_features(data):
    found = features(data, "k")
    assert found.dimension == 2
    points, inside = found.points({"k": data["k"][:]})
    assert inside.all() and abs(points).max() == pytest.approx(1)


def test_unlike_fields_are_flagged(data):
    found = features(data, "k")
    k = data["k"][:3]
    strange = k + 0.1 * np.random.default_rng(0).standard_normal(k.shape)
    assert not found.points({"k": strange})[1].any()
    assert found.points({"k": k})[1].all()


def test_the_number_of_features_is_limited(data):
    assert features(data, "u", limit=1).dimension == 1
    assert features(data, "u", "a", rtol=0.5).dimension < 5


def test_wrong_inputs_are_told(data):
    found = features(data, "a", "k")
    k = data["k"][:2]
    for inputs, match in (
        (3, "inputs"),
        ({"a": [1.0]}, "inputs"),
        ({"a": 1.0, "k": k}, "a: expected shape"),
        ({"a": [1.0], "k": k}, "k: expected 1 samples"),
        ({"a": [1.0, 2.0], "k": k[:, :4]}, "k: expected shape"),
        ({"a": [1.0], "k": k[0]}, "leading axis"),
        ({"a": [1.0, 2.0], "k": k + 1j}, "k: expected real"),
        ({"a": [1.0, 2.0], "k": "text"}, "k: expected numbers"),
    ):
        with pytest.raises(InputError, match=match):
            found.points(inputs)
    with pytest.raises(NonFiniteError, match="k"):
        found.points({"a": [1.0, 2.0], "k": np.nan * k})


def test_inputs_that_never_differ_are_told(make_data):
    data = make_data(MU * [1, 0])
    with pytest.raises(InputError, match="b: expected an input that differs"):
        features(data, "a", "b")
    with pytest.raises(InputError, match="k: expected an input that differs"):
        features(make_data(0 * MU), "k")


def test_a_file_gives_the_features_back_or_says_what_is_wrong(data):
    found = features(data, "a", "k")
    arrays, told = found.archived()
    again = InputFeatures.from_archived(arrays, told)
    inputs = {"a": MU[:, 0], "k": data["k"][:]}
    np.testing.assert_array_equal(again.points(inputs)[0], found.points(inputs)[0])
    for wrong in (
        ({**arrays, "lower": arrays["upper"]}, told),
        ({**arrays, "lower": arrays["lower"][1:], "upper": arrays["upper"][1:]}, told),
        (arrays, {**told, "fields": [True, True]}),
        (arrays, {**told, "fields": [True]}),
        (arrays, {**told, "distances": [0.0]}),
        (arrays, {**told, "distances": [0.0, -1.0]}),
    ):
        with pytest.raises((KeyError, ValueError)):
            InputFeatures.from_archived(*wrong)
