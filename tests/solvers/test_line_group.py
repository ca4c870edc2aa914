import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import Grid
from nwidth.solvers import (
    Boundary,
    Darcy,
    Dirichlet,
    Neumann,
    Poisson,
    Robin,
    Status,
    solve,
    solve_batch,
)
from nwidth.solvers.line_group import LineGroup

RNG = np.random.default_rng(0)
BOUNDARIES = {
    "values": Boundary({"x_lower": Dirichlet(1.0), "x_upper": Dirichlet(-2.0)}),
    "one wall": Boundary({"x_lower": Neumann(2.0), "x_upper": Dirichlet(3.0)}),
    "robin": Boundary({"x_lower": Robin(2.0, 1.0), "x_upper": Neumann(0.5)}),
    "neumann": Boundary({"x_lower": Neumann(1.0), "x_upper": Neumann(-1.0)}),
    "periodic": None,
}


def problems(name, centering, reaction, n=37):
    if name == "periodic":
        grid = Grid.periodic(n)
    elif centering == "cell":
        grid = Grid.uniform(n, centering="cell")
    else:
        grid = Grid.tensor([np.linspace(0, 1.5, n) ** 1.2])
    (x,) = grid.coordinates()
    source = np.sin(2 * np.pi * x)
    if name == "neumann" and not reaction:
        source = source - (grid.weights * source).sum() / grid.weights.sum()
    boundary = BOUNDARIES[name]
    a, f = np.exp(RNG.standard_normal((5, n))), source * np.arange(5.0)[:, None]
    darcy = Darcy(grid, boundary, source, reaction=reaction)
    return (darcy, {"permeability": a}), (Poisson(grid, boundary, reaction=reaction), {"source": f})


@pytest.mark.parametrize("name", BOUNDARIES)
@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("reaction", [0.0, 3.0])
def test_agrees_with_one_solve_per_sample(name, centering, reaction):
    for problem, inputs in problems(name, centering, reaction):
        batch = solve_batch(problem, inputs, 1e-11).checked()
        assert {*batch.methods} == {"batched-thomas"} and batch.iterations == (0,) * 5
        for i in range(5):
            item = {key: values[i] for key, values in inputs.items()}
            alone = solve(problem, item, 1e-11).checked()
            scale = np.abs(alone.u).max()
            assert np.abs(batch.u[i] - alone.u).max() <= 1e-11 * scale
            b = problem.source(item)
            rest = b - problem.operator(item).apply(problem.unknowns(batch.u[i]))
            assert np.linalg.norm(rest) <= 1.01e-11 * np.linalg.norm(b)


@pytest.mark.parametrize("name", ["values", "periodic", "neumann"])
def test_the_same_numbers_in_any_batch(name):
    (problem, inputs), _ = problems(name, "node", 0.0)
    a = np.concatenate([inputs["permeability"]] * 15)[:70]
    whole = solve_batch(problem, {"permeability": a}).checked()
    for first, stop in ((0, 1), (3, 12), (30, 69)):
        part = solve_batch(problem, {"permeability": a[first:stop]})
        np.testing.assert_array_equal(part.u, whole.u[first:stop])
        assert part.residuals == whole.residuals[first:stop]


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_numbers_near_the_ends_of_the_range(size):
    (problem, inputs), _ = problems("values", "node", 0.0)
    a = inputs["permeability"]
    plain = solve_batch(Darcy(problem.grid), {"permeability": a}).checked()
    scaled = solve_batch(Darcy(problem.grid), {"permeability": size * a}).checked()
    np.testing.assert_allclose(scaled.u * size, plain.u, rtol=1e-11)


def test_second_order():
    errors = []
    for n in (33, 65, 129):
        (x,) = Grid.uniform(n).coordinates()
        # -(a u')' = f for a = 1 + x / 2 and u = sin(pi x)
        f = np.pi**2 * (1 + x / 2) * np.sin(np.pi * x) - np.pi / 2 * np.cos(np.pi * x)
        a = np.stack([1 + x / 2, 2 + x])
        found = solve_batch(Darcy(Grid.uniform(n), source=f), {"permeability": a}).checked().u
        errors.append(np.abs(found - np.sin(np.pi * x) / [[1], [2]]).max())
    assert np.all(np.log2(np.array(errors[:-1]) / errors[1:]) > 1.95)


def test_single_precision_and_one_component_tensors():
    (problem, inputs), _ = problems("robin", "cell", 3.0)
    a = inputs["permeability"].astype(np.float32)
    found = solve_batch(problem, {"permeability": a[:, None]}).checked()
    exact = solve_batch(problem, {"permeability": a.astype(np.float64)})
    assert found.u.dtype == np.float32
    np.testing.assert_array_equal(found.u, exact.u.astype(np.float32))


def test_zero_right_hand_sides_beside_others():
    _, (problem, inputs) = problems("periodic", "node", 0.0)
    batch = solve_batch(problem, inputs).checked()
    assert not batch.u[0].any() and batch.residual[0] == 0.0
    assert all(np.abs(u).max() > 0 for u in batch.u[1:])


def test_bad_samples_are_named_and_out_of_reach_tolerances_told():
    (problem, inputs), (poisson, sources) = problems("neumann", "cell", 0.0)
    a, f = inputs["permeability"], sources["source"]
    a[3, 5] = np.nan
    with pytest.raises(NonFiniteError, match=r"sample 3: permeability.*\(5,\)"):
        solve_batch(problem, inputs)
    f[4] = 1.0
    with pytest.raises(InputError, match="sample 4: source: expected the integral"):
        solve_batch(poisson, sources)
    batch = solve_batch(Darcy(Grid.uniform(2001)), {"permeability": np.ones((2, 2001))}, 1e-16)
    assert batch.status == (Status.STAGNATED,) * 2
    assert all("batched-thomas ended after 0 iterations" in reason for reason in batch.reasons)


def test_groups_of_long_lines_have_fewer_samples():
    assert LineGroup(Darcy(Grid.uniform(33))).lanes == 32
    assert LineGroup(Darcy(Grid.uniform(2**18 + 2))).lanes == 16
    assert LineGroup(Darcy(Grid.uniform(2**20))).lanes == 8
