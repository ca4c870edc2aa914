import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.arrays import generator
from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import (
    AnisotropicDarcy,
    Boundary,
    ConvectionDiffusion,
    Darcy,
    Dirichlet,
    Helmholtz,
    Neumann,
    Poisson,
    Robin,
    Status,
    solve,
    solve_batch,
)

SHAPE = (22, 31)
RNG = np.random.default_rng(0)
A = np.exp(1.5 * RNG.standard_normal((9, *SHAPE)))
SIDE = np.linspace(0.0, 2.0, SHAPE[0])
SIDE_Y = np.maximum(np.linspace(-1.0, 2.0, SHAPE[1]), 0.0)
BOUNDARIES = {
    "dirichlet": Boundary(),
    "values": Boundary({"x_lower": Dirichlet(1.0), "y_upper": Dirichlet(SIDE)}),
    "left to right": Boundary(
        {"x_lower": Dirichlet(1.0), "x_upper": Dirichlet(0.0)}, default=Neumann()
    ),
    "one wall": Boundary(
        {"y_lower": Neumann(1.0), "y_upper": Dirichlet(2.0)}, default=Neumann(0.3)
    ),
    "neumann": Boundary({"x_lower": Neumann(1.0), "x_upper": Neumann(-1.0)}, default=Neumann()),
    "robin": Boundary({"x_lower": Robin(2.0, 1.0), "y_upper": Neumann()}),
}


def agree(problem, inputs, **options):
    """Compare with one solve per sample and return the batch."""
    batch = solve_batch(problem, inputs, 1e-11, **options).checked()
    for i, one in enumerate(batch):
        item = {name: values[i] for name, values in inputs.items()}
        alone = solve(problem, item, 1e-11).checked()
        assert one.u.dtype == alone.u.dtype and one.residual <= 1e-11
        scale = np.abs(alone.u).max()
        assert np.abs(one.u - alone.u).max() <= 1e-8 * scale
    return batch


@pytest.mark.parametrize("boundary", BOUNDARIES.values(), ids=BOUNDARIES)
@pytest.mark.parametrize("centering", ["node", "cell"])
def test_every_boundary_type(boundary, centering):
    grid = Grid.uniform(SHAPE, centering=centering)
    x, y = grid.coordinates()
    source = np.sin(2 * np.pi * x) * np.cos(np.pi * y)
    batch = agree(Darcy(grid, boundary, source), {"permeability": A})
    assert {*batch.methods} == {"batched-multigrid-cg"}
    assert max(batch.iterations) < 20


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("name", ["walls", "flow", "no flow", "robin"])
def test_three_dimensions(name, centering):
    shape = (9, 12, 11)
    boundary = {
        "walls": Boundary({"x_lower": Dirichlet(np.linspace(0.0, 1.0, 11))}),
        "flow": Boundary({"y_upper": Dirichlet(1.0), "z_lower": Neumann(0.5)}, default=Neumann()),
        "no flow": Boundary(default=Neumann()),
        "robin": Boundary({"z_upper": Robin(2.0, 1.0)}, default=Neumann(0.2)),
    }[name]
    grid = Grid.uniform(shape, centering=centering)
    x, y, z = grid.coordinates()
    source = np.sin(2 * np.pi * x) * np.cos(np.pi * y) * np.cos(np.pi * z)
    a = np.exp(RNG.standard_normal((9, *shape)))
    batch = agree(Darcy(grid, boundary, source), {"permeability": a})
    assert {*batch.methods} == {"batched-multigrid-cg"} and max(batch.iterations) < 20
    tensors = np.exp(0.5 * RNG.standard_normal((2, 3, *shape)))
    agree(Darcy(grid, boundary, source, reaction=3.0), {"permeability": tensors})
    for first, stop in ((0, 1), (3, 9)):
        part = solve_batch(Darcy(grid, boundary, source), {"permeability": a[first:stop]}, 1e-11)
        np.testing.assert_array_equal(part.u, batch.u[first:stop])


@pytest.mark.parametrize("contrast", [1e2, 1e3, 1e5])
def test_few_iterations_in_three_dimensions(contrast):
    grid = Grid.uniform((33, 33, 33))
    field = GaussianRandomField(grid, alpha=3, tau=3)
    g = np.stack([field.sample(generator(0, i)) for i in range(4)])
    smooth = contrast ** (g / np.ptp(g, axis=(1, 2, 3), keepdims=True))
    a = np.concatenate(
        [smooth, np.where(g > 0, min(contrast, 100.0), 1.0), np.ones((1, 33, 33, 33))]
    )
    batch = solve_batch(Darcy(grid), {"permeability": a}).checked()
    assert {*batch.methods} == {"batched-multigrid-cg"}
    assert max(batch.iterations[:4]) <= 12 and max(batch.iterations[4:8]) <= 15
    assert len({*batch.iterations}) > 1  # every sample has its own end


def test_tensors_reactions_and_uneven_grids():
    grid = Grid.tensor([np.linspace(0, 1, 22) ** 1.3, np.linspace(0, 1.5, 31)])
    tensors = np.exp(0.5 * RNG.standard_normal((3, 2, *SHAPE)))
    agree(Darcy(grid, BOUNDARIES["one wall"]), {"permeability": tensors})
    agree(Darcy(grid, Boundary(default=Neumann()), reaction=20.0), {"permeability": A[:3]})
    agree(Poisson(grid), {"source": RNG.standard_normal((3, *SHAPE))})


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("default", [Robin(3.0, 1.0), Neumann()])
def test_robin_sides_that_vary_beside_a_reaction(centering, default):
    sides = {"y_lower": Robin(lambda x, y: 1 + x, lambda x, y: x), "x_upper": Robin(SIDE_Y)}
    grid = Grid.uniform(SHAPE, centering=centering)
    problem = Darcy(grid, Boundary(sides, default), reaction=lambda x, y: 5 * x * y)
    batch = agree(problem, {"permeability": A[:3]})
    assert {*batch.methods} == {"batched-multigrid-cg"}


@pytest.mark.parametrize(
    ("problem", "shape"),
    [
        (Darcy(Grid.uniform((4, 60, 60))), (4, 60, 60)),
        (Darcy(Grid.periodic((9, 12)), source=0.0), (9, 12)),
    ],
)
def test_other_problems_take_one_solve_per_sample(problem, shape):
    a = 1 + RNG.random((2, *shape))
    batch = solve_batch(problem, {"permeability": a}).checked()
    for i in range(2):
        alone = solve(problem, {"permeability": a[i]})
        np.testing.assert_array_equal(batch.u[i], alone.u)
        assert batch.methods[i] == alone.method and batch.reasons[i].startswith("one by one, ")


def test_waves_convection_and_full_tensors_take_one_solve_per_sample():
    grid = Grid.uniform((8, 9))
    K = np.einsum("ij,sxy->sijxy", [[2.0, 1.0], [1.0, 2.0]], 1 + RNG.random((2, 8, 9)))
    k = 3 + RNG.random((2, 8, 9))
    for problem, inputs in (
        (Helmholtz(grid), {"wavenumber": k}),
        (ConvectionDiffusion(grid, [3.0, 1.0]), {"diffusivity": k}),
        (AnisotropicDarcy(grid), {"permeability": K}),
    ):
        batch = solve_batch(problem, inputs).checked()
        for i in range(2):
            alone = solve(problem, {name: values[i] for name, values in inputs.items()})
            np.testing.assert_array_equal(batch.u[i], alone.u)
            assert batch.u.dtype == alone.u.dtype and batch.methods[i] == alone.method
            assert batch.reasons[i].startswith("one by one, lanes hold")
    waves = Helmholtz(grid)
    single = solve_batch(waves, {"wavenumber": k.astype(np.float32)}).checked()
    assert single.u.dtype == np.complex64
    again = solve_batch(waves, {"wavenumber": k}, initial=1j * np.ones((2, 8, 9))).checked()
    np.testing.assert_allclose(again.u, single.u, rtol=1e-4)
    k[1, 2, 3] = -1.0
    with pytest.raises(InputError, match="sample 1: wavenumber: expected numbers > 0"):
        solve_batch(waves, {"wavenumber": k})


@pytest.mark.parametrize("shape", [SHAPE, (6, 7, 8)])
def test_single_precision_fields(shape):
    problem = Darcy(Grid.uniform(shape))
    a = np.exp(RNG.standard_normal((9, *shape))).astype(np.float32)
    batch = solve_batch(problem, {"permeability": a}).checked()
    exact = solve_batch(problem, {"permeability": a.astype(np.float64)})
    assert batch.u.dtype == np.float32
    np.testing.assert_array_equal(batch.u, exact.u.astype(np.float32))


def test_single_precision_fields_of_samples_that_are_solved_one_by_one():
    line, uneven = Darcy(Grid.uniform(200)), Darcy(Grid.uniform((65, 65), upper=(1.0, 50.0)))
    for problem in (line, uneven):
        a = np.exp(RNG.standard_normal((2, *problem.grid.shape))).astype(np.float32)
        batch = solve_batch(problem, {"permeability": a}, 1e-10).checked()
        double = solve_batch(problem, {"permeability": a.astype(np.float64)}, 1e-10).checked()
        assert batch.u.dtype == np.float32
        np.testing.assert_array_equal(batch.u, double.u.astype(np.float32))


def test_first_guesses():
    problem = Darcy(Grid.uniform(SHAPE))
    solved = solve_batch(problem, {"permeability": A}, 1e-10).checked()
    again = solve_batch(problem, {"permeability": A}, 1e-9, initial=solved.u)
    assert again.checked().iterations == (0,) * 9
    np.testing.assert_allclose(again.u, solved.u, rtol=1e-14)
    for wrong in (solved.u[:3], np.full_like(solved.u, np.nan), solved.u.astype(complex)):
        with pytest.raises(InputError, match="initial guess"):
            solve_batch(problem, {"permeability": A}, initial=wrong)


def test_zero_right_hand_side():
    batch = solve_batch(Darcy(Grid.uniform(SHAPE), source=0.0), {"permeability": A[:3]}).checked()
    assert not batch.u.any() and batch.residuals == ((0.0,),) * 3


def test_the_limit_is_a_status_with_its_remedy():
    batch = solve_batch(Darcy(Grid.uniform(SHAPE)), {"permeability": A[:3]}, max_iterations=1)
    assert batch.status == (Status.MAX_ITERATIONS,) * 3 and batch.iterations == (1, 1, 1)
    with pytest.raises(NotConvergedError, match=r"0, 1, 2; .*raise max_iterations"):
        batch.checked()


def test_bad_samples_are_named():
    problem, a = Darcy(Grid.uniform(SHAPE)), A.copy()
    a[7, 2, 3] = np.nan
    with pytest.raises(NonFiniteError, match=r"sample 7: permeability: .*\(2, 3\)"):
        solve_batch(problem, {"permeability": a})
    a[7, 2, 3] = -1.0
    with pytest.raises(InputError, match=r"sample 7: permeability: expected numbers > 0"):
        solve_batch(problem, {"permeability": a})
    periodic = Darcy(Grid.periodic(SHAPE), source=0.0)
    with pytest.raises(InputError, match=r"sample 7: permeability"):
        solve_batch(periodic, {"permeability": a})


def test_sources_that_do_not_balance_the_fluxes():
    problem = Darcy(Grid.uniform(SHAPE), Boundary(default=Neumann()), source=1.0)
    with pytest.raises(InputError, match="expected the integral of the source"):
        solve_batch(problem, {"permeability": A})
    uneven = Poisson(
        Grid.tensor([np.linspace(0, 1, 22) ** 1.3, np.linspace(0, 1, 31)]),
        Boundary(default=Neumann()),
    )
    f = np.ones((2, *SHAPE))
    f[0] = 0.0
    with pytest.raises(InputError, match="sample 1: source: expected the integral"):
        solve_batch(uneven, {"source": f})


@pytest.mark.parametrize(
    "inputs",
    [
        {"permeability": A[0]},
        {"permeability": A[:0]},
        {"permeability": A[:, :-1]},
        {"permeability": A[:, None, None]},
        {"permeability": np.full((2, *SHAPE), "a")},
        {"permeability": A.astype(complex)},
        {"permeability": A, "more": A},
        {},
        A,
    ],
)
def test_wrong_batches(inputs):
    with pytest.raises(InputError, match="permeability"):
        solve_batch(Darcy(Grid.uniform(SHAPE)), inputs)


@pytest.mark.parametrize("options", [{"rtol": 1.0}, {"rtol": -1}, {"max_iterations": 1.5}])
def test_wrong_limits(options):
    with pytest.raises(InputError):
        solve_batch(Darcy(Grid.uniform(SHAPE)), {"permeability": A}, **options)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(3, 60),
    st.integers(3, 60),
    st.floats(0.2, 5.0),
    st.sampled_from([*BOUNDARIES]),
    st.integers(1, 4),
    st.integers(0, 999),
)
def test_any_size_and_aspect_ratio(n0, n1, aspect, name, samples, seed):
    if name in ("values", "neumann"):
        name = "left to right"
    grid = Grid.uniform((n0, n1), upper=(1.0, aspect))
    problem = Darcy(grid, BOUNDARIES[name])
    a = np.exp(np.random.default_rng(seed).standard_normal((samples, n0, n1)))
    batch = solve_batch(problem, {"permeability": a}, 1e-9).checked()
    for i in range(samples):
        inputs = {"permeability": a[i]}
        b = problem.source(inputs)
        rest = b - problem.operator(inputs).apply(problem.unknowns(batch.u[i]))
        assert np.linalg.norm(rest) <= 1.01e-9 * np.linalg.norm(b)


@pytest.mark.parametrize(("dimension", "sizes"), [(2, (17, 33, 65)), (3, (9, 17, 33))])
def test_second_order(dimension, sizes):
    errors = []
    for n in sizes:
        grid = Grid.uniform((n,) * dimension)
        u = np.prod(np.sin(np.pi * np.stack(grid.coordinates())), axis=0)
        a = np.stack([np.ones_like(u), np.full_like(u, 2.0)])
        problem = Darcy(grid, source=dimension * np.pi**2 * u)
        found = solve_batch(problem, {"permeability": a}, 1e-11).checked().u
        errors.append(max(np.abs(found[0] - u).max(), np.abs(2 * found[1] - u).max()))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(orders > 1.95)
