"""Residuals below what double precision lets a solution have."""

import numpy as np

from nwidth.solvers.fractional import RieszMatrix, RieszPreconditioner
from nwidth.solvers.fractional.curvature_product import CurvatureProduct
from nwidth.solvers.fractional.riesz_refinement import riesz_refinement
from nwidth.solvers.krylov import fgmres
from nwidth.solvers.solution import Status


def refined(A, b, rtol, max_iterations=100, **options):
    size = 2 * abs(A.toeplitz[0])
    M = RieszPreconditioner(A)
    return riesz_refinement(
        A, b, CurvatureProduct(A), size, M, rtol=rtol, max_iterations=max_iterations, **options
    )


def test_it_goes_below_the_rounding_of_the_solution():
    A = RieszMatrix(4000, 3, 1.8)
    b = 1 + np.sin(3 * A.points)
    M = RieszPreconditioner(A)
    alone = fgmres(A, b, preconditioner=M, rtol=1e-12)
    assert alone.status is Status.STAGNATED
    found = refined(A, b, 1e-12)
    assert found.status is Status.CONVERGED
    assert found.residuals[-1] <= 1e-12
    assert found.iterations < alone.iterations + 5
    # All digits of the solution are there: one with a smaller residual is the same.
    again = refined(A, b, 1e-14)
    assert again.status is Status.CONVERGED
    assert np.abs(found.x - again.x).max() < 1e-12 * np.abs(again.x).max()
    assert np.abs(alone.x - again.x).max() > 1e-11 * np.abs(again.x).max()


def test_where_rounding_is_no_matter_it_is_gmres():
    A = RieszMatrix(100, 3, 1.3)
    b = 1 + np.sin(3 * A.points)
    found = refined(A, b, 1e-9)
    alone = fgmres(A, b, preconditioner=RieszPreconditioner(A), rtol=1e-9)
    assert found.x.dtype == np.float64
    assert np.array_equal(found.x, alone.x)
    assert found.residuals == alone.residuals


def test_what_cannot_be_reached_stagnates_and_limits_hold():
    A = RieszMatrix(300, 3, 1.5)
    b = 1 + np.sin(3 * A.points)
    assert refined(A, b, 1e-30).status is Status.STAGNATED
    limited = refined(A, b, 1e-9, max_iterations=3)
    assert limited.status is Status.MAX_ITERATIONS
    assert limited.iterations == 3
    assert np.isclose(
        limited.residuals[-1],
        float(np.linalg.norm(b - A.apply(limited.x)) / np.linalg.norm(b)),
    )
    assert refined(A, 0 * b, 1e-9).x.any() == False  # noqa: E712


def test_what_leaves_the_range_of_numbers_is_told():
    A = RieszMatrix(30, 3, 1.5)
    ones = np.ones(A.size)
    assert refined(A, 1.7e308 * ones, 1e-9).status is Status.NON_FINITE
    assert refined(A, ones, 1e-9, initial=1e308 * ones).status is Status.NON_FINITE


def test_a_good_start_needs_fewer_iterations():
    A = RieszMatrix(300, 4, 1.5)
    b = 1 + np.sin(3 * A.points)
    first = refined(A, b, 1e-6)
    again = refined(A, b, 1e-10, initial=first.x)
    assert again.status is Status.CONVERGED
    assert again.residuals[0] <= 1e-6
    assert again.iterations < refined(A, b, 1e-10).iterations
    assert refined(A, b, 1e-6, initial=again.x).iterations == 0
