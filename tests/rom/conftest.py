"""The exact discrete solution and the exact energy of an error, in extended precision."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from nwidth.rom import AffineProblem, InnerProduct

Long = np.longdouble


def _flux(operator, u):
    """A u and u . A u in extended precision, straight from the flux balance."""
    out, energy, periodic = np.zeros(u.shape, Long), Long(0), operator.periodic
    if operator.reaction is not None:
        out = operator.reaction.astype(Long) * u
        energy = (out * u).sum()
    for k, t in enumerate(operator.faces):
        n, t = u.shape[k], t.astype(Long)
        wall = np.zeros_like(u.take([0], axis=k))
        before = u.take([-1], axis=k) if periodic[k] else wall
        after = u.take([0], axis=k) if periodic[k] else wall
        flux = t * np.diff(np.concatenate([before, u, after], axis=k), axis=k)
        jumps = np.diff(np.concatenate([before, u, after], axis=k), axis=k)
        squares = t * jumps**2
        energy += squares.take(range(n), axis=k).sum() if periodic[k] else squares.sum()
        out -= np.diff(flux, axis=k)
    return out, energy


class Exact:
    """The discrete solution of one problem and inputs, correct to about 1e-17."""

    def __init__(self, problem, inputs):
        self.problem, self.inputs = problem, inputs
        self.operator = problem.operator(inputs)
        b = problem.source(inputs)
        matrix = self.operator.to_sparse().tocsc()
        self.singular = self.operator.singular
        free = slice(0, b.size - 1 if self.singular else b.size)
        factors = spla.splu(matrix[free, free])
        x = np.zeros(b.shape, Long)
        for _ in range(8):
            r = b.astype(Long) - self.apply(x)[0]
            step = np.zeros(b.size)
            step[free] = factors.solve(np.asarray(r, dtype=np.float64).ravel()[free])
            x += step.reshape(b.shape)
        if self.singular:
            w = problem.unknowns(problem.grid.weights)
            x -= (w * x).sum() / w.sum()
        self.x = x
        self.field = problem.field(x.astype(np.float64), inputs)

    def apply(self, u):
        return _flux(self.operator, u)

    def error(self, x):
        """||u - x||_A of the unknowns x."""
        return float(np.sqrt(self.apply(self.x - x.astype(Long))[1]))

    def size(self):
        """||u||_E of the whole field, prescribed values included."""
        energy = self.apply(self.x)[1]
        volumes = self.problem.volumes
        for k, kinds in enumerate(volumes.kinds):
            across = tuple(cut for j, cut in enumerate(volumes.interior) if j != k)
            for end, index, kind in zip(("lower", "upper"), (0, -1), kinds, strict=True):
                if kind in ("dirichlet", "robin"):
                    grid, boundary = self.problem.grid, volumes.boundary
                    g = boundary.values(grid, k, end)[across].astype(Long)
                    if kind == "robin":
                        g /= boundary.coefficients(grid, k, end)[across]
                    side = (slice(None),) * k + (index,)
                    t = self.operator.faces[k][side].astype(Long)
                    energy += (t * ((self.x[side] - g) ** 2 - self.x[side] ** 2)).sum()
        return float(np.sqrt(energy))


@pytest.fixture(scope="session")
def exact():
    """The class `Exact(problem, inputs)`."""
    return Exact


@pytest.fixture
def decaying():
    """Make matrices (m, n) with random singular vectors and singular values rate^k."""
    rng = np.random.default_rng(8)

    def make(m, n, dtype=np.float64, rate=0.6):
        k = min(m, n)
        parts = [rng.standard_normal((size, k)) for size in (m, n)]
        if np.issubdtype(dtype, np.complexfloating):
            parts = [part + 1j * rng.standard_normal(part.shape) for part in parts]
        U, V = (np.linalg.qr(part)[0] for part in parts)
        return ((U * rate ** np.arange(k)) @ V.conj().T).astype(dtype)

    return make


@pytest.fixture
def rough():
    """Make orthonormal rows (r, n) without any structure, at places of very different sizes."""
    rng = np.random.default_rng(4)

    def make(r, n, dtype=np.float64):
        U = rng.standard_normal((r, n)) * np.exp(rng.standard_normal(n))
        if np.issubdtype(dtype, np.complexfloating):
            U = U + 1j * rng.standard_normal((r, n))
        return np.linalg.qr(U.T)[0].T.astype(dtype)

    return make


class ExactStability:
    """The inf-sup constant itself, by the singular values of dense matrices."""

    name, constant = "exact", "inf-sup"

    def __init__(self, matrices, X):
        self.terms = len(matrices)
        factor = np.linalg.inv(np.linalg.cholesky(X.toarray()))
        self.matrices = np.stack([factor @ A.toarray() @ factor.conj().T for A in matrices])

    def lower(self, theta):
        whole = np.tensordot(np.atleast_2d(theta), self.matrices, 1)
        return np.linalg.svd(whole, compute_uv=False)[:, -1] * (1 - 1e-12)


def _blocks(cells, blocks):
    """Stiffness matrices of each of blocks x blocks squares, their face fluxes on a square grid."""
    number = np.arange(cells) * blocks // cells
    inner = sp.diags_array(
        [-np.ones(cells), np.ones(cells)], offsets=[-1, 0], shape=(cells + 1, cells)
    )
    one = sp.eye_array(cells)
    along = [sp.kron(inner, one), sp.kron(one, inner)]
    matrices = []
    for q in range(blocks**2):
        k = np.outer(number == q // blocks, number == q % blocks).astype(float)
        faces = []
        for axis in range(2):
            wide = np.pad(k, [(1, 1) if a == axis else (0, 0) for a in range(2)], mode="edge")
            mean = (wide.take(range(cells + 1), axis) + wide.take(range(1, cells + 2), axis)) / 2
            mean[(slice(None),) * axis + ([0, -1],)] *= 2  # half a cell to the wall
            faces.append(mean.ravel())
        matrices.append(
            sp.csr_array(
                sum(D.T @ sp.diags_array(t) @ D for D, t in zip(along, faces, strict=True))
            )
        )
    return matrices, along


@pytest.fixture(scope="session")
def block_problem():
    """Make an affine problem on a square, with its inner product X, stability and box.

    "thermal": heat conduction in 2 x 2 blocks, theta = mu; "convection": with a wind besides, which
    is not symmetric; "wave": complex, damped Helmholtz.
    """
    from types import SimpleNamespace

    from nwidth.rom.affine_problem import AffineProblem
    from nwidth.rom.parameter_box import ParameterBox
    from nwidth.rom.parameter_expressions import ParameterExpressions
    from nwidth.rom.stability import MinTheta

    def make(kind="thermal", cells=16, blocks=2):
        matrices, along = _blocks(cells, blocks)
        X, Q, h = sp.csr_array(sum(matrices)), len(matrices), 1 / cells
        middle = np.repeat(np.linspace(0, 1, cells), cells)
        sources = np.full((1, cells**2), h**2)
        theta, phi = [f"mu[{q}]" for q in range(Q)], ["1"]
        lower, upper = [0.1] * Q, [1.0] * Q
        if kind == "convection":
            wind = along[0][:-1].T @ np.abs(along[0][:-1])
            matrices.append(sp.csr_array((wind - wind.T) * h * 2))
            theta.append(f"mu[{Q}]")
            lower, upper = [*lower, 0.0], [*upper, 20.0]
            sources, phi = np.stack([sources[0], middle * h**2]), ["1", f"mu[{Q}]"]
        if kind == "wave":
            mass = sp.csr_array(sp.diags_array(np.full(cells**2, h**2) * (1 + 0.2j * middle)))
            matrices = [matrices[0] + matrices[1], sum(matrices[2:]), mass]
            theta, lower, upper = ["1", "mu[0]", "-mu[1]**2 + 1j * mu[1]"], [0.5, 3.0], [2.0, 6.0]
            sources, phi = sources * np.exp(2j * middle), ["1 + 1j * mu[0]"]
        known = MinTheta(np.ones((1, Q)), np.ones(1))
        return SimpleNamespace(
            problem=AffineProblem(
                ParameterExpressions(theta), matrices, ParameterExpressions(phi), sources
            ),
            X=X,
            stability=known if kind == "thermal" else ExactStability(matrices, X),
            box=ParameterBox(lower, upper),
        )

    return make


def _elements(cells):
    """Linear elements on (0, 1), zero at both ends: stiffness, mass, and values at Gauss points."""
    h, nodes = 1 / cells, np.arange(1, cells)
    gauss = np.array([-1.0, 0.0, 1.0]) * np.sqrt(0.6)
    weights = np.tile(np.array([5, 8, 5]) / 18 * h, cells)
    cell = np.repeat(np.arange(cells), 3)
    s = np.tile((gauss + 1) / 2, cells)
    rows = np.arange(3 * cells)
    shape = (3 * cells, cells + 1)
    left, right = (rows, cell), (rows, cell + 1)
    values = sp.csr_array((1 - s, left), shape=shape) + sp.csr_array((s, right), shape=shape)
    one = np.full(3 * cells, 1 / h)
    slopes = sp.csr_array((-one, left), shape=shape) + sp.csr_array((one, right), shape=shape)
    values, slopes = values.tocsc()[:, nodes].tocsr(), slopes.tocsc()[:, nodes].tocsr()
    W = sp.diags_array(weights)
    return SimpleNamespace(
        x=nodes * h,
        points=(cell + s) * h,
        weights=weights,
        values=values,
        slopes=slopes,
        stiffness=sp.csr_array(slopes.T @ W @ slopes),
        mass=sp.csr_array(values.T @ W @ values),
    )


@pytest.fixture(scope="session")
def elements():
    """Make linear elements on (0, 1) by their number of cells."""
    return _elements


def _quadratic(kind, cells):
    """A quadratic problem on (0, 1), with its inner product and box of parameters."""
    from nwidth.rom.affine_problem import AffineProblem
    from nwidth.rom.parameter_box import ParameterBox
    from nwidth.rom.parameter_expressions import ParameterExpressions
    from nwidth.rom.quadratic_form import QuadraticForm
    from nwidth.rom.quadratic_problem import QuadraticProblem

    e = _elements(cells)
    weighted = sp.csr_array(sp.diags_array(e.weights) @ e.values)
    source = np.stack([weighted.T @ np.ones(3 * cells), weighted.T @ np.sin(5 * e.points)])
    if kind == "burgers":  # -nu u'' + u u' = f
        theta, psi, form = ["mu[0]"], ["1"], QuadraticForm(weighted, e.values, e.slopes)
        matrices, box = [e.stiffness], ParameterBox([0.15, -1.0], [1.0, 1.0])
    else:  # -u'' + mu u^2 + u = f
        theta, psi, form = ["1", "1"], ["mu[0]"], QuadraticForm(weighted, e.values, e.values)
        matrices, box = [e.stiffness, e.mass], ParameterBox([0.5, -3.0], [20.0, 3.0])
    problem = QuadraticProblem(
        AffineProblem(
            ParameterExpressions(theta), matrices, ParameterExpressions(["1", "mu[1]"]), source
        ),
        ParameterExpressions(psi),
        [form],
    )
    return SimpleNamespace(problem=problem, X=e.stiffness, box=box, elements=e)


@pytest.fixture(scope="session")
def quadratic_problem():
    """Make a quadratic problem: "burgers" or "reaction", by the number of cells."""
    return _quadratic


class ReactionDiffusion:
    """-u'' + mu u = 1 + sin 3x + [x > 0.3] on (0, 1), u = 0 at the ends, 400 linear elements.

    One parameter in [1, 1e4]; the norm is that of K + M. A basis is chosen greedily from solutions
    at 300 parameters, by their errors of projection.
    """

    def __init__(self, size):
        n = 400
        x = np.linspace(0, 1, n + 1)[1:-1]
        K = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n - 1, n - 1)) * float(n)
        M = sp.diags_array([1.0, 4.0, 1.0], offsets=[-1, 0, 1], shape=(n - 1, n - 1)) / (6 * n)
        f = (1 + np.sin(3 * x) + (x > 0.3)) / n
        self.problem = AffineProblem(
            lambda mu: [1.0, mu], [sp.csr_array(K), sp.csr_array(M)], lambda mu: [1.0], [f]
        )
        self.product = InnerProduct(K + M)
        self.training = np.geomspace(1, 1e4, 300)
        self.unseen = 10 ** np.random.default_rng(1).uniform(0, 4, 60)
        solutions = np.stack([spla.spsolve(sp.csc_array(K + m * M), f) for m in self.training], 1)
        self.basis, left = np.zeros((n - 1, 0)), solutions
        for _ in range(size):
            new = solutions[:, self.product.norm(left).argmax()]
            self.basis = np.column_stack([self.basis, self.product.orthonormalize(new, self.basis)])
            left = solutions - self.basis @ self.product.inner(self.basis, solutions)
        self.reduced = self.problem.reduce(self.basis)

    def coefficients(self, mus):
        """z of the reduced solutions, (columns, m)."""
        x = np.stack([self.reduced.solve(mu) for mu in mus])
        theta = np.stack([np.ones_like(mus), mus], axis=1)
        return np.concatenate([np.ones((len(mus), 1)), -_outer(x, theta)], axis=1).T

    def residual_norm(self, mu):
        """||f - A V x||' from the whole residual."""
        # Term by term: K + mu M rounds all rows alike, which is a large error of a smooth function.
        K, M = self.problem.matrices.matrices
        u = self.basis @ self.reduced.solve(mu)
        r = self.problem.sources.matrices[0] - K @ u - mu * (M @ u)
        return float(self.product.dual_norm(r))


def _outer(x, theta):
    return (x[:, :, None] * theta[:, None, :]).reshape(len(x), -1)


@pytest.fixture(scope="session")
def reaction_diffusion():
    """Make the one-parameter problem of the reference with a basis of so many vectors."""
    return cache(ReactionDiffusion)


def _pointwise(cells):
    """-u'' + mu_0 (exp(mu_1 u) - 1) / mu_1 = f, with its inner product, stability and box."""
    from nwidth.rom.affine_problem import AffineProblem
    from nwidth.rom.parameter_box import ParameterBox
    from nwidth.rom.parameter_expressions import ParameterExpressions
    from nwidth.rom.pointwise_problem import PointwiseProblem
    from nwidth.rom.stability import MinTheta

    e = _elements(cells)
    source = e.values.T @ (e.weights * 50 * np.sin(2 * np.pi * e.points))
    problem = PointwiseProblem(
        AffineProblem(
            ParameterExpressions(["1"]), [e.stiffness], ParameterExpressions(["1"]), [source]
        ),
        lambda u, mu: mu[0] * np.expm1(mu[1] * u) / mu[1],
        lambda u, mu: mu[0] * np.exp(mu[1] * u),
        e.weights,
        e.values,
    )
    return SimpleNamespace(
        problem=problem,
        X=e.stiffness,
        stability=MinTheta([[1.0]], [1.0]),
        box=ParameterBox([0.01, 0.01], [10.0, 10.0]),
        elements=e,
    )


@pytest.fixture(scope="session")
def pointwise_problem():
    """Make a problem with an exponential nonlinearity on (0, 1) by its number of cells."""
    return _pointwise
