import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.spectral import (
    ChebyshevBasis,
    CosineBasis,
    GalerkinRecombination,
    LegendreBasis,
    almost_banded,
)

bases = pytest.mark.parametrize("kind", [ChebyshevBasis, LegendreBasis])
SIDES = [
    ("dirichlet", "dirichlet"),
    ("neumann", "neumann"),
    ("dirichlet", "neumann"),
    ("neumann", "dirichlet"),
    ((2.0, -1.0), (3.0, 0.5)),
]


@bases
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("size", [5, 8, 33])
def test_functions_fulfil_their_conditions(kind, sides, size):
    space = GalerkinRecombination(kind(size, -1.0, 2.0), *sides)
    scale = abs(space.rows).max()
    assert abs(space.rows @ space.matrix.toarray()).max() < 1e-14 * scale
    w = np.random.default_rng(0).normal(size=(3, size - 2)) * (1 + 1j)
    assert np.allclose(space.expanded(w), (space.matrix @ w.T).T, atol=1e-14)
    values = np.random.default_rng(1).normal(size=(2, 4))
    lift = space.lift(values)
    assert np.allclose(lift @ space.rows.T, values.T, atol=1e-13) and not lift[:, 3:].any()


@pytest.mark.parametrize("sides", SIDES)
def test_legendre_matrices_are_those_of_quadrature(sides):
    """And the stiffness is that of the definition, diagonal though no one made it so."""
    n = 12
    space = GalerkinRecombination(LegendreBasis(n), *sides)
    fine = LegendreBasis(2 * n, kind="gauss")
    phi = fine.backward(np.vstack([space.matrix.toarray(), np.zeros((n, n - 2))]), axis=0)
    bent = fine.backward(fine.derivative(fine.forward(phi, axis=0), 2, axis=0), axis=0)
    weighted = phi * fine.weights[:, None]
    assert np.allclose(space.mass.toarray(), weighted.T @ phi, atol=1e-13)
    assert np.allclose(space.stiffness.toarray(), -weighted.T @ bent, atol=1e-10)


@bases
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_many_equations_at_once(kind, sides, dtype):
    """alpha u - u'' = f for a smooth u whose conditions have values."""
    basis = kind(32, 0.5, 2.0)
    alpha = np.array([[0.3, 1.0, 7.0], [50.0, 1e4, 1e8]])
    x = basis.points
    u = np.exp(np.sin(2 * x))
    bend = u * (4 * np.cos(2 * x) ** 2 - 4 * np.sin(2 * x))
    turn = (1 - 2j) if np.dtype(dtype).kind == "c" else 1.0
    f = basis.forward(turn * (alpha[..., None] * u - bend)).astype(dtype)
    space = GalerkinRecombination(basis, *sides)
    pairs = np.array([{"dirichlet": (1, 0), "neumann": (0, 1)}.get(s, s) for s in sides])
    ends = 2 * basis.points[[0, -1]]
    values = turn * (pairs[:, 0] + 2 * pairs[:, 1] * np.cos(ends)) * np.exp(np.sin(ends))
    found = space.helmholtz(alpha).solve(np.stack([f, 2 * f]), values[:, None, None])
    assert found.dtype == dtype and found.shape == (2, 2, 3, 32)
    limit = 500 * np.finfo(dtype).eps * abs(u).max()
    assert abs(basis.backward(found[0]) - turn * u).max() < limit
    again = space.helmholtz(alpha).solve(2 * f, 2 * values[:, None, None])
    assert abs(basis.backward(again) - 2 * turn * u).max() < 2 * limit


@bases
def test_pure_neumann_conditions_leave_the_level_open(kind):
    basis = kind(40, 0.0, 1.0)
    x = basis.points
    solver = GalerkinRecombination(basis, "neumann", "neumann").helmholtz([0.0, np.pi**2])
    f = np.stack([np.cos(np.pi * x) * np.pi**2] * 2)
    u = basis.backward(solver.solve(basis.forward(f)))
    assert np.allclose(u, np.array([[1.0], [0.5]]) * np.cos(np.pi * x), atol=1e-14)
    shifted = basis.backward(solver.solve(basis.forward(f + 3.0)))
    assert np.allclose(shifted[0], u[0], atol=1e-14)  # less the constant that f must not have
    assert np.allclose(shifted[1], u[1] + 3 / np.pi**2, atol=1e-14)


def test_chebyshev_solutions_are_those_of_the_tau_method():
    """A dense tau matrix on the same polynomials, whatever the resolution is."""
    n, alpha = 12, 5.0
    basis = ChebyshevBasis(n)
    second = basis.derivative(np.eye(n), 2).T
    space = GalerkinRecombination(basis, (1.0, 0.3), "neumann")
    tau = np.vstack([space.rows, (alpha * np.eye(n) - second)[: n - 2]])
    f = np.random.default_rng(3).normal(size=n)
    values = np.array([0.4, -1.0])
    exact = np.linalg.solve(tau, np.concatenate([values, f[: n - 2]]))
    assert np.allclose(space.helmholtz(alpha).solve(f, values), exact, atol=1e-13)


@bases
@pytest.mark.parametrize("eps", [1e-2, 1e-3, 1e-4])
def test_boundary_layers_to_round_off(kind, eps):
    """eps^2 u'' = u: u = cosh(x / eps) / cosh(1 / eps), which decays by e within eps."""
    basis = kind(2001 if kind is ChebyshevBasis else 801)
    solver = GalerkinRecombination(basis).helmholtz(eps**-2.0)
    u = basis.backward(solver.solve(np.zeros(basis.size), [1.0, 1.0]))
    exact = np.exp((abs(basis.points) - 1) / eps)
    assert abs(u - exact).max() < 1e-12  # points rounded to 1e-16 are seen as 1e-16 / eps


def test_condition_and_cost_at_two_thousand():
    legendre, chebyshev = (
        GalerkinRecombination(kind(n)) for kind, n in ((LegendreBasis, 1024), (ChebyshevBasis, 512))
    )
    s = np.sqrt(legendre.stiffness.diagonal())
    assert np.linalg.cond((legendre.mass + legendre.stiffness).toarray() / np.outer(s, s)) < 1.5
    assert np.linalg.cond((chebyshev.mass + chebyshev.stiffness).toarray()) < 512
    counts = [
        GalerkinRecombination(ChebyshevBasis(m)).helmholtz(1.0).factors.nonzeros
        for m in (502, 1002, 2002)
    ]
    assert counts[2] - counts[1] == 2 * (counts[1] - counts[0]) and counts[2] < 15 * 2002


@bases
def test_array_expressions_agree(kind, monkeypatch):
    basis = kind(14)
    solver = GalerkinRecombination(basis, "neumann", "neumann").helmholtz([0.0, 2.0, 30.0])
    f = np.random.default_rng(5).normal(size=(2, 3, 14)) * (1 + 2j)
    wanted = solver.solve(f, np.ones((2, 3)))
    monkeypatch.setattr(almost_banded, "lives_on_gpu", lambda f: True)
    assert np.allclose(solver.solve(f, np.ones((2, 3))), wanted, atol=1e-13)


@bases
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("size", [5, 6, 7, 8])
def test_polynomials_are_solved_for_exactly_however_few(kind, sides, size):
    basis = kind(size, 0.2, 1.7)
    space, alpha = GalerkinRecombination(basis, *sides), 3.0
    v = np.random.default_rng(2).normal(size=size)
    v[-2:] = 0  # of which the two highest equations know nothing
    f = alpha * v - basis.derivative(v, 2)
    assert np.allclose(space.helmholtz(alpha).solve(f, values=space.rows @ v), v, atol=1e-12)


def test_what_does_not_fit_is_refused():
    basis = ChebyshevBasis(8)
    with pytest.raises(InputError, match="basis: expected a ChebyshevBasis or LegendreBasis"):
        GalerkinRecombination(CosineBasis(8))
    with pytest.raises(InputError, match="at least 5"):
        GalerkinRecombination(ChebyshevBasis(4))
    for side in ("robin", (1.0,), (0.0, 0.0), (np.nan, 1.0), None, ("a", "b")):
        with pytest.raises(InputError, match="upper: expected 'dirichlet'"):
            GalerkinRecombination(basis, "dirichlet", side)
    space = GalerkinRecombination(basis)
    with pytest.raises(InputError, match=r"w: expected shape \(\.\.\., 6\), got \(8,\)"):
        space.expanded(np.zeros(8))
    for alpha in (1j, np.inf, "a", [[1.0], [1.0, 2.0]]):
        with pytest.raises(InputError, match="alpha"):
            space.helmholtz(alpha)
    with pytest.raises(InputError, match=r"f: expected a shape that ends with \(2, 8\)"):
        space.helmholtz([1.0, 2.0]).solve(np.zeros(8))
    with pytest.raises(InputError, match=r"values: expected shape \(2"):
        space.helmholtz(1.0).solve(np.zeros(8), [1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="values: expected real numbers"):
        space.helmholtz(1.0).solve(np.zeros(8), [1j, 2.0])
