"""Krylov methods."""

from nwidth.solvers.krylov.conjugate_gradient import conjugate_gradient

__all__ = ["conjugate_gradient"]
