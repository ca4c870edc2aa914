"""Krylov methods."""

from nwidth.solvers.krylov.batched_conjugate_gradient import BatchedConjugateGradient
from nwidth.solvers.krylov.conjugate_gradient import conjugate_gradient

__all__ = ["BatchedConjugateGradient", "conjugate_gradient"]
