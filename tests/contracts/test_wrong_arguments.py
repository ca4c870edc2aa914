"""Whatever comes through a door of the solvers is taken or refused in words, never by accident."""

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth import solvers
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import fractional, multigrid
from nwidth.solvers.coefficient_gradient import coefficient_gradient
from nwidth.solvers.operator_solver import OperatorSolver
from nwidth.solvers.star_operator import StarOperator

GRID = Grid.uniform((9, 8))
DARCY, WAVES = solvers.Darcy(GRID), solvers.Helmholtz(GRID)
FLOW = solvers.ConvectionDiffusion(GRID, (1.0, 2.0))
A = np.exp(np.random.default_rng(0).standard_normal(GRID.shape))
INPUTS = {"permeability": A}
OPERATOR, B = DARCY.operator(INPUTS), DARCY.source(INPUTS)
WAVE_OPERATOR = WAVES.operator({"wavenumber": np.full(GRID.shape, 5.0)})
FLOW_OPERATOR = FLOW.operator({"diffusivity": np.ones(GRID.shape)})
SPACE = solvers.DiffusionOperator([np.ones(s) for s in ((4, 3, 3), (3, 4, 3), (3, 3, 4))])
MATRIX = sp.diags_array([[2.1] * 20, [-1.0] * 19, [-1.0] * 19], offsets=[0, 1, -1]).tocsr()
ONES = np.ones(20)
MASKED = np.ma.masked_array(A, A > 1)

WRONG = [
    *(None, "strange", b"x", 3, -1, 0.5, np.nan, 1j, True, [], {}, [1, "a"], [np.nan], ...),
    *(np.zeros(0), np.zeros((3, 3)), np.full(GRID.shape, np.nan), np.ones(GRID.shape, complex)),
    *(np.array(["a"]), np.zeros(GRID.shape, object), MASKED, np.float64(2), (1, 2, 3)),
]

LIMITS = {"rtol": 1e-6, "max_iterations": 20}
KRYLOV = {"A": MATRIX, "b": ONES, "preconditioner": None, "initial": None, "stop": None, **LIMITS}
CYCLE = {"dtype": None, "sweeps": 1, "cycle": "V"}

# What is called, and arguments that it takes.
DOORS = {
    "solve": (solvers.solve, {"problem": DARCY, "inputs": INPUTS, "initial": None, **LIMITS}),
    "solve by a method": (
        lambda **given: solvers.solve(DARCY, INPUTS, **given),
        {"method": "fast-poisson", "stop": None},
    ),
    "solve_matrix": (
        solvers.solve_matrix,
        {"A": MATRIX, "b": ONES, "method": "auto", "hierarchy": None, **LIMITS},
    ),
    "conjugate_gradient": (solvers.conjugate_gradient, KRYLOV),
    "deflated_conjugate_gradient": (solvers.deflated_conjugate_gradient, KRYLOV),
    "fgmres": (solvers.fgmres, {**KRYLOV, "restart": 10}),
    "gcro_dr": (solvers.gcro_dr, {**KRYLOV, "restart": 10}),
    "minres": (solvers.minres, KRYLOV),
    "bicgstab": (solvers.bicgstab, KRYLOV),
    "sequence_order": (solvers.sequence_order, {"parameters": np.eye(3), "method": "auto"}),
    "RieszDiffusion": (
        solvers.RieszDiffusion,
        {
            "intervals": 9,
            "degree": 3,
            "alpha": 1.5,
            "lower": -1.0,
            "upper": 1.0,
            "coefficient": 2.0,
            "reaction": 0.0,
        },
    ),
    "RieszDiffusion.solve": (
        solvers.RieszDiffusion(9, 3, 1.5).solve,
        {"source": 1.0, "method": "tau", "initial": None, **LIMITS},
    ),
    "RieszRectangle": (
        solvers.RieszRectangle,
        {
            "intervals": (6, 7),
            "degree": 3,
            "alpha": (1.5, 1.2),
            "lower": -1.0,
            "upper": 1.0,
            "coefficient": 2.0,
            "reaction": 0.0,
            "modes": "auto",
        },
    ),
    "RieszRectangle.solve": (
        solvers.RieszRectangle(6, 3, (1.5, 1.2)).solve,
        {"source": 1.0, "initial": None, **LIMITS},
    ),
    "FractionalDiffusion": (
        solvers.FractionalDiffusion,
        {
            "intervals": (6, 7),
            "degree": 3,
            "alpha": (1.5, 1.2),
            "coefficient": 2.0,
            "growth": 0.0,
            "source": 0.0,
            "sampler": None,
            "unit": "1",
        },
    ),
    "FractionalDiffusion.simulate": (
        lambda density: solvers.simulate(
            solvers.FractionalDiffusion(6, 3, 1.5), {"density": density}, [0.1], dt=0.1
        ),
        {"density": np.ones(9)},
    ),
    "FractionalDiffusion.from_description": (
        lambda **given: solvers.FractionalDiffusion.from_description(
            solvers.FractionalDiffusion(6, 3, 1.5).describe() | given
        ),
        {"degree": [3], "alpha": [1.5], "coefficient": [1.0], "source": 0.0, "modes": "auto"},
    ),
    "RieszModes": (fractional.RieszModes, {"stiffness": np.eye(3), "mass": np.eye(3)}),
    "SineModes": (fractional.SineModes, {"symbol": [1.0, 2.0, 3.0], "mass": np.eye(3)}),
    "RieszPart": (
        fractional.RieszPart,
        {"problem": solvers.RieszRectangle(6, 3, 1.5), "rtol": 1e-10},
    ),
    "RieszRectangleOperator": (
        fractional.RieszRectangleOperator,
        {
            "matrices": [fractional.RieszMatrix(6, 3, 1.5)],
            "coefficients": [1.0],
            "reaction": 0.0,
        },
    ),
    "PolynomialBump": (
        lambda **given: fractional.PolynomialBump(**given)(0.3),
        {"power": 4, "lower": (0.0,), "upper": (1.0,)},
    ),
    "RieszPreconditioner": (
        lambda **given: fractional.RieszPreconditioner(fractional.RieszMatrix(9, 3, 1.5), **given),
        {"stiffness": -1.0, "mass": 2.0},
    ),
    "RieszSymbol": (
        lambda theta, **given: fractional.RieszSymbol(**given)(theta),
        {"degree": 3, "alpha": 1.5, "theta": 0.5},
    ),
    "discretization_error": (
        lambda **given: solvers.discretization_error(
            solvers.Poisson(Grid.uniform(9)), {"source": np.ones(9)}, **given
        ),
        {"solution": None, "order": 2.0, "norm": "L2"},
    ),
    "coefficient_gradient": (
        coefficient_gradient,
        {"problem": DARCY, "a": A, "u": A, "adjoint": B},
    ),
    "DiffusionOperator": (
        solvers.DiffusionOperator,
        {"faces": OPERATOR.faces, "reaction": None, "periodic": None},
    ),
    "MatrixOperator": (solvers.MatrixOperator, {"matrix": np.eye(3), "properties": ()}),
    "SparseOperator": (
        solvers.SparseOperator,
        {"matrix": MATRIX, "columns": None, "dtype": None, "properties": ()},
    ),
    "SparseCholesky": (solvers.SparseCholesky, {"matrix": MATRIX, "backend": None}),
    "FastPoisson": (
        solvers.FastPoisson,
        {
            "grid": GRID,
            "kinds": [("dirichlet", "neumann")] * 2,
            "reaction": 0.0,
            "workers": None,
        },
    ),
    "FastPoisson.of": (solvers.FastPoisson.of, {"operator": OPERATOR, "grid": GRID}),
    "ScaledFastPoisson": (
        solvers.ScaledFastPoisson,
        {"operator": OPERATOR, "grid": GRID, "a": None, "dtype": None},
    ),
    "Multigrid": (solvers.Multigrid, {"operator": OPERATOR, **CYCLE}),
    "BlackBoxMultigrid": (solvers.BlackBoxMultigrid, {"operator": OPERATOR, **CYCLE}),
    "AlgebraicMultigrid": (solvers.AlgebraicMultigrid, {"operator": OPERATOR, "sweeps": 1}),
    "HierarchyCycle": (
        solvers.HierarchyCycle,
        {
            "hierarchy": solvers.AlgebraicHierarchy.from_matrix(MATRIX),
            "columns": None,
            "smoother": "jacobi",
            **CYCLE,
        },
    ),
    "AlgebraicHierarchy": (
        solvers.AlgebraicHierarchy.from_matrix,
        {"A": MATRIX, "kind": "ruge-stueben", "near_nullspace": None},
    ),
    "ShiftedLaplacian": (
        multigrid.ShiftedLaplacian,
        {
            "operator": WAVE_OPERATOR,
            "shift": (1.0, 0.5),
            "cycle": "F",
            "damping": 0.8,
            "sweeps": 1,
            "dtype": None,
        },
    ),
    "DownstreamMultigrid": (
        multigrid.DownstreamMultigrid,
        {"operator": FLOW_OPERATOR, "cycle": "V", "dtype": None},
    ),
    "RedBlack": (multigrid.RedBlack, {"operator": OPERATOR}),
    "Jacobi": (multigrid.Jacobi, {"operator": OPERATOR, "omega": 0.5}),
    "Chebyshev": (multigrid.Chebyshev, {"operator": OPERATOR, "degree": 2, "alpha": 4.0}),
    "LineRelaxation": (multigrid.LineRelaxation, {"operator": OPERATOR, "axes": 0}),
    "PlaneRelaxation": (multigrid.PlaneRelaxation, {"operator": SPACE, "axis": 0}),
    "coarsen": (multigrid.coarsen, {"operator": OPERATOR, "axis": 0}),
    "ruge_stueben": (multigrid.ruge_stueben, {"matrix": MATRIX, "theta": 0.25}),
    "full_multigrid": (
        multigrid.full_multigrid,
        {"problem": DARCY, "inputs": INPUTS, "ratio": 0.2, "max_cycles": 5, "cycle": None},
    ),
    "iterate": (
        solvers.Multigrid(OPERATOR).iterate,
        {"b": B, "initial": None, **LIMITS},
    ),
    "apply": (OPERATOR.apply, {"u": B}),
    "field": (lambda **given: DARCY.field(inputs=INPUTS, **given), {"unknowns": B}),
    "unknowns": (DARCY.unknowns, {"field": A}),
    "on": (DARCY.on, {"grid": Grid.uniform((5, 5))}),
    "FastDiagonalization": (
        solvers.FastDiagonalization,
        {
            "transmissibilities": [np.ones(6)],
            "widths": [np.ones(5)],
            "periodic": None,
            "reaction": 0.0,
        },
    ),
    "FastDiagonalization.of": (
        solvers.FastDiagonalization.of,
        {"operator": OPERATOR, "widths": [axis.widths[1:-1] for axis in GRID.axes]},
    ),
    "FiniteVolume": (
        solvers.FiniteVolume,
        {"grid": GRID, "boundary": solvers.Boundary(), "reaction": None},
    ),
    "FiniteVolume.operator": (
        solvers.FiniteVolume(GRID, solvers.Boundary()).operator,
        {"a": A},
    ),
    "BilinearElements": (
        solvers.BilinearElements,
        {"grid": GRID, "boundary": solvers.Boundary(), "reaction": None},
    ),
    "StackedOperator": (solvers.StackedOperator, {"operators": [OPERATOR, OPERATOR]}),
    "StarOperator": (
        StarOperator,
        {"diagonal": np.ones(3), "below": [np.ones(4)], "above": [np.ones(4)], "periodic": None},
    ),
    "OperatorSolver": (
        OperatorSolver,
        {"operator": OPERATOR, "grid": GRID, "method": "direct", "precision": np.float32},
    ),
    "OperatorSolver.solve": (
        OperatorSolver(OPERATOR, GRID, "multigrid-cg").solve,
        {"b": B, "initial": None, "stop": None, **LIMITS},
    ),
    "solve_batch": (
        solvers.solve_batch,
        {"problem": DARCY, "inputs": {"permeability": A[None]}, "progress": None, **LIMITS},
    ),
    "BatchedDiffusionOperator": (
        solvers.BatchedDiffusionOperator,
        {"shape": (5, 6), "walls": (True, True)},
    ),
    "BatchedMultigrid": (
        multigrid.BatchedMultigrid,
        {"operator": solvers.BatchedDiffusionOperator((5, 6), (True, True)), "sweeps": 1},
    ),
    "BatchedThomas": (solvers.BatchedThomas, {"points": 5, "width": 64}),
    "values": (solvers.Boundary().values, {"grid": GRID, "axis": 0, "end": "lower"}),
    "Dirichlet": (solvers.Dirichlet, {"value": 1.0}),
    "Robin": (solvers.Robin, {"coefficient": 1.0, "value": 1.0}),
    "source": (
        lambda **given: solvers.Darcy(GRID, **given).source(INPUTS),
        {"source": 1.0, "reaction": 0.0, "boundary": None},
    ),
}
CASES = [(door, name) for door, (_, good) in DOORS.items() for name in good]


@pytest.mark.parametrize("door", DOORS)
def test_good_arguments_are_taken(door):
    call, good = DOORS[door]
    call(**good)


@pytest.mark.parametrize(("door", "name"), CASES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_wrong_arguments_are_refused_in_words(door, name, refused_in_words):
    refused_in_words(*DOORS[door], name, WRONG)


TAKE_ARRAYS = {
    *(("solve", "initial"), ("coefficient_gradient", "a"), ("coefficient_gradient", "u")),
    *(("MatrixOperator", "matrix"), ("unknowns", "field"), ("Dirichlet", "value")),
    *(("Robin", "coefficient"), ("Robin", "value"), ("source", "source"), ("source", "reaction")),
}


@pytest.mark.parametrize(("door", "name"), sorted(TAKE_ARRAYS))
def test_masked_entries_are_not_lost(door, name):
    call, good = DOORS[door]
    with pytest.raises(InputError, match=r"masked; fill them with array\.filled"):
        call(**{**good, name: MASKED})
    call(**{**good, name: np.ma.masked_array(A)})  # nothing is masked


def test_gradients_of_finite_elements_are_refused():
    problem = solvers.AnisotropicDarcy(GRID)
    with pytest.raises(InputError, match=r"expected a problem with fluxes .* got AnisotropicDarcy"):
        coefficient_gradient(problem, A, A, B)


def test_complex_right_hand_sides_are_not_cut():
    with pytest.raises(InputError, match="expected real numbers"):
        solvers.Multigrid(OPERATOR).iterate(B * 1j)
