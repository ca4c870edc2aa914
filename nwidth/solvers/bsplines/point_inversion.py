"""From points in space back to the parameters of a rational map."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.arrays import real_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.meshes.knot_vector import wrapped
from nwidth.solvers.bsplines.nurbs import Nurbs

Array = NDArray[Any]

STEPS = 60

# Farther points, in sizes of the domain, would leave no digits of where they are nearest to.
FARTHEST = 1e12


class InvertedPoints(NamedTuple):
    """Parameters of points, and how far their images are from them.

    Attributes:
        parameters: shape (dimension, *points), for instance to call a solution with.
        distance: shape (*points), zero but for rounding where a point is on the map.
    """

    parameters: Array
    distance: Array


def point_inversion(geometry: Nurbs, points: Any, tolerance: float = 1e-14) -> InvertedPoints:
    """Return the parameters whose images are nearest to points in space.

        minimize |x(xi) - X|^2 over the box of the knots

    by damped Gauss-Newton steps (Levenberg & Marquardt) from the nearest of some points of every
    interval of the knots; where one does not halve the distance, as beyond the domain, by damped
    Newton steps from then on. Points beyond the domain get parameters of a point of its boundary
    that is nearest among those around, and their distance. Piegl & Tiller (1997), The NURBS Book,
    doi:10.1007/978-3-642-59223-2, section 6.1.

    Args:
        geometry: curve, surface or body.
        points: X, shape (space, *points), coordinates first as in what a `Nurbs` returns.
        tolerance: of the distance, relative to the size of the domain; 1e-14 is what rounding
            leaves.

    Where the map is not one-to-one, as at the centre of a sector, one of the answers is found.
    Raises `InputError` for another number of coordinates, `NonFiniteError` for NaN.

    >>> from nwidth.solvers.bsplines.nurbs_shapes import quarter_annulus
    >>> found = point_inversion(quarter_annulus(1.0, 2.0), [1.5 * 0.6, 1.5 * 0.8])
    >>> float(found.parameters[0].round(12)), bool(found.distance < 1e-14)
    (0.5, True)
    """
    require_instance(geometry, "geometry", Nurbs)
    X = to_numpy(require_finite(real_floating(points, "points"), "points")).astype(np.float64)
    if X.ndim == 0 or X.shape[0] != geometry.space:
        raise InputError(f"points: expected shape ({geometry.space}, ...), got {X.shape}")
    small = require_number(tolerance, "tolerance", "(0, 1)")
    # In units of its size, the squares of lengths of the domain are numbers.
    size = float(np.ptp(geometry.points.reshape(-1, geometry.space), axis=0).max()) or 1.0
    geometry, flat = geometry.moved(np.eye(len(X)) / size), X.reshape(len(X), -1) / size
    if np.abs(flat).max(initial=0.0) > FARTHEST:
        raise InputError(
            f"points: expected them within {FARTHEST:.0e} sizes of the domain, {size:.3g}, got "
            f"{np.abs(X).max():.3g}"
        )
    xi, low, high = _nearest_samples(geometry, flat)
    around = np.array([[k.periodic] for k in geometry.knots])
    found, J = _residual(geometry, xi, flat)
    distance = np.linalg.norm(found, axis=0)
    damping, slow = np.full(flat.shape[1], 1e-8), np.zeros(flat.shape[1], bool)
    active = np.arange(flat.shape[1])
    for _ in range(STEPS):
        active = active[distance[active] > small]
        if not len(active):
            break
        old, r, slopes = xi[:, active], found[:, active], J[..., active]
        # Parameters at an end that would leave the box are held there.
        downhill = np.einsum("ik...,i...->k...", slopes, r)
        held = ((old <= low) & (downhill > 0)) | ((old >= high) & (downhill < 0))
        bend = np.zeros((len(active), len(low), len(low)))
        if len(curved := np.flatnonzero(slow[active])):
            H = geometry.hessian(*old[:, curved])
            bend[curved] = np.einsum("iklm,im->mkl", H, r[:, curved])
        step = _damped_step(slopes, r, bend, damping[active], held & ~around)
        new = old - step
        new = np.where(around, wrapped(new, low, high), np.clip(new, low, high))
        there, J_there = _residual(geometry, new, flat[:, active])
        closer = np.linalg.norm(there, axis=0)
        better = closer < distance[active]
        slow[active] |= closer > 0.5 * distance[active]
        kept = active[better]
        moved = np.abs(new - old)[:, better].max(axis=0, initial=0.0)
        xi[:, kept], found[:, kept], J[..., kept] = (
            new[:, better],
            there[:, better],
            J_there[..., better],
        )
        distance[kept] = closer[better]
        damping[active] = np.where(better, 1e-15 + damping[active] * 0.1, damping[active] * 10)
        # Steps that change nothing, and those that no damping makes better, are the last.
        done = np.zeros(flat.shape[1], bool)
        done[kept] = moved < 1e-16
        done[active] |= damping[active] > 1e10
        active = active[~done[active]]
    shape = X.shape[1:]
    return InvertedPoints(xi.reshape(geometry.dimension, *shape), size * distance.reshape(shape))


def _nearest_samples(geometry: Nurbs, X: Array) -> tuple[Array, Array, Array]:
    """Return starts (dimension, m), and the lower and upper ends of the parameters as columns."""
    from scipy.spatial import KDTree

    sides = []
    for knots in geometry.knots:
        ends, count = knots.breakpoints, 2 * knots.degree + 2
        inside = (np.arange(count) + 0.5) / count
        sides.append((ends[:-1, None] + np.diff(ends)[:, None] * inside).ravel())
    images = geometry.on_grid(sides).points.reshape(geometry.space, -1)
    grid = np.stack([g.ravel() for g in np.meshgrid(*sides, indexing="ij")])
    nearest = KDTree(images.T).query(X.T)[1]
    ends = np.array([[k.lower, k.upper] for k in geometry.knots])
    return grid[:, nearest], ends[:, :1], ends[:, 1:]


def _residual(geometry: Nurbs, xi: Array, X: Array) -> tuple[Array, Array]:
    """Return x(xi) - X and the Jacobian."""
    values = geometry.evaluate(*xi, derivatives=1)
    assert values.jacobian is not None
    return values.points - X, values.jacobian


def _damped_step(J: Array, r: Array, bend: Array, damping: Array, held: Array) -> Array:
    """Return (J^T J + bend + damping D)^-1 J^T r for each point, D the trace of J^T J.

    Parameters that are held do not move.
    """
    J, free = np.moveaxis(J, (0, 1), (-2, -1)), ~held.T
    normal = J.swapaxes(-2, -1) @ J
    largest = np.maximum(np.trace(normal, axis1=-2, axis2=-1), 1e-280)
    eye = np.eye(J.shape[-1])
    matrix = normal + bend + (damping * largest)[:, None, None] * eye
    matrix = np.where(free[:, :, None] & free[:, None, :], matrix, eye)
    right = J.swapaxes(-2, -1) @ r.T[..., None]
    return np.linalg.solve(matrix, right * free[..., None])[..., 0].T
