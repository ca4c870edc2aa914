"""Sequences of linear systems: recycling, restarted GMRES, multigrid and elimination.

    python benchmarks/krylov_recycling.py [--quick] [--json FILE] [--systems N]

Process CPU time, one thread, means per system of a sequence; every solution's residual is computed
anew and the worst is told. Set-up of preconditioners counts for nothing on both sides (it is told);
the factorization of elimination counts.

(a) Helmholtz on 100 x 100 unknowns to 1e-7: wavenumbers k = 8 exp(g) in a cavity with reflecting
walls, beyond its first resonances, and k = 30 exp(g) in a box with absorbing sides. g moves on a
curve between two Gaussian fields of the settings of the recycling paper (alpha 2.5, tau 7,
periodic). The cavity is real and solved in real arithmetic by all, but for the shifted Laplacian.
GCRO-DR with 20 of 40 vectors recycled, 10 in the box, against GMRES(40), ours and SciPy's, and
SciPy's `gcrotmk`, with the same preconditioners. It starts from the best combination of the last 4
solutions, as does "GMRES(40) from 4 solutions"; the other GMRES start from zero, and so do the rows
"from zero", which are the comparison of the paper. GMRES is measured on the first and the last
system, SciPy's on the last. All stop after 10000 iterations, as in the paper (1000 with --quick);
where GMRES did not converge the true ratio is larger. The rows of independent media are as in the
paper: samples that know nothing of each other, sorted, with 40 of 60 vectors too, and with the last
4 solutions; k varies by 4 %. GMRES is measured on every fourth of them.
(b) Darcy flow on 99 x 99 unknowns to 1e-8, log-normal permeability on such a curve: multigrid-CG
one system at a time, and `solve_batch` on all, which is told with the assembly of the systems.
(c) Convection and diffusion of 1e-3 in three dimensions to 1e-8, a spiral flow.

What it showed: recycling pays where a few eigenvalues on the wrong side of zero stall a restarted
method with a weak preconditioner, as in the cavity. It does not where the waves leave through
absorbing sides: there only the last solutions help, and help GMRES as much. With ILU(1e-2) and 20
of 40 vectors the iterations of GMRES(40), 1500 to 2600, cannot be divided by 30 from zero: the
first system has nothing to recycle and takes 240, all others 71, which is how far 20 vectors go;
40 of 60 leave 50, and GMRES(100), of about the same memory, takes 650 to 750. The last solutions
alone are worth six digits on the smooth curve, and a seventh of the iterations on independent
media. An iteration of GCRO-DR costs up to twice as much as one of `gcrotmk`, which keeps
solutions too: two passes over 30 vectors, and three products of matrices whenever the space is
renewed; it takes a fifth to two thirds of the products. With the shifted Laplacian `gcrotmk` is
ahead: few iterations do not pay for 20 products with a new operator. In two dimensions at this size
elimination beats most iterations for Helmholtz; multigrid wins for Darcy, most of all in a batch,
and for convection and diffusion in three dimensions, where elimination runs out of memory.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import scipy.sparse.linalg as sla
from report import Row, finish, parse_arguments
from threadpoolctl import threadpool_limits

from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import Darcy, LinearOperator, Multigrid, solve_batch
from nwidth.solvers.equations import ConvectionDiffusion, Helmholtz
from nwidth.solvers.krylov import (
    RecycledSpace,
    bicgstab,
    conjugate_gradient,
    deflated_conjugate_gradient,
    fgmres,
    gcro_dr,
    sequence_order,
)
from nwidth.solvers.multigrid import DownstreamMultigrid, ShiftedLaplacian
from nwidth.solvers.star_operator import StarOperator

CAVITY, OPEN = ("x_lower", "x_upper", "y_lower", "y_upper"), ()
LIMIT, QUICK_LIMIT = 10_000, 1000
# The largest ratios of the paper for Helmholtz, 10^4 unknowns, to 1e-7.
TIME_GOAL, ITERATION_GOAL = 13.9, 30.0
GOALS_OF = [("cavity k=8", "Jacobi"), ("cavity k=8", "ILU(1e-2)")]

System = tuple[Any, np.ndarray]
Solver = Callable[[Any, np.ndarray, Any], tuple[np.ndarray, int]]
Action = Callable[[np.ndarray], np.ndarray]


@dataclass
class Outcome:
    """Means over a sequence, and how many of its systems reached the tolerance."""

    seconds: float
    iterations: float
    worst: float
    reached: int
    count: int
    setup: float
    ends: tuple[int, int] = (0, 0)  # iterations of the first and the last system

    def __str__(self) -> str:
        text = f"{self.iterations:.0f} it, residual {self.worst:.0e}"
        if self.reached < self.count:
            text += f", {self.count - self.reached} of {self.count} not converged"
        return text


class Inverse(LinearOperator):
    """An approximate inverse that is known, with its adjoint, by functions of flat arrays."""

    def __init__(self, A: LinearOperator, action: Action, adjoint: Action):
        self.domain_shape = self.range_shape = A.domain_shape
        self.dtype, self.action, self.adjoint_action = A.dtype, action, adjoint

    def _apply(self, u):
        return self.action(u.ravel()).reshape(u.shape)

    def _adjoint(self, v):
        return self.adjoint_action(v.ravel()).reshape(v.shape)


def jacobi(A):
    """Return the inverse of the diagonal."""
    inverse = 1 / A.diagonal.ravel()
    return Inverse(A, lambda r: inverse * r, lambda r: inverse.conj() * r)


def incomplete(drop: float, fill: float):
    """Return SuperLU's incomplete factorization."""

    def prepare(A):
        factors = sla.spilu(A.to_sparse().tocsc(), drop_tol=drop, fill_factor=fill)
        return Inverse(A, factors.solve, lambda r: factors.solve(r, trans="H"))

    return prepare


PRECONDITIONERS = {
    "none": lambda A: None,
    "Jacobi": jacobi,
    "ILU(1e-2)": incomplete(1e-2, 2.0),
    "ILU(1e-4)": incomplete(1e-4, 10.0),
    "shifted Laplacian": ShiftedLaplacian,
}


def run(systems: Sequence[System], prepare: Callable, solver: Solver, rtol: float) -> Outcome:
    """Solve the systems one after the other."""
    seconds, setup, counts, residuals = 0.0, 0.0, [], []
    for A, b in systems:
        start = time.process_time()
        M = prepare(A)
        ready = time.process_time()
        x, count = solver(A, b, M)
        seconds += time.process_time() - ready
        setup += ready - start
        counts.append(count)
        rest = b - A.apply(np.asarray(x, dtype=A.dtype).reshape(b.shape))
        residuals.append(float(np.linalg.norm(rest) / np.linalg.norm(b)))
    n = len(systems)
    reached = sum(r <= 1.05 * rtol for r in residuals)
    return Outcome(
        *(seconds / n, sum(counts) / n, max(residuals), reached, n, setup / n),
        ends=(counts[0], counts[-1]),
    )


def recycling(
    rtol: float, limit: int = LIMIT, *, restart: int = 40, kept: int = 20, solutions: int = 4
) -> Solver:
    """Return GCRO-DR(restart, kept) with one space for the sequence."""
    space = RecycledSpace(kept, solutions)

    def solver(A, b, M):
        options = {"preconditioner": M, "rtol": rtol, "max_iterations": limit, "restart": restart}
        found = gcro_dr(A, b, space=space, **options)
        return found.x, found.iterations

    return solver


def restarted(rtol: float, limit: int = LIMIT, *, restart: int = 40, warm: int = 0) -> Solver:
    """Return our GMRES, from the best combination of as many last solutions as `warm` says."""
    last: list[np.ndarray] = []

    def solver(A, b, M):
        start = None
        if last:
            images = np.array([A.apply(u).ravel() for u in last])
            y = np.linalg.lstsq(images.T, b.ravel(), rcond=1e-12)[0]
            start = np.tensordot(y, last, axes=1)
        options = {"preconditioner": M, "rtol": rtol, "max_iterations": limit, "restart": restart}
        found = fgmres(A, b, initial=start, **options)
        last[:] = [found.x, *last][:warm]
        return found.x, found.iterations

    return solver


def scipy_gmres(rtol: float, limit: int) -> Solver:
    """Return SciPy's GMRES(40), preconditioned from the right."""

    def solver(A, b, M):
        product = (A if M is None else A @ M).to_scipy()
        steps: list[float] = []
        y, _ = sla.gmres(
            product,
            b.ravel(),
            rtol=rtol,
            restart=40,
            maxiter=limit // 40,
            callback=steps.append,
            callback_type="pr_norm",
        )
        return (y if M is None else M.apply(y)), len(steps)

    return solver


def scipy_recycling(rtol: float, limit: int) -> Solver:
    """Return SciPy's GCROT(20, 20), which keeps vectors if asked to; iterations are products."""
    kept: list = []

    def solver(A, b, M):
        # The images belong to the last operator; SciPy computes them anew where they are None.
        kept[:] = [(None, u) for _, u in kept]
        products = [0]
        inner = A.to_scipy()

        def matvec(u):
            products[0] += 1
            return inner.matvec(u)

        counted = sla.LinearOperator(A.shape, matvec=matvec, dtype=A.dtype)
        x, _ = sla.gcrotmk(
            counted,
            b.ravel(),
            M=None if M is None else M.to_scipy(),
            rtol=rtol,
            m=20,
            k=20,
            CU=kept,
            maxiter=limit // 20,
        )
        return x, products[0]

    return solver


def elimination(A, b, _):
    """Sparse elimination by SuperLU, the columns ordered by minimum degree."""
    factors = sla.splu(A.to_sparse().tocsc(), permc_spec="MMD_AT_PLUS_A")
    return factors.solve(b.ravel()), 1


def gaussian(grid: Grid) -> GaussianRandomField:
    """Return the random field of the paper."""
    return GaussianRandomField(grid, alpha=2.5, tau=7.0, boundary="periodic")


def curve(grid: Grid, count: int, step: float) -> np.ndarray:
    """Return Gaussian fields on a circle, `step` apart: neighbours are alike."""
    one, other = gaussian(grid).samples(0, 2)
    return np.array([np.cos(t) * one + np.sin(t) * other for t in step * np.arange(count)])


def cavity_or_box(grid: Grid, walls: Iterable[str], k: float, media: np.ndarray) -> list[System]:
    """Return the systems of wavenumbers k exp(0.2 g), with a source off the middle."""
    problem = Helmholtz(
        grid, lambda x, y: np.exp(-((x - 0.3) ** 2 + (y - 0.4) ** 2) / 0.002) / 0.002, walls=walls
    )
    inputs = [{"wavenumber": k * np.exp(0.2 * g)} for g in media]
    return [(problem.operator(i), problem.source(i)) for i in inputs]


def helmholtz(walls: Iterable[str], k: float, count: int, step: float) -> list[System]:
    """Return a sequence of 10^4 unknowns on a curve of media."""
    nodes = 102 if walls else 100
    grid = Grid.uniform((nodes, nodes))
    return cavity_or_box(grid, walls, k, curve(grid, count, step))


def real_parts(systems: Iterable[System]) -> list[System]:
    """Return systems without imaginary parts in real arithmetic."""
    return [
        (StarOperator(A.diagonal.real, A.below, A.above, A.periodic), np.ascontiguousarray(b.real))
        for A, b in systems
    ]


def against_gmres(task: str, ours: Outcome, theirs: Outcome, wanted: bool = False) -> list[Row]:
    """Rows of time and iterations against GMRES(40)."""
    note = f"{ours}; peer {theirs}; set-up {1e3 * ours.setup:.0f} ms"
    goals = (TIME_GOAL, ITERATION_GOAL) if wanted else (None, None)
    counts = ours.iterations, theirs.iterations
    bound = counts[1] / max(ours.ends[1], 1)
    ends = f"first {ours.ends[0]}, last {ours.ends[1]}: about {bound:.0f} times in a long sequence"
    return [
        Row(task, ours.seconds, theirs.seconds, "GMRES(40)", "s", goals[0], 1, note),
        Row(f"{task}, iterations", *counts, "GMRES(40)", "it", goals[1], 1, ends),
    ]


def compare_independent(count: int) -> list[Row]:
    """Rows of a cavity whose media are independent samples, sorted, as in the paper."""
    rtol, label = 1e-7, "ILU(1e-2)"
    grid = Grid.uniform((102, 102))
    media = gaussian(grid).samples(0, count)
    systems = real_parts(cavity_or_box(grid, CAVITY, 8.0, media[sequence_order(media)]))
    prepare, rows = PRECONDITIONERS[label], []
    theirs = run(systems[::4], prepare, restarted(rtol), rtol)
    larger = run(systems[::4], prepare, restarted(rtol, restart=100), rtol)
    for m, k in ((40, 20), (60, 40)):
        ours = run(systems, prepare, recycling(rtol, restart=m, kept=k), rtol)
        task = f"Helmholtz cavity k=8, {count} independent media, {label}, {k} of {m} kept"
        rows += against_gmres(task, ours, theirs, True)
        note = f"{ours}; peer {larger}"
        rows.append(Row(task, ours.seconds, larger.seconds, "GMRES(100)", "s", None, 1, note))
    return rows


def compare_helmholtz(
    name: str, waves: list[System], chosen: Sequence[str], limit: int, kept: int = 20
) -> list[Row]:
    """Rows of every preconditioner: ratios of time and iterations."""
    rtol, rows, best = 1e-7, [], np.inf
    real = not any(np.iscomplex(A.diagonal).any() for A, _ in waves)
    for label in chosen:
        prepare = PRECONDITIONERS[label]
        # The shifted Laplacian is complex whatever it preconditions.
        systems = real_parts(waves) if real and label != "shifted Laplacian" else waves
        ours = run(systems, prepare, recycling(rtol, limit, kept=kept), rtol)
        best = min(best, ours.seconds + ours.setup)
        task = f"Helmholtz {name}, {label}"
        from_zero = recycling(rtol, limit, kept=kept, solutions=0)
        plain = run(systems, prepare, from_zero, rtol)
        rivals = {
            "GMRES(40)": (restarted(rtol, limit), [systems[0], systems[-1]]),
            "SciPy gmres(40)": (scipy_gmres(rtol, limit), systems[-1:]),
            "SciPy gcrotmk(20, 20)": (scipy_recycling(rtol, limit), systems),
            "GMRES(40) from 4 solutions": (restarted(rtol, limit, warm=4), systems),
        }
        for rival, (solver, part) in rivals.items():
            theirs = run(part, prepare, solver, rtol)
            note = f"{ours}; peer {theirs}; set-up {1e3 * ours.setup:.0f} ms"
            if rival == "GMRES(40)":
                wanted = (name, label) in GOALS_OF and limit == LIMIT
                rows += against_gmres(task, ours, theirs)
                rows += against_gmres(f"{task}, from zero", plain, theirs, wanted)
            else:
                rows.append(Row(task, ours.seconds, theirs.seconds, rival, "s", None, 1, note))
    direct = run(systems, lambda A: None, elimination, rtol)
    note = f"elimination: residual {direct.worst:.0e}, factorization in every system; "
    note += "it wins" if direct.seconds < best else "recycling wins"
    task = f"Helmholtz {name}, the best of the above with set-up"
    rows.append(Row(task, best, direct.seconds, "SuperLU", "s", None, 1, note))
    return rows


def compare_order(systems: list[System]) -> list[Row]:
    """Rows of a cavity whose systems come shuffled, and sorted again."""
    rtol, prepare = 1e-7, PRECONDITIONERS["ILU(1e-2)"]
    mixed = [systems[i] for i in np.random.default_rng(0).permutation(len(systems))]
    order = sequence_order(np.stack([A.diagonal.real for A, _ in mixed]))
    in_order = run([mixed[i] for i in order], prepare, recycling(rtol), rtol)
    shuffled = run(mixed, prepare, recycling(rtol), rtol)
    task = "Helmholtz cavity, wide steps, ILU(1e-2), sorted"
    note = f"{in_order}; shuffled {shuffled}"
    return [Row(task, in_order.seconds, shuffled.seconds, "shuffled", "s", None, 1, note)]


def compare_darcy(count: int) -> list[Row]:
    """Rows of a symmetric positive definite sequence."""
    rtol = 1e-8
    grid = Grid.uniform((101, 101))
    problem = Darcy(grid)
    fields = curve(grid, count, 0.02)
    fields = [{"permeability": np.exp(g / g.std())} for g in fields]
    systems = [(problem.operator(i), problem.source(i)) for i in fields]

    def multigrid(A, b, _):
        M = Multigrid(A, dtype=np.float32)
        found = conjugate_gradient(A, b, preconditioner=M, rtol=rtol)
        return found.x, found.iterations

    space = RecycledSpace(20)

    def deflated(A, b, M):
        options = {"preconditioner": M, "rtol": rtol, "max_iterations": LIMIT}
        found = deflated_conjugate_gradient(A, b, space=space, **options)
        return found.x, found.iterations

    ours = {
        "multigrid-CG with set-up": run(systems, lambda A: None, multigrid, rtol),
        "solve_batch with assembly": all_at_once(problem, fields, systems, rtol),
    }
    rows = []
    rivals: dict[str, tuple[Callable, Solver]] = {
        "GCRO-DR(40, 20), ILU(1e-4)": (PRECONDITIONERS["ILU(1e-4)"], recycling(rtol)),
        "GCRO-DR(40, 20), Jacobi": (jacobi, recycling(rtol)),
        "deflated CG(20), Jacobi": (jacobi, deflated),
        "SuperLU": (lambda A: None, elimination),
    }
    for rival, (prepare, solver) in rivals.items():
        theirs = run(systems, prepare, solver, rtol)
        for name, mine in ours.items():
            note = f"{mine}; peer {theirs}, set-up {1e3 * theirs.setup:.0f} ms"
            task = f"Darcy 99 x 99, {name}"
            rows.append(Row(task, mine.seconds, theirs.seconds, rival, "s", None, 1, note))
    return rows


def all_at_once(problem: Darcy, fields: list, systems: list[System], rtol: float) -> Outcome:
    """Solve a sequence as a batch, from permeabilities to solutions."""
    stack = {"permeability": np.stack([f["permeability"] for f in fields])}
    start = time.process_time()
    solution = solve_batch(problem, stack, rtol)
    seconds = (time.process_time() - start) / len(fields)
    rests = [
        float(np.linalg.norm(b - A.apply(problem.unknowns(u))) / np.linalg.norm(b))
        for (A, b), u in zip(systems, solution.u, strict=True)
    ]
    reached = sum(r <= 1.05 * rtol for r in rests)
    return Outcome(
        seconds, float(np.mean(solution.iterations)), max(rests), reached, len(fields), 0.0
    )


def spiral(x, y, z):
    """Return a flow that turns around the z axis and rises."""
    return [-(y - 0.5), x - 0.5, 0.3 + 0 * x]


def compare_convection(count: int, nodes: int, small: int) -> list[Row]:
    """Rows of three-dimensional convection and diffusion."""
    rtol, rows = 1e-8, []

    def sequence(n, count):
        grid = Grid.uniform((n, n, n))
        problem = ConvectionDiffusion(grid, spiral)
        fields = curve(grid, count, 0.02)
        inputs = [{"diffusivity": 1e-3 * np.exp(0.5 * g / g.std())} for g in fields]
        return [(problem.operator(i), problem.source(i)) for i in inputs]

    def task(n):
        return f"convection-diffusion {n - 2}^3, GMRES and multigrid with set-up"

    def multigrid(A, b, _):
        return restarted(rtol)(A, b, DownstreamMultigrid(A))

    systems = sequence(small, 1)
    ours = run(systems, lambda A: None, multigrid, rtol)
    direct = run(systems, lambda A: None, elimination, rtol)
    A = systems[0][0]
    entries = sla.splu(A.to_sparse().tocsc(), permc_spec="MMD_AT_PLUS_A").nnz
    note = (
        f"{ours}; SuperLU {entries / A.shape[0]:.0f} numbers per unknown, {12 * entries / 1e6:.0f}"
    )
    note += f" MB, residual {direct.worst:.0e}"
    rows.append(Row(task(small), ours.seconds, direct.seconds, "SuperLU", "s", None, 1, note))
    systems = sequence(nodes, count)
    ours = run(systems, lambda A: None, multigrid, rtol)

    def stabilized(A, b, M):
        found = bicgstab(A, b, preconditioner=M, rtol=rtol)
        return found.x, found.iterations

    rivals: dict[str, tuple[Callable, Solver]] = {
        "BiCGStab, multigrid": (DownstreamMultigrid, stabilized),
        "GCRO-DR(40, 20), multigrid": (DownstreamMultigrid, recycling(rtol)),
        "GMRES(40), Jacobi": (jacobi, restarted(rtol)),
        "GCRO-DR(40, 20), Jacobi": (jacobi, recycling(rtol)),
    }
    for rival, (prepare, solver) in rivals.items():
        theirs = run(systems, prepare, solver, rtol)
        note = f"{ours}; peer {theirs}, set-up {1e3 * theirs.setup:.0f} ms"
        rows.append(Row(task(nodes), ours.seconds, theirs.seconds, rival, "s", None, 1, note))
    return rows


def warm_up() -> None:
    """Compile the kernels."""
    systems = helmholtz(CAVITY, 1.0, 1, 0.1)
    run(systems, ShiftedLaplacian, restarted(1e-3), 1e-3)
    compare_darcy(1)
    compare_convection(1, 9, 9)


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0], systems=(12, "systems of a sequence"))
    numba.set_num_threads(1)
    count = 4 if arguments.quick else arguments.systems
    with threadpool_limits(1):
        warm_up()
        chosen = ["ILU(1e-2)", "shifted Laplacian"] if arguments.quick else [*PRECONDITIONERS]
        limit = QUICK_LIMIT if arguments.quick else LIMIT
        cavity = helmholtz(CAVITY, 8.0, count, 0.02)
        rows = compare_helmholtz("cavity k=8", cavity, chosen, limit)
        if not arguments.quick:
            rows += compare_order(real_parts(helmholtz(CAVITY, 8.0, count, 0.1)))
            rows += compare_independent(2 * count)
        waves = helmholtz(OPEN, 30.0, min(count, 4), 0.02)
        rows += compare_helmholtz("open k=30", waves, chosen, limit, kept=10)
        rows += compare_darcy(count)
        rows += compare_convection(min(count, 3), 33 if arguments.quick else 65, 25)
    finish("Krylov methods on sequences", rows, arguments)


if __name__ == "__main__":
    main()
