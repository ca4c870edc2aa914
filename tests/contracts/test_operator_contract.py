"""What every linear operator owes: a true adjoint, linearity, agreement with its dense matrix.

Every final subclass of LinearOperator in the package needs a builder here; the first test fails
until it has one.
"""

import importlib
import pkgutil

import numpy as np
import pytest
import scipy.sparse as sp

import nwidth
from nwidth.meshes import Grid, KnotVector
from nwidth.rom import Skeleton
from nwidth.solvers import (
    AlgebraicMultigrid,
    Boundary,
    Darcy,
    Dirichlet,
    Multigrid,
    Neumann,
    Robin,
)
from nwidth.solvers.bsplines import Collocation
from nwidth.solvers.bsplines.banded_matrix import BandedOperator
from nwidth.solvers.bsplines.kronecker import KroneckerOperator, KroneckerSum
from nwidth.solvers.equations import ConvectionDiffusion, Helmholtz
from nwidth.solvers.equations.anisotropic_darcy import AnisotropicDarcy
from nwidth.solvers.fast_diagonalization import FastDiagonalization
from nwidth.solvers.fast_poisson import FastPoisson
from nwidth.solvers.fractional import (
    RieszDiffusion,
    RieszInverse,
    RieszMatrix,
    RieszMultigrid,
    RieszPreconditioner,
    RieszRectangle,
)
from nwidth.solvers.fractional.riesz_part import ShiftedRiesz
from nwidth.solvers.linear_operator import LinearOperator, MatrixOperator
from nwidth.solvers.multigrid import (
    AlgebraicHierarchy,
    BlackBoxMultigrid,
    Chebyshev,
    DownstreamMultigrid,
    HierarchyCycle,
    Jacobi,
    LineRelaxation,
    PlaneRelaxation,
    PoissonMultigrid,
    ShiftedLaplacian,
)
from nwidth.solvers.scaled_fast_poisson import ScaledFastPoisson
from nwidth.solvers.sparse_cholesky import SparseCholesky
from nwidth.solvers.sparse_operator import SparseOperator
from nwidth.solvers.stacked_operator import StackedOperator

RNG = np.random.default_rng(4)


def matrix(m=5, n=4):
    return MatrixOperator(RNG.standard_normal((m, n)) + 1j * RNG.standard_normal((m, n)))


def riesz_rectangle(**options):
    return RieszRectangle(
        (6, 7), (3, 4), (1.3, 1.8), coefficient=[lambda x, y: 1 + x * y, 2.0],
        reaction=lambda x, y: y, **options,
    )  # fmt: skip


def diffusion(shape, dtype=np.float64, **options):
    grid = Grid.uniform(shape, upper=tuple(1.0 + k for k in range(len(shape))), **options)
    mixed = Boundary({"x_lower": Dirichlet(1.0), "x_upper": Neumann(0.5)})
    a = np.exp(RNG.standard_normal(grid.shape)).astype(dtype)
    return Darcy(grid, mixed).operator({"permeability": a})


def helmholtz(shape, dtype=np.float64, **options):
    grid = Grid.uniform(shape, upper=tuple(1.0 + k for k in range(len(shape))), **options)
    k = 3 + RNG.random(grid.shape).astype(dtype)
    return Helmholtz(grid, walls=["x_lower"]).operator({"wavenumber": k})


def nine_point(shape, dtype=np.float64):
    grid = Grid.uniform(shape)
    mixed = Boundary({"x_lower": Dirichlet(1.0), "x_upper": Neumann(0.5)})
    K = RNG.standard_normal((*grid.shape, 2, 2))
    K = np.moveaxis(K @ K.swapaxes(2, 3) + 0.1 * np.eye(2), (2, 3), (0, 1)).astype(dtype)
    return AnisotropicDarcy(grid, mixed).operator({"permeability": K})


def convection_diffusion(shape, dtype=np.float64, **options):
    grid = Grid.uniform(shape, upper=tuple(1.0 + k for k in range(len(shape))), **options)
    velocity = RNG.standard_normal((len(shape), *shape))
    a = 0.1 + RNG.random(grid.shape).astype(dtype)
    return ConvectionDiffusion(grid, velocity).operator({"diffusivity": a})


def fast_poisson(shape, **options):
    grid = Grid.uniform(shape, **options)
    return FastPoisson(
        grid, [("dirichlet", "neumann"), *[("dirichlet", "dirichlet")] * 2][: len(shape)]
    )


def scaled_fast_poisson(shape, **options):
    A = diffusion(shape, **options)
    grid = Grid.uniform(shape, upper=tuple(1.0 + k for k in range(len(shape))), **options)
    return ScaledFastPoisson(A, grid, np.exp(RNG.standard_normal(A.domain_shape)))


def collocation(shape, **options):
    knots = [KnotVector.uniform(n, p) for n, p in zip(shape, (3, 2, 4), strict=False)]
    sides = {"x_upper": Dirichlet(1.0), "y_upper": Robin(2.0)}
    sides = {name: side for name, side in sides.items() if len(shape) > 1 or name[0] == "x"}
    return Collocation(knots, lambda *x: 1 + sum(x), boundary=Boundary(sides, Neumann()), **options)


def fast_diagonalization(shape, periodic):
    faces = [RNG.uniform(1, 2, n + 1) for n in shape]
    for t, wraps in zip(faces, periodic, strict=True):
        t[-1] = t[0] if wraps else 0.0
    widths = [RNG.uniform(1, 2, n) for n in shape]
    return FastDiagonalization(faces, widths, periodic, reaction=0.5)


def skeleton(dtype, **shapes):
    A = RNG.standard_normal((12, 3)) @ RNG.standard_normal((3, 20))
    if np.issubdtype(dtype, np.complexfloating):
        A = A * np.exp(1j * np.arange(20))
    A = A.astype(dtype)
    return Skeleton(A[:, :3], A[:6, :3], A[:6], **shapes)


def hierarchy_cycle(**options):
    matrix = diffusion((11, 10)).to_sparse()
    return HierarchyCycle(AlgebraicHierarchy.from_matrix(matrix), **options)


def banded(n=7, columns=7, dtype=np.float64):
    values = RNG.standard_normal((n, 3)).astype(dtype)
    return BandedOperator.from_rows(values, np.arange(n) % columns, columns)


BUILDERS = {
    "RieszRectangleOperator": [
        lambda: riesz_rectangle().operator,
        lambda: RieszRectangle((6, 5, 4), 2, (1.2, 1.5, 2.0)).operator,
    ],
    "SeparableInverse": [
        lambda: riesz_rectangle().inverse,
        lambda: riesz_rectangle(modes="sines").inverse,
        lambda: RieszRectangle((7, 8), 3, (1.2, 1.9)).inverse,
    ],
    "ShiftedRiesz": [
        lambda: ShiftedRiesz(riesz_rectangle(), 0.1),
    ],
    "RieszMatrix": [
        lambda: RieszMatrix(9, 2, 1.2),
        lambda: RieszMatrix(8, 5, 1.9, -1.0, 2.0),
    ],
    "RieszPreconditioner": [
        lambda: RieszPreconditioner(RieszMatrix(40, 3, 1.5)),
        lambda: RieszPreconditioner(RieszMatrix(9, 4, 1.2), stiffness=-2.0, mass=30.0),
    ],
    "RieszInverse": [
        lambda: RieszInverse(RieszMatrix(150, 3, 1.5)),
        lambda: RieszInverse(RieszMatrix(9, 4, 1.2), stiffness=-2.0, mass=30.0),
    ],
    "RieszMultigrid": [
        lambda: RieszMultigrid(RieszMatrix(150, 3, 1.5)),
        lambda: RieszMultigrid(RieszMatrix(9, 4, 1.2), stiffness=-2.0, mass=30.0),
    ],
    "InterpolatedInverse": [
        lambda: RieszDiffusion(40, 3, 1.5, reaction=lambda x: 1e3 * x).preconditioner,
        lambda: RieszDiffusion(9, 4, 1.5, reaction=lambda x: 2 + x).preconditioner,
    ],
    "RieszDiffusionOperator": [
        lambda: RieszDiffusion(12, 3, 1.5, coefficient=lambda x: 1 + x).operator,
        lambda: RieszDiffusion(12, 4, 1.5, reaction=lambda x: 9 * x).operator,
    ],
    "BandedOperator": [
        banded,
        lambda: banded(9, 6, np.float32),
        lambda: banded(5, 8, np.complex128),
    ],
    "KroneckerOperator": [
        lambda: KroneckerOperator([RNG.standard_normal((3, 4)), banded(), np.eye(2)]),
        lambda: KroneckerOperator([matrix(), banded(9, 6)]),
    ],
    "KroneckerSum": [
        lambda: KroneckerSum([banded(), banded(5, 5)], [banded(), banded(5, 5)], shift=0.5),
        lambda: KroneckerSum([matrix(4, 4), banded(5, 5), np.eye(3)]),
    ],
    "PoissonMultigrid": [
        lambda: PoissonMultigrid((15, 11), (1.0, 1.4), 0.1),
        lambda: PoissonMultigrid((7, 11, 7), (1.0, 1.4, 1.2), dtype=np.float32),
    ],
    "MatrixOperator": [
        matrix,
        lambda: MatrixOperator(sp.random_array((6, 4), density=0.5, rng=RNG)),
    ],
    "SumOperator": [lambda: matrix() + matrix()],
    "ScaledOperator": [lambda: (2 - 1j) * matrix(), lambda: -matrix()],
    "ProductOperator": [lambda: matrix(5, 4) @ matrix(4, 3)],
    "AdjointOperator": [lambda: matrix().H],
    "StackedOperator": [
        lambda: StackedOperator([matrix()] * 3),
        lambda: StackedOperator([diffusion((6, 5)), diffusion((6, 5))]),
    ],
    "DiffusionOperator": [
        lambda: diffusion((7,)),
        lambda: diffusion((6, 5)),
        lambda: diffusion((5, 6), centering="cell"),
        lambda: diffusion((4, 3, 5)),
        lambda: diffusion((6, 5), np.float32),
    ],
    "Multigrid": [
        lambda: Multigrid(diffusion((15, 14))),
        lambda: Multigrid(diffusion((6, 7, 8), np.float32, centering="cell")),
        lambda: Multigrid(diffusion((30, 14)), cycle="W"),
        lambda: Multigrid(diffusion((30, 14)), cycle="F", sweeps=(1,)),
        lambda: Multigrid(diffusion((15, 14)), smoother=Jacobi),
        lambda: Multigrid(diffusion((15, 14)), smoother=Chebyshev),
        lambda: Multigrid(diffusion((15, 14)), smoother=LineRelaxation, semi_coarsening=False),
        lambda: Multigrid(diffusion((8, 7, 6)), smoother=LineRelaxation),
        lambda: Multigrid(diffusion((8, 7, 6)), smoother=PlaneRelaxation, semi_coarsening=False),
    ],
    "AlgebraicMultigrid": [
        lambda: AlgebraicMultigrid(diffusion((15, 14))),
        lambda: AlgebraicMultigrid(diffusion((6, 7, 8), np.float32, centering="cell")),
    ],
    "HelmholtzOperator": [
        lambda: helmholtz((7,)),
        lambda: helmholtz((6, 5), np.float32),
        lambda: helmholtz((4, 3, 5), periodic=(False, True, False)),
    ],
    "ShiftedLaplacian": [
        lambda: ShiftedLaplacian(helmholtz((26, 25))),
        lambda: ShiftedLaplacian(helmholtz((18, 17), np.float32), cycle="V"),
        lambda: ShiftedLaplacian(helmholtz((6, 7, 8)), cycle="W", sweeps=2),
    ],
    "ScaledFastPoisson": [
        lambda: scaled_fast_poisson((8, 7)),
        lambda: scaled_fast_poisson((6, 5, 7), centering="cell"),
    ],
    "CollocationOperator": [
        lambda: collocation((6,), reaction=1j).operator,
        lambda: collocation((4, 5), dtype="float32").operator,
        lambda: collocation((3, 4, 2)).operator,
    ],
    "CollocationPreconditioner": [
        lambda: collocation((6,)).preconditioner(),
        lambda: collocation((4, 5), convection=[1.0, 2.0], reaction=1j).preconditioner(),
        lambda: collocation((3, 4, 4), dtype="float32").preconditioner(),
    ],
    "FastDiagonalization": [
        lambda: FastDiagonalization([RNG.uniform(1, 2, 8)], [RNG.uniform(1, 2, 7)]),
        lambda: fast_diagonalization((6, 5), (True, False)),
        lambda: fast_diagonalization((4, 5, 6), (False, False, False)),
    ],
    "NinePointOperator": [
        lambda: nine_point((6, 5)),
        lambda: nine_point((5, 6), np.float32),
    ],
    "BlackBoxMultigrid": [
        lambda: BlackBoxMultigrid(nine_point((15, 14))),
        lambda: BlackBoxMultigrid(diffusion((16, 13), np.float32)),
        lambda: BlackBoxMultigrid(nine_point((15, 14)), cycle="F"),
    ],
    "ConvectionDiffusionOperator": [
        lambda: convection_diffusion((7,)),
        lambda: convection_diffusion((6, 5), np.float32),
        lambda: convection_diffusion((4, 3, 5), periodic=(False, True, False)),
    ],
    "DownstreamMultigrid": [
        lambda: DownstreamMultigrid(convection_diffusion((26, 25))),
        lambda: DownstreamMultigrid(convection_diffusion((18, 17), np.float32), cycle="F"),
        lambda: DownstreamMultigrid(convection_diffusion((8, 7, 9)), cycle="W"),
    ],
    "HierarchyCycle": [
        hierarchy_cycle,
        lambda: hierarchy_cycle(columns=3, smoother="jacobi"),
        lambda: hierarchy_cycle(columns=9, smoother="chebyshev"),
        lambda: hierarchy_cycle(cycle="W"),
    ],
    "Skeleton": [
        lambda: skeleton(np.complex128, domain_shape=(4, 5)),
        lambda: skeleton(np.float32, domain_shape=(4, 5), range_shape=(3, 4)),
    ],
    "SparseCholesky": [
        lambda: SparseCholesky(diffusion((6, 5)).to_sparse()),
        lambda: SparseCholesky(diffusion((6, 5), np.float32).to_sparse(), "scipy"),
    ],
    "SparseOperator": [
        lambda: SparseOperator(sp.random_array((6, 4), density=0.5, rng=RNG)),
        lambda: SparseOperator(sp.random_array((6, 4), density=0.5, rng=RNG), 9),
        lambda: SparseOperator(sp.random_array((5, 5), density=0.5, rng=RNG), 2, dtype=np.float32),
    ],
    "FastPoisson": [
        lambda: FastPoisson(Grid.uniform((6, 5)), [("neumann", "neumann")] * 2, reaction=2.0),
        lambda: fast_poisson((7,)),
        lambda: fast_poisson((6, 7)),
        lambda: fast_poisson((5, 4), centering="cell"),
        lambda: fast_poisson((4, 5, 6)),
    ],
}
CASES = [
    pytest.param(build, id=f"{name}-{k}")
    for name, builders in BUILDERS.items()
    for k, build in enumerate(builders)
]


def final_subclasses(kind=LinearOperator):
    for module in pkgutil.walk_packages(nwidth.__path__, "nwidth."):
        if not module.name.startswith(("nwidth.operators", "nwidth.cli")):
            importlib.import_module(module.name)
    below = set(kind.__subclasses__())
    while any(c.__subclasses__() for c in below):
        below = {d for c in below for d in (c.__subclasses__() or [c])}
    return {c.__name__ for c in below if c.__module__.startswith("nwidth")}


def test_every_operator_is_here():
    assert final_subclasses() == set(BUILDERS)


def random(shape, dtype):
    u = RNG.standard_normal(shape)
    if np.issubdtype(dtype, np.complexfloating):
        u = u + 1j * RNG.standard_normal(shape)
    return u.astype(dtype)


@pytest.mark.parametrize("build", CASES)
def test_adjoint(build):
    a = build()
    u, v = random(a.domain_shape, a.dtype), random(a.range_shape, a.dtype)
    left, right = np.vdot(v, a.apply(u)), np.vdot(a.adjoint(v), u)
    scale = np.linalg.norm(v) * np.linalg.norm(a.apply(u))
    assert abs(left - right) <= 20 * np.finfo(a.dtype).eps * max(scale, abs(left))


@pytest.mark.parametrize("build", CASES)
def test_linearity_and_dense_twin(build):
    a = build()
    u, w = random(a.domain_shape, a.dtype), random(a.domain_shape, a.dtype)
    tolerance = 50 * np.finfo(a.dtype).eps * np.linalg.norm(a.to_dense())
    np.testing.assert_allclose(a.apply(3 * u - w), 3 * a.apply(u) - a.apply(w), atol=5 * tolerance)
    np.testing.assert_allclose(a.apply(u.ravel()), a.to_dense() @ u.ravel(), atol=5 * tolerance)
    np.testing.assert_allclose(a.apply(u).ravel(), a.apply(u.ravel()), atol=tolerance)


@pytest.mark.parametrize("build", CASES)
def test_complex_arrays_keep_their_imaginary_part(build):
    a = build()
    u, v = random(a.domain_shape, np.complex128), random(a.range_shape, np.complex128)
    dense, kind = a.to_dense(), np.result_type(a.dtype, np.complex64)
    size = 50 * np.finfo(a.dtype).eps * np.linalg.norm(dense)
    u, v = u.astype(kind), v.astype(kind)
    atol = size * np.linalg.norm(u)
    np.testing.assert_allclose(a.apply(u).ravel(), dense @ u.ravel(), atol=atol)
    atol = size * np.linalg.norm(v)
    np.testing.assert_allclose(a.adjoint(v).ravel(), dense.conj().T @ v.ravel(), atol=atol)


@pytest.mark.parametrize("build", CASES)
def test_promised_properties_hold(build):
    a = build()
    dense = a.to_dense()
    scale = np.abs(dense).max()
    if "symmetric" in a.properties:
        np.testing.assert_allclose(dense, dense.conj().T, atol=20 * np.finfo(a.dtype).eps * scale)
    if "positive definite" in a.properties:
        assert np.linalg.eigvalsh(dense.astype(np.float64)).min() > 0


@pytest.mark.parametrize("build", CASES)
def test_input_is_left_alone(build):
    a = build()
    u = random(a.domain_shape, a.dtype)
    before = u.copy()
    a.apply(u)
    np.testing.assert_array_equal(u, before)
