"""Solutions of the full problem, by our elimination or by any code, checked as they come in."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom.affine_problem import AffineProblem
from nwidth.solvers.elimination import elimination

Array = NDArray[Any]


def full_solution(
    problem: AffineProblem, solve: Callable[[Array], Any] | None
) -> Callable[[Array], Array]:
    """Return mu -> u(mu), by `solve` or by elimination, whose errors name the parameter.

    >>> problem = AffineProblem(lambda mu: mu, [np.eye(2)], lambda mu: [1.0], [[3.0, 4.0]])
    >>> full_solution(problem, None)(np.array([2.0])).tolist()
    [1.5, 2.0]
    """
    if solve is None and problem.matrices.kind == "operator":
        raise InputError(
            "solve: expected a function mu -> u(mu), as the matrices are known by their action and "
            "cannot be eliminated; give one, by any code"
        )

    def eliminated(mu: Array) -> Array:
        return elimination(problem.matrix(mu))(problem.source(mu))

    return lambda mu: checked_solution(eliminated if solve is None else solve, mu, (problem.size,))


def checked_solution(
    solve: Callable[[Array], Any], mu: Array, shape: tuple[int, ...], what: str = "solution"
) -> Array:
    """Return solve(mu), finite numbers of the given shape; errors name the parameter.

    >>> checked_solution(lambda mu: [mu, 2 * mu], np.float64(3.0), (2,)).tolist()
    [3.0, 6.0]
    """
    name = f"{what} at mu = {mu.tolist()}"
    try:
        u = solve(mu)
    except InputError as error:
        raise type(error)(f"{name}: {error}") from None
    u = as_floating(np.asarray(u), name)
    return require_finite(require_shape(u, shape, name), name)
