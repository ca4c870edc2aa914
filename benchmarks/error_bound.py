"""Error bounds of reduced models against true errors, down to round-off.

    python benchmarks/error_bound.py [--quick] [--json FILE]

Thermal block of 2 x 2 conductivities in [0.1, 1], u = 0 on the sides, source 1, 71 x 71 unknowns;
X is the energy of all conductivities 1, the stability constant is bounded by their minimum. Bases
are the first 1, ..., 30 vectors of a greedy search on 256 parameters. True errors come from one
solve per parameter by elimination, refined with residuals in extended precision to about 1e-18, and
count the rounding of the computed field V x. Reference of the check problem of one parameter:
-u'' + mu u = 1 + sin 3x + [x > 0.3], mu in [1, 1e4], 400 linear elements, a basis of 14 vectors.
"""

import time

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from report import Row, finish, parse_arguments
from threadpoolctl import threadpool_limits

from nwidth.meshes import Grid
from nwidth.rom import (
    AffineProblem,
    ExpandedResidual,
    GrowingBasis,
    InnerProduct,
    ParameterExpressions,
    ResidualBasis,
    eim_error_bound,
)
from nwidth.rom.stability import MinTheta
from nwidth.solvers.equations.thermal_block import ThermalBlock
from nwidth.solvers.sparse_cholesky import SparseCholesky

SIZES, FLOOR, FEW = 30, 1e-11, 100
LOW, HIGH = 0.1, 1.0
# pyMOR's models are reduced to these sizes; the last is that of all vectors.
COMPARED = (10, 20, 24, SIZES)
REFINEMENTS = 3


def thermal_block() -> tuple[AffineProblem, InnerProduct, MinTheta]:
    """Return the problem, the inner product and the stability bound."""
    block = ThermalBlock(Grid.uniform((73, 73)), (2, 2))
    theta = ParameterExpressions([f"mu[{q}]" for q in range(4)])
    problem = AffineProblem(theta, block.matrices, ParameterExpressions(["1"]), block.sources)
    return problem, InnerProduct(block.energy_matrix), MinTheta(np.ones((1, 4)), [1.0])


def search(problem, product, stability) -> GrowingBasis:
    """Return a basis of SIZES vectors, chosen by the bound while there is anything to choose.

    When bounds are round-off all vectors are as good as each other: random parameters give the
    rest, vectors of round-off included.
    """
    growing = GrowingBasis(problem, product, stability)
    line = np.linspace(LOW, HIGH, 4)
    training = np.stack(np.meshgrid(line, line, line, line), axis=-1).reshape(-1, 4)
    more = np.random.default_rng(7).uniform(LOW, HIGH, (4 * SIZES, 4))
    mu, tried = training[0], 0
    while len(growing) < SIZES:
        u = SparseCholesky(problem.matrix(mu)).solve(problem.source(mu))
        growing.extend(product.orthonormalize(u, growing.basis, rtol=1e-16))
        bounds = growing.model().solve_many(training).bound
        mu = training[np.argmax(bounds)]
        if bounds.max() < FLOOR:
            mu, tried = more[tried], tried + 1
    return growing


class Truth:
    """Exact solutions, and the errors of computed fields."""

    def __init__(self, problem, product):
        self.problem, self.X = problem, product.matrix
        self.values, _ = problem.matrices.table()
        self.long = self.values.astype(np.longdouble)

    def solve(self, mu):
        """Return u(mu) in extended precision."""
        A = self.problem.matrix(mu)
        exact = sp.csr_array((mu.astype(np.longdouble) @ self.long, A.indices, A.indptr), A.shape)
        factors, f = SparseCholesky(A), self.problem.source(mu)
        u = np.zeros(len(f), np.longdouble)
        for _ in range(REFINEMENTS):
            u += factors.solve((f - exact @ u).astype(np.float64))
        return u

    def errors(self, mu, fields):
        """Return errors of fields (n, m) in the norm of X and in the energy norm of mu."""
        e = (self.solve(mu)[:, None] - fields).astype(np.float64)
        norms = (np.sum(e * (A @ e), axis=0) for A in (self.X, self.problem.matrix(mu)))
        return tuple(np.sqrt(square) for square in norms)


def coverage(problem, product, growing, mus) -> tuple[np.ndarray, ...]:
    """Return errors and bounds in both norms, each (parameters, sizes)."""
    model, V = growing.model(), growing.basis
    answers = [model.truncated(N).solve_many(mus) for N in range(1, SIZES + 1)]
    truth, errors = Truth(problem, product), np.empty((2, len(mus), SIZES))
    for i, mu in enumerate(mus):
        fields = np.stack([V[:, : N + 1] @ a.x[i] for N, a in enumerate(answers)], axis=1)
        errors[:, i] = truth.errors(mu, fields)
    bounds = np.stack([a.bound for a in answers], axis=1)
    energy = np.stack([a.residual / np.sqrt(a.stability) for a in answers], axis=1)
    return errors[0], bounds, errors[1], energy


def coverage_rows(error, bound, energy_error, energy_bound) -> list[Row]:
    """Return the rows of our bounds."""
    count = f"{len(error):,} parameters x sizes 1..{SIZES}"
    above = error > FLOOR
    effectivity, energy = bound[above] / error[above], energy_bound[above] / energy_error[above]
    small = error < 1e-12
    rows = [
        Row(
            f"largest error / bound, {count}",
            float((error / bound).max()),
            1.0,
            "limit",
            "",
            1.0,
            note=f"errors from {error.max():.0e} to {error.min():.0e}; {int((bound < error).sum())}"
            f" of {error.size:,} bounds below the error, {int((bound == 0).sum())} zero",
        ),
        Row(
            "the same where the error is below 1e-12",
            float((error[small] / bound[small]).max()) if small.any() else None,
            1.0,
            "limit",
            "",
            1.0,
            note=f"{int(small.sum()):,} pairs; smallest bound {bound.min():.1e}",
        ),
    ]
    for name, values, limit in (
        ("energy norm", energy, "sqrt(10) = 3.2"),
        ("norm of X", effectivity, "10"),
    ):
        rows.append(
            Row(
                f"largest bound / error while it exceeds {FLOOR:g}, {name}",
                float(values.max()),
                5.0,
                "limit",
                "",
                1.0,
                note=f"median {np.median(values):.2f}, 99 % {np.quantile(values, 0.99):.2f}; "
                f"theory allows {limit} for these conductivities",
            )
        )
    return rows


def pymor_rows(problem, product, growing, mus, error, bound) -> list[Row]:
    """Return pyMOR's bounds of the same basis, matrices and parameters beside ours."""
    try:
        from pymor.core.logger import set_log_levels
    except ImportError:
        return [Row("pyMOR's bounds", None, None, "pyMOR", note="pyMOR is not installed")]
    from pymor.models.basic import StationaryModel
    from pymor.operators.constructions import LincombOperator, VectorOperator
    from pymor.operators.numpy import NumpyMatrixOperator
    from pymor.parameters.functionals import (
        ExpressionParameterFunctional,
        ProjectionParameterFunctional,
    )
    from pymor.reductors.coercive import CoerciveRBReductor, SimpleCoerciveRBReductor

    set_log_levels({"pymor": "ERROR"})

    def matrix(A):
        return NumpyMatrixOperator(sp.csc_matrix(A))

    operator = LincombOperator(
        [matrix(A) for A in problem.matrices.matrices],
        [ProjectionParameterFunctional("diffusion", 4, q) for q in range(4)],
    )
    space = operator.range
    X = matrix(product.matrix)
    source = VectorOperator(space.make_array(problem.source(mus[0])[:, None]))
    full = StationaryModel(operator, source, products={"x": X})
    minimum = ExpressionParameterFunctional("min(diffusion)", {"diffusion": 4})
    basis = space.make_array(growing.basis)
    options = {"product": X, "coercivity_estimator": minimum, "check_orthonormality": False}
    rows, mus = [], mus[:FEW]
    for name, kind in (
        ("orthonormal residual basis", CoerciveRBReductor),
        ("expanded residual", SimpleCoerciveRBReductor),
    ):
        start = time.process_time()
        reductor = kind(full, RB=basis, **options)
        largest = reductor.reduce()
        peer_seconds = time.process_time() - start
        for N in COMPARED:
            small = largest if N == SIZES else reductor.reduce({"RB": N})
            found = np.array([float(np.ravel(small.estimate_error({"diffusion": mu}))[0])
                              for mu in mus])  # fmt: skip
            e, b = error[:FEW, N - 1], bound[:FEW, N - 1]
            # What the expansion says is too large where it does not say zero.
            values = (b, found) if kind is SimpleCoerciveRBReductor else (e / b, e / found)
            what = "bound" if kind is SimpleCoerciveRBReductor else "error / bound"
            rows.append(
                Row(
                    f"largest {what}, N = {N}",
                    *(float(value.max()) for value in values),
                    f"pyMOR, {name}",
                    "",
                    note=f"errors up to {e.max():.0e}, bounds up to {b.max():.0e} (ours), "
                    f"{found.max():.0e} (peer); below the error: {int((b < e).sum())} (ours), "
                    f"{int((found < e).sum())} (peer) of {len(mus)}, of which exactly zero "
                    f"{int((found == 0).sum())}",
                )
            )
        if kind is CoerciveRBReductor:
            ResidualBasis(problem, product, growing.basis[:, :1])
            start = time.process_time()
            ResidualBasis(problem, product, growing.basis)
            seconds = time.process_time() - start
            rows.append(
                Row(
                    f"residual basis of {SIZES} vectors, allowances included",
                    seconds,
                    peer_seconds,
                    "pyMOR, reduction",
                    "s CPU",
                    note="pyMOR's reduces matrices as well",
                )
            )
    return rows


def black_box_rows() -> list[Row]:
    """Return errors of the EIM formula and of the expansion against full residual norms."""
    n = 400
    x = np.linspace(0, 1, n + 1)[1:-1]
    K, M = (
        sp.csr_array(sp.diags_array(v, offsets=[-1, 0, 1], shape=(n - 1, n - 1)) * s)
        for v, s in (([-1.0, 2.0, -1.0], float(n)), ([1.0, 4.0, 1.0], 1 / (6 * n)))
    )
    f = (1 + np.sin(3 * x) + (x > 0.3)) / n
    problem = AffineProblem(lambda mu: [1.0, mu], [K, M], lambda mu: [1.0], [f])
    product = InnerProduct(K + M)
    training, unseen = np.geomspace(1, 1e4, 300), 10 ** np.random.default_rng(1).uniform(0, 4, 60)
    snapshots = np.stack([spla.spsolve(sp.csc_array(K + m * M), f) for m in training], axis=1)
    basis, left = np.zeros((n - 1, 0)), snapshots
    for _ in range(14):
        new = snapshots[:, np.argmax(product.norm(left))]
        basis = np.column_stack([basis, product.orthonormalize(new, basis)])
        left = snapshots - basis @ product.inner(basis, snapshots)
    reduced = problem.reduce(basis)

    def coefficients(mus):
        x = np.stack([reduced.solve(mu) for mu in mus])
        terms = x[:, :, None] * np.stack([np.ones_like(mus), mus], axis=1)[:, None, :]
        return np.concatenate([np.ones((len(mus), 1)), -terms.reshape(len(mus), -1)], axis=1).T

    def norm(mu):
        # Term by term: K + mu M would round all rows alike.
        u = basis @ reduced.solve(mu)
        return float(product.dual_norm(f - K @ u - mu * (M @ u)))

    truth, z = np.array([norm(mu) for mu in unseen]), coefficients(unseen)
    formula = eim_error_bound(norm, training, coefficients(training)).checked()
    square = ExpandedResidual(problem, product, basis).square(z)
    ours = np.abs(formula.dual_norm(z) / truth - 1)
    classical = np.abs(np.sign(square) * np.sqrt(np.abs(square)) / truth - 1)
    bound = formula.bound(z)
    return [
        Row(
            "EIM formula, N = 14: median relative error of the residual norm",
            float(np.median(ours)),
            1e-5,
            "limit",
            "",
            1.0,
            note=f"maximum {ours.max():.1e}; {formula.rank} parameters chosen of 300, 60 unseen",
        ),
        Row(
            "the same",
            float(np.median(ours)),
            float(np.median(classical)),
            "classical expansion",
            "",
            note=f"{int((square < 0).sum())} of 60 squares negative",
        ),
        Row(
            "largest residual norm / bound of the EIM formula",
            float((truth / bound).max()),
            1.0,
            "limit",
            "",
            1.0,
            note=f"median bound / norm {np.median(bound / truth):.6f}",
        ),
    ]


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments(__doc__.splitlines()[0])
    count = 150 if arguments.quick else 10_000
    with threadpool_limits(1):
        problem, product, stability = thermal_block()
        growing = search(problem, product, stability)
        mus = np.random.default_rng(0).uniform(LOW, HIGH, (count, 4))
        found = coverage(problem, product, growing, mus)
        rows = coverage_rows(*found)
        rows += black_box_rows()
        rows += pymor_rows(problem, product, growing, mus, *found[:2])
    finish("Error bounds down to round-off", rows, arguments)


if __name__ == "__main__":
    main()
