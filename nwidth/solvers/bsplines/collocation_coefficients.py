"""Coefficients of an equation of second order as numbers at points, on a box or a mapped domain."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import lives_on_gpu, require_finite, require_unmasked, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.boundary import called

Array = NDArray[Any]


def at_points(
    value: Any, coordinates: Sequence[Array], name: str, leads: Sequence[tuple[int, ...]] = ((),)
) -> Array:
    """Return a number, an array or a callable as finite numbers (*lead, *points).

    Args:
        value: numbers alone are the same at all points; arrays end with the points' axes; nested
            lists may mix both; a callable of all coordinates returns any of these.
        coordinates: one array for each coordinate, all of the points' shape.
        name: what to call it in errors.
        leads: the shapes that may stand before the points, such as (d,) for a vector.

    >>> x = np.linspace(0, 1, 3)
    >>> at_points(lambda x: [1.0, x], [x], "flow", [(2,)]).tolist()
    [[1.0, 1.0, 1.0], [0.0, 0.5, 1.0]]
    """
    points = coordinates[0].shape
    if callable(value):
        value = called(value, coordinates, name)
    numbers = _numbers(value, points)
    shape = None if numbers is None else numbers.shape
    if numbers is not None and numbers.ndim >= len(points) and shape is not None:
        cut = numbers.ndim - len(points)
        if shape[cut:] == points and shape[:cut] in leads:
            return require_finite(numbers, name)
    if numbers is not None and shape in leads:
        numbers = require_finite(numbers, name)
        spread = numbers.reshape(numbers.shape + (1,) * len(points))
        return np.broadcast_to(spread, numbers.shape + points)
    expected = " or ".join(str((*lead, *points)) for lead in leads)
    alone = " or ".join("one" if lead == () else f"{lead}" for lead in leads)
    came = f"shape {shape}" if shape is not None else f"{value!r:.80}"
    raise InputError(
        f"{name}: expected numbers ({alone}), an array of shape {expected}, or a callable of "
        f"{len(coordinates)} coordinates that returns either, got {came}"
    )


def narrowed(values: Any, dtype: Any, name: str) -> Array:
    """Return numbers in a precision, or raise `InputError` for infinite or complex ones of it.

    >>> narrowed([1.0, 1e30], "float32", "source").dtype
    dtype('float32')
    """
    given = np.asarray(values)
    if given.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        raise InputError(
            f"{name}: expected real values for a real equation, got complex ones; make the "
            "source of the equation complex, too"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        out = given.astype(dtype)
    if not np.isfinite(out).all():
        kind = out.real.dtype
        raise InputError(
            f"{name}: expected numbers within the range of {kind}, up to "
            f"{np.finfo(kind).max:.1e}, got some beyond it; scale the problem"
        )
    return out


def _numbers(value: Any, points: tuple[int, ...]) -> Array | None:
    """Return what may be a nested list of numbers and fields as one array, None if it is not."""
    if isinstance(value, list | tuple):
        parts = [_numbers(part, points) for part in value]
        kept = [part for part in parts if part is not None]
        if len(kept) < len(parts) or not parts:
            return None
        try:
            return np.stack(np.broadcast_arrays(*(_spread(part, kept, points) for part in kept)))
        except ValueError:
            return None
    try:
        require_unmasked(value, "coefficient")
        numbers = to_numpy(value) if lives_on_gpu(value) else np.asarray(value)
    except (TypeError, ValueError):
        return None
    return numbers + 0.0 if numbers.dtype.kind in "biufc" else None


def _spread(part: Array, parts: list[Array], points: tuple[int, ...]) -> Array:
    """Return a number as a field if others of its list are fields."""
    most = max(p.ndim for p in parts)
    if most < len(points) or part.ndim == most or part.ndim > most - len(points):
        return part
    return np.broadcast_to(part.reshape(part.shape + (1,) * len(points)), part.shape + points)


def diffusion_tensor(value: Any, coordinates: Sequence[Array]) -> Array:
    """Return a diffusion coefficient as symmetric tensors (d, d, *points), or raise.

    Numbers and fields are isotropic, d of them a diagonal, (d, d) a full tensor. Its real part must
    be positive definite at every point: the equation is elliptic.

    >>> diffusion_tensor(2.0, [np.zeros(1), np.zeros(1)])[..., 0].tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    d = len(coordinates)
    numbers = at_points(value, coordinates, "diffusion", [(), (d,), (d, d)])
    lead = numbers.ndim - coordinates[0].ndim
    if lead < 2:
        unit = np.eye(d).reshape(d, d, *(1,) * coordinates[0].ndim)
        numbers = unit * (numbers[None] if lead == 1 else numbers)
    numbers = (numbers + np.swapaxes(numbers, 0, 1)) / 2
    least = np.linalg.eigvalsh(np.moveaxis(numbers.real, (0, 1), (-2, -1)))[..., 0]
    if not least.min() > 0:
        where = np.unravel_index(int(least.argmin()), least.shape)
        at = ", ".join(f"{x[where]:.6g}" for x in coordinates)
        raise InputError(
            "diffusion: expected a positive definite tensor at every point (the equation is "
            f"elliptic), got one with the eigenvalue {least.min():.3g} at ({at})"
        )
    return numbers


def pulled_back(
    diffusion: Array, convection: Array, jacobian: Array, hessian: Array
) -> tuple[Array, Array]:
    """Return the coefficients of the same operator in the parameters of a map x = F(xi).

        A : grad_x^2 u - b . grad_x u  =  A^ : grad_xi^2 u - b^ . grad_xi u
        A^ = J^-1 A J^-T,    b^ = J^-1 (b + sum_kl A^_kl d^2 F / d xi_k d xi_l)

    Args:
        diffusion: A, shape (d, d, *points).
        convection: b, shape (d, *points).
        jacobian: J_ik = d F_i / d xi_k, shape (d, d, *points).
        hessian: d^2 F_i / d xi_k d xi_l, shape (d, d, d, *points).

    >>> J, H = np.full((1, 1, 1), 2.0), np.full((1, 1, 1, 1), 4.0)
    >>> a, b = pulled_back(np.ones((1, 1, 1)), np.zeros((1, 1)), J, H)
    >>> a.item(), b.item()
    (0.25, 0.5)
    """
    inverse = inverse_of(jacobian)
    A = np.einsum("ki...,ij...,lj...->kl...", inverse, diffusion, inverse)
    bent = np.einsum("kl...,ikl...->i...", A, hessian)
    return A, np.einsum("ki...,i...->k...", inverse, convection + bent)


def inverse_of(jacobian: Array) -> Array:
    """Return J^-1, shape (d, d, *points); raises `InputError` where the map folds or degenerates.

    >>> inverse_of(np.full((1, 1, 2), 4.0)).tolist()
    [[[0.25, 0.25]]]
    """
    matrices = np.moveaxis(jacobian, (0, 1), (-2, -1))
    volumes = np.linalg.det(matrices)
    size = np.linalg.norm(matrices, axis=(-2, -1)) ** matrices.shape[-1]
    if not np.all(np.sign(volumes.flat[0]) * volumes > 1e-12 * size):
        where = np.unravel_index(int(np.abs(volumes).argmin()), volumes.shape)
        raise InputError(
            "geometry: expected a map that is one-to-one, with Jacobians of one sign, got "
            f"determinants from {volumes.min():.3g} to {volumes.max():.3g}, the smallest at the "
            f"point of index {tuple(int(i) for i in where)}; repair or refine the geometry"
        )
    return np.moveaxis(np.linalg.inv(matrices), (-2, -1), (0, 1))
