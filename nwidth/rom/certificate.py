"""Certificates: any surrogate's predictions with an error bound, polished where it is too large."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import to_numpy
from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.affine_certificate import AffineErrorBound, CertifiedAffineSurrogate
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.certified_prediction import CertificateStatus, CertifiedPrediction
from nwidth.rom.dual_norm import DualNorm
from nwidth.rom.error_bound import Bound, ErrorBound
from nwidth.rom.surrogate import Predictor
from nwidth.rom.trajectory_certificate import CertifiedTrajectorySurrogate
from nwidth.solvers.evolution_problem import EvolutionProblem
from nwidth.solvers.problem import Inputs, Problem
from nwidth.solvers.solution import Status

Array = NDArray[Any]

# Polishing ends where round-off makes up this part of the bound.
MOSTLY_ROUND_OFF = 0.5
# Up to this relative bound a field counts as the discrete solution when grids are compared.
SOLVED = 1e-6
# Residual tolerance given to the solver: the bound decides, not this.
NEVER = 1e-15


@overload
def certify(surrogate: Predictor, problem: Problem) -> "CertifiedSurrogate": ...


@overload
def certify(surrogate: Any, problem: EvolutionProblem) -> CertifiedTrajectorySurrogate: ...


@overload
def certify(
    surrogate: Predictor, problem: AffineProblem, inner_product: Any, stability: Any = None
) -> CertifiedAffineSurrogate: ...


def certify(
    surrogate: Any,
    problem: Problem | EvolutionProblem | AffineProblem,
    inner_product: Any = None,
    stability: Any = None,
) -> "CertifiedSurrogate | CertifiedTrajectorySurrogate | CertifiedAffineSurrogate":
    """Return the surrogate with certificates: every prediction comes with a bound of its error.

        ||u - u^||_A  <=  ||b - A u^||_{K^-1} / sqrt(alpha),   A >= alpha K

    Reference: the residual bound of reduced basis methods, G. Rozza, D. Huynh, A. Patera (2008),
    doi:10.1007/s11831-008-9019-9; see `ErrorBound` for the formulas and `DualNorm` for round-off.
    u is the *discrete* solution of the problem on its grid.

    Args:
        surrogate: anything with `predict(inputs) -> (sample, *grid)`: a reduced model, a neural
            operator, a table. It is not asked how it works and cannot spoil the bound.
        problem: symmetric and coercive, on the grid on which the surrogate predicts; or in time,
            for trajectories, each step of which is compared with the solver's
            (`certify_trajectories`); or an `AffineProblem`, real or complex, for predictions (m, n)
            at parameters {"mu": (m, p)}. Errors of these are bounded in the norm of X instead
            (`AffineErrorBound`).
        inner_product: X of an affine problem: a matrix or an `InnerProduct`, None for Euclid's.
        stability: a `StabilityBound` of an affine problem with respect to X; by default that of
            the surrogate, if it is a reduced model.

    Raises `InputError` if the object cannot predict or the problem's dual norm is not known.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Darcy
    >>> class Zero:
    ...     def predict(self, inputs):
    ...         return 0 * inputs["permeability"]
    >>> certified = certify(Zero(), Darcy(Grid.uniform((9, 9))))
    >>> answer = certified.predict({"permeability": np.full((1, 9, 9), 3.0)}, rtol=1e-3)
    >>> bool(answer.bound_before[0] >= 1), bool(answer.bound[0] <= 1e-3), bool(answer.polished[0])
    (True, True, True)
    """
    if not callable(getattr(surrogate, "predict", None)):
        raise InputError(
            f"surrogate: expected an object with a predict method, got {surrogate!r:.80}"
        )
    if isinstance(problem, AffineProblem):
        stability = getattr(surrogate, "stability", None) if stability is None else stability
        if stability is None:
            raise InputError(
                "stability: expected a lower bound of the stability constant of an affine problem, "
                "got none; give one, such as min_theta(matrices, inner_product, references)"
            )
        bound = AffineErrorBound(problem, inner_product, stability)
        return CertifiedAffineSurrogate(surrogate, bound)
    if inner_product is not None or stability is not None:
        raise InputError(
            "inner product, stability: expected none of them for a problem on a grid, which knows "
            "both"
        )
    if isinstance(problem, EvolutionProblem):
        return CertifiedTrajectorySurrogate(surrogate, problem)
    return CertifiedSurrogate(surrogate, problem, DualNorm(problem))


@dataclass(frozen=True)
class CertifiedSurrogate:
    """A surrogate whose predictions carry error bounds; made by `certify`."""

    surrogate: Predictor
    problem: Problem
    dual_norm: DualNorm

    def predict(
        self,
        inputs: Mapping[str, Array],
        rtol: float | None = None,
        *,
        polish: bool = True,
        max_iterations: int = 200,
        discretization: bool = False,
    ) -> CertifiedPrediction:
        """Predict, bound the errors and, with `rtol`, polish until the bounds meet it.

        Arguments, results and errors are those of `certify_fields`; large data comes in chunks.
        """
        return certify_fields(
            self.problem,
            inputs,
            self.surrogate.predict(inputs),
            rtol,
            polish=polish,
            max_iterations=max_iterations,
            discretization=discretization,
            dual_norm=self.dual_norm,
        )


def certify_fields(
    problem: Problem,
    inputs: Mapping[str, Array],
    u: Array,
    rtol: float | None = None,
    *,
    polish: bool = True,
    max_iterations: int = 200,
    discretization: bool = False,
    dual_norm: DualNorm | None = None,
) -> CertifiedPrediction:
    """Bound the errors of fields that somebody has predicted, and polish where asked.

    Prescribed boundary values are imposed first, and without a Dirichlet side the mean is removed,
    as the discrete solution has mean zero. Everything is computed in float64 from the numbers as
    they come; float32 inputs stand for exactly the values they hold.

    Args:
        problem: the problem that the fields are to solve.
        inputs: its input fields by name, sample axis first.
        u: predictions `(sample, *grid)`.
        rtol: relative bound to reach. Samples above it are polished by preconditioned conjugate
            gradients from the prediction (from zero if that is closer) until the *bound* meets
            rtol. Good values: 1e-2 to 1e-6; round-off limits it to about 1e-11.
        polish: whether to polish, or only to tell.
        max_iterations: limit of the polishing iterations per sample.
        discretization: estimate the discretization error of each sample too. It costs a solve on a
            coarser grid and, unless the bound is below 1e-6, one from the field on this grid.
        dual_norm: that of the problem, if it is at hand from an earlier chunk.

    A tolerance that is not met is told by `status`, and raised by `checked()`. Raises `InputError`
    for missing inputs, shapes that do not fit, rtol out of range, inputs the problem refuses, and,
    with `discretization`, for a grid that cannot be coarsened; `NonFiniteError` for predictions
    with NaN or infinity, naming the sample.
    """
    number = isinstance(rtol, float | int | np.floating | np.integer)
    if rtol is not None and not (number and 0 < rtol < np.inf):
        raise InputError(f"rtol: expected a number > 0 or None, got {rtol!r}")
    if discretization:
        from nwidth.solvers.discretization_error import coarser

        coarser(problem)  # a grid that cannot be coarsened is told before the work
    norm = DualNorm(problem) if dual_norm is None else dual_norm
    fields = _fields(problem, u)
    grid = problem.grid
    out = np.empty((len(fields), *grid.shape))
    before, after, limits, estimates = [], [], [], []
    statuses, polished, iterations = [], [], []
    for i, sample in enumerate(_samples(problem, inputs, len(fields))):
        try:
            error_bound = ErrorBound(problem, sample, norm)
        except InputError as error:
            raise type(error)(f"sample {i}: {error}") from None
        x = problem.unknowns(fields[i].astype(np.float64))
        if norm.singular:
            x = x - np.average(x, weights=problem.unknowns(grid.weights))
        bound = error_bound(x)
        before.append(bound)
        status, count = CertificateStatus.CERTIFIED, 0
        too_large = rtol is not None and bound.relative > rtol
        if rtol is not None and too_large:
            status = CertificateStatus.TOO_LARGE
            if polish:
                x, bound, status, count = _polish(error_bound, x, bound, rtol, max_iterations)
        out[i] = problem.field(x, sample)
        after.append(bound)
        statuses.append(status)
        polished.append(too_large and polish)
        iterations.append(count)
        limits.append(error_bound.effectivity)
        if discretization:
            estimates.append(_discretization(problem, sample, out[i], bound))
    return CertifiedPrediction(
        u=out,
        bound=np.array([b.relative for b in after]),
        bound_before=np.array([b.relative for b in before]),
        absolute_bound=np.array([b.absolute for b in after]),
        l2_bound=np.array([b.l2 for b in after]),
        effectivity_limit=np.array(limits),
        polished=np.array(polished, dtype=bool),
        iterations=np.array(iterations, dtype=int),
        status=tuple(statuses),
        rtol=rtol,
        discretization=np.array(estimates) if discretization else None,
    )


def _polish(
    error_bound: ErrorBound, x: Array, bound: Bound, rtol: float, max_iterations: int
) -> tuple[Array, Bound, CertificateStatus, int]:
    """Iterate from x until the bound meets rtol; return unknowns, bound, status, iterations."""
    from nwidth.solvers.solve import solve

    problem, inputs = error_bound.problem, error_bound.inputs
    if bound.relative > 1:
        zero = np.zeros_like(x)
        other = error_bound(zero)
        if other.absolute < bound.absolute:
            x, bound = zero, other

    last = (x.copy(), bound)

    def evaluate(unknowns: Array) -> Bound:
        nonlocal last
        if not np.array_equal(unknowns, last[0]):
            last = (unknowns.copy(), error_bound(unknowns))
        return last[1]

    def met(unknowns: Array, residual: float) -> bool:
        # The residual's own norm is no guide: it falls later than the bound does.
        now = evaluate(unknowns)
        return now.relative <= rtol or now.floor > MOSTLY_ROUND_OFF * now.relative

    solution = solve(
        problem,
        inputs,
        NEVER,
        initial=problem.field(x, inputs),
        max_iterations=max_iterations,
        stop=met,
    )
    if solution.status is not Status.NON_FINITE:
        polished = problem.unknowns(solution.u)
        new = evaluate(polished)
        if new.absolute <= bound.absolute:
            x, bound = polished, new
    if bound.relative <= rtol:
        status = CertificateStatus.CERTIFIED
    elif solution.status is Status.MAX_ITERATIONS:
        status = CertificateStatus.MAX_ITERATIONS
    elif bound.floor > MOSTLY_ROUND_OFF * bound.relative:
        status = CertificateStatus.ROUND_OFF
    else:
        status = CertificateStatus.FAILED
    return x, bound, status, solution.iterations


def _discretization(problem: Problem, inputs: Inputs, u: Array, bound: Bound) -> float:
    """Estimate the discretization error from a field, solved for first where it is not yet."""
    from nwidth.solvers.discretization_error import discretization_error
    from nwidth.solvers.solve import solve

    if bound.relative > SOLVED:
        u = solve(problem, inputs, initial=u).checked().u
    return discretization_error(problem, inputs, u)


def _fields(problem: Problem, u: Array) -> Array:
    """Return the predictions, checked."""
    fields = to_numpy(u)
    shape = problem.grid.shape
    if fields.dtype.kind not in "fiu" or fields.ndim != len(shape) + 1 or fields.shape[1:] != shape:
        raise InputError(
            f"prediction: expected real numbers of shape (sample, {', '.join(map(str, shape))}) on "
            f"the problem's grid, got {fields.dtype} of shape {fields.shape}; predict on this grid"
        )
    for i, field in enumerate(fields):
        bad = np.argwhere(~np.isfinite(field))
        if len(bad):
            where = tuple(int(k) for k in bad[0])
            raise NonFiniteError(
                f"prediction of sample {i}: expected finite numbers, got {field[where]} at index "
                f"{where} ({len(bad)} of {field.size} entries are not finite); "
                "a certificate cannot mend this, check the surrogate and its inputs"
            )
    return fields


def _samples(problem: Problem, inputs: Mapping[str, Array], count: int) -> Iterator[Inputs]:
    """Yield the inputs of each sample in float64, checked for names and number."""
    names = [item.name for item in problem.inputs]
    if not isinstance(inputs, Mapping):
        raise InputError(
            f"inputs: expected a mapping with {', '.join(names)}, got {type(inputs).__name__}"
        )
    missing = [name for name in names if name not in inputs]
    if missing:
        raise InputError(
            f"inputs: expected {', '.join(names)}, got {', '.join(map(str, inputs)) or 'none'}; "
            f"add {', '.join(missing)}"
        )
    arrays = {name: to_numpy(inputs[name]) for name in names}
    for name, values in arrays.items():
        if values.ndim == 0 or len(values) != count:
            raise InputError(
                f"{name}: expected {count} samples along the first axis, one per prediction, got "
                f"an array of shape {values.shape}"
            )
    for i in range(count):
        yield {name: np.asarray(values[i], dtype=np.float64) for name, values in arrays.items()}
