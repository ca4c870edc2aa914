"""Interpolation of the smallest eigenvalue: guaranteed in the cone, nothing claimed outside."""

import numpy as np

from nwidth.rom.stability import (
    EigenvalueInterpolation,
    eigenvalue_interpolation,
    min_theta,
    successive_constraints,
)


def test_it_contains_the_min_theta_bound_of_its_samples(block):
    A, X, training, unseen, _ = block
    bound = eigenvalue_interpolation(A, X, training, rtol=0.4)
    smaller = min_theta(A, X, training[bound.samples]).lower(unseen)
    lower = bound.lower(unseen)
    assert (lower >= smaller * (1 - 1e-9)).all() and (lower > 1.01 * smaller).mean() > 0.15


def test_nothing_is_claimed_far_outside_of_the_cone(convection, families):
    A, X, training, *_ = convection
    bound = eigenvalue_interpolation(A, X, training, rtol=0.3, hermitian_part=True)
    far = np.array([[1.0, -30.0, 0.0, 0.0]])  # coercive, but on the other side of all samples
    assert families.coercivity(A, X, far)[0] > 0.99
    assert bound.lower(far)[0] == -np.inf and bound.gap(far)[0] == np.inf
    assert bound.lower_by_programs(far)[0] == -np.inf
    ranges = successive_constraints(A, X, training, rtol=0.3, hermitian_part=True)
    assert ranges.lower(far)[0] > 0.9  # whose single terms have been looked at
    inside = np.random.default_rng(1).dirichlet(np.ones(len(bound.samples)), 40)
    assert (bound.lower_by_programs(inside @ training[bound.samples]) > 0).all()


def test_corners_widen_the_cone_to_the_box(convection):
    A, X, training, unseen, exact = convection
    corners = np.array([[1.0, a, b, c] for a in (0, 8) for b in (-3, 3) for c in (-3, 3)])
    bound = eigenvalue_interpolation(
        A, X, np.vstack([training, corners]), rtol=0.1, hermitian_part=True
    )
    lower = bound.lower(unseen)
    assert (lower <= exact).all() and np.isfinite(lower).mean() > 0.99


def test_the_name_is_the_one_that_reports_give():
    assert EigenvalueInterpolation.name == "eigenvalue interpolation"
    assert EigenvalueInterpolation.constant == "coercivity"
