"""Operators side by side: a batch of systems for the Krylov methods."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nwidth.arguments import require_instance
from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.solvers.linear_operator import LinearOperator, MatrixOperator, as_operator


class StackedOperator(LinearOperator):
    """Operators of one shape as one block diagonal operator on arrays `(sample, *shape)`.

        (A u)[s] = A_s u[s]

    It is `batched`: Krylov methods solve the samples side by side, each with its own numbers and
    its own end. For several right-hand sides of one operator repeat it: `StackedOperator([A] * 8)`;
    a repeated matrix is multiplied by all of them at once.

    Args:
        operators: LinearOperators, matrices or SciPy's operators, at least one.

    Raises `InputError` for no operators and for different shapes.

    >>> A = StackedOperator([np.eye(2), 2 * np.eye(2)])
    >>> A.apply(np.ones((2, 2))).tolist()
    [[1.0, 1.0], [2.0, 2.0]]
    """

    batched = True

    def __init__(self, operators: Sequence[Any]):
        require_instance(operators, "operators", Sequence)
        wrapped: dict[int, LinearOperator] = {id(a): as_operator(a) for a in operators}
        self.operators = tuple(wrapped[id(a)] for a in operators)
        shapes = {(a.range_shape, a.domain_shape) for a in self.operators}
        if len(shapes) != 1:
            came = ", ".join(f"{domain} -> {range_}" for range_, domain in sorted(shapes))
            raise InputError(f"operators: expected at least one, all of one shape, got {came or 0}")
        ((range_shape, domain_shape),) = shapes
        self.range_shape = (len(self.operators), *range_shape)
        self.domain_shape = (len(self.operators), *domain_shape)
        self.dtype = np.result_type(*(a.dtype for a in self.operators))
        self.properties = frozenset.intersection(*(a.properties for a in self.operators))
        first = self.operators[0]
        self._one = isinstance(first, MatrixOperator) and len(wrapped) == 1

    def _apply(self, u: Any) -> Any:
        if self._one:
            return self.operators[0]._apply(u.T).T
        return namespace(u).stack([a.apply(u[s]) for s, a in enumerate(self.operators)])

    def _adjoint(self, v: Any) -> Any:
        if self._one:
            return self.operators[0]._adjoint(v.T).T
        return namespace(v).stack([a.adjoint(v[s]) for s, a in enumerate(self.operators)])
