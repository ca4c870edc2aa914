"""Equations and how to solve them."""

from nwidth.solvers.boundary import Boundary, Dirichlet, Neumann, Robin
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.discretization_error import discretization_error
from nwidth.solvers.equations import Darcy, Helmholtz, Poisson, problem_from_description
from nwidth.solvers.fast_diagonalization import FastDiagonalization
from nwidth.solvers.fast_poisson import FastPoisson
from nwidth.solvers.finite_volume import FiniteVolume
from nwidth.solvers.generate import generate
from nwidth.solvers.krylov import conjugate_gradient
from nwidth.solvers.linear_operator import LinearOperator, MatrixOperator
from nwidth.solvers.multigrid import AlgebraicMultigrid, Multigrid
from nwidth.solvers.problem import FieldInput, LinearProblem, Problem
from nwidth.solvers.solution import Solution, Status
from nwidth.solvers.solve import solve

__all__ = [
    "AlgebraicMultigrid",
    "Boundary",
    "Darcy",
    "DiffusionOperator",
    "Dirichlet",
    "FastDiagonalization",
    "FastPoisson",
    "FieldInput",
    "FiniteVolume",
    "Helmholtz",
    "LinearOperator",
    "LinearProblem",
    "MatrixOperator",
    "Multigrid",
    "Neumann",
    "Poisson",
    "Problem",
    "Robin",
    "Solution",
    "Status",
    "conjugate_gradient",
    "discretization_error",
    "generate",
    "problem_from_description",
    "solve",
]
