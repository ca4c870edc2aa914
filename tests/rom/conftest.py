"""The exact discrete solution and the exact energy of an error, in extended precision."""

import numpy as np
import pytest
import scipy.sparse.linalg as spla

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
