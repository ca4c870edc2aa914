"""The natural norm of an anchor: bounds around it, exact in it, wider than with constants alone."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.rom.stability.natural_norm import NaturalNorm, NaturalNorms


@pytest.fixture(scope="module")
def waves(families):
    """Helmholtz' matrices, and complex coefficients near one anchor with exact constants."""
    A, X = families.helmholtz(30)
    point = np.array([1.0, -25.0, -2.5j])
    rng = np.random.default_rng(2)
    spread = rng.uniform(-1, 1, (2000, 3)) + 1j * rng.uniform(-1, 1, (2000, 3))
    theta = point * (1 + 0.1 * spread) * np.exp(1j * rng.uniform(0, 6, 2000))[:, None]
    return A, X, point, theta, families.inf_sup_constants(A, X, theta)


@pytest.mark.parametrize("natural", [True, False])
def test_it_bounds_the_constants_around_it(waves, families, natural):
    A, X, point, theta, exact = waves
    anchor, _ = NaturalNorms(A, X, natural).at(point, "anchor")
    lower = anchor.lower(theta)
    assert (lower <= exact).all()
    assert (lower > 0).mean() > (0.9 if natural else 0.2)
    at = families.inf_sup_constants(A, X, point[None])[0]
    phases = np.array([[1.0], [1j], [-2.0]])
    assert np.allclose(anchor.lower(phases * point), at * np.abs(phases[:, 0]), rtol=1e-7)
    assert (anchor.lower(phases * point) <= at * np.abs(phases[:, 0])).all()


def test_the_natural_norm_reaches_further(waves):
    A, X, point, theta, _ = waves
    natural, plain = (NaturalNorms(A, X, how).at(point, "anchor")[0] for how in (True, False))
    assert (natural.norms <= plain.norms * (1 + 1e-6)).all()
    assert (natural.lower(theta) >= plain.lower(theta) - 1e-7).all()


def test_norms_and_ranges_hold_what_they_say(waves, families):
    A, X, point, *_ = waves
    anchor, _ = NaturalNorms(A, X, True).at(point, "anchor")
    B = families.whitened(A, X)
    for q, C in enumerate(B):
        D = C @ np.linalg.inv(np.tensordot(point, B, 1))
        assert np.linalg.norm(D, 2) <= anchor.norms[0, q] * (1 + 1e-13)
        for column, E in ((0, D), (2, 1j * D)):
            values = np.linalg.eigvalsh((E + E.conj().T) / 2)
            low, high = anchor.ranges[0, q, column : column + 2]
            assert low <= values[0] and values[-1] <= high
            assert max(values[0] - low, high - values[-1]) < 1e-6


def test_continuity_constants_and_sizes_are_upper_bounds(waves, families):
    A, X, *_ = waves
    norms = NaturalNorms(A, X, False)
    exact = [np.linalg.norm(B, 2) for B in families.whitened(A, X)]
    assert (norms.continuity >= np.array(exact) * (1 - 1e-13)).all()
    assert (norms.sizes >= norms.continuity).all()
    assert np.allclose(norms.continuity, exact, rtol=1e-6)


def test_factors_give_the_norm_of_the_image_of_a_vector(waves):
    A, X, point, theta, _ = waves
    norms = NaturalNorms(A, X, False)
    _, w = norms.at(point, "anchor")
    for one in theta[:5]:
        image = sum(t * (B @ w) for t, B in zip(one, A, strict=True))
        expected = norms.product.dual_norm(image)
        assert abs(np.linalg.norm(norms.factor(w) @ one) - expected) < 1e-9 * expected


def test_a_dense_inner_product_of_sparse_matrices(waves):
    A, X, point, theta, _ = waves
    one, other = (NaturalNorms(A, Y, True).at(point, "a")[0] for Y in (X, X.toarray()))
    assert np.allclose(one.lower(theta), other.lower(theta), atol=1e-6)


def test_several_anchors(waves, families):
    A, X, point, theta, exact = waves
    norms = NaturalNorms(A, X, True)
    points = [point, theta[0], np.array([0.0, -9.0, -1j])]
    each = [norms.at(p, "anchor")[0] for p in points]
    parts = (
        np.concatenate([getattr(a, name) for a in each])
        for name in ("points", "values", "norms", "ranges")
    )
    together = NaturalNorm(*parts)
    best = np.max([a.lower(theta) for a in each], axis=0)
    assert np.allclose(together.lower(theta), best, rtol=1e-13) and (best <= exact).all()
    zeros = theta * [1, 0, 1]  # a coefficient that vanishes
    assert (together.lower(zeros) <= families.inf_sup_constants(A, X, zeros)).all()


def test_bad_input_is_refused(waves):
    A, X, *_ = waves
    with pytest.raises(InputError, match="natural"):
        NaturalNorms(A, X, "yes")
    with pytest.raises(InputError, match="size 30, got 2"):
        NaturalNorms(A, np.eye(2))
    with pytest.raises(InputError, match=r"training\[3\].*invertible.*theta = \[0.0, 0.0, 0.0\]"):
        NaturalNorms(A, X).at(np.zeros(3), "training[3]")
