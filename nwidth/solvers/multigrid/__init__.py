"""Geometric multigrid, matrix-free, and algebraic multigrid."""

from nwidth.solvers.multigrid.algebraic_hierarchy import AlgebraicHierarchy
from nwidth.solvers.multigrid.algebraic_multigrid import AlgebraicMultigrid
from nwidth.solvers.multigrid.batched_multigrid import BatchedMultigrid
from nwidth.solvers.multigrid.black_box_multigrid import BlackBoxMultigrid
from nwidth.solvers.multigrid.box_transfer import BoxTransfer
from nwidth.solvers.multigrid.chebyshev import Chebyshev
from nwidth.solvers.multigrid.coarsening import coarsen, strong_axes
from nwidth.solvers.multigrid.coupling_jumps import coupling_jumps
from nwidth.solvers.multigrid.cubic_interpolation import cubic_interpolation
from nwidth.solvers.multigrid.downstream_multigrid import DownstreamMultigrid
from nwidth.solvers.multigrid.four_colour import FourColour
from nwidth.solvers.multigrid.full_multigrid import FullMultigridResult, full_multigrid
from nwidth.solvers.multigrid.gauss_seidel import GaussSeidel
from nwidth.solvers.multigrid.hierarchy_cycle import HierarchyCycle
from nwidth.solvers.multigrid.jacobi import Jacobi
from nwidth.solvers.multigrid.line_relaxation import LineRelaxation
from nwidth.solvers.multigrid.multigrid import Multigrid
from nwidth.solvers.multigrid.plane_relaxation import PlaneRelaxation
from nwidth.solvers.multigrid.poisson_multigrid import NestedIterate, PoissonMultigrid
from nwidth.solvers.multigrid.red_black import RedBlack
from nwidth.solvers.multigrid.relaxation import Relaxation
from nwidth.solvers.multigrid.ruge_stueben import ruge_stueben
from nwidth.solvers.multigrid.shifted_laplacian import ShiftedLaplacian
from nwidth.solvers.multigrid.sparse_transfer import SparseTransfer
from nwidth.solvers.multigrid.subspace_correction import SubspaceCorrection
from nwidth.solvers.multigrid.transfer import Transfer

__all__ = [
    "AlgebraicHierarchy",
    "AlgebraicMultigrid",
    "BatchedMultigrid",
    "BlackBoxMultigrid",
    "BoxTransfer",
    "Chebyshev",
    "DownstreamMultigrid",
    "FourColour",
    "FullMultigridResult",
    "GaussSeidel",
    "HierarchyCycle",
    "Jacobi",
    "LineRelaxation",
    "Multigrid",
    "NestedIterate",
    "PlaneRelaxation",
    "PoissonMultigrid",
    "RedBlack",
    "Relaxation",
    "ShiftedLaplacian",
    "SparseTransfer",
    "SubspaceCorrection",
    "Transfer",
    "coarsen",
    "coupling_jumps",
    "cubic_interpolation",
    "full_multigrid",
    "ruge_stueben",
    "strong_axes",
]
