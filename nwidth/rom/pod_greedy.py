"""POD-greedy: the basis grows by the main modes of the trajectory whose bound is largest."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.errors import InputError
from nwidth.rom.full_solution import checked_solution
from nwidth.rom.greedy import GreedyResult, GreedyStatus, GreedyStep, over_allowed, resumed
from nwidth.rom.growing_parabolic_basis import GrowingParabolicBasis
from nwidth.rom.parabolic_basis import ParabolicBasis, require_coercivity
from nwidth.rom.parabolic_problem import ParabolicProblem
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.pod import pod
from nwidth.rom.stability import StabilityBound, require_stable
from nwidth.rom.training_parameters import TrainingParameters

Array = NDArray[Any]

# Numbers of reduced trajectories in memory at once.
_BLOCK = 1 << 22
# What is left of a trajectory below this part of it is round-off.
_ROUND_OFF = 1e-13


def pod_greedy(
    problem: ParabolicProblem,
    training: Any,
    rtol: float = 1e-3,
    *,
    stability: StabilityBound,
    inner_product: Any = None,
    atol: float = 0.0,
    modes: int = 1,
    max_size: int = 100,
    box: ParameterBox | None = None,
    solve: Callable[[Array], Any] | None = None,
    progress: Callable[[GreedyStep, ParabolicBasis], Any] | None = None,
    start: GreedyResult | None = None,
) -> GreedyResult:
    """Return a reduced basis whose bound meets a tolerance at all training parameters.

        1.  mu* = argmax  Delta_N(mu) / (atol + rtol |||u_N(mu)|||)   over the training parameters
        2.  stop if that is at most 1
        3.  e^k = u^k(mu*) - P_V u^k(mu*),   k = 0, ..., K
        4.  V <- V + the first modes of the POD of e^0, ..., e^K

    Delta_N is the bound of `ParabolicBasis` at the last time, and P_V the projection in X. The
    first vectors are the initial values that do not vanish, or else modes of the trajectory of the
    first training parameter. One trajectory may be chosen several times. References: Haasdonk &
    Ohlberger (2008), doi:10.1051/m2an:2008001, section 4; rates of convergence: Haasdonk (2013),
    doi:10.1051/m2an/2012045.

    Args:
        problem: the problem of n unknowns.
        training: parameters (m, p), or (m,) for one number each.
        rtol: the bound is to be at most atol + rtol |||u_N|||. Good values: 1e-1 to 1e-5.
        stability: lower bound of the coercivity constant, positive at all training parameters.
        inner_product: X, a matrix or an `InnerProduct`; Euclidean by default.
        atol: an absolute part of the tolerance, in the space-time energy norm.
        modes: how many are added at a time. Good values: 1, the smallest basis, to 5, the fewest
            trajectories.
        max_size: limit on the number of vectors.
        box: where queries count as inside; by default what the training parameters span.
        solve: mu -> trajectory (K + 1, n) by any code; `problem.trajectory` by default.
        progress: called with each step and its model; True from it ends the search.
        start: a result for this very problem, to go on from with its basis.

    The result is that of `greedy`, with a `ParabolicBasis` as its model. Raises `InputError` that
    names the parameter where the problem is not known to be coercive, or where `solve` gives
    another shape, and `NonFiniteError` where it gives NaN.

    >>> from nwidth.rom import AffineProblem
    >>> from nwidth.rom.stability import MinTheta
    >>> A = [np.diag([1.0, 2.0, 3.0]), np.diag([0.0, 1.0, 2.0])]
    >>> elliptic = AffineProblem(lambda mu: (1, mu[0]), A, lambda mu: (1,), [[1.0, 1.0, 1.0]])
    >>> problem = ParabolicProblem(elliptic, np.eye(3), np.linspace(0, 1, 21))
    >>> alpha = MinTheta([[1.0, 1.0]], [1.0])  # A_1 + A_2 >= 1
    >>> result = pod_greedy(problem, np.linspace(1, 2, 9), 1e-6, stability=alpha).checked()
    >>> result.model.size
    3
    """
    require_instance(problem, "problem", ParabolicProblem)
    samples = TrainingParameters(training).values
    samples = np.array(samples.reshape(len(samples), -1), float)
    rtol, atol = require_number(rtol, "rtol", "[0, 1)"), require_number(atol, "atol", "[0, inf)")
    if rtol == atol == 0:
        raise InputError("rtol: expected rtol or atol above zero, got zero for both")
    modes, max_size = (
        require_integer(modes, "modes", 1),
        require_integer(max_size, "max_size", 1),
    )
    for name, given in (("solve", solve), ("progress", progress)):
        if given is not None and not callable(given):
            raise InputError(f"{name}: expected a function, got {given!r:.80}")
    require_coercivity(stability, len(problem.problem.matrices))
    require_stable(stability, problem.coefficients(samples)[0], samples)
    low, high = samples.min(axis=0), samples.max(axis=0)
    if box is None and (low < high).all():
        box = ParameterBox(low, high)
    solver, shape = solve or problem.trajectory, (problem.steps + 1, problem.size)

    def trajectory(mu: Array) -> Array:
        return checked_solution(solver, mu, shape, "trajectory")

    clock, steps = time.perf_counter(), []
    if start is None:
        basis = GrowingParabolicBasis(problem, inner_product, stability, box)
        values = np.stack(list(problem.initial.matrices), axis=1)
        if not basis.extend(values[:, values.any(axis=0)]):
            for mu in samples:
                if _extend(basis, trajectory(mu), min(modes, max_size)):
                    steps.append(GreedyStep(0, mu, np.inf, np.inf, np.inf, 0, 0.0))
                    break
            else:
                raise InputError(
                    "problem: expected sources or initial values that do not vanish, got zero "
                    "trajectories at all training parameters"
                )
    else:
        basis, steps, clock = resumed(start, GrowingParabolicBasis, problem)
    while True:
        model = basis.model()
        step = _worst(model, samples, rtol, atol, clock)  # 1
        steps.append(step)
        status = None
        if step.excess <= 1:  # 2
            status = GreedyStatus.CONVERGED
        elif model.size >= max_size:
            status = GreedyStatus.MAX_SIZE
        if progress is not None and progress(step, model) is True and status is None:
            status = GreedyStatus.STOPPED
        if status is None:
            count = min(modes, max_size - model.size)
            if not _extend(basis, trajectory(step.parameter), count):  # 3, 4
                status = GreedyStatus.STAGNATED
        if status is not None:
            # `GreedyResult` is written for `ReducedBasis`; ours has the same form.
            kept: Any = model, tuple(steps), status, basis
            return GreedyResult(*kept)


def _worst(
    model: ParabolicBasis, samples: Array, rtol: float, atol: float, clock: float
) -> GreedyStep:
    """Return the parameter of the largest excess, the first one if there are several."""
    together = max(1, _BLOCK // ((model.problem.steps + 1) * (model.size + 2)))
    found = []
    for first in range(0, len(samples), together):
        batch = model.solve_many(samples[first : first + together])
        found.append((batch.bound[:, -1], np.nan_to_num(batch.energy[:, -1])))
    bound, energy = (np.concatenate(part) for part in zip(*found, strict=True))
    excess = over_allowed(bound, atol + rtol * energy)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        relative = bound / energy
    i = int(np.argmax(excess))
    return GreedyStep(
        model.size,
        samples[i],
        float(bound[i]),
        float(relative[i]),
        float(excess[i]),
        len(samples),
        time.perf_counter() - clock,
    )


def _extend(basis: GrowingParabolicBasis, trajectory: Array, modes: int) -> int:
    """Add the first modes of what the basis leaves of a trajectory; return how many were new."""
    left, product = basis.remainder(trajectory), basis.inner_product
    whole, rest = (float(np.max(product.norm(u.T))) for u in (trajectory, left))
    if not rest > _ROUND_OFF * whole:
        return 0
    return basis.extend(pod(left, max_rank=modes, inner_product=product).modes.T)
