"""Krylov methods."""

from nwidth.solvers.krylov.batched_conjugate_gradient import BatchedConjugateGradient
from nwidth.solvers.krylov.bicgstab import bicgstab
from nwidth.solvers.krylov.conjugate_gradient import conjugate_gradient
from nwidth.solvers.krylov.deflated_conjugate_gradient import deflated_conjugate_gradient
from nwidth.solvers.krylov.fgmres import fgmres
from nwidth.solvers.krylov.gcro_dr import gcro_dr
from nwidth.solvers.krylov.iterate import Iterate
from nwidth.solvers.krylov.minres import minres
from nwidth.solvers.krylov.recycled_space import RecycledSpace
from nwidth.solvers.krylov.sequence_order import sequence_order
from nwidth.solvers.krylov.stacked_conjugate_gradient import stacked_conjugate_gradient

__all__ = [
    "BatchedConjugateGradient",
    "Iterate",
    "RecycledSpace",
    "bicgstab",
    "conjugate_gradient",
    "deflated_conjugate_gradient",
    "fgmres",
    "gcro_dr",
    "minres",
    "sequence_order",
    "stacked_conjugate_gradient",
]
