"""Domains that are exact as rational splines: discs, rings, cylinders, a plate with a hole."""

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_flag, require_number
from nwidth.errors import InputError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.nurbs import Nurbs

Array = NDArray[Any]

TURN = 2 * np.pi


def circular_arc(radius: float = 1.0, angle: float = TURN, start: float = 0.0) -> Nurbs:
    """Return an arc around the origin, as pieces of at most a quarter of a circle.

        P_0, P_2 on the circle, P_1 where their tangents meet, w_1 = cos(half of the angle between)

    Degree 2; between pieces the second derivatives jump. Piegl & Tiller (1997), The NURBS Book,
    doi:10.1007/978-3-642-59223-2, section 7.3.

    Args:
        radius: > 0.
        angle: from 0 to 2 pi; the parameter runs from 0 to 1, counter-clockwise.
        start: the angle at which it starts.

    >>> x, y = circular_arc(2.0)(np.linspace(0, 1, 7))
    >>> bool(abs(x**2 + y**2 - 4).max() < 1e-14)
    True
    """
    r = require_number(radius, "radius", "(0, inf)")
    angle = require_number(angle, "angle", f"(0, {TURN}]")
    start = require_number(start, "start", "(-inf, inf)")
    pieces = max(1, ceil(angle / (TURN / 4) - 1e-12))
    half = angle / (2 * pieces)
    turns = start + half * np.arange(2 * pieces + 1)
    points = r * np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    weights = np.ones(len(turns))
    points[1::2] /= np.cos(half)
    weights[1::2] = np.cos(half)
    breakpoints = np.arange(pieces + 1) / pieces
    inner = np.repeat(breakpoints[1:-1], 2)
    knots = KnotVector.open(np.concatenate([[0.0], inner, [1.0]]), 2)
    return Nurbs(knots, points, weights)


def annulus(inner: float = 1.0, outer: float = 2.0, angle: float = TURN) -> Nurbs:
    """Return the part of a ring between two radii, with parameters (radius, angle) in [0, 1]^2.

    Degrees (1, 2). The whole ring has a seam, where the angle is 0 and 1.

    >>> round(annulus(1.0, 2.0).measure() / np.pi, 12)
    3.0
    """
    a = require_number(inner, "inner", "(0, inf)")
    b = require_number(outer, "outer", "(0, inf)")
    if not a < b:
        raise InputError(f"outer: expected a radius above inner = {a}, got {b}")
    return _between(circular_arc(a, angle), circular_arc(b, angle))


def quarter_annulus(inner: float = 1.0, outer: float = 2.0) -> Nurbs:
    """Return the quarter of a ring in x, y >= 0: smooth, the usual first domain that is no box.

    Parameters (radius, angle) in [0, 1]^2, degrees (1, 2), six control points.

    >>> quarter_annulus()(1.0, 1.0).round(12).tolist()
    [0.0, 2.0]
    """
    return annulus(inner, outer, TURN / 4)


def disc_sector(radius: float = 1.0, angle: float = TURN / 4) -> Nurbs:
    """Return the part of a disc within an angle, with parameters (radius, angle) in [0, 1]^2.

    The side of radius 0 is one point, where the Jacobian is singular. Degrees (1, 2).

    >>> round(disc_sector(2.0, np.pi / 2).measure() / np.pi, 12)
    1.0
    """
    arc = circular_arc(radius, angle)
    centre = Nurbs(arc.knots, 0 * arc.points, arc.weights)
    return _between(centre, arc)


def disc(radius: float = 1.0) -> Nurbs:
    """Return the disc as the image of a square, without a singular centre.

    Degrees (2, 2), nine control points. Its sides are quarters of the circle, so that the Jacobian
    is singular at the four corners, where two sides have one tangent.

    >>> round(disc().measure() / np.pi, 12)
    1.0
    """
    r = require_number(radius, "radius", "(0, inf)")
    s = np.sqrt(0.5)
    x = np.array([[-s, -2 * s, -s], [0, 0, 0], [s, 2 * s, s]])
    points = np.stack([x, x.T], axis=-1)
    weights = np.array([[1.0, s, 1.0], [s, 1.0, s], [1.0, s, 1.0]])
    return Nurbs([KnotVector.uniform(1, 2)] * 2, r * points, weights)


def plate_with_hole(radius: float = 1.0, width: float = 4.0, sharp: bool = False) -> Nurbs:
    """Return the quarter of a square plate with a round hole: -width <= x <= 0 <= y <= width.

    The classical example of isogeometric analysis (Hughes, Cottrell & Bazilevs (2005),
    doi:10.1016/j.cma.2004.10.008, section 4): degrees (2, 2), the first parameter going around from
    the negative x-axis to the y-axis, with one knot in the middle, the second outwards from the
    hole. Weights of the two inner points at the hole are (1 + 1 / sqrt 2) / 2.

    Args:
        radius: of the hole.
        width: of the quarter, above the radius.
        sharp: False has two control points in the corner (-width, width), as published: smooth
            inside, with a singular Jacobian in that corner. True has one point there and a doubled
            knot in the middle instead: no singular point, but a kink along the diagonal.

    >>> plate = plate_with_hole()
    >>> bool(abs(plate.measure() - (16 - np.pi / 4)) < 1e-12)
    True
    """
    r = require_number(radius, "radius", "(0, inf)")
    w = require_number(width, "width", "(0, inf)")
    if not r < w:
        raise InputError(f"width: expected more than the radius {r} of the hole, got {w}")
    if require_flag(sharp, "sharp"):
        arc = circular_arc(r, TURN / 4).inserted([[0.5, 0.5]])
        outside = np.array([[-w, 0], [-w, w / 2], [-w, w], [-w / 2, w], [0, w]])
        points = np.stack([arc.points * [-1, 1], outside], axis=1)
        weights = np.stack([arc.weights, np.ones(5)], axis=1)
        return Nurbs([*arc.knots, KnotVector.uniform(1, 1)], points, weights).elevated((0, 1))
    tangent, middle = np.sqrt(2) - 1, (r + w) / 2
    side = tangent * r + (0.25 - tangent / 3) * (w - r)  # as published where w = 4 r, never folded
    points = np.array(
        [
            [[-r, 0], [-middle, 0], [-w, 0]],
            [[-r, r * tangent], [-middle, side], [-w, w]],
            [[-r * tangent, r], [-side, middle], [-w, w]],
            [[0, r], [0, middle], [0, w]],
        ]
    )
    weights = np.ones((4, 3))
    weights[1:3, 0] = (1 + np.sqrt(0.5)) / 2
    return Nurbs([KnotVector.uniform(2, 2), KnotVector.uniform(1, 2)], points, weights)


def cylinder_shell(
    radius: float = 1.0,
    length: float = 2.0,
    thickness: float | None = None,
    angle: float = TURN,
) -> Nurbs:
    """Return the shell of a cylinder around the z-axis, or a part of it.

    Args:
        radius: of the inner face.
        length: along z, from 0.
        thickness: in the direction of the radius; None for the surface alone.
        angle: from 0 to 2 pi.

    Parameters are (angle, z), degrees (2, 1), of the surface, and (radius, angle, z), degrees
    (1, 2, 1), of the body.

    >>> round(cylinder_shell(1.0, 2.0).measure() / np.pi, 12)
    4.0
    """
    r, z = (
        require_number(v, name, "(0, inf)") for v, name in ((radius, "radius"), (length, "length"))
    )
    if thickness is None:
        return _extruded(circular_arc(r, angle), z)
    h = require_number(thickness, "thickness", "(0, inf)")
    return _extruded(annulus(r, r + h, angle), z)


def _between(first: Nurbs, second: Nurbs) -> Nurbs:
    """Return the ruled surface from one curve to another of the same knots, in a new parameter.

    Weights go from one to the other as well, so that both ends stay what they are.
    """
    points = np.stack([first.points, second.points])
    weights = np.stack([first.weights, second.weights])
    return Nurbs([KnotVector.uniform(1, 1), *first.knots], points, weights)


def _extruded(base: Nurbs, height: float) -> Nurbs:
    """Return the plane curve or domain moved along a new axis z, from 0 to a height."""
    levels = [np.append(base.points, np.full((*base.basis.shape, 1), z), -1) for z in (0.0, height)]
    points = np.stack(levels, axis=-2)
    weights = np.stack([base.weights] * 2, axis=-1)
    return Nurbs([*base.knots, KnotVector.uniform(1, 1)], points, weights)
