"""Terms of coercive problems: checked, their sizes bounded, their definiteness verified."""

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.stability.hermitian_terms import HermitianTerms, explicit_span
from nwidth.solvers.linear_operator import as_operator


def test_sizes_and_defects_bound_the_eigenvalues(families, block, convection):
    for A, X, *_ in (block, convection):
        terms = HermitianTerms(A, X, hermitian_part=True)
        for B, size, defect in zip(
            families.whitened(terms.span.matrices, X), terms.sizes, terms.defects, strict=True
        ):
            values = np.linalg.eigvalsh(B)
            assert max(values[-1], -values[0]) <= size * (1 + 1e-12) + 1e-15
            assert values[0] >= -defect - 1e-14 * size


def test_semidefinite_terms_have_no_defect(block):
    A, X, *_ = block
    assert np.array_equal(HermitianTerms(A, X).defects, np.zeros(4))


def test_the_defect_of_a_semidefinite_term_that_is_not_dominant_is_round_off():
    rng = np.random.default_rng(5)
    F = rng.standard_normal((30, 12))
    terms = HermitianTerms([F @ F.T, F @ F.T - 0.5 * np.eye(30)], None)
    assert 0 < terms.defects[0] < 1e-10
    assert 0.5 <= terms.defects[1] < 2.5
    Z = F + 1j * rng.standard_normal((30, 12))
    assert HermitianTerms([Z @ Z.conj().T], None).defects[0] < 1e-10


def test_combinations_and_their_rounding(convection):
    A, X, training, *_ = convection
    terms = HermitianTerms(A, X, hermitian_part=True)
    S = terms.combine(training[0])
    assert terms.sparse and abs(S - S.T).max() <= 1e-15 * abs(S).max()
    assert 0 < terms.rounding(training[0]) < 1e-9
    dense = HermitianTerms([B.toarray() for B in A], X, hermitian_part=True)
    assert isinstance(dense.X, np.ndarray)
    assert np.allclose(dense.combine(training[0]), S.toarray(), atol=1e-13)
    assert (len(terms), terms.size) == (4, 40)


def test_spans_come_in_double_precision():
    assert explicit_span([sp.eye_array(3, dtype=np.complex64)]).dtype == np.complex128
    assert explicit_span(MatrixSpan(np.ones((2, 3, 3), np.float32))).dtype == np.float64


def test_bad_terms_are_refused():
    skew = np.array([[1.0, 2.0], [-2.0, 1.0]])
    with pytest.raises(InputError, match=r"matrices\[1\].*Hermitian.*hermitian_part=True"):
        HermitianTerms([np.eye(2), skew], None)
    assert np.array_equal(
        HermitianTerms([skew], None, hermitian_part=True).span.matrices[0], np.eye(2)
    )
    with pytest.raises(InputError, match="got operators; give a bound"):
        HermitianTerms([as_operator(np.eye(2))], None)
    with pytest.raises(InputError, match="square"):
        HermitianTerms([np.ones((2, 3))], None)
    with pytest.raises(InputError, match="expected size 2, got 3"):
        HermitianTerms([np.eye(2)], np.eye(3))
    with pytest.raises(NonFiniteError, match=r"matrices\[0\]"):
        HermitianTerms([np.full((2, 2), np.nan)], None)
