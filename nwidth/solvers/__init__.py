"""Equations and how to solve them."""

from nwidth.solvers.batch_solution import BatchSolution
from nwidth.solvers.batch_solver import BatchSolver
from nwidth.solvers.batched_diffusion_operator import BatchedDiffusionOperator
from nwidth.solvers.batched_thomas import BatchedThomas
from nwidth.solvers.bilinear_elements import BilinearElements
from nwidth.solvers.boundary import Boundary, Dirichlet, Neumann, Robin
from nwidth.solvers.bsplines import (
    AdaptiveSpline,
    BandedOperator,
    BSplineBasis,
    Collocation,
    ElasticCollocation,
    KroneckerOperator,
    KroneckerSum,
    Nurbs,
    Spline,
    auto_knots,
    table_knots,
)
from nwidth.solvers.continuation import ContinuationSolution, continuation
from nwidth.solvers.cubic_poisson import CubicPoisson
from nwidth.solvers.device_batch import DeviceBatch
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.discretization_error import discretization_error
from nwidth.solvers.elimination import elimination
from nwidth.solvers.equations import (
    AdvectionDiffusion,
    AllenCahn,
    AnisotropicDarcy,
    Burgers,
    ChannelFlow,
    ConvectionDiffusion,
    Darcy,
    Fisher,
    GrayScott,
    Helmholtz,
    KortewegDeVries,
    KuramotoSivashinsky,
    NavierStokes,
    NavierStokes3D,
    NonlinearSchroedinger,
    Poisson,
    PublishedSetting,
    RayleighBenard,
    ShallowWater,
    ThermalBlock,
    VelocityWaves,
    VorticityForcing,
    WaveEquation,
    cole_hopf,
    normal_modes,
    problem_from_description,
    published_setting,
    published_settings,
)
from nwidth.solvers.evolution_problem import EvolutionProblem
from nwidth.solvers.fast_diagonalization import FastDiagonalization
from nwidth.solvers.fast_poisson import FastPoisson
from nwidth.solvers.finite_volume import FiniteVolume
from nwidth.solvers.fractional import FractionalDiffusion, RieszDiffusion, RieszRectangle
from nwidth.solvers.generate import generate
from nwidth.solvers.generate_trajectories import generate_trajectories
from nwidth.solvers.krylov import (
    RecycledSpace,
    bicgstab,
    conjugate_gradient,
    deflated_conjugate_gradient,
    fgmres,
    gcro_dr,
    minres,
    sequence_order,
)
from nwidth.solvers.linear_operator import LinearOperator, MatrixOperator
from nwidth.solvers.matrix_file import read_matrix, read_vector
from nwidth.solvers.multigrid import (
    AlgebraicHierarchy,
    AlgebraicMultigrid,
    BlackBoxMultigrid,
    HierarchyCycle,
    Multigrid,
)
from nwidth.solvers.newton import NewtonSolution, NewtonStatus, newton
from nwidth.solvers.nine_point_operator import NinePointOperator
from nwidth.solvers.problem import FieldInput, LinearProblem, Problem
from nwidth.solvers.scaled_fast_poisson import ScaledFastPoisson
from nwidth.solvers.simulate import Trajectory, simulate
from nwidth.solvers.solution import Solution, Status
from nwidth.solvers.solve import solve
from nwidth.solvers.solve_batch import solve_batch
from nwidth.solvers.solve_matrix import solve_matrix
from nwidth.solvers.sparse_cholesky import SparseCholesky
from nwidth.solvers.sparse_operator import SparseOperator
from nwidth.solvers.stacked_operator import StackedOperator

__all__ = [
    "AdaptiveSpline",
    "AdvectionDiffusion",
    "AlgebraicHierarchy",
    "AlgebraicMultigrid",
    "AllenCahn",
    "AnisotropicDarcy",
    "BSplineBasis",
    "BandedOperator",
    "BatchSolution",
    "BatchSolver",
    "BatchedDiffusionOperator",
    "BatchedThomas",
    "BilinearElements",
    "BlackBoxMultigrid",
    "Boundary",
    "Burgers",
    "ChannelFlow",
    "Collocation",
    "ContinuationSolution",
    "ConvectionDiffusion",
    "CubicPoisson",
    "Darcy",
    "DeviceBatch",
    "DiffusionOperator",
    "Dirichlet",
    "ElasticCollocation",
    "EvolutionProblem",
    "FastDiagonalization",
    "FastPoisson",
    "FieldInput",
    "FiniteVolume",
    "Fisher",
    "FractionalDiffusion",
    "GrayScott",
    "Helmholtz",
    "HierarchyCycle",
    "KortewegDeVries",
    "KroneckerOperator",
    "KroneckerSum",
    "KuramotoSivashinsky",
    "LinearOperator",
    "LinearProblem",
    "MatrixOperator",
    "Multigrid",
    "NavierStokes",
    "NavierStokes3D",
    "Neumann",
    "NewtonSolution",
    "NewtonStatus",
    "NinePointOperator",
    "NonlinearSchroedinger",
    "Nurbs",
    "Poisson",
    "Problem",
    "PublishedSetting",
    "RayleighBenard",
    "RecycledSpace",
    "RieszDiffusion",
    "RieszRectangle",
    "Robin",
    "ScaledFastPoisson",
    "ShallowWater",
    "Solution",
    "SparseCholesky",
    "SparseOperator",
    "Spline",
    "StackedOperator",
    "Status",
    "ThermalBlock",
    "Trajectory",
    "VelocityWaves",
    "VorticityForcing",
    "WaveEquation",
    "auto_knots",
    "bicgstab",
    "cole_hopf",
    "conjugate_gradient",
    "continuation",
    "deflated_conjugate_gradient",
    "discretization_error",
    "elimination",
    "fgmres",
    "gcro_dr",
    "generate",
    "generate_trajectories",
    "minres",
    "newton",
    "normal_modes",
    "problem_from_description",
    "published_setting",
    "published_settings",
    "read_matrix",
    "read_vector",
    "sequence_order",
    "simulate",
    "solve",
    "solve_batch",
    "solve_matrix",
    "table_knots",
]
