import numpy as np
import pytest

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError
from nwidth.solvers.bsplines import AdaptiveSpline, AdaptiveStatus, Spline, auto_knots
from nwidth.solvers.bsplines.adaptive_spline import through


@pytest.mark.parametrize("components", [(), (2,)])
def test_what_is_saved_is_loaded(tmp_path, components):
    def f(x):
        return np.exp(1j * x).reshape(-1, *[1] * len(components)) * np.ones(components)

    s = auto_knots(f, 0, 2, breaks=[0.7])
    s.save(tmp_path / "s.h5")
    t = AdaptiveSpline.load(tmp_path / "s.h5")
    x = np.linspace(0, 2, 50)
    assert np.array_equal(s(x), t(x))
    for name in ("sites", "values", "errors", "atol"):
        assert np.array_equal(getattr(s, name), getattr(t, name))
    assert (t.status, t.rtol, t.rounds, t.degree) == (s.status, s.rtol, s.rounds, 7)
    assert t.checked() is t


def test_failures_keep_their_status_and_places(tmp_path):
    s = auto_knots(np.sign, -1, 2)
    s.save(tmp_path / "s.h5")
    t = AdaptiveSpline.load(tmp_path / "s.h5")
    assert t.status is AdaptiveStatus.NOT_SMOOTH
    assert t.places == s.places != ()
    assert "NOT_SMOOTH" in repr(t)


def test_other_files_are_refused(tmp_path):
    save_archive(tmp_path / "other.h5", "adaptive-spline", {"knots": np.zeros(3)}, {"degree": 7})
    with pytest.raises(FileFormatError, match="write it anew"):
        AdaptiveSpline.load(tmp_path / "other.h5")
    save_archive(tmp_path / "model.h5", "model", {}, {})
    with pytest.raises(FileFormatError, match="kind"):
        AdaptiveSpline.load(tmp_path / "model.h5")


@pytest.mark.parametrize(("name", "shape"), [("sites", (3,)), ("values", (29, 2)), ("errors", (0,)),
                                             ("atol", (4,)), ("sites", ())])  # fmt: skip
def test_arrays_that_do_not_fit_are_refused(tmp_path, name, shape):
    auto_knots(lambda x: x**2, 0, 1).save(tmp_path / "s.h5")
    arrays, description = load_archive(tmp_path / "s.h5", "adaptive-spline")
    save_archive(
        tmp_path / "t.h5", "adaptive-spline", {**arrays, name: np.zeros(shape)}, description
    )
    with pytest.raises(FileFormatError, match="write it anew"):
        AdaptiveSpline.load(tmp_path / "t.h5")


def test_the_error_allowed():
    s = auto_knots(lambda x: np.stack([x, 10 * x]), 0, 1, rtol=1e-6, atol=[1e-3, 2e-3])
    np.testing.assert_allclose(s.allowed(0.5), [1e-3 + 5e-7, 2e-3 + 5e-6])
    assert s.error <= 1


@pytest.mark.parametrize("degree", [3, 4, 5, 6, 7])
def test_splines_through_pieces_reproduce_polynomials_and_kinks(degree):
    x = np.linspace(0, 1, 2 * degree)
    left, right = x**degree, 1 + (x + 1 - 1) * 3.0
    knots, c = through([(x, left[:, None]), (x + 1, right[:, None])], degree)
    assert knots.multiplicities.max() == degree + 1
    assert degree in knots.multiplicities
    s = Spline(knots, c[:, 0])
    y = np.linspace(0, 2, 101)
    exact = np.where(y < 1, y**degree, 1 + 3 * (y - 1))
    np.testing.assert_allclose(s(y), exact, atol=1e-11)
