"""The greedy search for samples, and what its two bounds have in common."""

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom.stability import (
    EigenvalueInterpolation,
    SearchStatus,
    StabilityBound,
    SuccessiveConstraints,
    eigenvalue_interpolation,
    stability_from_archived,
    successive_constraints,
)
from nwidth.rom.stability.coercivity_samples import CoercivitySamples

METHODS = pytest.mark.parametrize(
    "method, kind",
    [
        (successive_constraints, SuccessiveConstraints),
        (eigenvalue_interpolation, EigenvalueInterpolation),
    ],
)


@METHODS
def test_both_bound_the_eigenvalue_of_the_thermal_block(method, kind, block):
    A, X, training, unseen, exact = block
    bound = method(A, X, training, rtol=0.3)
    assert isinstance(bound, kind) and isinstance(bound, CoercivitySamples)
    assert isinstance(bound, StabilityBound) and bound.terms == 4
    lower, upper = bound.lower(unseen), bound.upper(unseen)
    assert (lower <= exact).all() and (upper >= exact * (1 - 1e-12)).all()
    assert (lower > 0.5 * exact).all()
    assert bound.status is SearchStatus.CONVERGED and bound.gaps[-1] <= 0.3
    assert bound.gap(training).max() <= 0.3 + 1e-12
    assert (np.diff(np.minimum(bound.gaps, 1)) <= 0).all()
    at = training[bound.samples]
    assert np.abs(bound.gap(at)).max() < 1e-8
    # homogeneous, as the constant is
    assert np.allclose(bound.lower(7 * unseen[:50]), 7 * lower[:50], rtol=1e-12)


@METHODS
def test_more_samples_never_lower_the_bounds_on_the_training_set(method, kind, block):
    A, X, training, *_ = block
    before, top = np.full(len(training), -np.inf), np.full(len(training), np.inf)
    for count in (1, 3, 6, 9):
        bound = method(A, X, training, rtol=1e-3, max_samples=count)
        assert bound.status is SearchStatus.MAX_SAMPLES and len(bound.samples) == count
        lower, upper = bound.lower_by_programs(training[:60]), bound.upper(training[:60])
        assert (lower >= before[:60] * (1 - 1e-12)).all() and (upper <= top[:60]).all()
        before[:60], top[:60] = lower, upper


@METHODS
def test_programs_give_at_least_as_much(method, kind, block):
    A, X, training, unseen, exact = block
    bound = method(A, X, training, rtol=0.3)
    best, quick = bound.lower_by_programs(unseen[:100]), bound.lower(unseen[:100])
    assert (best >= quick).all() and (best <= exact[:100]).all()
    assert np.median(quick / best) > 0.99


@METHODS
def test_files(method, kind, block, tmp_path):
    A, X, training, unseen, _ = block
    bound = method(A, X, training, rtol=0.5)
    save_archive(tmp_path / "bound.h5", "test", *bound.archived())
    back = stability_from_archived(*load_archive(tmp_path / "bound.h5", "test"))
    assert isinstance(back, kind) and back.name == bound.name
    assert np.array_equal(back.lower(unseen), bound.lower(unseen))
    assert np.array_equal(back.upper(unseen), bound.upper(unseen))
    assert (back.gaps, back.status) == (bound.gaps, bound.status)


def test_damaged_files_are_refused(block):
    A, X, training, *_ = block
    bound = eigenvalue_interpolation(A, X, training, rtol=0.7)
    arrays, told = bound.archived()
    wrong = {
        "ranges": arrays["ranges"][:, ::-1],
        "points": arrays["points"][:, :3],
        "values": arrays["values"] * np.nan,
        "supports": arrays["supports"] + 1000,
        "maps": arrays["maps"][:-1],
        "quotients": arrays["quotients"][:-1],
        "samples": arrays["samples"][:-1],
    }
    for name, array in wrong.items():
        with pytest.raises(FileFormatError, match="eigenvalue interpolation bound"):
            stability_from_archived(arrays | {name: array}, told)
        with pytest.raises(FileFormatError):
            stability_from_archived({k: v for k, v in arrays.items() if k != name}, told)
    for broken in ({"status": "FINE"}, {"gaps": 3}, {"gaps": ["x"]}):
        with pytest.raises(FileFormatError):
            stability_from_archived(arrays, told | broken)
    with pytest.raises(FileFormatError):
        stability_from_archived(arrays | {"supports": arrays["supports"].astype(float)}, told)
    # Finite arrays that fit together, and are not what they are called.
    for wrong in (
        {"values": -arrays["values"]},
        {"values": 2 * arrays["values"]},
        {"maps": arrays["maps"].astype(complex)},
        {"samples": arrays["values"]},
        {"points": arrays["quotients"], "quotients": 1e3 * arrays["points"]},
    ):
        with pytest.raises(FileFormatError):
            stability_from_archived(arrays | wrong, told)


@METHODS
def test_parameters_that_are_not_coercive_are_named(method, kind, convection):
    A, X, training, *_ = convection
    training = training.copy()
    training[7] = [1.0, 0.0, 0.0, 40.0]
    with pytest.raises(InputError, match=r"training\[\d+\].*coercive.*smallest eigenvalue"):
        method(A, X, training, rtol=0.3, hermitian_part=True)
    with pytest.raises(InputError, match=r"training\[0\].*coercive.*40"):
        method(A, X, training[7:8], hermitian_part=True)


@METHODS
def test_bad_input_is_refused(method, kind, block):
    A, X, training, *_ = block
    with pytest.raises(InputError, match=r"expected shape \(m, 4\)"):
        method(A, X, training[:, :3])
    with pytest.raises(InputError, match="at least one"):
        method(A, X, training[:0])
    with pytest.raises(InputError, match="real coefficients"):
        method(A, X, training * 1j)
    with pytest.raises(NonFiniteError, match=r"theta.*\(2, 1\)"):
        bad = training.copy()
        bad[2, 1] = np.nan
        method(A, X, bad)
    with pytest.raises(InputError, match=r"rtol.*\(0, 1\)"):
        method(A, X, training, rtol=1.0)
    with pytest.raises(InputError, match="max_samples"):
        method(A, X, training, max_samples=0)
    skew = sp.csr_array(([1.0], ([0], [1])), shape=A[0].shape)
    with pytest.raises(InputError, match=r"matrices\[2\].*Hermitian"):
        method([*A[:2], A[2] + skew, A[3]], X, training)
    bound = method(A, X, training, rtol=0.7)
    with pytest.raises(InputError, match=r"expected shape \(m, 4\)"):
        bound.lower(training[:, :2])


@METHODS
def test_a_tolerance_below_round_off_ends_as_round_off(method, kind):
    A = [np.diag([1.0, 3.0]), np.diag([2.0, 1.0])]
    bound = method(A, None, [[1.0, 1.0], [1.0, 2.0]], rtol=1e-300)
    assert bound.status is SearchStatus.ROUND_OFF and bound.gaps[-1] < 1e-13
