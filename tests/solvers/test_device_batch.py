"""Batches as one operator: on the host against `solve`, and on simulated device arrays."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.solvers import Boundary, Darcy, Dirichlet, Neumann, Poisson, Robin, Status, solve
from nwidth.solvers.device_batch import SAMPLES, DeviceBatch, unstackable

RNG = np.random.default_rng(0)
SIDES = Boundary(
    {
        "x_lower": Dirichlet(np.linspace(0, 1, 10)),
        "x_upper": Robin(lambda x, y: 1 + y, 2.0),
        "y_upper": Neumann(0.3),
        "y_lower": Robin(np.linspace(0, 3, 13), 1.0),
    }
)
HALF = Grid((Axis.uniform(12, name="x", periodic=True), Axis.uniform(11, name="y")))
UNEVEN = Grid.tensor([np.linspace(0, 1, 13) ** 1.3, np.linspace(0, 1.5, 10)])


def darcy(grid, boundary=None, **options):
    """A source that varies, for walls that vary."""
    return Darcy(grid, boundary, source=RNG.standard_normal(grid.shape), **options)


PROBLEMS = {
    "nodes": darcy(Grid.uniform((13, 10)), SIDES, reaction=1.0),
    "cells": darcy(Grid.uniform((13, 10), centering="cell"), SIDES),
    "reaction": darcy(UNEVEN, Boundary(default=Neumann()), reaction=lambda x, y: 5 * (1 + x)),
    "periodic": darcy(HALF),
    "one dimension": darcy(Grid.uniform(30), Boundary({"x_lower": Robin(2.0, 1.0)})),
    "sources": Poisson(UNEVEN, SIDES, reaction=2.0),
}


def inputs_of(problem, samples=3):
    shape = (samples, *problem.grid.shape)
    if isinstance(problem, Poisson):
        return {"source": RNG.standard_normal(shape)}
    return {"permeability": np.exp(RNG.standard_normal(shape))}


def compare(u, problem, inputs, tolerance=1e-8):
    for s, one in enumerate(u):
        alone = solve(problem, {name: values[s] for name, values in inputs.items()}, 1e-11)
        assert np.abs(one - alone.checked().u).max() <= tolerance * np.abs(alone.u).max()


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_agrees_with_solve(problem):
    inputs = inputs_of(problem)
    u, ends = DeviceBatch(problem).solve(inputs, 1e-11, 100)
    assert [end.status for end in ends] == [Status.CONVERGED] * 3
    assert max(end.iterations for end in ends) < 25
    compare(u, problem, inputs)


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_samples_of_any_number_and_size(samples):
    problem = PROBLEMS["periodic"]
    sizes = 10.0 ** np.array([0, -12, 9, 3, -40])[:samples]
    inputs = {"permeability": inputs_of(problem, samples)["permeability"] * sizes[:, None, None]}
    u, ends = DeviceBatch(problem).solve(inputs, 1e-11, 100)
    assert len(ends) == len(u) == samples
    compare(u, problem, inputs)


def test_tensors():
    problem = darcy(Grid.uniform((13, 10)), SIDES)
    inputs = {"permeability": np.exp(RNG.standard_normal((3, 2, 13, 10)))}
    compare(DeviceBatch(problem).solve(inputs, 1e-11, 100)[0], problem, inputs)


def test_guesses_and_limits():
    problem = PROBLEMS["nodes"]
    inputs = inputs_of(problem)
    batch = DeviceBatch(problem)
    u, first = batch.solve(inputs, 1e-8, 3)
    assert {(end.status, end.iterations) for end in first} == {(Status.MAX_ITERATIONS, 3)}
    u, second = batch.solve(inputs, 1e-11, 100, u)
    for before, after in zip(first, second, strict=True):
        assert after.residuals[0] == pytest.approx(before.residuals[-1])
    compare(u, problem, inputs)


def test_groups_are_small():
    assert DeviceBatch(darcy(Grid.uniform((9, 9)))).size == SAMPLES
    assert DeviceBatch(Darcy(Grid.uniform((2050, 2050)))).size == 4


def test_couplings_between_samples_are_none():
    problem = PROBLEMS["nodes"]
    inputs = inputs_of(problem)
    A, b = DeviceBatch(problem)._system(inputs)
    assert A.batched and not A.faces[0].any()
    for s in range(3):
        item = {"permeability": inputs["permeability"][s]}
        own, right = problem.operator(item), problem.source(item)
        u = RNG.standard_normal(own.domain_shape)
        scale = A.faces[1][s].max() / own.faces[0].max()
        assert 2 ** round(np.log2(scale)) == pytest.approx(scale, rel=1e-12)
        row = A.apply(np.stack([u, u, u]))[s]
        np.testing.assert_allclose(row, scale * own.apply(u), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(b[s], scale * right, rtol=1e-12, atol=1e-14)


def test_problems_that_are_solved_one_by_one():
    assert "three at most" in unstackable(Darcy(Grid.uniform((5, 5, 5))))
    assert "kernel" in unstackable(Darcy(Grid.periodic((8, 8)), source=0.0))
    assert "memory" in unstackable(Darcy(Grid.uniform((3000, 3000))))
    assert unstackable(PROBLEMS["nodes"]) is None


def test_errors_name_the_sample():
    a = np.ones((3, 13, 10))
    a[1, 2, 3] = -1.0
    with pytest.raises(InputError, match="sample 11: permeability: expected numbers > 0"):
        DeviceBatch(PROBLEMS["nodes"]).solve({"permeability": a}, 1e-8, 10, first=10)
    f = np.ones((2, 13, 10))
    f[1, 0, 0] = np.nan
    with pytest.raises(InputError, match="sample 1: source: expected finite"):
        DeviceBatch(PROBLEMS["sources"]).solve({"source": f}, 1e-8, 10)


def on_simulated_device():
    """Compare `solve_batch` and `solve` on device arrays with the host's; called below."""
    import simulated_cupy as cupy

    cupy.install()

    from nwidth.solvers import _diffusion_operator_cuda, device_batch, solve_batch
    from nwidth.solvers.multigrid import _red_black_cuda, _transfer_cuda

    # The simulator starts a thread for each of a block.
    _diffusion_operator_cuda.THREADS = _red_black_cuda.THREADS = (4, 2, 1)
    _transfer_cuda.THREADS = 8
    small = Grid.uniform((6, 5))
    sides = Boundary({"x_lower": Robin(1.0, 2.0), "y_upper": Dirichlet(np.arange(6.0))})
    problems = [
        (Darcy(small, sides, reaction=1.0), np.float64, "as one operator"),
        (Darcy(Grid.uniform(7)), np.float32, "as one operator"),
        (Poisson(small, sides), np.float64, "as one operator"),
        (Darcy(small, Boundary(default=Neumann()), source=0.0), np.float64, "constants of its own"),
        (Darcy(Grid.uniform((4, 4, 4))), np.float64, "three at most"),
    ]
    for problem, dtype, reason in problems:
        inputs = {name: u.astype(dtype) for name, u in inputs_of(problem, 2).items()}
        there = {name: cupy.asarray(u) for name, u in inputs.items()}
        seen = []
        rtol = 1e-5 if dtype == np.float32 else 1e-9
        found = solve_batch(problem, there, rtol, progress=lambda *now, s=seen: s.append(now))
        found.checked()
        assert isinstance(found.u, cupy.ndarray) and found.u.dtype == dtype
        assert all(reason in text for text in found.reasons) and seen[-1] == (2, 2), found.reasons
        wanted = solve_batch(problem, inputs, rtol).checked().u
        size = max(np.abs(wanted).max(), 1e-30)
        assert (
            np.abs(found.u.get() - wanted).max() <= (1e-5 if dtype == np.float32 else 1e-6) * size
        )
        if "as one" not in reason:
            continue
        for guess in (found.u, found.u.get()):
            again = solve_batch(problem, there, 1e-4, initial=guess)
            assert max(again.iterations) == 0
            if problem.grid.dimension == 1:
                continue  # numbers out of simulated arrays are the host's
            item = {name: u[0] for name, u in there.items()}
            one = solve(problem, item, 1e-4, initial=guess[0]).checked()
            assert one.iterations == 0 and isinstance(one.u, cupy.ndarray)
    # Groups, the last of one sample, whose solution is zero.
    device_batch.SAMPLES, seen = 2, []
    f = RNG.standard_normal((3, 6, 5))
    f[2] = 0.0
    found = solve_batch(
        Poisson(small), {"source": cupy.asarray(f)}, progress=lambda *now: seen.append(now)
    ).checked()
    assert seen == [(2, 3), (3, 3)] and found.iterations[2] == 0 and not found.u[2].any()
    wanted = solve_batch(Poisson(small), {"source": f}).checked().u
    np.testing.assert_allclose(found.u.get(), wanted, atol=1e-7 * np.abs(wanted).max())
    constant = {"permeability": cupy.asarray(np.ones((6, 5)))}
    cycles = solve(Darcy(small), constant, method="multigrid").checked()
    assert isinstance(cycles.u, cupy.ndarray)
    for method in ("direct", "fast-poisson", "scaled-fast-poisson", "full-multigrid"):
        with pytest.raises(InputError, match="arrays in the host's memory"):
            solve(Darcy(small), constant, method=method)
    # A tolerance out of reach: `solve` has a try, on the device too.
    ones = cupy.asarray(np.ones((2, 6, 5)))
    beyond = solve_batch(problems[0][0], {"permeability": ones}, 0.0)
    assert {*beyond.status} == {Status.STAGNATED} and isinstance(beyond.u, cupy.ndarray)
    assert all("iterations: STAGNATED; " in text for text in beyond.reasons), beyond.reasons
    assert max(beyond.residual) < 1e-14
    return "agreed"


def test_on_simulated_device_arrays(in_simulator):
    assert in_simulator(__file__, "on_simulated_device") == "agreed"
