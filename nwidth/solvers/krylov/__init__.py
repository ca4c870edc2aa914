"""Krylov methods."""

from nwidth.solvers.krylov.batched_conjugate_gradient import BatchedConjugateGradient
from nwidth.solvers.krylov.conjugate_gradient import conjugate_gradient
from nwidth.solvers.krylov.fgmres import fgmres
from nwidth.solvers.krylov.iterate import Iterate

__all__ = ["BatchedConjugateGradient", "Iterate", "conjugate_gradient", "fgmres"]
