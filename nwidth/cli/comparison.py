"""The methods side by side on unseen samples: time, true error, certified bound.

The samples are certified and polished here once, with the clock running, and handed on to be kept.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.cli.certify import Keep
from nwidth.cli.progress import Meter
from nwidth.errors import InputError
from nwidth.fields import FieldDataset
from nwidth.operators import NeuralOperator
from nwidth.rom import CertifiedPrediction, DualNorm, certify_fields
from nwidth.solvers import Problem, solve

Array = NDArray[Any]
Inputs = dict[str, Array]

TIGHT = 1e-12  # the residual of the discrete solutions that errors are measured against
LADDER = (0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 3e-3, 1e-3, 1e-4, 1e-5, 1e-6)


@dataclass(frozen=True)
class Row:
    """One method over all samples: medians, unless the name says otherwise.

    `middle_half` are the quartiles of the time: how far it can be trusted.

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
    middle_half: tuple[float, float] | None = None


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
PLAIN_FNO, FNO_CERTIFIED, FNO_POLISHED = "FNO", "FNO + certificate", "FNO + polishing"
CONTESTANTS = (SOLVER, MATCHED, CERTIFIED_SOLVER, PLAIN_FNO, FNO_CERTIFIED, FNO_POLISHED)

# What a method gives: a field, and its certificate if it has one.
Answer = tuple[Array, CertifiedPrediction | None]

_OF_A_PROOF = ("bound", "absolute_bound", "effectivity_limit", "polished", "iterations")


class Contest:
    """Runs each method over the samples of a data set and measures it against the solution."""

    def __init__(self, operator: NeuralOperator, problem: Problem, data: FieldDataset, rtol: float):
        self.operator, self.problem, self.data, self.rtol = operator, problem, data, rtol
        self.dual_norm = DualNorm(problem)
        self.exact: list[Array] = []
        self.sizes: list[float] = []

    def inputs(self, i: int) -> Inputs:
        """Return the inputs of a sample."""
        names = [item.name for item in self.problem.inputs]
        return {n: np.asarray(self.data[n][i], dtype=np.float64) for n in names}

    def compare(self, discretization: int, meter: Meter, keep: Keep) -> Comparison:
        """Run all methods; `discretization` samples also get a two-grid estimate.

        `keep` is given each polished prediction with its certificate, outside the clock.
        """
        count, done = len(self.data), 0

        def tick(method: str) -> None:
            nonlocal done
            done += 1
            meter.update(done, method)

        for i in range(count):
            self._solve_exactly(i)
            tick("reference solutions")
        out = Comparison()
        fno, _ = self._run(PLAIN_FNO, lambda x: (self._predict(x), None), partial(tick, PLAIN_FNO))
        out.rows.append(fno)
        tolerance = self._matching(fno.energy_error)
        runs: dict[str, Callable[[Inputs], Answer]] = {
            SOLVER: lambda x: (solve(self.problem, x, 1e-8).u, None),
            MATCHED: lambda x: (solve(self.problem, x, tolerance).u, None),
            CERTIFIED_SOLVER: lambda x: self._certify(x, np.zeros(self.problem.grid.shape), True),
            FNO_CERTIFIED: lambda x: self._certify(x, self._predict(x), False),
            FNO_POLISHED: lambda x: self._certify(x, self._predict(x), True),
        }
        for name, method in runs.items():
            kept = keep if name == FNO_POLISHED else None
            row, numbers = self._run(name, method, partial(tick, name), kept)
            out.rows.append(row)
            if name == FNO_CERTIFIED:
                out.bounds, out.errors = numbers["bound"], numbers["error"]
                out.effectivity_limit = float(numbers["effectivity_limit"].max())
        out.rows.sort(key=lambda row: CONTESTANTS.index(row.method))
        out.discretization = self._discretization(min(discretization, count))
        out.error_to_data = self._error_to_data()
        return out

    def steps(self) -> int:
        """Return how many times the meter of `compare` moves."""
        return len(self.data) * (1 + len(CONTESTANTS))

    def _solve_exactly(self, i: int) -> None:
        """Solve to round-off; the certificate of that solution tells the size of u in energy."""
        x = self.inputs(i)
        u = solve(self.problem, x, TIGHT).u
        proof = self._prove(x, u, False)
        self.exact.append(u)
        self.sizes.append(float(proof.absolute_bound[0] / proof.bound[0]))

    def _predict(self, x: Inputs) -> Array:
        grid = self.problem.grid
        return self.operator.predict({n: a[None] for n, a in x.items()}, grid)[0]

    def _certify(self, x: Inputs, u: Array, polish: bool) -> Answer:
        return u, self._prove(x, u, polish)

    def _prove(self, x: Inputs, u: Array, polish: bool) -> CertifiedPrediction:
        batch = {name: values[None] for name, values in x.items()}
        rtol = self.rtol if polish else None
        return certify_fields(self.problem, batch, u[None], rtol, dual_norm=self.dual_norm)

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
        method: Callable[[Inputs], Answer],
        tick: Callable[[], None],
        keep: Keep | None = None,
    ) -> tuple[Row, dict[str, Array]]:
        """Time a method sample by sample, once warmed up, and measure its errors.

        Returns the row and the numbers of each sample behind it; fields are not held.
        """
        method(self.inputs(0))
        found: list[dict[str, float]] = []
        for i in range(len(self.data)):
            x = self.inputs(i)
            start = time.perf_counter()
            u, proof = method(x)
            numbers = {"seconds": time.perf_counter() - start}
            if proof is not None:
                if keep is not None:
                    keep(i, u, proof.u[0], proof.scalars(0))
                u = proof.u[0]
                numbers |= {n: float(getattr(proof, n)[0]) for n in _OF_A_PROOF}
            numbers["l2"], numbers["error"] = self._errors(i, u)
            found.append(numbers)
            tick()
        columns = {key: np.array([numbers[key] for numbers in found]) for key in found[0]}
        low, high = np.quantile(columns["seconds"], (0.25, 0.75))
        row: dict[str, Any] = {
            "method": name,
            "seconds": float(np.median(columns["seconds"])),
            "middle_half": (float(low), float(high)),
            "l2_error": float(np.median(columns["l2"])),
            "energy_error": float(np.median(columns["error"])),
            "worst_energy_error": float(np.max(columns["error"])),
        }
        if "bound" in columns:
            row |= _proved(columns, columns["error"] * np.array(self.sizes))
        return Row(**row), columns

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
                self.problem, batch, fields, dual_norm=self.dual_norm, discretization=True
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


def _proved(columns: dict[str, Array], errors: Array) -> dict[str, Any]:
    """Return the entries of a row that come from its certificates; `errors` are absolute."""
    above = errors > 1e3 * np.finfo(float).eps * errors.max()  # below: both are round-off
    ratio = columns["absolute_bound"][above] / errors[above]
    between = (float(ratio.min()), float(ratio.max())) if ratio.size else None
    return {
        "bound": float(np.median(columns["bound"])),
        "worst_bound": float(columns["bound"].max()),
        "effectivity": between,
        "polished": int(columns["polished"].sum()),
        "iterations": float(np.mean(columns["iterations"])),
    }
