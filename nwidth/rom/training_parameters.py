"""The parameters that a reduced model was trained on, and the range they span."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import real_floating, require_finite
from nwidth.errors import InputError

Array = NDArray[Any]


@dataclass(frozen=True)
class TrainingParameters:
    """Parameters mu_j, of one number each, shape (samples,), or of p, shape (samples, p).

    What is asked of a model later has the same form: a number or (p,) for one parameter, (many,)
    or (many, p) for several. Raises `InputError` for no parameters and for repeated ones, and
    `NonFiniteError` for NaN and infinity.

    >>> training = TrainingParameters(np.array([[1.0, 5.0], [2.0, 6.0]]))
    >>> training.covers([1.5, 5.5]), training.covers([1.5, 7.0])
    (True, False)
    """

    values: Array

    def __post_init__(self) -> None:
        values = real_floating(self.values, "parameters")
        if values.ndim not in (1, 2) or values.size == 0:
            raise InputError(
                f"parameters: expected shape (samples,) or (samples, p), got {values.shape}"
            )
        require_finite(values, "parameters")
        _, first = np.unique(values, axis=0, return_index=True)
        if len(first) < len(values):
            again = int(np.setdiff1d(np.arange(len(values)), first)[0])
            raise InputError(
                f"parameters: expected different ones, got {values[again].tolist()} a second time "
                f"in row {again}; remove it, for example by numpy.unique(parameters, axis=0)"
            )
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    def many(self, mu: Any) -> tuple[Array, bool]:
        """Return one parameter or several as rows, and whether there were several."""
        asked = real_floating(mu, "mu")
        asked = np.asarray(asked)
        one = self.values.ndim - 1
        if asked.ndim not in (one, one + 1) or asked.shape[asked.ndim - one :] != self._shape:
            wanted = f"of shape {self._shape} or many" if one else "a number or many"
            raise InputError(f"mu: expected one parameter, {wanted}, got shape {asked.shape}")
        require_finite(asked, "mu")
        several = asked.ndim == one + 1
        return (asked if several else asked[None]), several

    def covers(self, mu: Any) -> bool:
        """Return whether parameters lie within the box that the training ones span."""
        rows, _ = self.many(mu)
        low, high = self.values.min(axis=0), self.values.max(axis=0)
        return bool(((rows >= low) & (rows <= high)).all())

    def warn_outside(self, mu: Any) -> None:
        """Warn of parameters outside of the box, where nothing was learnt."""
        if not self.covers(mu):
            warnings.warn(
                "mu lies outside of the training parameters: the model extrapolates, and its "
                "errors are not those that were stated",
                UserWarning,
                stacklevel=3,
            )

    @property
    def _shape(self) -> tuple[int, ...]:
        return self.values.shape[1:]
