"""Inf-sup constants from anchors: below the singular value, near resonances too."""

import numpy as np
import pytest

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom.stability import (
    InfSupAnchors,
    SearchStatus,
    StabilityBound,
    inf_sup_anchors,
    stability_from_archived,
)


def coefficients(k, damping):
    return np.stack([np.ones_like(k), -(k**2), -1j * damping * k], axis=1)


@pytest.fixture(scope="module")
def band(families):
    """Helmholtz' matrices on a band of wave numbers with three damped resonances."""
    A, X = families.helmholtz(40)
    rng = np.random.default_rng(7)
    training = coefficients(np.linspace(1, 9, 300), 0.05)
    unseen = coefficients(rng.uniform(1, 9, 3000), 0.05)
    return A, X, training, unseen, families.inf_sup_constants(A, X, unseen)


@pytest.mark.parametrize("natural", [True, False])
def test_it_bounds_the_constants_of_a_band_with_resonances(band, natural):
    A, X, training, unseen, exact = band
    assert exact.min() < 0.02 < 0.5 < exact.max()
    bound = inf_sup_anchors(A, X, training, rtol=0.9, natural=natural)
    assert isinstance(bound, StabilityBound) and bound.terms == 3
    lower, upper = bound.lower(unseen), bound.upper(unseen)
    assert (lower <= exact).all() and (upper >= exact * (1 - 1e-9)).all()
    assert (lower > 0).mean() > 0.99
    assert bound.status is SearchStatus.CONVERGED and bound.certified == 1
    gaps = np.minimum(bound.gaps, 1)
    assert (np.diff(gaps) <= 0).all() and bound.gaps[-1] <= 0.9
    assert bound.gap(training).max() <= 0.9 + 1e-12
    assert bound.gap(training[bound.samples]).max() < 1e-5


def test_natural_norms_need_fewer_anchors(band):
    A, X, training, *_ = band
    few, many = (
        len(inf_sup_anchors(A, X, training, natural=natural).samples) for natural in (True, False)
    )
    assert few < many / 2


def test_two_parameters(families):
    A, X = families.helmholtz(30)
    rng = np.random.default_rng(8)
    training, unseen = (
        coefficients(rng.uniform(1, 6, m), rng.uniform(0.2, 1, m)) for m in (400, 2000)
    )
    bound = inf_sup_anchors(A, X, training, rtol=0.8)
    exact = families.inf_sup_constants(A, X, unseen)
    lower = bound.lower(unseen)
    assert (lower <= exact).all() and (lower > 0).mean() > 0.99 and bound.certified == 1


def test_convection_that_is_not_coercive(families):
    A, X = families.convection_diffusion(30)
    rng = np.random.default_rng(9)
    low, high = [1, 10, -20, -20], [1, 60, 20, 40]
    training, unseen = (rng.uniform(low, high, (m, 4)) for m in (400, 2000))
    assert (families.coercivity(A, X, unseen) < 0).any()
    bound = inf_sup_anchors(A, X, training, rtol=0.9)
    lower, exact = bound.lower(unseen), families.inf_sup_constants(A, X, unseen)
    assert (lower <= exact).all() and (lower > 0).mean() > 0.9


def test_too_few_anchors_say_how_far_they_came(families):
    """Without damping the constant is nearly zero somewhere, and anchors reach no further."""
    (K, M, _), X = families.helmholtz(40)
    training = np.array([[1.0, -(k**2)] for k in np.linspace(4, 5.5, 1001)])
    bound = inf_sup_anchors([K, M], X, training, rtol=0.5, max_samples=3, natural=False)
    assert bound.status is SearchStatus.MAX_SAMPLES and 0.05 < bound.certified < 1
    assert bound.certified == np.isfinite(bound.lower(training)).mean()
    exact = families.inf_sup_constants([K, M], X, training)
    assert (bound.lower(training) <= exact).all()
    assert bound.gaps[-1] == np.inf


def test_a_resonance_is_named(families):
    from scipy.linalg import eigh

    (K, M, _), X = families.helmholtz(40)
    resonance = eigh(K.toarray(), M.toarray(), eigvals_only=True)[1]
    training = np.array([[1.0, -k2] for k2 in (10.0, 16.0, 35.0, resonance)])
    with pytest.raises(InputError, match=r"training\[3\].*invertible.*resonance"):
        inf_sup_anchors([K, M], X, training)


def test_a_singular_anchor_is_named():
    A = [np.diag([1.0, 4.0]), -np.eye(2)]
    with pytest.raises(InputError, match=r"training\[0\].*invertible.*\[1.0, 4.0\]"):
        inf_sup_anchors(A, None, [[1.0, 4.0]])


def test_files(band, tmp_path):
    A, X, training, unseen, _ = band
    bound = inf_sup_anchors(A, X, training)
    save_archive(tmp_path / "bound.h5", "test", *bound.archived())
    back = stability_from_archived(*load_archive(tmp_path / "bound.h5", "test"))
    assert isinstance(back, InfSupAnchors)
    assert np.array_equal(back.lower(unseen), bound.lower(unseen))
    assert np.array_equal(back.upper(unseen), bound.upper(unseen))
    assert (back.gaps, back.status, back.certified) == (bound.gaps, bound.status, 1.0)


def test_damaged_files_are_refused(band):
    A, X, training, *_ = band
    arrays, told = inf_sup_anchors(A, X, training).archived()
    wrong = {
        "points": arrays["points"][:, :2],
        "values": -arrays["values"],
        "norms": -arrays["norms"],
        "ranges": arrays["ranges"][..., ::-1],
        "factors": arrays["factors"] * np.nan,
        "samples": arrays["samples"][:-1],
    }
    for name, array in wrong.items():
        with pytest.raises(FileFormatError, match="inf-sup anchors bound"):
            stability_from_archived(arrays | {name: array}, told)
        with pytest.raises(FileFormatError, match="inf-sup anchors bound"):
            stability_from_archived({k: v for k, v in arrays.items() if k != name}, told)
    with pytest.raises(FileFormatError):
        stability_from_archived(arrays | {"norms": arrays["norms"] + 0j}, told)
    empty = {name: array[:0] for name, array in arrays.items()}
    with pytest.raises(FileFormatError):
        stability_from_archived(empty, told)
    for broken in ({"status": "FINE"}, {"certified": 2.0}, {"gaps": None}):
        with pytest.raises(FileFormatError):
            stability_from_archived(arrays, told | broken)


def test_bad_input_is_refused(band):
    A, X, training, *_ = band
    with pytest.raises(InputError, match=r"shape \(m, 3\)"):
        inf_sup_anchors(A, X, training[:, :2])
    with pytest.raises(InputError, match="at least one"):
        inf_sup_anchors(A, X, training[:0])
    with pytest.raises(NonFiniteError, match="theta"):
        inf_sup_anchors(A, X, training * np.nan)
    with pytest.raises(InputError, match="rtol"):
        inf_sup_anchors(A, X, training, rtol=0)
    with pytest.raises(InputError, match="max_samples"):
        inf_sup_anchors(A, X, training, max_samples=1.5)
    with pytest.raises(InputError, match="square"):
        inf_sup_anchors([np.ones((2, 3))], None, [[1.0]])
