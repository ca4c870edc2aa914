import numpy as np
import pytest

from nwidth.arrays import generator
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import BatchedDiffusionOperator, Darcy, Status
from nwidth.solvers.krylov import BatchedConjugateGradient
from nwidth.solvers.multigrid import BatchedMultigrid


def iteration(problem, a):
    """Return the iteration for permeabilities, right-hand side set, and the operators."""
    A = BatchedDiffusionOperator(problem.volumes.shape, (True, True))
    A.set_coefficients(problem.volumes, a, a.max(axis=(1, 2)))
    M = BatchedMultigrid(A)
    M.set_up()
    cg = BatchedConjugateGradient(M)
    made = [problem.operator({"permeability": x}) for x in a]
    b = np.stack([problem.source({"permeability": x}) for x in a])
    A.pack(b, cg.right)
    return cg, made, b


def fields(n, samples):
    grid = Grid.uniform((n, n))
    g = GaussianRandomField(grid, alpha=2, tau=3)
    return Darcy(grid), np.stack([g.sample(generator(0, i)) for i in range(samples)])


def residuals(cg, made, b):
    x = cg.A.fields(cg.solution, len(made), cg.A.scales)
    return [
        np.linalg.norm(f - A.apply(u)) / np.linalg.norm(f)
        for A, u, f in zip(made, x, b, strict=True)
    ]


@pytest.mark.parametrize("reaction", [False, True])
@pytest.mark.parametrize("shape", [(5, 8), (6, 7), (4, 5, 6), (3, 1, 7), (1, 4, 5)])
def test_kernels_agree_with_plain_arithmetic(shape, reaction):
    from nwidth.solvers.krylov import _batched_conjugate_gradient_numba as kernels

    rng = np.random.default_rng(0)
    axes = tuple(range(len(shape)))
    A = BatchedDiffusionOperator(shape, (True, False, True)[: len(shape)], reaction)
    inner = tuple(slice(s, s + n) for s, n in zip((1, 2, 1), shape, strict=False))
    for k, t in enumerate(A.faces):
        view = A.box(t)[tuple(slice(c.start, c.stop + (j == k)) for j, c in enumerate(inner))]
        view[...] = rng.random(view.shape)
    if reaction:
        view = A.box(A.reaction)
        view[inner] = rng.random(view[inner].shape)

    def random(dtype=np.float64):
        out = A.zeros(dtype)
        view = A.box(out)
        view[inner] = rng.standard_normal(view[inner].shape)
        return out

    def applied(u):
        v = A.box(u).astype(np.float64)
        out = np.zeros_like(v)
        for k, t in enumerate(map(A.box, A.faces)):
            flow = t * (v - np.roll(v, 1, axis=k))  # from each point to the one before
            out += flow - np.roll(flow, -1, axis=k)
        if reaction:
            out += A.box(A.reaction) * v
        outside = np.ones(v.shape[:-1], bool)
        outside[inner] = False
        out[outside] = 0.0
        return out.reshape(-1)

    faces = A.couplings(A.faces)
    b, x, p, z = random(), random(), random(np.float32), random(np.float32)
    r, f, squares = A.zeros(), A.zeros(np.float32), np.empty((2, A.lanes))
    kernels.residual(b, x, *faces, A.reaction, r, f, A.level, squares.reshape(-1))
    np.testing.assert_allclose(r, b - applied(x), atol=1e-14)
    np.testing.assert_array_equal(f, r.astype(np.float32))
    np.testing.assert_allclose(squares[0], (A.box(r) ** 2).sum(axis=axes), rtol=1e-14)
    np.testing.assert_allclose(squares[1], (A.box(b) ** 2).sum(axis=axes), rtol=1e-14)

    zero, copy, single, norms = random(), A.zeros(), A.zeros(np.float32), np.empty(A.lanes)
    kernels.start(b, zero, copy, single, A.level, norms)
    assert not zero.any() and np.all(copy == b) and np.all(single == b.astype(np.float32))
    np.testing.assert_array_equal(norms, squares[1])

    alpha, beta = rng.random(A.lanes), rng.random(A.lanes).astype(np.float32)
    p_new = (A.box(z) + beta * A.box(p)).reshape(-1)
    x_new = (A.box(x) + alpha * A.box(p_new)).reshape(-1)
    r_new = (A.box(r) - alpha * A.box(applied(p_new))).reshape(-1)
    total = np.empty(A.lanes)
    kernels.step(x, r, f, p, z, *faces, A.reaction, alpha, beta, A.level, total)
    np.testing.assert_allclose(p, p_new, atol=1e-6)
    # The direction itself is rounded: x and r have to follow what p holds, to the last digit.
    np.testing.assert_allclose(x, x_new, atol=1e-6)
    np.testing.assert_allclose(r, b - applied(x), atol=1e-13)
    np.testing.assert_allclose(r, r_new, atol=1e-5)
    np.testing.assert_allclose(total, (A.box(r) ** 2).sum(axis=axes), rtol=1e-14)


@pytest.mark.parametrize("n", [66, 129, 258])
def test_few_iterations_whatever_the_grid(n):
    problem, g = fields(n, 4)
    cg, made, b = iteration(problem, np.where(g >= 0, 12.0, 3.0))
    results = cg.solve(4, 1e-8, 100)
    assert all(result.status is Status.CONVERGED for result in results)
    assert max(len(result.residuals) - 1 for result in results) <= 8
    told = [result.residuals[-1] for result in results]
    assert max(told) <= 1e-8
    np.testing.assert_allclose(told, residuals(cg, made, b), rtol=1e-4)


@pytest.mark.parametrize("contrast", [1e1, 1e2, 1e3, 1e4, 1e5, 1e6])
def test_few_iterations_whatever_the_contrast_of_smooth_fields(contrast):
    problem, g = fields(101, 3)
    span = g.max(axis=(1, 2)) - g.min(axis=(1, 2))
    cg, made, b = iteration(problem, contrast ** (g / span[:, None, None]))
    results = cg.solve(3, 1e-8, 100)
    assert [result.status for result in results] == [Status.CONVERGED] * 3
    assert max(len(result.residuals) - 1 for result in results) <= 10
    assert max(residuals(cg, made, b)) <= 1.01e-8


def test_every_sample_has_its_own_end():
    problem, g = fields(65, 3)
    a = np.stack([np.ones((65, 65)), np.where(g[1] >= 0, 100.0, 1.0), np.exp(g[2])])
    cg, _, _ = iteration(problem, a)
    together = cg.solve(3, 1e-10, 100)
    counts = [len(result.residuals) for result in together]
    assert counts[0] < counts[1]
    x = cg.A.fields(cg.solution, 3)
    for s in range(3):
        alone, _, _ = iteration(problem, a[[s]])
        assert alone.solve(1, 1e-10, 100)[0].residuals == together[s].residuals
        np.testing.assert_array_equal(alone.A.fields(alone.solution, 1)[0], x[s])


def test_zero_and_non_finite_right_hand_sides():
    problem, g = fields(33, 3)
    cg, _, b = iteration(problem, np.exp(g))
    b[1], b[2, 3, 4] = 0.0, np.nan
    cg.A.pack(b, cg.right)
    cg.A.pack(np.ones_like(b), cg.solution)
    results = cg.solve(3, 1e-8, 50, guessed=True)
    assert results[0].status is Status.CONVERGED
    assert results[1].status is Status.CONVERGED and results[1].residuals == [0.0]
    assert not cg.A.fields(cg.solution, 3)[1].any()
    assert results[2].status in (Status.NON_FINITE, None)


def test_the_limit_is_told_with_the_true_residual():
    problem, g = fields(65, 2)
    cg, made, b = iteration(problem, np.exp(g))
    results = cg.solve(2, 1e-10, 2)
    assert [result.status for result in results] == [Status.MAX_ITERATIONS] * 2
    assert [len(result.residuals) for result in results] == [3, 3]
    np.testing.assert_allclose(
        [result.residuals[-1] for result in results], residuals(cg, made, b), rtol=1e-8
    )


def test_an_unreachable_tolerance_ends_as_stagnation():
    problem, g = fields(65, 2)
    cg, _, _ = iteration(problem, np.exp(g))
    results = cg.solve(2, 1e-17, 200)
    assert {result.status for result in results} <= {Status.STAGNATED, None}
    assert max(result.residuals[-1] for result in results) < 1e-12


def test_an_indefinite_operator_breaks_down():
    problem, g = fields(33, 1)
    cg, _, _ = iteration(problem, np.exp(g))
    cg.M.products[...] = 0
    for t in (*cg.M._t[1:], cg.M._d):
        t *= -1
    result = cg.solve(1, 1e-8, 50)[0]
    assert result.status is Status.BREAKDOWN


def test_slow_samples_are_given_up():
    problem, _ = fields(101, 1)
    rough = np.exp(4 * np.random.default_rng(0).standard_normal((1, 101, 101)))
    cg, _, _ = iteration(problem, rough)
    result = cg.solve(1, 1e-8, 200)[0]
    assert result.status is None and len(result.residuals) - 1 == 20


def test_samples_that_are_not_taken_are_left_alone():
    problem, g = fields(33, 2)
    cg, _, _ = iteration(problem, np.exp(g))
    taken = np.zeros(cg.A.lanes, bool)
    taken[0] = True
    results = cg.solve(2, 1e-8, 50, taken)
    assert results[0].status is Status.CONVERGED
    assert results[1].status is None and results[1].residuals == [np.inf]
    assert not cg.A.fields(cg.solution, 2)[1].any()
