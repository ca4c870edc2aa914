"""The CUDA kernels against those of the CPU, in Numba's simulator."""

import numpy as np

RNG = np.random.default_rng(0)

# Shapes of three axes as the kernels see them, which of them are periodic, reaction or not.
CASES = [
    ((1, 1, 5), (False, False, False), False),
    ((1, 4, 5), (False, False, False), True),
    ((1, 5, 4), (False, True, False), False),
    ((1, 5, 6), (False, True, True), False),
    ((3, 4, 5), (False, False, False), True),
    ((4, 3, 3), (True, False, True), False),
]


def operator(shape, periodic, reaction, dtype):
    from nwidth.solvers import DiffusionOperator

    d = 1 if shape[:2] == (1, 1) else 2 if shape[0] == 1 else 3
    shape, periodic = shape[3 - d :], periodic[3 - d :]
    faces = []
    for k in range(d):
        t = RNG.uniform(0.5, 2.0, (*shape[:k], shape[k] + 1, *shape[k + 1 :])).astype(dtype)
        if periodic[k]:
            t[(slice(None),) * k + (-1,)] = t[(slice(None),) * k + (0,)]
        faces.append(t)
    c = RNG.uniform(0, 1, shape).astype(dtype) if reaction else None
    return DiffusionOperator(faces, c, periodic)


def agree(dtype):
    """Compare apply, residual and relaxation; called in the simulator."""
    from nwidth.solvers import _diffusion_operator_cuda as operator_cuda
    from nwidth.solvers.multigrid import RedBlack
    from nwidth.solvers.multigrid import _red_black_cuda as red_black_cuda

    for shape, periodic, reaction in CASES:
        A = operator(shape, periodic, reaction, dtype)
        u, f = (RNG.standard_normal(A.domain_shape).astype(dtype) for _ in range(2))
        wanted, found = np.empty_like(u), np.empty_like(u)
        rows, rows_found = (np.empty(u.size // u.shape[-1]) for _ in range(2))
        A.apply_with_energy(wanted, u, rows)
        arguments = A.kernel_arguments
        views = (found.reshape(shape), u.reshape(shape))
        operator_cuda.apply(*views, *arguments, rows_found, False)
        tolerance = 50 * np.finfo(dtype).eps
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=20 * tolerance)
        np.testing.assert_allclose(rows_found, rows, rtol=tolerance, atol=40 * tolerance)

        smoother = RedBlack(A)
        smoother.residual_into(wanted, f, u)
        views = (found.reshape(shape), f.reshape(shape), u.reshape(shape))
        red_black_cuda.residual(*views, *arguments, False)
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=20 * tolerance)
        for adjoint in (False, True):
            for from_zero in (False, True):
                wanted, found = u.copy(), u.copy()
                smoother.smooth(wanted, f, 2, adjoint=adjoint, from_zero=from_zero)
                inverse, scratch = smoother._work
                order = smoother._orders[int(adjoint)]
                views = (found.reshape(shape), f.reshape(shape), inverse, *arguments[:3])
                options = (arguments[5], smoother.odd_cycles, order, 2, from_zero, scratch)
                red_black_cuda.smooth(*views, *options)
                np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=20 * tolerance)


def agree_transfer(dtype):
    """Compare restriction and prolongation along every axis; called in the simulator."""
    from nwidth.solvers.multigrid import _transfer_cuda, _transfer_numba, coarsen

    for shape, periodic, reaction in CASES:
        A = operator(shape, periodic, reaction, dtype)
        for axis in range(len(A.domain_shape)):
            if A.domain_shape[axis] < 3:
                continue
            _, way = coarsen(A, axis)
            r = RNG.standard_normal(way.fine_shape).astype(dtype)
            e = RNG.standard_normal(way.coarse_shape).astype(dtype)
            last = axis == r.ndim - 1
            view = way._rows if last else way._slabs
            name = "along" if last else "rows"
            weights = (view(way.left), view(way.right), way.offset, way.wraps)
            results = []
            for kernels in (_transfer_numba, _transfer_cuda):
                out, u = np.empty_like(e), r.copy()
                getattr(kernels, f"restrict_{name}")(view(out), view(r), *weights, False)
                getattr(kernels, f"prolong_{name}")(view(u), view(e), *weights, True, False)
                fresh = np.full_like(r, np.nan)
                getattr(kernels, f"prolong_{name}")(view(fresh), view(e), *weights, False, False)
                results.append((out, u, fresh))
            for wanted, found in zip(*results, strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def agree_solve():
    """Compare whole solves, and what they are made of, on simulated device arrays."""
    import simulated_cupy as cupy

    cupy.install()

    from nwidth.meshes import Axis, Grid
    from nwidth.solvers import Boundary, Darcy, Dirichlet, Neumann, Robin, solve

    flow = Boundary({"x_lower": Dirichlet(1.0), "y_upper": Robin(2.0, 1.0)}, default=Neumann(0.1))
    half = Grid((Axis.uniform(12, name="x", periodic=True), Axis.uniform(11, name="y")))
    problems = [
        Darcy(Grid.uniform((13, 10)), flow, reaction=1.0),
        Darcy(Grid.uniform((5, 6, 5), centering="cell"), flow),
        Darcy(Grid.uniform((11, 12), centering="cell"), Boundary(default=Neumann()), source=0.0),
        Darcy(half),
    ]
    for problem in problems:
        a = np.exp(RNG.standard_normal(problem.grid.shape))
        for dtype, rtol in ((np.float64, 1e-10), (np.float32, 1e-5)):
            inputs = {"permeability": a.astype(dtype)}
            wanted = solve(problem, inputs, rtol, method="multigrid-cg").checked()
            on_device = {"permeability": cupy.asarray(a.astype(dtype))}
            found = solve(problem, on_device, rtol, method="multigrid-cg").checked()
            assert isinstance(found.u, cupy.ndarray) and found.u.dtype == dtype
            assert found.iterations == wanted.iterations
            np.testing.assert_allclose(
                found.u.get(), wanted.u, atol=10 * rtol * abs(wanted.u).max()
            )


def run_in_simulator():
    """Compare everything in both precisions; called in a process of its own, below."""
    from nwidth.solvers import _diffusion_operator_cuda
    from nwidth.solvers.multigrid import _red_black_cuda, _transfer_cuda

    # The simulator starts a thread for each of a block.
    _diffusion_operator_cuda.THREADS = _red_black_cuda.THREADS = (4, 2, 1)
    _transfer_cuda.THREADS = 8
    for dtype in (np.float32, np.float64):
        agree(dtype)
        agree_transfer(dtype)
    agree_solve()
    return "agreed"


def test_cuda_kernels_agree_with_those_of_the_cpu_in_the_simulator(in_simulator):
    assert in_simulator(__file__, "run_in_simulator") == "agreed"
