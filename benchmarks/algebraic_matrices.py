"""Sparse matrices: our cycles on PyAMG's levels against PyAMG's own, and reused Cholesky factors.

    python benchmarks/algebraic_matrices.py [--quick] [--json FILE] [--rounds N]

Matrices: the five-point Laplacian, the stiffness matrix of random Delaunay triangles, and plane
elasticity. Both sides get the same hierarchy, whose set-up counts for nothing; conjugate gradients
run to a relative residual 1e-8 with one and with eight right-hand sides, which PyAMG takes one
after the other. Times are CPU times with one thread and wall times with two. Answers are compared.

The last rows are the factorization of a Laplacian whose pattern is known against one from scratch,
both with a solve, and against multigrid: set-up and solve of a new coefficient.
"""

import time

import numba
import numpy as np
import scipy.sparse as sp
from report import Row, finish, interleave, parse_arguments
from threadpoolctl import threadpool_limits

from nwidth.arrays import generator
from nwidth.meshes import GaussianRandomField, Grid, TwoPhaseField
from nwidth.solvers import (
    AlgebraicHierarchy,
    Darcy,
    HierarchyCycle,
    SparseCholesky,
    conjugate_gradient,
    solve,
)

RTOL = 1e-8
COLUMNS = 8


def delaunay(points: int) -> sp.csr_array:
    """Return the linear finite element stiffness matrix on random points, walls taken out."""
    from scipy.spatial import Delaunay

    corners = generator(0, 0).random((points, 2))
    mesh = Delaunay(corners)
    x = corners[mesh.simplices]
    edges = x[:, [2, 0, 1]] - x[:, [1, 2, 0]]
    area = np.abs(np.linalg.det(x[:, 1:] - x[:, :1])) / 2
    kept = area > 1e-12
    local = np.einsum("tik,tjk->tij", edges, edges)[kept] / (4 * area[kept, None, None])
    triangles = mesh.simplices[kept]
    i, j = np.repeat(triangles, 3, axis=1).ravel(), np.tile(triangles, 3).ravel()
    A = sp.coo_array((local.ravel(), (i, j)), shape=(points, points)).tocsr()
    inside = np.setdiff1d(np.arange(points), mesh.convex_hull.ravel())
    return sp.csr_array(A[inside][:, inside])


def against_pyamg(name, multilevel, columns, dtype, threads, rounds) -> Row:
    """One row: conjugate gradients on the same hierarchy."""
    A = multilevel.levels[0].A
    shape = (A.shape[0],) if columns is None else (A.shape[0], columns)
    b = generator(1, 0).standard_normal(shape)
    cycle = HierarchyCycle(AlgebraicHierarchy.of(multilevel), columns=columns, dtype=dtype)
    # This bound on all columns together is one of RTOL on each.
    options = {"preconditioner": cycle, "rtol": RTOL / (columns or 1) ** 0.5}

    def peer():
        sides = b[:, None] if columns is None else b
        return [multilevel.solve(side, tol=RTOL, accel="cg", maxiter=200) for side in sides.T]

    result = conjugate_gradient(cycle.operator, b, **options)
    theirs = np.stack(peer(), axis=-1).reshape(shape)
    gap = np.abs(result.x - theirs).max() / np.abs(theirs).max()
    history: list[float] = []
    side = b if columns is None else b[:, 0]
    multilevel.solve(side, tol=RTOL, accel="cg", maxiter=200, residuals=history)
    numba.set_num_threads(threads)
    seconds = interleave(
        {"ours": lambda: conjugate_gradient(cycle.operator, b, **options), "peer": peer},
        rounds,
        time.process_time if threads == 1 else time.perf_counter,
    )
    note = f"{A.shape[0]} unknowns, {result.iterations} iterations, PyAMG {len(history) - 1}; "
    note += f"largest difference {gap:.0e}"
    sides = "one side" if columns is None else f"{columns} sides"
    task = f"{name}, {sides}, {np.dtype(dtype)} cycles"
    return Row(task, seconds["ours"], seconds["peer"], "PyAMG CG", "s", None, threads, note)


def reused_factors(n: int, rounds: int) -> list[Row]:
    """Factorization and solve with a known pattern, against from scratch and multigrid."""
    from nwidth.solvers import sparse_cholesky

    grid = Grid.uniform((n, n))
    problem = Darcy(grid)
    field = TwoPhaseField(GaussianRandomField(grid, alpha=2, tau=3), 3.0, 12.0)
    inputs = {"permeability": field.sample(generator(0, 0))}
    b, A = problem.source(inputs).ravel(), problem.operator(inputs).to_sparse()

    def scratch():
        sparse_cholesky._patterns.clear()
        return SparseCholesky(A).solve(b)

    def reused():
        factors = SparseCholesky(A)
        assert factors.reused
        return factors.solve(b)

    def assembled():
        return SparseCholesky(problem.operator(inputs).to_sparse()).solve(b)

    def multigrid():
        return solve(problem, inputs, RTOL, method="multigrid-cg").checked()

    scratch()
    gap = np.abs(problem.unknowns(multigrid().u).ravel() - reused()).max() / np.abs(reused()).max()
    runs = {"reused": reused, "assembled": assembled, "multigrid": multigrid}
    seconds = interleave(runs, rounds, time.process_time)
    seconds["scratch"] = interleave({"scratch": scratch}, rounds, time.process_time)["scratch"]
    note = f"{SparseCholesky(A).backend}; largest difference to multigrid {gap:.0e}"
    name = f"Darcy {n}^2, Cholesky"
    return [
        Row(f"{name}, pattern known", seconds["reused"], seconds["scratch"], "scratch", note=note),
        Row(
            f"{name}, pattern known, with assembly",
            seconds["assembled"],
            seconds["multigrid"],
            "our multigrid-CG, assembly and set-up too",
        ),
    ]


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0], rounds=(3, "timed rounds"))
    rounds = 1 if arguments.quick else arguments.rounds
    rows = []
    try:
        import pyamg
    except ImportError:
        pyamg = None
        rows.append(Row("cycles", None, None, "PyAMG is not installed"))
    with threadpool_limits(1, "blas"):
        if pyamg is not None:
            n = 256 if arguments.quick else 512
            laplacian = pyamg.gallery.poisson((n, n), format="csr")
            elastic, rigid = pyamg.gallery.linear_elasticity((n // 4, n // 4))
            hierarchies = {
                f"Laplacian {n}^2, RS": pyamg.ruge_stuben_solver(laplacian),
                f"Laplacian {n}^2, SA": pyamg.smoothed_aggregation_solver(laplacian),
                "triangles, RS": pyamg.ruge_stuben_solver(delaunay(n * n // 2)),
                "elasticity, SA": pyamg.smoothed_aggregation_solver(elastic.tocsr(), B=rigid),
            }
            cases = [(None, np.float64, 1), (None, np.float32, 1)]
            cases += [(COLUMNS, np.float64, 1), (COLUMNS, np.float32, 1)]
            cases += [(None, np.float32, 2), (COLUMNS, np.float32, 2)]
            for name, multilevel in hierarchies.items():
                for case in cases:
                    if case[2] <= numba.config.NUMBA_NUM_THREADS:
                        rows.append(against_pyamg(name, multilevel, *case, rounds))
        numba.set_num_threads(1)
        for n in (21, 43, 85) if arguments.quick else (21, 43, 64, 85, 130, 421):
            rows += reused_factors(n, rounds)
    finish("Sparse matrices", rows, arguments)


if __name__ == "__main__":
    main()
