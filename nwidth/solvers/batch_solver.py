"""Solve batch after batch of one problem in the same work space."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import (
    as_floating,
    lives_on_gpu,
    namespace,
    require_finite,
    require_shape,
    to_numpy,
)
from nwidth.errors import InputError
from nwidth.solvers.automatic_choice import choose
from nwidth.solvers.batch_solution import BatchSolution
from nwidth.solvers.equations.diffusion_problem import DiffusionProblem
from nwidth.solvers.equations.helmholtz import Helmholtz
from nwidth.solvers.krylov.batched_conjugate_gradient import LaneResult
from nwidth.solvers.krylov.iterate import check_limits, in_range
from nwidth.solvers.lane_group import LaneGroup, sample_named, unsuited
from nwidth.solvers.line_group import LineGroup
from nwidth.solvers.operator_solver import OperatorSolver
from nwidth.solvers.problem import Inputs, LinearProblem
from nwidth.solvers.solution import Solution, Status
from nwidth.solvers.solve import solve

Array = NDArray[Any]
Progress = Callable[[int, int], None]

ON_DEVICE = "arrays on a device: multigrid, all samples of a group as one operator"
UNEVEN = "couplings along one axis are much the stronger, which semi-coarsening is for"

# Ends of the batched iteration after which `solve` has a try.
_OPEN = (Status.BREAKDOWN, Status.STAGNATED, Status.NON_FINITE)


class BatchSolver:
    """`solve_batch` for one problem, any number of times: it keeps the memory it works in.

    Args:
        problem: what to solve.

    `why` is None if samples on the host are solved side by side, and otherwise tells why each takes
    one `solve` of its own. CuPy inputs are solved on their device, see `DeviceBatch`. Several
    threads may call one solver at once: they share its groups and wait for free ones.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Darcy
    >>> solver = BatchSolver(Darcy(Grid.uniform((9, 9))))
    >>> solver.solve({"permeability": np.ones((3, 9, 9))}).iterations
    (2, 2, 2)
    """

    def __init__(self, problem: LinearProblem):
        require_instance(problem, "problem", LinearProblem)
        self.problem, self.why = problem, unsuited(problem)
        #: What solves a group of samples on the host.
        self.group = LineGroup if problem.grid.dimension == 1 else LaneGroup
        self._free: SimpleQueue[LaneGroup | LineGroup] = SimpleQueue()
        self._groups, self._lanes, self._growth = 0, 0, Lock()
        self._stack: Any = None  # a DeviceBatch once there are arrays on a device

    def __reduce__(self) -> tuple[Any, ...]:
        return BatchSolver, (self.problem,)  # copies find memory of their own

    def solve(
        self,
        inputs: Inputs,
        rtol: float = 1e-8,
        *,
        max_iterations: int = 200,
        initial: Array | None = None,
        progress: Progress | None = None,
        first: int = 0,
    ) -> BatchSolution:
        """Return the solutions of a batch; the arguments are those of `solve_batch`.

        Errors number the samples from `first`.
        """
        check_limits(rtol, max_iterations)
        first = require_integer(first, "first", 0)
        if progress is not None and not callable(progress):
            raise InputError(f"progress: expected a function of two counts, got {progress!r:.80}")
        checked, samples = _checked(self.problem, inputs)
        dtype = np.result_type(*(values.dtype for values in checked.values()))
        if isinstance(self.problem, Helmholtz):
            dtype = np.result_type(dtype, np.complex64)
        u = namespace(*checked.values()).empty((samples, *self.problem.grid.shape), dtype)
        guesses = None if initial is None else _guesses(initial, u)
        batch = _Batch(checked, None, guesses, u, rtol, max_iterations, first)
        report = progress or (lambda done, total: None)
        return self._solved(batch, self._on_device if lives_on_gpu(u) else self._on_host, report)

    def solve_systems(
        self, inputs: Inputs, right: Array, rtol: float = 1e-8, *, max_iterations: int = 200
    ) -> BatchSolution:
        """Return x with A(mu_s) x_s = b_s for other right-hand sides b, such as adjoint ones.

        Args:
            inputs: those of `solve_batch`, in the host's memory.
            right: b, shape `(sample, *unknowns)`. Where constants are in the kernel each b_s sums
                to zero, and x_s has volume-weighted mean zero.
            rtol: see `solve_batch`.
            max_iterations: see `solve_batch`.

        `u` of the solution holds the unknowns x, shape of b. The problem is `Darcy` or another
        `DiffusionProblem`.

        >>> from nwidth.meshes import Grid
        >>> from nwidth.solvers import Darcy
        >>> a, b = np.ones((2, 5)), np.ones((2, 3))
        >>> BatchSolver(Darcy(Grid.uniform(5))).solve_systems({"permeability": a}, b).u[1].tolist()
        [0.375, 0.5, 0.375]
        """
        check_limits(rtol, max_iterations)
        problem = require_instance(self.problem, "problem", DiffusionProblem)
        checked, samples = _checked(problem, inputs)
        right = as_floating(right, "right-hand side")
        if right.dtype.kind != "f" or any(map(lives_on_gpu, (right, *checked.values()))):
            raise InputError(
                "right-hand side: expected real numbers, and inputs, in the host's memory"
            )
        require_shape(right, (samples, *problem.volumes.shape), "right-hand side")
        require_finite(right, "right-hand side")
        dtype = np.result_type(right.dtype, *(values.dtype for values in checked.values()))
        x = np.empty(right.shape, dtype)
        batch = _Batch(checked, right, None, x, rtol, max_iterations, 0)
        return self._solved(batch, self._on_host, lambda done, total: None)

    def _solved(self, batch: "_Batch", method: Any, report: Progress) -> BatchSolution:
        """Run a method and collect what became of the samples."""
        start, cpu_start = time.perf_counter(), time.process_time()
        solutions = method(batch, report)
        return BatchSolution(
            batch.u,
            tuple(solution.status for solution in solutions),
            tuple(solution.residuals for solution in solutions),
            tuple(solution.method for solution in solutions),
            tuple(solution.reason for solution in solutions),
            time.perf_counter() - start,
            time.process_time() - cpu_start,
        )

    def _on_host(self, batch: "_Batch", report: Progress) -> list[Solution]:
        """Solve side by side where that is possible."""
        if self.why is not None:
            return self._one_by_one(batch, report, self.why)
        return self._side_by_side(batch, report)

    def _one_by_one(self, batch: "_Batch", report: Progress, why: str) -> list[Solution]:
        """Solve each sample by a `solve` of its own."""
        solutions = []
        for i in range(len(batch.u)):
            guess = None if batch.guesses is None else batch.guesses[i]
            found = self._alone(batch, i, guess, batch.max_iterations)
            solutions.append(replace(found, reason=f"one by one, {why}; {found.reason}"))
            report(i + 1, len(batch.u))
        return solutions

    def _alone(self, batch: "_Batch", i: int, guess: Array | None, max_iterations: int) -> Solution:
        """Solve sample i by `solve`, in float64 as all samples are."""
        item = {
            name: values[i].astype(np.float64, copy=False) for name, values in batch.inputs.items()
        }
        options: Any = {"max_iterations": max_iterations, "initial": guess}
        with sample_named(batch.first + i):
            if batch.right is None:
                found = solve(self.problem, item, batch.rtol, **options)
            else:
                found = _system_solved(self.problem, item, batch.right[i], batch.rtol, **options)
        batch.u[i] = found.u
        return found

    def _side_by_side(self, batch: "_Batch", report: Progress) -> list[Solution]:
        """Solve group after group, as many at a time as there are threads."""
        lanes, number = self._prepared(len(batch.u))

        def run(start: int) -> list[LaneResult]:
            part, group = slice(start, start + lanes), self._free.get()
            try:
                inputs = {name: values[part] for name, values in batch.inputs.items()}
                guesses = None if batch.guesses is None else batch.guesses[part]
                limits = (batch.rtol, batch.max_iterations)
                right = None if batch.right is None else batch.right[part]
                first, u = batch.first + start, batch.u[part]
                return group.solve(first, inputs, guesses, *limits, u, right)
            finally:
                self._free.put(group)

        solutions: list[Solution] = []
        with ThreadPoolExecutor(number) as threads:
            jobs = [threads.submit(run, start) for start in range(0, len(batch.u), lanes)]
            try:
                for job in jobs:
                    for result in job.result():
                        method, reason = self.group.method, self.group.reason
                        end = self._closed(batch, len(solutions), result, method, reason)
                        solutions.append(end)
                    report(len(solutions), len(batch.u))
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise
        return solutions

    def _prepared(self, samples: int) -> tuple[int, int]:
        """Return the samples of a group, and how many groups there are to work at once."""
        from nwidth.solvers._lanes_numba import get_num_threads

        with self._growth:
            while True:
                number = min(get_num_threads(), -(-samples // self._lanes)) if self._groups else 1
                if self._groups >= number:
                    return self._lanes, number
                group = self.group(self.problem)  # type: ignore[arg-type]
                self._lanes, self._groups = group.lanes, self._groups + 1
                self._free.put(group)

    def _on_device(self, batch: "_Batch", report: Progress) -> list[Solution]:
        """Solve group after group, or sample after sample, on the device of the arrays."""
        from nwidth.solvers.device_batch import DeviceBatch, unstackable

        why = unstackable(self.problem)
        if why is not None:
            return self._one_by_one(batch, report, why)
        self._stack = self._stack or DeviceBatch(self.problem)  # type: ignore[arg-type]
        solutions: list[Solution] = []
        for start in range(0, len(batch.u), self._stack.size):
            part = slice(start, start + self._stack.size)
            inputs = {name: values[part] for name, values in batch.inputs.items()}
            guesses = None if batch.guesses is None else batch.guesses[part]
            limits = (batch.rtol, batch.max_iterations)
            batch.u[part], ends = self._stack.solve(inputs, *limits, guesses, batch.first + start)
            for end in ends:
                result = LaneResult(end.status, list(end.residuals))
                end = self._closed(batch, len(solutions), result, LaneGroup.method, ON_DEVICE)
                solutions.append(end)
            report(len(solutions), len(batch.u))
        return solutions

    def _closed(
        self, batch: "_Batch", i: int, result: LaneResult, method: str, reason: str
    ) -> Solution:
        """Return the solution of one sample; `solve` finishes what the batched iteration has not.

        Those runs take turns in the calling thread.
        """
        status, residuals = result.status, tuple(result.residuals)
        if status is not None and status not in _OPEN:
            status = in_range(status, batch.u[i], residuals[-1])
            return Solution(batch.u[i], status, residuals, method, reason)
        done, begun = len(residuals) - 1, bool(np.isfinite(residuals[-1]))
        # After a breakdown zero may be the better guess.
        sound = begun and (status is None or residuals[-1] < 1) and np.isfinite(batch.u[i]).all()
        guess = batch.u[i] if sound else None
        if not begun and batch.guesses is not None:
            guess = batch.guesses[i]
        found = self._alone(batch, i, guess, batch.max_iterations - done)
        note = f"{method} ended after {done} iterations, being slow" if begun else UNEVEN
        if status is not None:
            note = f"{method} ended after {done} iterations: {status.name}"
        reason = f"{note}; {found.reason}"
        return replace(found, residuals=residuals[:-1] + found.residuals, reason=reason)


@dataclass(frozen=True)
class _Batch:
    """What to solve, all with the sample first, limits, and where the solutions go.

    Whole fields, or unknowns where right-hand sides are given.
    """

    inputs: dict[str, Array]
    right: Array | None
    guesses: Array | None
    u: Array
    rtol: float
    max_iterations: int
    first: int


def _system_solved(
    problem: Any, inputs: Inputs, b: Array, rtol: float, *, max_iterations: int, initial: Any
) -> Solution:
    """Solve A(mu) x = b for one sample; the unknowns take the place of the field."""
    A = problem.operator(inputs)
    method, reason = choose(problem, inputs, A, rtol)
    result, note = OperatorSolver(A, problem.grid, method).solve(
        b.astype(A.dtype), initial=initial, rtol=rtol, max_iterations=max_iterations
    )
    x, volumes = result.x, problem.unknowns(problem.grid.weights)
    if "positive semidefinite" in A.properties:
        x = x - (volumes * x).sum() / volumes.sum()
    reason = "; ".join(filter(None, (reason, note)))
    status = in_range(result.status, x, result.residuals[-1])
    return Solution(x, status, result.residuals, method, reason)


def _checked(problem: LinearProblem, inputs: Inputs) -> tuple[dict[str, Array], int]:
    """Return the inputs and the number of samples, after a check of names and shapes."""
    names = [item.name for item in problem.inputs]
    if not isinstance(inputs, Mapping) or {*inputs} != {*names}:
        came = ", ".join(map(str, inputs)) if isinstance(inputs, Mapping) else repr(inputs)[:80]
        raise InputError(
            f"inputs: expected a mapping with {', '.join(names)}, got {came or 'none'}"
        )
    shape, d = problem.grid.shape, problem.grid.dimension
    fields: dict[str, Array] = {}
    for name in names:
        try:
            came = inputs[name]
            values = as_floating(came if lives_on_gpu(came) else to_numpy(came), name)
        except InputError:
            raise
        except (TypeError, ValueError) as error:
            raise InputError(f"{name}: expected an array of numbers: {error}") from None
        fits = values.ndim > d and tuple(values.shape[values.ndim - d :]) == shape
        if values.dtype.kind != "f" or not fits or len(values) == 0:
            raise InputError(
                f"{name}: expected real numbers of shape (samples, {', '.join(map(str, shape))}) "
                f"with at least one sample, got {values.dtype} of shape {tuple(values.shape)}"
            )
        fields[name] = values
    sizes = {name: len(values) for name, values in fields.items()}
    if len({*sizes.values()}) != 1:
        raise InputError(f"inputs: expected one number of samples, got {sizes}")
    return fields, next(iter(sizes.values()))


def _guesses(initial: Array, u: Array) -> Array:
    """Return checked first guesses, where the solutions are."""
    if not (lives_on_gpu(u) and lives_on_gpu(initial)):
        initial = namespace(u).asarray(to_numpy(initial))
    if initial.dtype.kind not in ("fiuc" if u.dtype.kind == "c" else "fiu"):
        raise InputError(f"initial guess: expected real numbers, got dtype {initial.dtype}")
    require_shape(initial, u.shape, "initial guess")
    return require_finite(initial, "initial guess")
