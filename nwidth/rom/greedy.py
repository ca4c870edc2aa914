"""Weak greedy: the basis grows by the solution whose error bound is largest."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.errors import InputError, NotConvergedError
from nwidth.rom._rounding_numba import LOST
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.full_solution import full_solution
from nwidth.rom.growing_basis import GrowingBasis
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.reduced_basis import ReducedBasis
from nwidth.rom.stability import StabilityBound, require_stable
from nwidth.rom.training_parameters import TrainingParameters

Array = NDArray[Any]

# Parameters that are evaluated together when old bounds say that the rest need not be.
TOGETHER = 256
# The worst bound is round-off if those of parameters in the basis are this near to it.
NEAR = 2.0
# Bounds up to here are those of data which vanish, for stability constants down to 2^-80.
VANISHING = 2.0**80 * LOST


class GreedyStatus(Enum):
    """Why the greedy search ended; the text of a failure is its remedy."""

    CONVERGED = "the tolerance was reached"
    MAX_SIZE = "max_size vectors were reached: raise it, loosen rtol, or divide the box"
    STAGNATED = (
        "the worst bound is that of solutions which are in the basis: round-off of the bounds, or "
        "the accuracy of `solve`, is reached; loosen rtol, or solve more accurately"
    )
    MAX_TRAINING = "max_training parameters were reached: raise it or loosen rtol"
    STOPPED = "progress asked to stop: give the result as `start` to go on"


@dataclass(frozen=True)
class GreedyStep:
    """The worst training parameter of a basis: its bounds, absolute and over the solution's norm.

    `excess` is the bound over what is allowed, `evaluated` how many bounds were computed to find
    it, `seconds` the time since the start.
    """

    size: int
    parameter: Array
    bound: float
    relative: float
    excess: float
    evaluated: int
    seconds: float


@dataclass(frozen=True)
class GreedyResult:
    """A reduced basis and how it was found.

    `history` has a step for each size of the basis, from zero; the parameter of each but the last
    was then added. `basis` is what can grow further.
    """

    model: ReducedBasis
    history: tuple[GreedyStep, ...]
    status: GreedyStatus
    basis: GrowingBasis = field(repr=False)

    @property
    def parameters(self) -> Array:
        """The parameters whose solutions span the basis, in their order, shape (N, p)."""
        return np.array([step.parameter for step in self.history[:-1]])

    @property
    def bounds(self) -> Array:
        """The worst bounds, for 0, 1, ..., N vectors."""
        return np.array([step.bound for step in self.history])

    def checked(self) -> "GreedyResult":
        """Return the result itself, or raise with the remedy if it did not converge."""
        if self.status is GreedyStatus.CONVERGED:
            return self
        last = self.history[-1]
        raise NotConvergedError(
            f"greedy: {self.status.value} (worst bound {last.bound:.1e} at mu = "
            f"{last.parameter.tolist()}, {last.relative:.1e} of the solution, {last.size} vectors)"
        )


def greedy(
    problem: AffineProblem,
    training: Any,
    rtol: float = 1e-4,
    *,
    stability: StabilityBound,
    inner_product: Any = None,
    atol: float = 0.0,
    max_size: int = 100,
    box: ParameterBox | None = None,
    test: str = "galerkin",
    solve: Callable[[Array], Any] | None = None,
    saturation: float | None = None,
    progress: Callable[[GreedyStep, ReducedBasis], Any] | None = None,
    start: GreedyResult | None = None,
) -> GreedyResult:
    """Return a reduced basis whose bound meets a tolerance at all training parameters.

        1.  mu* = argmax  Delta_N(mu) / (atol + rtol ||u_N(mu)||)   over the training parameters
        2.  stop if that is at most 1
        3.  V <- V + u(mu*),  orthonormal in the inner product

    Delta_N is the certified bound of the error ||u - u_N||. As it is within a fixed factor of the
    error, the basis is about as good as any of its size (Binev et al.). The first solution is that
    of the largest ||f||' / alpha. References: Binev, Cohen, Dahmen, DeVore, Petrova & Wojtaszczyk
    (2011), doi:10.1137/100795772; Rozza, Huynh & Patera (2008), doi:10.1007/s11831-008-9019-9.

    Bounds of earlier rounds can save evaluations if Delta_N(mu) <= C Delta_M(mu) for M < N, the
    saturation of Hesthaven, Stamm & Zhang (2014), doi:10.1051/m2an/2013100: those whose old bound
    times C is below the worst one found are left out. C = 1 is true for least squares, whose
    residual falls with each vector, and used there. For Galerkin's method residuals may rise;
    C = (gamma / alpha)^(1/2) is true for symmetric and gamma^2 / alpha^2 for other coercive
    problems, of continuity gamma, and everything is evaluated unless a constant is given. What was
    left out changes nothing, and before the tolerance counts as reached everything is evaluated.

    Args:
        problem: A(mu) and f(mu).
        training: parameters (m, p), or (m,) for one number each. Good values: grids for p <= 3,
            `ParameterBox.sobol` for more.
        rtol: the bound is to be at most atol + rtol ||u_N||. Good values: 1e-2 to 1e-8.
        stability: lower bound of the stability constant, positive at all training parameters.
        inner_product: X, a matrix or an `InnerProduct`; Euclidean by default.
        atol: an absolute part of the tolerance, in the norm of X, for solutions that may vanish.
        max_size: limit on the number of vectors.
        box: where queries count as inside; by default what the training parameters span.
        test: "galerkin" or "least-squares".
        solve: mu -> u(mu) by any code; sparse or dense elimination by default.
        saturation: C >= 1.
        progress: called with each step and its model; True from it ends the search.
        start: a result for this very problem, to go on from with other tolerances or parameters;
            inner product, stability bound and box are those of its basis.

    Raises `InputError` that names the parameter where the problem is not known to be stable, or
    where `solve` gives another shape, and `NonFiniteError` where it gives NaN.

    >>> from nwidth.rom.stability import MinTheta
    >>> A, f = [np.diag([1.0, 2.0]), np.diag([3.0, 1.0])], [[1.0, 1.0]]
    >>> problem = AffineProblem(lambda mu: (1, mu[0]), A, lambda mu: (1,), f)
    >>> alpha = MinTheta([[1.0, 1.0]], [3.0])  # A_1 + A_2 >= 3
    >>> result = greedy(problem, np.linspace(1, 2, 9), 1e-6, stability=alpha).checked()
    >>> result.model.size, result.parameters.tolist()
    (2, [[1.0], [2.0]])
    """
    require_instance(problem, "problem", AffineProblem)
    for name, given in (("solve", solve), ("progress", progress)):
        if given is not None and not callable(given):
            raise InputError(f"{name}: expected a function or None, got {given!r:.80}")
    if box is not None:
        require_instance(box, "box", ParameterBox)
    samples = TrainingParameters(training).values
    samples = np.array(samples.reshape(len(samples), -1), float)
    limits = _limits(rtol, atol)
    max_size = require_integer(max_size, "max_size", 1)
    if saturation is not None:
        saturation = require_number(saturation, "saturation", "[1, inf)")
    elif test == "least-squares":
        saturation = 1.0
    theta, phi = problem.coefficients(samples)
    alpha = positive_stability(stability, theta, samples)
    search, snapshot = _Search(samples, limits, saturation), full_solution(problem, solve)
    if start is None:
        product = InnerProduct.of(inner_product, problem.size)
        box = _spanned(samples) if box is None else box
        basis = GrowingBasis(problem, product, stability, box, test)
        clock = time.perf_counter()
        steps = [_first(problem, product, samples, phi, alpha)]
        basis.extend(snapshot(steps[0].parameter))
    else:
        basis, steps, clock = resumed(start, GrowingBasis, problem)
        if basis.test != test:
            raise InputError(f"test: expected that of start, {basis.test!r}, got {test!r}")
    while True:
        model = basis.model()
        chosen = np.array([step.parameter for step in steps])
        step = replace(search.worst(model), seconds=time.perf_counter() - clock)  # 1
        steps.append(step)
        status = None
        if step.excess <= 1:  # 2
            status = GreedyStatus.CONVERGED
        elif step.excess <= NEAR * excess(model, chosen, *limits)[0].max():
            status = GreedyStatus.STAGNATED
        elif model.size >= max_size:
            status = GreedyStatus.MAX_SIZE
        if progress is not None and progress(step, model) is True and status is None:
            status = GreedyStatus.STOPPED
        if status is None and not basis.extend(snapshot(step.parameter)):  # 3
            status = GreedyStatus.STAGNATED  # the basis holds it already
        if status is not None:
            return GreedyResult(model, tuple(steps), status, basis)


def resumed(start: Any, kind: Any, problem: Any) -> tuple[Any, list[GreedyStep], float]:
    """Return the basis, the steps and the clock of a result to go on from.

    Raises `InputError` unless it is a basis of that kind, for that problem and of the model's size.
    """
    basis: Any = require_instance(start, "start", GreedyResult).basis
    if not isinstance(basis, kind) or basis.problem is not problem:
        raise InputError(
            "start: expected a result for this very problem, got one for another; begin without "
            "start, or give the problem that it was found for"
        )
    if len(basis) != start.model.size:
        raise InputError(
            f"start: expected a basis of the {start.model.size} vectors of its model, got "
            f"{len(basis)}; go on from the latest result"
        )
    return basis, [*start.history[:-1]], time.perf_counter() - start.history[-1].seconds


def positive_stability(stability: StabilityBound, theta: Array, parameters: Array) -> Array:
    """Return the stability constants of parameters, or raise naming one where none is known."""
    if not hasattr(stability, "terms") or not callable(getattr(stability, "lower", None)):
        raise InputError(
            "stability: expected a lower bound of the stability constant, such as MinTheta, got "
            f"{stability!r:.80}"
        )
    return require_stable(stability, theta, parameters)


def excess(
    model: ReducedBasis, parameters: Array, rtol: float, atol: float
) -> tuple[Array, Array, Array]:
    """Return the bounds of parameters (m, p) over what is allowed, the bounds, and ||u_N||.

    Delta_N(mu) / (atol + rtol ||u_N(mu)||)
    """
    found = []
    for first in range(0, len(parameters), _BLOCK):
        batch = model.solve_many(parameters[first : first + _BLOCK])
        found.append((batch.bound, np.nan_to_num(np.linalg.norm(batch.x, axis=1))))
    bound, norm = (np.concatenate(part) for part in zip(*found, strict=True))
    return over_allowed(bound, atol + rtol * norm), bound, norm


class _Search:
    """The worst of the training parameters, found again for each model."""

    def __init__(self, samples: Array, limits: tuple[float, float], saturation: float | None):
        self.samples, self.limits, self.saturation = samples, limits, saturation
        # What earlier rounds leave: bounds of errors, and lower bounds of ||u||.
        self.last = np.full(len(samples), np.inf)
        self.least = np.zeros(len(samples))

    def worst(self, model: ReducedBasis) -> GreedyStep:
        """Return the parameter of the largest excess, the first one if there are several."""
        highest = self._highest()
        order = np.argsort(-highest, kind="stable")
        found, norms = np.full(len(order), -np.inf), np.zeros(len(order))
        best, done = -np.inf, 0
        together = len(order) if self.saturation is None else TOGETHER
        while done < len(order) and (best <= 1 or highest[order[done]] >= best):
            part = order[done : done + together]
            found[part], self.last[part], norms[part] = excess(
                model, self.samples[part], *self.limits
            )
            best, done, together = float(found.max()), done + len(part), 2 * together
        new = np.flatnonzero(found >= 0)
        self.least[new] = np.maximum(self.least[new], norms[new] - self.last[new])
        i = int(np.argmax(found))
        bound = float(self.last[i])
        relative = float(over_allowed(self.last[i : i + 1], norms[i : i + 1])[0])
        return GreedyStep(model.size, self.samples[i], bound, relative, best, done, 0.0)

    def _highest(self) -> Array:
        """Return upper bounds of each excess: ||u_N|| >= ||u|| - C Delta_M."""
        if self.saturation is None:
            return np.full(len(self.samples), np.inf)
        rtol, atol = self.limits
        bound = self.saturation * self.last
        return over_allowed(bound, atol + rtol * np.maximum(self.least - bound, 0))


# Parameters whose reduced solutions are in memory at once.
_BLOCK = 1 << 16


def over_allowed(bound: Array, allowed: Array) -> Array:
    """Return quotients; a bound above nothing allowed is infinitely too large.

    Bounds are never zero: those of data which vanish are what squares may lose.

    >>> over_allowed(np.array([3.0, 3.0, LOST]), np.array([1.5, 0.0, 0.0])).tolist()
    [2.0, inf, 0.0]
    """
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.where(bound > VANISHING, bound / allowed, 0.0)


def _limits(rtol: float, atol: float) -> tuple[float, float]:
    rtol, atol = require_number(rtol, "rtol", "[0, 1)"), require_number(atol, "atol", "[0, inf)")
    if rtol == atol == 0:
        raise InputError("rtol: expected rtol or atol above zero, got zero for both")
    return rtol, atol


def _first(
    problem: AffineProblem, product: InnerProduct, samples: Array, phi: Array, alpha: Array
) -> GreedyStep:
    """Return the step of the empty basis, whose bounds are ||f||' / alpha."""
    F = problem.sources.table()[0].T
    gram = F.conj().T @ product.riesz(F)
    square = np.einsum("mi,ij,mj->m", phi.conj(), gram, phi).real
    bounds = np.sqrt(np.maximum(square, 0)) / alpha
    i = int(np.argmax(bounds))
    if not bounds[i] > 0:
        raise InputError(
            "sources: expected f(mu) that does not vanish, got zero at all training parameters"
        )
    return GreedyStep(0, samples[i], float(bounds[i]), np.inf, np.inf, len(samples), 0.0)


def _spanned(samples: Array) -> ParameterBox | None:
    """Return the box that parameters span, or none if one of them is always the same."""
    low, high = samples.min(axis=0), samples.max(axis=0)
    return ParameterBox(low, high) if (low < high).all() else None
