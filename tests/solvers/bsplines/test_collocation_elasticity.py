import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import KnotVector
from nwidth.solvers import Boundary, Dirichlet, Neumann, Robin
from nwidth.solvers.bsplines import ElasticCollocation
from nwidth.solvers.bsplines.nurbs_shapes import quarter_annulus

RADIUS = 4.0


def kirsch(x, y):
    """Stresses around a hole of radius 1 in a plate that is pulled along x by 1 (Kirsch 1898)."""
    q, t = 1 / (x**2 + y**2), np.arctan2(y, x)
    xx = 1 - q * (1.5 * np.cos(2 * t) + np.cos(4 * t)) + 1.5 * q**2 * np.cos(4 * t)
    yy = -q * (0.5 * np.cos(2 * t) - np.cos(4 * t)) - 1.5 * q**2 * np.cos(4 * t)
    xy = -q * (0.5 * np.sin(2 * t) + np.sin(4 * t)) + 1.5 * q**2 * np.sin(4 * t)
    return np.array([[xx, xy], [xy, yy]])


def plate(n, p, points="greville"):
    def traction(i):
        return lambda x, y: (kirsch(x, y)[i, 0] * x + kirsch(x, y)[i, 1] * y) / RADIUS

    outer = [Neumann(traction(i)) for i in range(2)]
    sides = [
        Boundary({"x_upper": outer[0], "y_upper": Dirichlet()}, default=Neumann()),
        Boundary({"x_upper": outer[1], "y_lower": Dirichlet()}, default=Neumann()),
    ]
    knots = [KnotVector.uniform(n, p)] * 2
    return ElasticCollocation(
        knots, sides, 1e5, 0.3, geometry=quarter_annulus(1.0, RADIUS), points=points
    )


def stress_error(solution):
    s = np.linspace(0, 1, 21)
    exact = kirsch(*solution.displacements[0].space.mapped([s, s]))
    return abs(solution.stress(s, s) - exact).max()


@pytest.mark.parametrize(
    ("p", "points", "order", "largest"),
    [
        (4, "greville", 2.7, 6e-4),
        (6, "greville", 5.0, 8e-6),
        (3, "superconvergent", 2.7, 6e-3),
    ],
)
def test_stresses_around_a_hole(p, points, order, largest):
    errors = [stress_error(plate(n, p, points).solve().checked()) for n in (12, 24)]
    assert errors[1] < largest and np.log2(errors[0] / errors[1]) > order


def test_iterations_depend_neither_on_size_nor_on_degree():
    found = [plate(n, p).solve(method="fgmres").checked() for n, p in ((8, 3), (24, 3), (16, 6))]
    assert max(s.iterations for s in found) <= 38
    assert min(s.iterations for s in found) >= 28
    direct = plate(16, 6).solve(method="direct")
    for a, b in zip(found[2].displacements, direct.displacements, strict=True):
        assert abs(a.coefficients - b.coefficients).max() < 1e-7 * abs(b.coefficients).max()
    assert direct.iterations == 0 and direct.residual < 1e-11


def test_a_polynomial_displacement_in_space():
    """u = (x y, y z, x^2): the force and tractions of it, held on one side."""
    E, nu = 3.0, 0.2
    lame, mu = E * nu / ((1 + nu) * (1 - 2 * nu)), E / (2 * (1 + nu))
    u = [lambda x, y, z: x * y, lambda x, y, z: y * z, lambda x, y, z: x**2]

    def stress(x, y, z):
        zero = 0 * x
        slopes = np.array([[y, x, zero], [zero, z, y], [2 * x, zero, zero]])
        unit = np.eye(3).reshape(3, 3, *(1,) * np.ndim(x))
        return lame * (y + z) * unit + mu * (slopes + np.swapaxes(slopes, 0, 1))

    # div stress = lame grad (y + z) + mu (Laplace u + grad div u)
    force = [0.0, -(lame + mu), -(lame + mu) - 2 * mu]
    sides = []
    for i in range(3):
        conditions = {
            f"{name}_{end}": Neumann(
                lambda x, y, z, i=i, k=k, sign=sign: sign * stress(x, y, z)[i, k]
            )
            for k, name in enumerate("xyz")
            for end, sign in (("lower", -1), ("upper", 1))
        }
        sides.append(Boundary({**conditions, "x_lower": Dirichlet(u[i])}))
    body = ElasticCollocation([KnotVector.uniform(3, 2)] * 3, sides, E, nu, force)
    for method in ("direct", "fgmres"):
        solution = body.solve(1e-12, method=method).checked()
        for part, exact in zip(solution.displacements, u, strict=True):
            assert part.error(exact)[0] < 1e-10
    points = [np.array([0.3, 0.9]), np.array([0.5]), np.array([0.2, 0.4])]
    x, y, z = np.meshgrid(*points, indexing="ij")
    assert np.allclose(solution.stress(*points), stress(x, y, z), atol=1e-9)


def test_plane_strain_and_springs():
    """A bar on a spring: sigma = t, and u = t (1/k + x (1 - nu^2) / E) in plane strain."""
    sides = [
        Boundary({"x_lower": Robin(4.0), "x_upper": Neumann(1.0)}, default=Neumann()),
        Boundary({"y_lower": Dirichlet()}, default=Neumann()),
    ]
    bar = ElasticCollocation([KnotVector.uniform(4, 3)] * 2, sides, 2.0, 0.4, plane="strain")
    found = bar.solve().checked().displacements[0]([0.0, 1.0], [0.5, 0.5])
    assert np.allclose(found, [0.25, 0.25 + (1 - 0.4**2) / 2.0], atol=1e-10)


FREE, HELD = Boundary(default=Neumann()), Boundary()
SLIDING = Boundary({"y_lower": Dirichlet()}, default=Neumann())
BOX = [KnotVector.uniform(4, 3)] * 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((BOX, [FREE, FREE], 1.0, 0.3), "free to move or to turn"),
        ((BOX, [FREE, HELD], 1.0, 0.3), "free to move"),
        ((BOX, [SLIDING, HELD], 1.0, 0.5), "poisson"),
        ((BOX, [HELD, HELD], 0.0, 0.3), "young"),
        ((BOX, [HELD], 1.0, 0.3), "boundaries"),
        ((BOX, HELD, 1.0, 0.3), "boundaries"),
        ((BOX[:1], [HELD], 1.0, 0.3), "knots"),
        ((BOX, [HELD, HELD], 1.0, 0.3, [1.0]), "force"),
        ((BOX, [HELD, HELD], 1.0, 0.3, [1.0, np.nan]), "source"),
    ],
)
def test_bad_input_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        ElasticCollocation(*arguments)


def test_a_body_that_may_turn_is_refused():
    """Held at x = 0 in x, and nowhere else but in y along a line through the same side."""
    upright = Boundary({"x_lower": Dirichlet(), "x_upper": Dirichlet()}, default=Neumann())
    ElasticCollocation(BOX, [upright, SLIDING], 1.0, 0.3)
    ring = [KnotVector.uniform(4, 3), KnotVector.uniform_periodic(8, 3)]
    with pytest.raises(InputError, match="free to move"):
        ElasticCollocation(ring, [Boundary({"x_upper": Neumann()}), FREE], 1.0, 0.3)
    with pytest.raises(InputError, match="plane"):
        ElasticCollocation(BOX, [HELD, HELD], 1.0, 0.3, plane="shell")
    with pytest.raises(InputError, match="method"):
        ElasticCollocation(BOX, [HELD, HELD], 1.0, 0.3).solve(method="lu")


def test_elimination_takes_over_where_iteration_fails():
    """Poisson's ratio 0.4999 in plane strain."""
    held = Boundary({"x_lower": Dirichlet()}, default=Neumann())
    body = ElasticCollocation(
        [KnotVector.uniform(30, 3)] * 2, [held, held], 1.0, 0.4999, [1.0, 0.0], plane="strain"
    )
    found = body.solve(max_iterations=30).checked()
    assert found.method == "direct"
    assert found.u.shape == (2, 33, 33)
    x, y = found.displacements[1].space.coordinates
    assert np.allclose(found.u[1], found.displacements[1](x, y))
    assert body.solve(method="fgmres", max_iterations=30).status.name == "MAX_ITERATIONS"


@pytest.mark.parametrize("method", ["direct", "fgmres"])
def test_loads_may_be_complex_and_of_any_size(method):
    def pushed(force, young=1.0):
        held = Boundary({"x_lower": Dirichlet()}, default=Neumann())
        body = ElasticCollocation(BOX, [held, held], young, 0.3, [force, 0.0])
        return body.solve(method=method).checked().displacements[0].coefficients

    wanted = pushed(1.0)
    for force, young in ((1j, 1.0), (1e-200, 1.0), (1e200, 1.0), (1e-200, 1e-200), (1e200, 1e200)):
        assert np.allclose(pushed(force, young) / force * young, wanted, rtol=1e-6, atol=1e-9)
