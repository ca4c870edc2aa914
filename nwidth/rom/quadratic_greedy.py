"""Weak greedy for quadratic problems: the solution of the largest bound, or where there is none."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.errors import InputError, NotConvergedError
from nwidth.rom.full_solution import checked_solution
from nwidth.rom.greedy import GreedyStatus, over_allowed
from nwidth.rom.growing_quadratic_basis import GrowingQuadraticBasis
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.quadratic_basis import QuadraticBasis
from nwidth.rom.quadratic_problem import QuadraticProblem, parameter_rows

Array = NDArray[Any]

# An answer is good if its error is at most this part of what is allowed.
GOOD = 0.1


@dataclass(frozen=True)
class QuadraticGreedyStep:
    """The worst training parameter of a basis.

    `bound` is the largest bound, infinite while `uncertified` parameters have none; `parameter`
    is where it is, among several without a bound the one of the largest tau, or of the least
    stability constant.
    """

    size: int
    anchors: int
    parameter: Array
    bound: float
    relative: float
    uncertified: int
    seconds: float


@dataclass(frozen=True)
class QuadraticGreedyResult:
    """A reduced basis and how it was found; `basis` is what can grow further.

    `skipped` are parameters without a solution, as far as Newton's method could tell.
    """

    model: QuadraticBasis
    history: tuple[QuadraticGreedyStep, ...]
    status: GreedyStatus
    skipped: Array
    basis: GrowingQuadraticBasis = field(repr=False)

    def checked(self) -> "QuadraticGreedyResult":
        """Return the result itself, or raise with the remedy if it did not converge."""
        if self.status is GreedyStatus.CONVERGED:
            return self
        last = self.history[-1]
        raise NotConvergedError(
            f"quadratic_greedy: {self.status.value} (worst bound {last.bound:.1e} at mu = "
            f"{last.parameter.tolist()}, {last.size} vectors, {last.uncertified} parameters "
            "without a bound)"
        )


def quadratic_greedy(
    problem: QuadraticProblem,
    training: Any,
    rtol: float = 1e-4,
    *,
    inner_product: Any = None,
    atol: float = 0.0,
    max_size: int = 60,
    max_anchors: int = 200,
    box: ParameterBox | None = None,
    continuity: Any = None,
    solve: Callable[[Array], Any] | None = None,
    progress: Callable[[QuadraticGreedyStep], Any] | None = None,
) -> QuadraticGreedyResult:
    """Return a reduced basis whose bound meets a tolerance at all training parameters.

        mu* = argmax  Delta_N(mu) / (atol + rtol ||u_N(mu)||)

    Delta_N is the bound of `QuadraticBasis`. Where it is infinite (tau >= 1, or a Jacobian that is
    not known to be coercive) the parameter comes first, and its solution brings a vector and an
    anchor of the stability constant; an anchor alone where the answer was good but not certified.
    Reference: Veroy & Patera (2005), doi:10.1002/fld.867, section 5.

    Args:
        problem: A(mu), B(mu) and f(mu).
        training: parameters (m, p).
        rtol: the bound is to be at most atol + rtol ||u_N||. Good values: 1e-2 to 1e-8.
        inner_product: X, a matrix or an `InnerProduct`; Euclidean by default.
        atol: an absolute part of the tolerance, in the norm of X.
        max_size: limit on the number of vectors.
        max_anchors: limit on the number of solutions, vectors or not.
        box: where queries count as inside; by default what the training parameters span.
        continuity: gamma_p of each quadratic term, by default computed.
        solve: mu -> u(mu) by any code; by default `problem.solve`.
        progress: called with each step; True from it ends the search.

    Parameters that have no solution are skipped and told by `skipped`. Raises `InputError` if none
    has one.

    >>> from nwidth.rom.affine_problem import AffineProblem
    >>> from nwidth.rom.quadratic_form import QuadraticForm
    >>> linear = AffineProblem(lambda mu: [1.0], [np.eye(2)], lambda mu: [mu[0]], [[1.0, 2.0]])
    >>> b = QuadraticForm(np.eye(2), np.eye(2), np.eye(2))
    >>> problem = QuadraticProblem(linear, lambda mu: [1.0], [b])
    >>> found = quadratic_greedy(problem, np.linspace(0.1, 1, 10)[:, None], 1e-6).checked()
    >>> found.model.size
    2
    """
    require_instance(problem, "problem", QuadraticProblem)
    samples = parameter_rows(training)
    rtol, atol = require_number(rtol, "rtol", "[0, 1)"), require_number(atol, "atol", "[0, inf)")
    if rtol == atol == 0:
        raise InputError("rtol: expected rtol or atol above zero, got zero for both")
    max_size = require_integer(max_size, "max_size", 1)
    max_anchors = require_integer(max_anchors, "max_anchors", 1)
    for name, given in (("solve", solve), ("progress", progress)):
        if given is not None and not callable(given):
            raise InputError(f"{name}: expected a function or None, got {given!r:.80}")
    low, high = samples.min(axis=0), samples.max(axis=0)
    if box is None and (low < high).all():
        box = ParameterBox(low, high)
    product = InnerProduct.of(inner_product, problem.size)
    basis = GrowingQuadraticBasis(problem, product, box, continuity)
    clock = time.perf_counter()
    steps: list[QuadraticGreedyStep] = []
    open_ones = np.ones(len(samples), bool)  # neither solved for nor given up
    skipped = np.zeros(len(samples), bool)

    def add(index: int, known: Array | None = None) -> None:
        mu = samples[index]
        open_ones[index] = False
        u = None
        if solve is not None:
            u = checked_solution(solve, mu, (problem.size,))
        elif (found := problem.solve(mu)).converged:
            u = found.u
        skipped[index] = u is None
        if u is not None:
            # Where the answer was good and only its bound was missing, an anchor is all it takes.
            error = np.inf if known is None else float(product.norm(u - known))
            good = error <= GOOD * (atol + rtol * float(product.norm(u)))
            basis.extend(mu, u, anchor_only=good)

    # The parameter nearest to the middle of all is the likeliest to have a solution.
    spread = np.where(high > low, high - low, 1.0)
    for index in np.argsort(np.linalg.norm((samples - (low + high) / 2) / spread, axis=1)):
        add(int(index))
        if len(basis):
            break
    else:
        raise InputError(
            "training: expected parameters for which the problem has a solution that is not zero, "
            "got none; give solve, or other parameters"
        )
    while True:
        model = basis.model()
        answers = model.solve_many(samples)
        norms = np.nan_to_num(np.linalg.norm(answers.x, axis=1))
        excess = over_allowed(answers.bound, atol + rtol * norms)
        excess[skipped] = 0.0
        # Of those without a bound the furthest from having one first.
        order = np.lexsort((-answers.stability, np.minimum(answers.tau, np.inf), excess))
        worst = int(order[-1])
        bound = float(answers.bound[worst])
        relative = bound / norms[worst] if norms[worst] > 0 else np.inf
        steps.append(
            QuadraticGreedyStep(
                len(basis),
                basis.anchors,
                samples[worst],
                bound,
                relative,
                int((~answers.certified & ~skipped).sum()),
                time.perf_counter() - clock,
            )
        )
        status = None
        if excess[worst] <= 1:
            status = GreedyStatus.CONVERGED
        elif not open_ones[worst]:
            status = GreedyStatus.STAGNATED
        elif len(basis) >= max_size or basis.anchors >= max_anchors:
            status = GreedyStatus.MAX_SIZE
        if progress is not None and progress(steps[-1]) is True and status is None:
            status = GreedyStatus.STOPPED
        if status is not None:
            return QuadraticGreedyResult(model, tuple(steps), status, samples[skipped], basis)
        lifted = None if answers.certified[worst] else np.nan_to_num(model.lift(answers.x[worst]))
        add(worst, lifted)
