"""Certified reduced basis: an answer with its bound, and the greedy search that makes the model.

    python benchmarks/reduced_basis.py [--quick] [--json FILE]

Thermal block of 2 x 2 conductivities in [0.1, 1], linear elements on a grid of 50 (5,101 unknowns)
as pyMOR assembles them: both sides have the same matrices, inner product (H1 semi), training set
(256 on a uniform grid) and coercivity bound (the smallest conductivity). pyMOR's residuals are
those of `CoerciveRBReductor`, in an orthonormal basis. CPU time of one thread; errors are the
largest of 20 random parameters, in the norm of the inner product.
"""

import time
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import scipy.sparse as sp
from report import Row, finish, interleave, parse_arguments
from threadpoolctl import threadpool_limits

from nwidth.rom import AffineProblem, GrowingBasis, MinTheta, ParameterExpressions, greedy
from nwidth.solvers import elimination

BLOCKS, SIZE = 4, 30


@dataclass
class Case:
    """The same model on both sides."""

    fom: Any
    problem: AffineProblem
    product: Any
    stability: MinTheta
    training: Any

    @property
    def parameters(self) -> np.ndarray:
        """The training parameters as an array."""
        return np.array([mu["diffusion"] for mu in self.training])

    @property
    def boundary(self) -> np.ndarray:
        """The unknowns on the boundary, where solutions are zero."""
        return np.flatnonzero(self.problem.matrices.matrices[0].diagonal())


def thermal_block(grid: int) -> Case:
    """Return pyMOR's model and ours of its matrices."""
    from pymor.analyticalproblems.thermalblock import thermal_block_problem
    from pymor.core.logger import set_log_levels
    from pymor.discretizers.builtin import discretize_stationary_cg

    set_log_levels({"pymor": "ERROR"})
    fom, _ = discretize_stationary_cg(thermal_block_problem((2, 2)), diameter=1 / grid)
    matrices = [sp.csr_array(part.matrix) for part in fom.operator.operators]
    # The first term has the rows of the boundary, the others one conductivity each.
    theta = ParameterExpressions(["1", *(f"mu[{q}]" for q in range(BLOCKS))])
    source = fom.rhs.as_range_array().to_numpy().reshape(1, -1)
    return Case(
        fom,
        AffineProblem(theta, matrices, ParameterExpressions(["1"]), source),
        sp.csr_array(fom.h1_0_semi_product.matrix),
        MinTheta(np.ones((1, BLOCKS + 1)), [1.0]),
        fom.parameters.space(0.1, 1.0).sample_uniformly(4),
    )


def pymor_greedy(case: Case, size: int) -> tuple[Any, Any]:
    """Return pyMOR's reductor and reduced model of so many vectors."""
    from pymor.algorithms.greedy import rb_greedy
    from pymor.parameters.functionals import ExpressionParameterFunctional
    from pymor.reductors.coercive import CoerciveRBReductor

    reductor = CoerciveRBReductor(
        case.fom,
        product=case.fom.h1_0_semi_product,
        coercivity_estimator=ExpressionParameterFunctional("min(diffusion)", case.fom.parameters),
        check_orthonormality=False,
    )
    found = rb_greedy(
        case.fom,
        reductor,
        case.training,
        max_extensions=size,
        extension_params={"method": "gram_schmidt"},
    )
    return reductor, found["rom"]


def our_greedy(case: Case, size: int) -> Any:
    """Return our greedy search, to round-off or so many vectors."""
    return greedy(
        case.problem,
        case.parameters,
        0.0,
        atol=1e-300,
        stability=case.stability,
        inner_product=case.product,
        max_size=size,
    )


def offline(case: Case, repeats: int) -> list[Row]:
    """Compare greedy searches to the same size: time and true errors."""
    size = our_greedy(case, SIZE).model.size
    kept: dict[str, Any] = {}
    seconds = interleave(
        {
            "ours": lambda: kept.update(ours=our_greedy(case, size)),
            "pymor": lambda: kept.update(pymor=pymor_greedy(case, size)),
        },
        repeats,
        time.process_time,
    )
    model, (reductor, rom) = kept["ours"].model, kept["pymor"]
    errors: dict[str, float] = {"ours": 0.0, "pymor": 0.0}
    for mu in case.fom.parameters.space(0.1, 1.0).sample_randomly(20):
        k = mu["diffusion"]
        exact = elimination(case.problem.matrix(k))(case.problem.source(k))
        fields = {
            "ours": model.lift(model.solve(k).x),
            "pymor": reductor.reconstruct(rom.solve(mu)).to_numpy().ravel(),
        }
        for name, field in fields.items():
            e = exact - field
            errors[name] = max(errors[name], float(np.sqrt(e @ (case.product @ e))))
    stop = f"; from N = {size} on bounds are round-off" if size < SIZE else ""
    note = f"largest true errors {errors['ours']:.1e} and {errors['pymor']:.1e}{stop}"
    task = f"greedy, 256 training parameters, to N = {size}"
    return [Row(task, seconds["ours"], seconds["pymor"], "pyMOR rb_greedy", "s", 5.0, 1, note)]


def online(case: Case, repeats: int) -> list[Row]:
    """Solve and bound, in the same basis of 30 vectors."""
    reductor, rom = pymor_greedy(case, SIZE)
    growing = GrowingBasis(case.problem, case.product, case.stability)
    basis = reductor.bases["RB"].to_numpy().reshape(case.problem.size, -1).copy()
    basis[case.boundary] = 0  # where it is rounding, and would make A_q unsymmetric
    growing.extend(basis)
    model = growing.model()
    mus = case.fom.parameters.space(0.1, 1.0).sample_randomly(200)
    single = np.array([mu["diffusion"] for mu in mus])
    many = np.random.default_rng(0).uniform(0.1, 1.0, (10_000, BLOCKS))

    def pymor() -> None:
        for mu in mus:
            rom.solve(mu)
            rom.estimate_error(mu)

    def ours() -> None:
        for mu in single:
            model.solve(mu)

    contenders = {"single": ours, "batch": lambda: model.solve_many(many), "pymor": pymor}
    seconds = interleave(contenders, repeats, time.process_time)
    one, batch = 1e6 * seconds["single"] / len(single), 1e6 * seconds["batch"] / len(many)
    peer = 1e6 * seconds["pymor"] / len(mus)
    bounds = np.array([float(np.ravel(rom.estimate_error(mu))[0]) for mu in mus])
    note = (
        f"same basis of {SIZE}; median bounds {np.median(model.solve_many(single).bound):.1e} "
        f"(with round-off) and {np.median(bounds):.1e} (without)"
    )
    name, unit = "pyMOR rom.solve + estimate_error", "us"
    return [
        Row("solve and bound, single call", one, peer, name, unit, 40.0, 1, note),
        Row("solve and bound, batch of 10,000", batch, peer, name, unit, 40.0, 1, note),
        Row("solve and bound, single call", one, 12.0, "limit", unit, 1.0, 1),
        Row("solve and bound, batch of 10,000", batch, 6.0, "limit", unit, 1.0, 1),
    ]


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0])
    numba.set_num_threads(1)
    with threadpool_limits(1):
        try:
            case = thermal_block(50)
            rows = online(case, 3 if arguments.quick else 7)
            rows += offline(case, 2 if arguments.quick else 5)
        except ImportError:
            tasks = ("solve and bound", "greedy")
            rows = [Row(task, None, None, "pyMOR", note="pyMOR is not installed") for task in tasks]
    finish("Certified reduced basis of the 2 x 2 thermal block", rows, arguments)


if __name__ == "__main__":
    main()
