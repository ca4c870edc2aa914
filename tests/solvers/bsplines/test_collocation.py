"""Orders against manufactured solutions, for all sides, in one to three dimensions."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import KnotVector
from nwidth.solvers import Boundary, Dirichlet, Neumann, Robin
from nwidth.solvers.bsplines import Collocation
from nwidth.solvers.bsplines.nurbs_shapes import cylinder_shell, quarter_annulus


def orders(errors, ratio=2.0):
    """Return observed orders of the last two of a sequence of error tuples."""
    return np.log(np.divide(errors[-2], errors[-1])) / np.log(ratio)


def u1(x):
    return np.sin(3 * x + 0.4) + x * np.exp(x)


def du1(x):
    return 3 * np.cos(3 * x + 0.4) + (1 + x) * np.exp(x)


def d2u1(x):
    return -9 * np.sin(3 * x + 0.4) + (2 + x) * np.exp(x)


@pytest.mark.parametrize("conservative", [False, True])
@pytest.mark.parametrize("p", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("points", ["greville", "superconvergent"])
def test_orders_in_one_dimension(p, points, conservative):
    """-(a u')' + b u' + c u or -a u'' + ...; Robin at one end, Neumann at the other."""
    f = lambda x: (  # noqa: E731
        -(1 + x**2) * d2u1(x) - conservative * 2 * x * du1(x) + (1 + x) * du1(x) + np.cos(x) * u1(x)
    )
    sides = Boundary({"x_lower": Robin(2.0, 2 * u1(0) - du1(0)), "x_upper": Neumann(2 * du1(1.0))})
    errors = [
        Collocation(
            KnotVector.uniform(n, p), lambda x: 1 + x**2, lambda x: [1 + x], np.cos, f, sides,
            points=points, conservative=conservative,
        )
        .solve().checked().error(u1, lambda x: [du1(x)])
        for n in ((12, 24) if p == 6 else (24, 48))
    ]  # fmt: skip
    expected = (p, p) if p % 2 == 0 else (p - 1, p - 1) if points == "greville" else (p + 1, p)
    assert (orders(errors) > np.subtract(expected, 0.35)).all()
    assert (orders(errors) < np.add(expected, 0.75)).all()


def u2(x, y):
    return np.sin(2 * x + y) * np.exp(x * y)


def slopes2(x, y):
    s, c, e = np.sin(2 * x + y), np.cos(2 * x + y), np.exp(x * y)
    return [(2 * c + y * s) * e, (c + x * s) * e]


def source2(x, y):
    """Minus A : grad grad u plus b . grad u plus u, A = [[1 + x y, .3], [.3, 2 + sin x]]."""
    s, c, e = np.sin(2 * x + y), np.cos(2 * x + y), np.exp(x * y)
    xx = (-4 * s + 4 * y * c + y**2 * s) * e
    yy = (-s + 2 * x * c + x**2 * s) * e
    xy = ((2 * x + y) * c + (x * y - 1) * s) * e
    slopes = slopes2(x, y)
    return (
        -(1 + x * y) * xx - 0.6 * xy - (2 + np.sin(x)) * yy + x * slopes[0] - 2 * slopes[1]
        + u2(x, y)
    )  # fmt: skip


def tensor2(x, y):
    return [[1 + x * y, 0.3], [0.3, 2 + np.sin(x)]]


def flux2(i, sign):
    def flux(x, y):
        A, g = tensor2(x, y), slopes2(x, y)
        return sign * (A[i][0] * g[0] + A[i][1] * g[1])

    return flux


MIXED2 = Boundary(
    {
        "x_lower": Neumann(flux2(0, -1)),
        "x_upper": Dirichlet(u2),
        "y_lower": Robin(lambda x, y: 1 + x, lambda x, y: flux2(1, -1)(x, y) + (1 + x) * u2(x, y)),
        "y_upper": Neumann(flux2(1, 1)),
    }
)


@pytest.mark.parametrize("boundary", [Boundary(default=Dirichlet(u2)), MIXED2])
@pytest.mark.parametrize(
    ("p", "points", "expected"),
    [
        (2, "greville", (2, 2)),
        (3, "greville", (2, 2)),
        (4, "greville", (4, 4)),
        (5, "greville", (4, 4)),
        (6, "greville", (6, 6)),
        (3, "superconvergent", (4, 3)),
        (5, "superconvergent", (6, 5)),
    ],
)
def test_orders_in_the_plane(p, points, expected, boundary):
    """Full tensor, convection, reaction; corners where two fluxes are given cost half an order."""
    errors = [
        Collocation(
            [KnotVector.uniform(n, p), KnotVector.uniform(n + 2, p)], tensor2,
            lambda x, y: [x, -2.0], 1.0, source2, boundary, points=points,
        )
        .solve(1e-12, method="fgmres").checked().error(u2, slopes2)
        for n in ((10, 20) if p > 4 else (16, 32))
    ]  # fmt: skip
    found = orders(errors, 2.0)
    assert (found > np.subtract(expected, 0.55)).all(), found
    assert (found < np.add(expected, 0.8)).all(), found


def u3(x, y, z):
    return np.sin(x + 2 * y - z)


def slopes3(x, y, z):
    c = np.cos(x + 2 * y - z)
    return [c, 2 * c, -c]


@pytest.mark.parametrize(("p", "expected"), [(2, 2), (3, 2), (4, 4)])
def test_orders_in_space(p, expected):
    """Three fluxes meet in a corner, one axis ends in Dirichlet and Robin sides."""
    sides = Boundary(
        {
            "x_lower": Neumann(lambda *x: -slopes3(*x)[0]),
            "x_upper": Robin(2.0, lambda *x: slopes3(*x)[0] + 2 * u3(*x)),
            "y_lower": Neumann(lambda *x: -slopes3(*x)[1]),
            "z_upper": Neumann(lambda *x: slopes3(*x)[2]),
        },
        default=Dirichlet(u3),
    )
    source = lambda *x: 6 * u3(*x)  # noqa: E731
    errors = []
    for n in (8, 16):
        problem = Collocation([KnotVector.uniform(n, p)] * 3, source=source, boundary=sides)
        solution = problem.solve(method="fgmres").checked()
        errors.append(solution.error(u3, slopes3))
        assert solution.iterations <= 3
    assert (abs(orders(errors) - expected) < 0.4).all()


def test_periodic_axes_and_complex_coefficients():
    """Damped waves: -Laplace u - (2 + i) u = f on a ring."""
    u = lambda x, y: np.exp(2j * np.pi * x) * np.exp(y)  # noqa: E731
    sides = Boundary({"y_lower": Dirichlet(u), "y_upper": Neumann(u)})
    f = lambda x, y: (4 * np.pi**2 - 1 - (2 + 1j)) * u(x, y)  # noqa: E731
    errors = [
        Collocation(
            [KnotVector.uniform_periodic(n, 4), KnotVector.uniform(n, 4)],
            reaction=-(2 + 1j), source=f, boundary=sides,
        )
        .solve(method="fgmres").checked().error(u)
        for n in (8, 16)
    ]  # fmt: skip
    assert abs(orders(errors)[0] - 4) < 0.5 and errors[1][0] < 2e-4


def test_arrays_are_taken_on_the_points():
    knots = [KnotVector.uniform(9, 4), KnotVector.uniform(8, 4)]
    by_call = Collocation(
        knots, lambda x, y: 1 + x * y, source=lambda x, y: x + y, conservative=True,
        boundary=Boundary({"x_lower": Dirichlet(lambda x, y: y)}, Neumann(lambda x, y: x)),
    )  # fmt: skip
    x, y = by_call.space.coordinates
    sides = {
        "x_lower": Dirichlet(by_call.space.side_coordinates(0, "lower", "greville")[1]),
        "x_upper": Neumann(np.ones(12)),
        "y_lower": Neumann(by_call.space.side_coordinates(1, "lower")[0]),
        "y_upper": Neumann(by_call.space.side_coordinates(1, "upper")[0]),
    }
    by_array = Collocation(
        knots, 1 + x * y, source=x + y, conservative=True, boundary=Boundary(sides)
    )
    difference = by_call.solve().coefficients - by_array.solve().coefficients
    assert abs(difference).max() < 1e-11


BOX = [KnotVector.uniform(6, 3)] * 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"knots": KnotVector.uniform(6, 1)}, "expected 2 or more"),
        ({"knots": []}, "knots"),
        ({"diffusion": np.ones((4, 4))}, "diffusion"),
        ({"diffusion": [[1, 2], [2, 1]]}, "elliptic"),
        ({"diffusion": np.nan}, "diffusion"),
        ({"convection": 1.0}, "convection"),
        ({"convection": [1.0, 2.0, 3.0]}, "convection"),
        ({"reaction": np.full((9, 9), np.inf)}, "reaction"),
        ({"source": lambda x: x}, "source"),
        ({"source": "f"}, "source"),
        ({"boundary": 3}, "boundary"),
        ({"boundary": Boundary({"z_lower": Neumann()})}, "z_lower"),
        ({"points": "gauss"}, "points"),
        ({"conservative": 1}, "conservative"),
        ({"dtype": "int64"}, "dtype"),
        ({"geometry": 3}, "geometry"),
    ],
)
def test_bad_input_is_refused_with_its_name(options, words):
    with pytest.raises(InputError, match=words):
        Collocation(**{"knots": BOX, **options})


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Dirichlet(np.ones(4)), "x_lower"),
        (Dirichlet(lambda x: x), "x_lower"),
        (Neumann(lambda x, y: y * np.nan), "x_lower"),
        (Robin(lambda x, y: -1.0 + 0 * y), "x_lower"),
        (Dirichlet(lambda x, y: 1j * y), "complex"),
    ],
)
def test_bad_sides_are_refused_with_their_name(condition, words):
    with pytest.raises(InputError, match=words):
        Collocation(BOX, boundary=Boundary({"x_lower": condition})).solve()


def polar(s, t):
    """A quarter of an annulus of radii 1 and 3."""
    return [(1 + 2 * s) * np.cos(np.pi / 2 * t), (1 + 2 * s) * np.sin(np.pi / 2 * t)]


def u4(x, y):
    return np.exp(x / 2) * np.sin(y) + x * y


def slopes4(x, y):
    return [np.exp(x / 2) * np.sin(y) / 2 + y, np.exp(x / 2) * np.cos(y) + x]


def outward(sign):
    return lambda x, y: sign * (slopes4(x, y)[0] * x + slopes4(x, y)[1] * y) / np.hypot(x, y)


@pytest.mark.parametrize("geometry", [polar, quarter_annulus(1.0, 3.0)], ids=["polar", "nurbs"])
@pytest.mark.parametrize(
    ("p", "points", "expected"),
    [
        (2, "greville", (2, 2)),
        (3, "greville", (2, 2)),
        (4, "greville", (4, 4)),
        (5, "superconvergent", (6, 5)),
    ],
)
def test_orders_on_a_quarter_of_an_annulus(p, points, expected, geometry):
    sides = {
        "x_lower": Neumann(outward(-1)),
        "x_upper": Robin(1.0, lambda x, y: outward(1)(x, y) + u4(x, y)),
        "y_lower": Neumann(lambda x, y: -slopes4(x, y)[1]),
        "y_upper": Dirichlet(u4),
    }
    errors = []
    for n in (12, 24):
        problem = Collocation(
            [KnotVector.uniform(n, p), KnotVector.uniform(n, p)],
            source=lambda x, y: 0.75 * np.exp(x / 2) * np.sin(y),
            boundary=Boundary(sides), geometry=geometry, points=points,
        )  # fmt: skip
        solution = problem.solve(1e-12, method="fgmres").checked()
        errors.append(solution.error(u4, slopes4))
        assert solution.iterations <= 8
    found = orders(errors)
    assert (found > np.subtract(expected, 0.5)).all(), found
    assert (found < np.add(expected, 1.0)).all(), found


def test_complex_diffusion():
    """(1 + i) u'' = f: eddies in one dimension."""
    problem = Collocation(
        KnotVector.uniform(10, 4), 1 + 1j, source=lambda x: -(1 + 1j) * d2u1(x),
        boundary=Boundary({"x_lower": Dirichlet(u1)}, Neumann(lambda x: (1 + 1j) * du1(x))),
    )  # fmt: skip
    assert problem.solve().checked().error(u1)[0] < 1e-4


def test_orders_in_a_quarter_of_a_shell():
    """Three parameters of a NURBS body; u = (x^2 - y^2) z + exp(x)."""
    u = lambda x, y, z: (x**2 - y**2) * z + np.exp(x)  # noqa: E731
    problem = [
        Collocation(
            [KnotVector.uniform(n, 4)] * 3,
            source=lambda x, y, z: -np.exp(x), boundary=Boundary(
                {"z_upper": Neumann(lambda x, y, z: x**2 - y**2)}, default=Dirichlet(u)
            ),
            geometry=cylinder_shell(1.0, 1.0, 0.5, np.pi / 2),
        )
        for n in (4, 8)
    ]  # fmt: skip
    found = [p.solve(method="fgmres").checked() for p in problem]
    errors = [s.error(u) for s in found]
    assert orders(errors)[0] > 3.7 and errors[1][0] < 1e-5
    assert max(s.iterations for s in found) < 25


def test_a_whole_ring_is_periodic():
    ring = lambda s, t: [  # noqa: E731
        (1 + s) * np.cos(2 * np.pi * t), (1 + s) * np.sin(2 * np.pi * t)
    ]  # fmt: skip
    found = []
    for n in (8, 16):
        knots = [KnotVector.uniform(n, 4), KnotVector.uniform_periodic(4 * n, 4)]
        sides = Boundary(default=Dirichlet(u4))
        source = lambda x, y: 0.75 * np.exp(x / 2) * np.sin(y)  # noqa: E731
        problem = Collocation(knots, source=source, boundary=sides, geometry=ring)
        found.append(problem.solve(method="fgmres").checked())
    assert abs(orders([s.error(u4) for s in found])[0] - 4) < 0.4
    assert max(s.iterations for s in found) <= 3


@pytest.mark.parametrize(
    ("points", "expected"), [("greville", (2, 2)), ("superconvergent", (4, 3))]
)
def test_orders_on_intervals_that_vary_smoothly(points, expected):
    errors = []
    for n in (64, 128):
        knots = KnotVector.open(np.expm1(2 * np.linspace(0, 1, n + 1)) / np.expm1(2), 3)
        sides = Boundary(default=Dirichlet(u1))
        problem = Collocation(knots, source=lambda x: -d2u1(x), boundary=sides, points=points)
        errors.append(problem.solve().checked().error(u1, lambda x: [du1(x)]))
    assert (abs(orders(errors) - expected) < 0.35).all()
