"""Geometric multigrid, matrix-free."""

from nwidth.solvers.multigrid.coarsening import coarsen, strong_axes
from nwidth.solvers.multigrid.multigrid import Multigrid
from nwidth.solvers.multigrid.red_black import RedBlack
from nwidth.solvers.multigrid.transfer import Transfer

__all__ = ["Multigrid", "RedBlack", "Transfer", "coarsen", "strong_axes"]
