"""What all reduced models do alike: take parameters, tell those outside, lift, and shrink."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, namespace, real_floating, to_numpy
from nwidth.errors import InputError

Array = NDArray[Any]


def one_parameter(mu: Any, many: str = "solve_many") -> Array:
    """Return one parameter, a number or shape (p,), as a row (1, p), or raise `InputError`.

    >>> one_parameter(2).tolist(), one_parameter([1.0, 2.0]).tolist()
    ([[2.0]], [[1.0, 2.0]])
    """
    mu = np.asarray(to_numpy(real_floating(mu, "mu")), np.float64)
    if mu.ndim > 1:
        raise InputError(
            f"mu: expected one parameter, a number or shape (p,), got shape {mu.shape}; use {many}"
        )
    return mu.reshape(1, -1)


def asked_parameters(inputs: Any) -> Any:
    """Return the parameters of `Surrogate.predict`, or raise `InputError`.

    >>> asked_parameters({"mu": [[1.0]]})
    [[1.0]]
    """
    if not isinstance(inputs, Mapping) or "mu" not in inputs:
        raise InputError("predict: expected the parameters as {'mu': array of shape (m, p)}")
    return inputs["mu"]


def inside_box(model: Any, mus: Array, outside: str) -> Array:
    """Return which parameters (m, p) lie in the box of a model, all without one; warn of others.

    >>> inside_box(type("Model", (), {"box": None})(), np.ones((2, 1)), "").tolist()
    [True, True]
    """
    inside = np.ones(len(mus), bool) if model.box is None else model.box.contains(mus)
    if not inside.all():
        warn_outside(model, outside, stacklevel=4)
    return inside


def warn_outside(model: Any, outside: str, stacklevel: int = 3) -> None:
    """Warn, once for each model, of parameters outside of its box, and say what holds there."""
    if not vars(model).get("_warned"):
        vars(model)["_warned"] = True
        warnings.warn(
            f"mu lies outside of the box of this model: {outside}; `inside` tells which (this is "
            "said once)",
            UserWarning,
            stacklevel=stacklevel,
        )


def lifted(basis: Array | None, x: Any, size: int) -> Array:
    """Return the fields V x, shape (..., n) for x (..., N), on the device of x.

    >>> lifted(np.array([[1.0], [2.0]]), [[3.0], [4.0]], 1).tolist()
    [[3.0, 6.0], [4.0, 8.0]]
    """
    if basis is None:
        raise InputError("lift: this model was saved without its basis; save it with basis=True")
    x = as_floating(x, "x")
    if x.ndim == 0 or x.shape[-1] != size:
        raise InputError(f"x: expected shape (..., {size}), got {x.shape}")
    return x @ namespace(x).asarray(basis).T


def leading_columns(R: Array, columns: int) -> Array:
    """Return the first columns of R, without the rows below that are zero in all of them.

    >>> leading_columns(np.array([[1.0, 2.0], [0.0, 3.0]]), 1)
    array([[1.]])
    """
    R = R[:, :columns]
    used = np.flatnonzero(R.any(axis=1))
    return R[: used[-1] + 1 if len(used) else 0]
