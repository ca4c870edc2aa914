import json
import pickle

import numpy as np
import pytest

from nwidth.arrays import generator
from nwidth.errors import InputError
from nwidth.solvers import (
    problem_from_description,
    published_setting,
    published_settings,
    simulate,
)

NAMES = list(published_settings())


@pytest.mark.filterwarnings("ignore:.*finest third")  # 32 points are few
@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_problem_on_grids_of_any_points(name):
    setting = published_setting(name)
    along = 1 if setting.grid is None else 4
    assert (
        setting.problem().grid.shape
        == (along * setting.points, setting.points)[-setting.dimension :]
    )
    assert setting.problem().grid.coarsen(setting.restrict()).shape[-1] == setting.stored
    problem = setting.problem(32)
    found = simulate(problem, problem.sample(generator(0, 0)), [0.0, 0.01], dt=0.002)
    assert all(np.isfinite(u).all() for u in found.fields.values())
    assert setting.about()["setting"] == name and setting.source and len(setting.summary) < 100


@pytest.mark.parametrize("name", NAMES)
def test_each_goes_to_files_and_to_other_processes(name):
    problem = published_setting(name).problem(32)
    told = json.loads(json.dumps(problem.describe()))
    inputs = problem.sample(generator(0, 0))
    for other in (problem_from_description(told), pickle.loads(pickle.dumps(problem))):
        assert other.describe() == problem.describe()
        np.testing.assert_array_equal(other.state(inputs), problem.state(inputs))


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("navier-stokes")])
def test_vorticity_has_the_covariance_of_the_published_sampler(name):
    """Modes of the real part of a transform of complex normals, as ns_2d.py takes it."""
    n, alpha, tau = 16, 2.5, 7.0
    problem = published_setting(name).problem(n)
    w = problem.inputs[0].sampler.samples(0, 2000)
    found = (abs(np.fft.fft2(w)) ** 2).mean(axis=0) / n**4
    k = np.minimum(np.arange(n), n - np.arange(n))
    spectrum = (4 * np.pi**2 * np.add.outer(k**2, k**2) + tau**2) ** (-alpha / 2)
    sigma = tau ** (alpha - 1)
    if "paper" in name:
        expected = 7**1.5 * spectrum**2
    else:
        rng = np.random.default_rng(1)
        sigma /= 2**0.5 if "2022" in name else 1.0
        noise = rng.standard_normal((2000, n, n)) + 1j * rng.standard_normal((2000, n, n))
        drawn = np.fft.ifft2(n**2 * 2**0.5 * sigma * spectrum * noise).real
        expected = (abs(np.fft.fft2(drawn)) ** 2).mean(axis=0) / n**4
    kept = np.ones((n, n), bool)
    kept[0, 0] = kept[n // 2] = kept[:, n // 2] = False
    # 2000 samples of the square of a mode: deviations of 1/2000^(1/2), the worst of 224 below five.
    np.testing.assert_allclose(found[kept], expected[kept], rtol=5 * 2**0.5 / 2000**0.5)
    assert abs(found[0, 0]) < 1e-20


@pytest.mark.parametrize(
    ("name", "sigma", "tau", "alpha"),
    [("burgers-fno-paper", 25.0, 5.0, 2.0), ("burgers-fno-script", 49.0, 7.0, 2.5)],
)
def test_velocity_has_the_published_covariance(name, sigma, tau, alpha):
    u = published_setting(name).problem(32).inputs[0].sampler.samples(0, 4000)
    found = (abs(np.fft.rfft(u)) ** 2).mean(axis=0)[:16] / 32**2
    expected = sigma**2 * ((2 * np.pi * np.arange(16)) ** 2 + tau**2) ** -alpha
    np.testing.assert_allclose(found[1:], expected[1:], rtol=4.5 / 4000**0.5)
    assert found[0] < 1e-20


def test_one_seed_is_one_function_on_finer_grids_and_cut_on_coarser_ones():
    setting = published_setting("burgers-fno-script")
    draw = {n: setting.problem(n).sample(generator(0, 3))["velocity"] for n in (64, 1024, 2048)}
    np.testing.assert_allclose(draw[2048][::2], draw[1024], atol=1e-12)
    fine, coarse = np.fft.rfft(draw[1024]) / 1024, np.fft.rfft(draw[64]) / 64
    np.testing.assert_allclose(coarse[:32], fine[:32], atol=1e-15)


def test_sources_are_those_of_their_data():
    sources = {name: setting.source for name, setting in published_settings().items()}
    assert len(set(sources.values())) == 9
    for name, source in sources.items():
        assert ("gray_scott" in source) == name.startswith("gray-scott")
        assert ("rayleigh_benard" in source) == name.startswith("rayleigh")


def test_patterns_start_from_clusters_of_the_catalyst_where_substrate_is_used_up():
    drawn = published_setting("gray-scott-maze").problem(128).sample(generator(0, 1))
    u, w = drawn["substrate"], drawn["catalyst"]
    assert min(u.min(), w.min()) > -1e-3 and max(u.max(), w.max()) < 1 + 1e-3
    assert np.median(u) > 0.9 and np.median(w) < 0.1 and u.min() < 0.1 and w.max() > 0.9
    assert published_setting("gray-scott").name == "gray-scott-gliders"


def test_the_script_of_burgers_is_resolved():
    setting = published_setting("burgers-fno-script")
    problem = setting.problem()
    inputs = problem.sample(generator(0, 0))
    found = simulate(problem, inputs, [0.5, 1.0], rtol=setting.rtol)
    finer = simulate(problem, inputs, [0.5, 1.0], rtol=setting.rtol / 100)
    assert found.tail.max() < 1e-4
    gap = abs(found.fields["velocity"] - finer.fields["velocity"]).max()
    assert gap < 1e-7 * abs(finer.fields["velocity"]).max()


@pytest.mark.parametrize(
    ("name", "points", "rtol", "error"), [("kdv", 1024, 1e-10, 5e-8), ("ks", 256, 1e-14, 2e-9)]
)
def test_waves_are_followed_as_closely_as_in_the_source(name, points, rtol, error):
    """At t = 50; steps are checked alone where the grid resolves all."""
    setting = published_setting(name)
    (found, finer) = (
        next(iter(simulate(p, p.sample(generator(0, 1)), [50.0], rtol=tol).fields.values()))[0]
        for p, tol in ((setting.problem(), setting.rtol), (setting.problem(points), rtol))
    )
    stored = [u[:: len(u) // setting.stored] for u in (found, finer)]
    assert abs(stored[0] - stored[1]).max() < error * abs(finer).max()


def test_waves_between_walls_are_the_published_series():
    """pi / 24^2 sum a_ij / (i^2 + j^2) sin(pi i x) sin(pi j y) cos(0.1 pi t (i^2 + j^2)^(1/2))."""
    setting = published_setting("wave-cno")
    problem = setting.problem()
    found = simulate(problem, problem.sample(generator(0, 5)), setting.times, rtol=setting.rtol)
    a, i = generator(0, 5).uniform(-1, 1, (24, 24)), np.arange(1.0, 25)
    sines, square = np.sin(np.pi * np.outer(i, np.linspace(0, 1, 64))), np.add.outer(i**2, i**2)
    for t, u in zip(setting.times, found.fields["displacement"], strict=True):
        b = np.pi / 24**2 * a / square * np.cos(0.1 * np.pi * t * square**0.5)
        exact = np.einsum("ij,ix,jy->xy", b, sines, sines)
        assert abs(u[:64, :64] - exact).max() < 1e-13 * abs(exact).max()


def test_what_is_asked_for_wrongly():
    with pytest.raises(InputError, match="burgers-fno-paper"):
        published_setting("burger")
    with pytest.raises(InputError, match="points"):
        published_setting("burgers-fno-paper").problem(3)
    with pytest.raises(InputError, match="at most so many, got 256"):
        published_setting("rayleigh-benard").restrict(256)
    with pytest.raises(InputError, match="multiple of the 1024"):
        published_setting("burgers-fno-script").restrict(1500)


def test_convection_starts_from_the_published_noise():
    """1 - z + z (1 - z) e with a white noise e of 1e-3, on grids of any points."""
    setting = published_setting("rayleigh-benard")
    problem = setting.problem()
    assert (problem.rayleigh, problem.prandtl, problem.grid.lengths) == (1e6, 1.0, (4.0, 1.0))
    b = problem.sample(generator(0, 0))["buoyancy"]
    _, z = problem.grid.coordinates()
    e = ((b - 1 + z) / np.where(z * (1 - z) > 0, z * (1 - z), 1.0))[:, 32:-32]
    assert abs(e.std() / 1e-3 - 1) < 0.02 and abs(e.mean()) < 5e-5
    neighbours = [np.mean(e[1:] * e[:-1]), np.mean(e[:, 1:] * e[:, :-1])]
    # Across, points lie closer in their middle than half a wave.
    assert abs(neighbours[0]) < 0.02e-6 and abs(neighbours[1]) < 0.3e-6
    assert problem.describe() == published_setting("rayleigh-benard-1e6").problem().describe()
    published = published_setting("rayleigh-benard-1e10")
    assert published.problem(16).grid.shape == (64, 16)
    assert np.allclose(np.diff(published.times), 0.25) and len(published.times) == 200
