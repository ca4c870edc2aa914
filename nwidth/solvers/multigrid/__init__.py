"""Geometric multigrid, matrix-free, and algebraic multigrid."""

from nwidth.solvers.multigrid.algebraic_multigrid import AlgebraicMultigrid
from nwidth.solvers.multigrid.coarsening import coarsen, strong_axes
from nwidth.solvers.multigrid.gauss_seidel import GaussSeidel
from nwidth.solvers.multigrid.multigrid import Multigrid
from nwidth.solvers.multigrid.red_black import RedBlack
from nwidth.solvers.multigrid.ruge_stueben import ruge_stueben
from nwidth.solvers.multigrid.sparse_transfer import SparseTransfer
from nwidth.solvers.multigrid.transfer import Transfer

__all__ = [
    "AlgebraicMultigrid",
    "GaussSeidel",
    "Multigrid",
    "RedBlack",
    "SparseTransfer",
    "Transfer",
    "coarsen",
    "ruge_stueben",
    "strong_axes",
]
