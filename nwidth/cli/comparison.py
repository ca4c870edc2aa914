"""The methods side by side on unseen samples: time, true error, certified bound."""

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.cli.progress import Meter
from nwidth.errors import InputError
from nwidth.fields import FieldDataset
from nwidth.operators import NeuralOperator
from nwidth.rom import CertifiedPrediction, certify, certify_fields
from nwidth.solvers import Problem, solve

Array = NDArray[Any]
Inputs = dict[str, Array]

TIGHT = 1e-12  # the residual of the discrete solutions that errors are measured against
LADDER = (0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 3e-3, 1e-3, 1e-4, 1e-5, 1e-6)


@dataclass(frozen=True)
class Row:
    """One method over all samples: medians, unless the name says otherwise.

    Times are of one sample at a time. Errors and bounds are relative, to the discrete solution;
    `bound` is None for a method that gives none. Effectivity is bound over true error.
    """

    method: str
    seconds: float
    l2_error: float
    energy_error: float
    worst_energy_error: float
    bound: float | None = None
    worst_bound: float | None = None
    effectivity: tuple[float, float] | None = None
    polished: int | None = None
    iterations: float | None = None


@dataclass
class Comparison:
    """All rows, and what the figure and the files need."""

    rows: list[Row] = field(default_factory=list)
    bounds: Array = field(default_factory=lambda: np.zeros(0))
    errors: Array = field(default_factory=lambda: np.zeros(0))
    effectivity_limit: float = 0.0
    discretization: list[float] = field(default_factory=list)
    error_to_data: float | None = None

    def describe(self) -> dict[str, Any]:
        """Return the numbers for a JSON file."""
        return {
            "rows": [asdict(row) for row in self.rows],
            "effectivity_limit": self.effectivity_limit,
            "discretization_error": self.discretization,
            "l2_error_to_data": self.error_to_data,
        }

    def row(self, method: str) -> Row:
        """Return the row of a method."""
        return next(row for row in self.rows if row.method == method)


SOLVER, MATCHED, CERTIFIED_SOLVER = "solver to 1e-8", "solver, matched", "solver, certified"
FNO, FNO_CERTIFIED, FNO_POLISHED = "FNO", "FNO + certificate", "FNO + polishing"
METHODS = (SOLVER, MATCHED, CERTIFIED_SOLVER, FNO, FNO_CERTIFIED, FNO_POLISHED)


class Contest:
    """Runs each method over the samples of a data set and measures it against the solution."""

    def __init__(self, operator: NeuralOperator, problem: Problem, data: FieldDataset, rtol: float):
        self.operator, self.problem, self.data, self.rtol = operator, problem, data, rtol
        self.certified = certify(operator, problem)
        self.exact: list[Array] = []
        self.sizes: list[float] = []

    def inputs(self, i: int) -> Inputs:
        """Return the inputs of a sample."""
        names = [item.name for item in self.problem.inputs]
        return {n: np.asarray(self.data[n][i], dtype=np.float64) for n in names}

    def compare(self, discretization: int, meter: Meter) -> Comparison:
        """Run all methods; `discretization` samples also get a two-grid estimate."""
        count, done = len(self.data), 0

        def tick(method: str) -> None:
            nonlocal done
            done += 1
            meter.update(done, method)

        for i in range(count):
            self._solve_exactly(i)
            tick("reference solutions")
        out = Comparison()
        fno = self._run(FNO, self._predict, partial(tick, FNO))
        out.rows.append(fno)
        tolerance = self._matching(fno.energy_error)
        runs: dict[str, Callable[[Inputs], Any]] = {
            SOLVER: lambda x: solve(self.problem, x, 1e-8).u,
            MATCHED: lambda x: solve(self.problem, x, tolerance).u,
            CERTIFIED_SOLVER: lambda x: self._certify(x, np.zeros(self.problem.grid.shape), True),
            FNO_CERTIFIED: lambda x: self._certify(x, self._predict(x), False),
            FNO_POLISHED: lambda x: self._certify(x, self._predict(x), True),
        }
        for name, method in runs.items():
            out.rows.append(self._run(name, method, partial(tick, name), out))
        out.rows.sort(key=lambda row: METHODS.index(row.method))
        out.discretization = self._discretization(min(discretization, count))
        out.error_to_data = self._error_to_data()
        return out

    def steps(self) -> int:
        """Return how many times the meter of `compare` moves."""
        return len(self.data) * (1 + len(METHODS))

    def _solve_exactly(self, i: int) -> None:
        """Solve to round-off; the certificate of that solution tells the size of u in energy."""
        x = self.inputs(i)
        u = solve(self.problem, x, TIGHT).u
        proof = self._certify(x, u, False)
        self.exact.append(u)
        self.sizes.append(float(proof.absolute_bound[0] / proof.bound[0]))

    def _predict(self, x: Inputs) -> Array:
        grid = self.problem.grid
        return self.operator.predict({n: a[None] for n, a in x.items()}, grid)[0]

    def _certify(self, x: Inputs, u: Array, polish: bool) -> CertifiedPrediction:
        batch = {name: values[None] for name, values in x.items()}
        rtol = self.rtol if polish else None
        norm = self.certified.dual_norm
        return certify_fields(self.problem, batch, u[None], rtol, dual_norm=norm)

    def _errors(self, i: int, u: Array) -> tuple[float, float]:
        """Return relative L2 and energy error of a field for sample i."""
        grid, x = self.problem.grid, self.inputs(i)
        error = np.asarray(u, dtype=np.float64) - self.exact[i]
        e = self.problem.unknowns(error)
        energy = float(np.sqrt(np.vdot(e, self.problem.operator(x).apply(e))))
        l2 = float(grid.norm(error)) / float(grid.norm(self.exact[i]))
        return l2, energy / self.sizes[i]

    def _run(
        self,
        name: str,
        method: Callable[[Inputs], Any],
        tick: Callable[[], None],
        keep: Comparison | None = None,
    ) -> Row:
        """Time a method sample by sample, once warmed up, and measure its errors."""
        method(self.inputs(0))
        seconds, errors, proofs = [], [], []
        for i in range(len(self.data)):
            x = self.inputs(i)
            start = time.perf_counter()
            answer = method(x)
            seconds.append(time.perf_counter() - start)
            if isinstance(answer, CertifiedPrediction):
                proofs.append(answer)
                answer = answer.u[0]
            errors.append(self._errors(i, answer))
            tick()
        l2, energy = np.array(errors).T
        row: dict[str, Any] = {
            "method": name,
            "seconds": float(np.median(seconds)),
            "l2_error": float(np.median(l2)),
            "energy_error": float(np.median(energy)),
            "worst_energy_error": float(np.max(energy)),
        }
        if proofs:
            row |= _proved(CertifiedPrediction.join(proofs), energy * np.array(self.sizes))
        if keep is not None and name == FNO_CERTIFIED:
            joined = CertifiedPrediction.join(proofs)
            keep.bounds, keep.errors = joined.bound, energy
            keep.effectivity_limit = float(joined.effectivity_limit.max())
        return Row(**row)

    def _matching(self, wanted: float) -> float:
        """Return the loosest residual tolerance whose median energy error is that of the FNO."""
        some = range(min(8, len(self.data)))
        for tolerance in LADDER:
            errors = [
                self._errors(i, solve(self.problem, self.inputs(i), tolerance).u)[1] for i in some
            ]
            if np.median(errors) <= wanted:
                return tolerance
        return LADDER[-1]

    def _discretization(self, count: int) -> list[float]:
        """Return two-grid estimates of the relative discretization error of the first samples."""
        if count == 0:
            return []
        inputs = [self.inputs(i) for i in range(count)]
        batch = {name: np.stack([x[name] for x in inputs]) for name in inputs[0]}
        fields = np.stack(self.exact[:count])
        try:
            result = certify_fields(
                self.problem, batch, fields, dual_norm=self.certified.dual_norm, discretization=True
            )
        except InputError as error:  # a grid that cannot be coarsened
            print(f"no estimate of the discretization error: {error}", file=sys.stderr)
            return []
        return [] if result.discretization is None else [float(e) for e in result.discretization]

    def _error_to_data(self) -> float | None:
        """Return the median L2 error of the FNO to the stored solutions, if they are finer ones."""
        name, grid = self.problem.output, self.problem.grid
        if self.data.provenance.get("restrict", 1) == 1:
            return None
        errors = []
        for i in range(len(self.data)):
            stored = np.asarray(self.data[name][i], dtype=np.float64)
            difference = self._predict(self.inputs(i)) - stored
            errors.append(float(grid.norm(difference)) / (float(grid.norm(stored)) or 1.0))
        return float(np.median(errors))


def _proved(proof: CertifiedPrediction, errors: Array) -> dict[str, Any]:
    """Return the entries of a row that come from its certificates; `errors` are absolute."""
    above = errors > 1e3 * np.finfo(float).eps * errors.max()  # below: both are round-off
    ratio = proof.absolute_bound[above] / errors[above]
    between = (float(ratio.min()), float(ratio.max())) if ratio.size else None
    return {
        "bound": float(np.median(proof.bound)),
        "worst_bound": float(proof.bound.max()),
        "effectivity": between,
        "polished": int(proof.polished.sum()),
        "iterations": float(np.mean(proof.iterations)),
    }
