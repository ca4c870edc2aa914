import numpy as np
import pytest
from scipy.linalg import expm

from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomSineSeries
from nwidth.solvers import generate_trajectories, problem_from_description, simulate
from nwidth.solvers.fractional import FractionalDiffusion, PolynomialBump
from nwidth.solvers.stepping import (
    ARK324L2SA,
    ARK436L2SA,
    ARS222,
    DORMAND_PRINCE,
    ETDRK2,
    ETDRK4,
    SBDF2,
    SBDF4,
)


def vary_x(x, y):
    return 1 + x * y


def vary_y(x, y):
    return 2 + np.sin(x)


@pytest.mark.parametrize(
    "coefficient, method, order, dt, least",
    [
        ([1.0, 0.5], ETDRK4, 3.3, 0.2, 2e-6),
        ([1.0, 0.5], ETDRK2, 1.9, 0.1, 2e-4),
        ([1.0, 0.5], SBDF4, 3.9, 0.1, 5e-6),
        ([vary_x, vary_y], SBDF4, 3.9, 0.1, 5e-6),
        ([vary_x, vary_y], SBDF2, 1.9, 0.1, 2e-3),
        ([vary_x, vary_y], ARS222, 1.7, 0.05, 1e-3),
        ([vary_x, vary_y], ARK436L2SA, 2.5, 0.05, 1e-4),  # f drives stiff modes: order falls
    ],
)
def test_order_in_time_of_a_solution_in_closed_form(coefficient, method, order, dt, least):
    bump, alpha = PolynomialBump(4, (0, 0), (1, 1)), (1.3, 1.8)

    def source(t, x, y):
        K = [k(x, y) if callable(k) else k for k in coefficient]
        return np.exp(-t) * (bump.source([x, y], alpha, K) - bump(x, y))

    problem = FractionalDiffusion(32, 6, alpha, coefficient=coefficient, source=source)
    start = bump(*problem.grid.coordinates())
    errors = []
    for h in (dt, dt / 2):
        found = simulate(problem, {"density": start}, [1.0], method=method, dt=h).checked()
        errors.append(np.abs(found.fields["density"][0] - np.exp(-1) * start).max())
    assert np.log2(errors[0] / errors[1]) > order
    assert errors[1] < least


def test_one_step_is_exact_and_products_stay_products():
    """In two directions of different orders and lengths, against exponentials of matrices."""
    alpha, lower, upper = (1.2, 1.9), (-1.0, 0.0), (2.0, 1.0)
    problem = FractionalDiffusion((40, 31), (3, 4), alpha, lower, upper, coefficient=[0.5, 0.2])
    lines = []
    for k in range(2):
        s = problem.grid.points[k][1:-1]
        pulse = np.exp(-20 * (s - np.mean(problem.grid.points[k])) ** 2)
        R, B = problem.space.matrices[k], problem.space.operator.masses[k].matrix.toarray()
        L = [0.5, 0.2][k] * R.dense() @ np.linalg.inv(B)
        lines.append((pulse, expm(0.3 * L) @ pulse))
    start = np.pad(np.outer(lines[0][0], lines[1][0]), 1)
    found = simulate(problem, {"density": start}, [0.3], dt=0.3).checked()
    assert found.counts.steps == 1
    wanted = np.outer(lines[0][1], lines[1][1])
    assert np.allclose(found.fields["density"][0, 1:-1, 1:-1], wanted, atol=1e-11)


def test_order_two_is_the_heat_equation():
    problem = FractionalDiffusion(24, 6, 2.0, coefficient=0.1)
    start = np.sin(np.pi * problem.grid.points[0])
    found = simulate(problem, {"density": start}, [0.0, 1.0], dt=1.0)
    assert np.allclose(
        found.fields["density"][1], np.exp(-0.1 * np.pi**2) * start, rtol=0, atol=1e-8
    )
    mass = found.invariants["mass"]
    assert mass[0] == pytest.approx(2 / np.pi, rel=1e-6)
    assert mass[1] == pytest.approx(2 / np.pi * np.exp(-0.1 * np.pi**2), rel=1e-6)


@pytest.mark.parametrize("alpha", [1.3, 1.8])
def test_a_pulse_in_a_wide_box_is_a_stable_law(alpha):
    problem = FractionalDiffusion(400, 4, alpha, -40.0, 40.0)
    x = problem.grid.points[0]
    found = simulate(problem, {"density": np.exp(-(x**2))}, [1.0], dt=1.0).fields["density"][0]
    k = np.linspace(0, 12, 4001)
    hat = np.sqrt(np.pi) * np.exp(-(k**2) / 4 - k**alpha)
    near = np.abs(x) < 5
    wanted = np.trapezoid(np.cos(np.outer(x[near], k)) * hat, k) / np.pi
    assert np.abs(found[near] - wanted).max() < 2e-4  # what the walls have taken
    assert np.abs(found[near] - wanted).max() < 1e-3 * wanted.max()


def test_a_system_of_modes_and_one_of_values_agree_with_growth():
    kinds = [
        FractionalDiffusion(12, 3, (1.5, 1.8), coefficient=0.05, growth=3.0, modes=modes)
        for modes in ("exact", "sines")
    ]
    assert [problem.diagonal for problem in kinds] == [True, False]
    x, y = kinds[0].grid.coordinates()
    start = {"density": 0.3 * np.sin(np.pi * x) * np.sin(np.pi * y)}
    one, two = (simulate(p, start, [0.5, 1.0], rtol=1e-6).checked() for p in kinds)
    assert np.allclose(one.fields["density"], two.fields["density"], atol=1e-5)
    assert one.fields["density"][1].max() > start["density"].max()
    third = simulate(kinds[1], start, [0.5, 1.0], method=ARK324L2SA, dt=0.02).checked()
    assert np.allclose(one.fields["density"], third.fields["density"], atol=1e-5)


def test_restarts_go_on_bit_by_bit_and_dense_output_fits(tmp_path):
    problem = FractionalDiffusion(16, 3, (1.5, 1.8), coefficient=[vary_x, vary_y], source=1.0)
    start, times = {"density": np.zeros(problem.grid.shape)}, [0.02, 0.04, 0.06]
    whole = simulate(problem, start, times, method=SBDF4, dt=0.005)
    file = tmp_path / "run.h5"
    simulate(problem, start, times, method=SBDF4, dt=0.005, checkpoint=file,
             progress=lambda t, counts: t > 0.03)  # fmt: skip
    again = simulate(problem, start, times, method=SBDF4, dt=0.005, checkpoint=file)
    assert np.array_equal(whole.fields["density"], again.fields["density"])
    with pytest.raises(InputError, match="same problem"):
        other = FractionalDiffusion(16, 3, (1.5, 1.8), coefficient=[vary_x, vary_y], source=2.0)
        simulate(other, start, times, method=SBDF4, dt=0.005, checkpoint=file)
    dense = simulate(problem, start, times, method=DORMAND_PRINCE, rtol=1e-7, dense=True)
    steps = simulate(problem, start, times, method=DORMAND_PRINCE, rtol=1e-7)
    assert np.allclose(dense.fields["density"], steps.fields["density"], atol=1e-6)


def test_complex_densities():
    problem = FractionalDiffusion(16, 3, 1.5)
    u = np.random.default_rng(0).standard_normal((2, *problem.grid.shape))
    fields = [
        simulate(problem, {"density": one}, [0.1], dt=0.1).fields["density"]
        for one in (u[0], u[1], u[0] + 1j * u[1])
    ]
    assert np.allclose(fields[2], fields[0] + 1j * fields[1], atol=1e-12)


def test_complex_sources_keep_their_imaginary_part():
    """Of a real density, too, where numbers are given; a function says nothing beforehand."""
    problem = FractionalDiffusion(16, 3, 1.5, source=2.0 + 1.0j)
    start = np.zeros(problem.grid.shape)
    real = FractionalDiffusion(16, 3, 1.5, source=1.0)
    expected = simulate(real, {"density": start}, [0.2]).fields["density"]
    found = simulate(problem, {"density": start}, [0.2]).fields["density"]
    assert np.allclose(found, (2 + 1j) * expected, atol=1e-12)
    later = FractionalDiffusion(16, 3, 1.5, source=lambda t, x: (2 + 1j) * np.ones_like(x))
    with pytest.raises(InputError, match="make the density complex"):
        simulate(later, {"density": start}, [0.2])
    found = simulate(later, {"density": start + 0j}, [0.2]).fields["density"]
    assert np.allclose(found, (2 + 1j) * expected, atol=1e-12)
    with pytest.raises(InputError, match="got complex ones"):
        problem.describe()


def test_descriptions_and_other_grids():
    problem = FractionalDiffusion((12, 16), 3, (1.5, 1.8), (-1.0, 0.0), (1.0, 3.0),
                                  coefficient=[2.0, 1.0], growth=0.5, unit="mol")  # fmt: skip
    again = problem_from_description(problem.describe())
    assert again.describe() == problem.describe()
    other = FractionalDiffusion((24, 32), 3, (1.5, 1.8), (-1.0, 0.0), (1.0, 3.0))
    moved = problem.on(other.grid)
    assert moved.grid == other.grid
    assert moved.growth == 0.5
    field = FractionalDiffusion(8, 3, (1.5, 1.8), coefficient=vary_x)
    described = problem_from_description(field.describe())
    assert np.array_equal(described.space.coefficients[0], field.space.coefficients[0])
    with pytest.raises(InputError, match="Greville"):
        problem.on(Grid.uniform((15, 19), (-1.0, 0.0), (1.0, 3.0)))
    with pytest.raises(InputError, match="expected 2 axes"):
        problem.on(Grid.uniform((15,)))
    with pytest.raises(InputError, match="expected a Grid"):
        problem.on(3)
    with pytest.raises(InputError, match="numbers to be moved"):
        field.on(field.grid)
    with pytest.raises(InputError, match="function"):
        FractionalDiffusion(8, 3, 1.5, source=lambda t, x: x).describe()


def test_data_sets_of_random_densities(tmp_path):
    sampler = RandomSineSeries(Grid.uniform((5, 5), upper=2.0), modes=3)
    problem = FractionalDiffusion((12, 14), 3, (1.5, 1.8), upper=2.0, sampler=sampler)
    again = problem_from_description(problem.describe())
    assert again.describe() == problem.describe()
    with generate_trajectories(problem, tmp_path / "d.h5", 3, [0.0, 0.1], seed=4) as data:
        u = data["density"][:]
    start = sampler.on(problem.grid).samples(4, 3)
    assert np.allclose(u[:, 0], start, atol=1e-12)
    one = simulate(problem, {"density": start[1]}, [0.0, 0.1]).fields["density"]
    assert np.allclose(u[1], one, atol=1e-12)
    with pytest.raises(InputError, match="same box"):
        FractionalDiffusion(12, 3, (1.5, 1.8), sampler=sampler)


def test_bad_input():
    with pytest.raises(InputError, match="growth"):
        FractionalDiffusion(8, 3, 1.5, growth=-1.0)
    problem = FractionalDiffusion(8, 3, 1.5)
    with pytest.raises(InputError, match="density"):
        simulate(problem, {"density": np.ones(3)}, [1.0])
    with pytest.raises(InputError, match="keys"):
        problem_from_description({"equation": "fractional-diffusion"})
    blown = FractionalDiffusion(8, 3, 1.5, source=lambda t, x: x[:2])
    with pytest.raises(InputError, match="source"):
        simulate(blown, {"density": np.ones(11)}, [1.0])
