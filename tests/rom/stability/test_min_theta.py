"""The min-theta bound: below the eigenvalue everywhere, sharp on the rays of its references."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import eigvalsh

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom.stability import MinTheta, min_theta, stability_from_archived


@pytest.mark.parametrize(
    "references, constants, defects, said",
    [
        ([[1.0, 0.0], [1.0, 2.0]], [1.0, 1.0], None, r"positive coefficients, got 2.0 at \(1, 1\)"),
        ([[1.0, -1.0]], [1.0], None, r"got -1.0 at \(0, 1\)"),
        ([[0.0, 0.0]], [1.0], None, r"got 0.0 at \(0, 0\)"),
        ([1.0, 1.0], [1.0], None, r"shape \(k, Q\)"),
        (np.zeros((0, 2)), [], None, r"shape \(k, Q\)"),
        ([[1.0, 1.0]], [1.0, 2.0], None, "one per reference, 1"),
        ([[1.0, 1.0]], [0.0], None, r"positive ones, got 0.0 at \(0,\)"),
        ([[1.0, 1j]], [1.0], None, "real numbers"),
        ([[1.0, 1.0]], [1.0], [0.0, -1.0], "2 numbers >= 0"),
        ([[1.0, 1.0]], [1.0], [0.0], "2 numbers >= 0"),
    ],
)
def test_bad_tables_are_refused(references, constants, defects, said):
    with pytest.raises(InputError, match=said):
        MinTheta(references, constants, defects)


def test_numbers_that_are_none_are_refused():
    with pytest.raises(NonFiniteError, match=r"references.*\(0, 1\)"):
        MinTheta([[1.0, np.nan]], [1.0])
    with pytest.raises(NonFiniteError, match="theta"):
        MinTheta([[1.0]], [1.0]).lower([[np.inf]])


def test_nothing_is_known_where_a_coefficient_is_not_positive():
    bound = MinTheta([[1.0, 2.0]], [0.5])
    answer = bound.lower([[1.0, 0.0], [1.0, -1.0], [1e-320, 1.0], [1.0, 2.0]])
    assert np.array_equal(answer[:3], [-np.inf] * 3)
    assert 0.5 * (1 - 1e-14) < answer[3] < 0.5


def test_extreme_coefficients_stay_bounds():
    bound = MinTheta([[1e-3, 1e-3]], [1.0])
    assert bound.lower([[1e307, 1e307]])[0] < np.inf
    assert 0 < bound.lower([[1e-290, 1e-290]])[0] < 1e-287


def test_defects_and_terms_that_do_not_count():
    bound = MinTheta([[1.0, 0.0]], [1.0], [0.0, 0.1])
    answer = bound.lower([[2.0, 3.0], [2.0, -3.0], [2.0, 30.0]])
    assert np.allclose(answer[:2], 1.7, rtol=1e-12) and (answer[:2] < 1.7).all()
    assert answer[2] == -np.inf


def test_several_references_take_the_best():
    bound = MinTheta([[1.0, 1.0], [1.0, 10.0]], [1.0, 2.0])
    rng = np.random.default_rng(1)
    theta = rng.uniform(0.1, 10, (100, 2))
    each = [
        MinTheta([r], [c]).lower(theta)
        for r, c in zip(bound.references, bound.constants, strict=True)
    ]
    assert np.array_equal(bound.lower(theta), np.max(each, axis=0))


def test_it_bounds_the_eigenvalue_of_diagonal_terms():
    rng = np.random.default_rng(2)
    A = [np.diag(rng.uniform(0, 1, 7)) for _ in range(3)]
    references = rng.uniform(0.5, 2, (4, 3))
    constants = [eigvalsh(np.tensordot(r, A, 1))[0] for r in references]
    bound = MinTheta(references, constants)
    theta = rng.uniform(0.01, 5, (2000, 3))
    exact = np.einsum("mq,qn->mn", theta, [np.diag(B) for B in A]).min(axis=1)
    assert (bound.lower(theta) <= exact).all() and (bound.lower(theta) > 0).all()
    assert np.allclose(bound.lower(3 * references), 3 * np.array(constants), rtol=1e-13)


def test_files(tmp_path):
    bound = MinTheta([[1.0, 0.0], [2.0, 0.0]], [1.0, 2.0], [0.0, 0.1])
    save_archive(tmp_path / "b.h5", "test", *bound.archived())
    back = stability_from_archived(*load_archive(tmp_path / "b.h5", "test"))
    theta = np.random.default_rng(3).uniform(0.1, 2, (9, 2))
    assert isinstance(back, MinTheta) and np.array_equal(back.lower(theta), bound.lower(theta))
    arrays, told = bound.archived()
    for name, wrong in (("references", -np.ones((2, 2))), ("constants", np.full(2, np.nan))):
        with pytest.raises(FileFormatError, match="min-theta bound"):
            stability_from_archived(arrays | {name: wrong}, told)
    with pytest.raises(FileFormatError, match="min-theta bound"):
        stability_from_archived({}, told)


def test_from_matrices_of_the_thermal_block(block):
    A, X, training, unseen, exact = block
    one = min_theta(A, X, np.ones(4))
    assert np.array_equal(one.defects, np.zeros(4)) and abs(one.constants[0] - 1) < 1e-9
    assert np.allclose(one.lower(unseen), unseen.min(axis=1), rtol=1e-9)
    several = min_theta(A, X, training[:5])
    assert (one.lower(unseen) <= exact).all() and (several.lower(unseen) <= exact).all()
    assert (several.lower(unseen) > 0).all()
    sharp = several.lower(2 * training[:5]) / several.constants
    assert np.allclose(sharp, 2, rtol=1e-12)


def test_convection_does_not_count(convection):
    (K, C, _, M), X, *_ = convection
    A = [K, sp.csr_array(C - C.T), -M]
    bound = min_theta(A, X, [[1.0, 3.0, 2.0]], hermitian_part=True)
    assert np.array_equal(bound.references, [[1.0, 0.0, 2.0]])
    assert abs(bound.lower([[1.0, -7.0, 2.0]]) / bound.constants - 1) < 1e-9


def test_defects_of_semidefinite_terms_are_taken_off():
    rng = np.random.default_rng(6)
    F = rng.standard_normal((2, 20, 9))
    A = [f @ f.T for f in F] + [np.eye(20)]
    bound = min_theta(A, None, [[1.0, 1.0, 1.0], [5.0, 1.0, 0.1]])
    assert (bound.defects[:2] > 0).all() and bound.defects.max() < 1e-9
    theta = rng.uniform(0.01, 5, (1000, 3))
    exact = [np.linalg.eigvalsh(np.tensordot(t, A, 1))[0] for t in theta]
    assert (bound.lower(theta) <= exact).all()


def test_terms_that_are_not_semidefinite_are_named(convection):
    A, X, *_ = convection
    with pytest.raises(InputError, match=r"matrices\[1\].*Hermitian matrix"):
        min_theta(A, X, np.ones((1, 4)))
    with pytest.raises(InputError, match=r"matrices\[\d\].*semidefinite.*-0\.\d"):
        min_theta(A, X, np.ones((1, 4)), hermitian_part=True)


def test_bad_references_are_refused(block):
    A, X, *_ = block
    with pytest.raises(InputError, match=r"shape \(k, 4\)"):
        min_theta(A, X, [1.0, 2.0])
    with pytest.raises(InputError, match=r"got -1.0 at \(1, 2\)"):
        min_theta(A, X, [[1.0, 1, 1, 1], [1.0, 1, -1, 1]])
    with pytest.raises(InputError, match=r"references\[0\].*coercive.*theta = \[1.0\]"):
        min_theta(A[:1], X, [[1.0]])  # three blocks without conductivity
