"""Certificates in time: bounds that bound, indicators that are exact, polishing that meets rtol."""

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.rom import StepStatus, certify, certify_trajectories
from nwidth.rom.restarted_steps import RestartedSteps
from nwidth.solvers import (
    AllenCahn,
    Burgers,
    Fisher,
    GrayScott,
    KortewegDeVries,
    KuramotoSivashinsky,
    NavierStokes,
    NavierStokes3D,
    WaveEquation,
    simulate,
)

# Random fields on coarse grids are not resolved, which changes nothing here.
pytestmark = pytest.mark.filterwarnings("ignore:.*finest third")

PROBLEMS = {
    "burgers": (Burgers(Grid.periodic(36), viscosity=0.05), 10.0, 0.4),
    "allen-cahn": (AllenCahn(Grid.periodic(36), width=0.1), 10.0, 1.0),
    "fisher": (Fisher(Grid.periodic(36), 0.02, 3.0), 5.0, 0.4),
    "navier-stokes": (NavierStokes(Grid.periodic((18, 15)), 5e-3), 30.0, 2.0),
}
# Hardly damped, so that the bound grows.
VORTICES = {"vortices": (NavierStokes(Grid.periodic((18, 15)), 1e-4), 80.0, 2.0)}
SAMPLES = 2


def trajectories(name, steps=6, seed=0):
    """Exact ones at equal times."""
    problem, scale, end = (PROBLEMS | VORTICES)[name]
    field = GaussianRandomField(problem.grid, alpha=2.5, tau=7, sigma=scale, boundary="periodic")
    rng, t = np.random.default_rng(seed), np.linspace(0, end, steps + 1)
    (output,) = problem.outputs
    first = [field.sample(rng) for _ in range(SAMPLES)]
    found = [simulate(problem, {output: f}, t, rtol=1e-10).checked() for f in first]
    return problem, t, np.stack([one.fields[output] for one in found])


def relative(u, exact):
    axes = tuple(range(2, u.ndim))
    return np.sqrt(((u - exact) ** 2).sum(axes) / (exact**2).sum(axes))


def disturbed(u, size, kind, rng):
    noise = rng.standard_normal(u.shape) * np.sqrt(np.mean(u**2))
    noise[:, 0] = 0
    if kind == "drift":
        noise = np.cumsum(0 * noise + rng.standard_normal((SAMPLES, 1, *u.shape[2:])), axis=1)
        noise *= np.sqrt(np.mean(u**2))
        noise -= noise[:, :1]
    return {"noise": u + size * noise, "drift": u + size * noise, "factor": u * (1 + size)}[kind]


@pytest.mark.parametrize("kind", ["noise", "drift", "factor"])
@pytest.mark.parametrize("size", [1e-4, 0.1, 3.0])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_bound_is_at_least_the_error(name, size, kind):
    problem, t, exact = trajectories(name, steps=4)
    u = disturbed(exact, size, kind, np.random.default_rng(1))
    if kind == "factor":
        u[:, 0] = exact[:, 0]
    found = certify_trajectories(problem, u, t, tolerance=1e-7)
    error = relative(u, exact)
    assert (error <= found.bound * (1 + 1e-9) + 1e-14).all()
    if size <= 1e-3:
        assert np.isfinite(found.bound).all() and np.median(found.bound[:, 1] / error[:, 1]) < 4
    assert (found.bound[:, 0] == 0).all() and found.status[0][0] is StepStatus.GIVEN


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_solver_has_no_defect(name):
    problem, t, exact = trajectories(name)
    found = certify_trajectories(problem, exact, t)
    assert found.defect.max() < 1e-6 and (found.bound < 1e-4).all()
    assert found.solver_steps.tolist() == [0, 0]


def test_the_defect_is_the_error_that_a_step_has_made():
    problem, t, exact = trajectories("burgers")
    wrong = exact.copy()
    wrong[:, 3] *= 1.02
    for n in range(3, 6):  # and is followed up exactly
        for i in range(SAMPLES):
            field = {"velocity": wrong[i, n]}
            wrong[i, n + 1] = simulate(problem, field, [t[n + 1] - t[n]], rtol=1e-10).fields[
                "velocity"
            ]
    found = certify_trajectories(problem, wrong, t)
    assert np.allclose(found.defect[:, 3], 0.02, rtol=1e-5)
    others = np.delete(found.defect, 3, axis=1)
    assert others.max() < 1e-6
    assert np.allclose(found.indicator[:, 3:], 0.02, rtol=1e-3)


@pytest.mark.parametrize("rtol", [0.2, 1e-3])
@pytest.mark.parametrize("name", PROBLEMS)
def test_polishing_meets_rtol_with_few_steps(name, rtol):
    problem, t, exact = trajectories(name)
    u = disturbed(exact, 1e-3, "drift", np.random.default_rng(2))
    found = certify_trajectories(problem, u, t, rtol).checked()
    assert (found.bound <= rtol).all()
    assert (relative(found.u, exact) <= found.bound + 1e-14).all()
    for i in range(SAMPLES):
        k = found.solver_steps[i]
        kept = len(t) - k
        assert np.array_equal(found.u[i, :kept], u[i, :kept])
        assert [s is StepStatus.SOLVED for s in found.status[i]] == [False] * kept + [True] * k
        if k:  # one step less would not have done
            late = found.u[i : i + 1].copy()
            late[:, kept] = u[i, kept]
            again = certify_trajectories(problem, late, t, rtol)
            assert again.solver_steps[0] == k
    if rtol == 0.2:
        assert found.solver_steps.sum() < 2 * (len(t) - 1)


def test_without_polishing_what_is_missed_is_told():
    problem, t, exact = trajectories("burgers")
    u = disturbed(exact, 0.01, "noise", np.random.default_rng(3))
    found = certify_trajectories(problem, u, t, 1e-6, polish=False)
    assert np.array_equal(found.u, u) and found.status[1][2] is StepStatus.TOO_LARGE
    with pytest.raises(NotConvergedError, match=r"12 of 14 states.*sample 0 at t = 0.0666667"):
        found.checked()
    assert "relative" not in repr(found) and "asked for 1e-06" in repr(found)


def test_the_indicator_can_be_held_against_rtol_instead():
    problem, t, exact = trajectories("vortices")
    u = disturbed(exact, 1e-3, "noise", np.random.default_rng(2))
    one, other = (certify_trajectories(problem, u, t, 5e-3, by=b) for b in ("bound", "indicator"))
    assert (other.solver_steps < one.solver_steps).all() and (other.indicator <= 5e-3).all()
    assert np.isfinite(other.bound).all() and (relative(other.u, exact) <= other.bound).all()
    assert other.checked() is other and other.status[0][1] is StepStatus.INDICATED
    assert other.bound.max() > 5e-3 and "added up" in repr(other)
    with pytest.raises(InputError, match="by: expected one of"):
        certify_trajectories(problem, u, t, by="guess")


def test_other_equations_have_an_indicator_only():
    problem = GrayScott(Grid.periodic((10, 10)), 0.03, 0.06)
    rng = np.random.default_rng(0)
    inputs = {"substrate": 1 + 0.1 * rng.random((10, 10)), "catalyst": 0.2 * rng.random((10, 10))}
    t = np.linspace(0, 20, 5)
    exact = simulate(problem, inputs, t, rtol=1e-9).checked().fields
    u = {name: f[None] * np.where(t >= 10, 1.03, 1.0)[:, None, None] for name, f in exact.items()}
    found = certify_trajectories(problem, u, t)
    assert np.isnan(found.bound).all() and found.words is None
    assert found.defect[0, 1] < 1e-5 and np.isclose(found.defect[0, 2], 0.03, rtol=1e-3)
    assert found.status[0][1:] == (StepStatus.INDICATED,) * 4 and "indicator only" in repr(found)
    mended = certify_trajectories(problem, u, t, 1e-2).checked()
    assert mended.solver_steps.tolist() == [3] and mended.indicator.max() < 1e-2
    for name, f in exact.items():
        assert abs(mended.fields[name][0] - f).max() < 1e-5


def test_coefficients_that_are_inputs_and_threads():
    problem = WaveEquation(Grid.periodic(16), speed=None, velocity=None)
    x = problem.grid.axes[0].points
    speed = np.stack([1 + 0.2 * np.sin(2 * np.pi * x), 1 + 0 * x])
    bump, t = np.exp(np.cos(2 * np.pi * x)), np.linspace(0, 0.2, 4)
    fields = [
        simulate(
            problem, {"displacement": bump, "velocity": 0 * x, "speed": c}, t, rtol=1e-9
        ).fields
        for c in speed
    ]
    u = {name: np.stack([f[name] for f in fields]) for name in ("displacement", "velocity")}
    one, two = (
        certify_trajectories(problem, u, t, constants={"speed": speed}, threads=n) for n in (1, 2)
    )
    assert one.defect.max() < 1e-6 and np.array_equal(one.defect, two.defect)
    swapped = certify_trajectories(problem, u, t, constants={"speed": speed[::-1]})
    assert swapped.defect.max() > 1e-2
    with pytest.raises(InputError, match="constants: expected speed"):
        certify_trajectories(problem, u, t)
    with pytest.raises(InputError, match="speed: expected 2 samples"):
        certify_trajectories(problem, u, t, constants={"speed": [[1.0], [1.0, 2.0]]})


class Halving:
    """A surrogate that goes on from the last field, halving it at each step."""

    def predict(self, inputs, steps=3):
        u = inputs["velocity"]
        last = u[:, -1] if u.ndim == 3 else u
        return {"velocity": np.stack([last * 0.5 ** (n + 1) for n in range(steps)], axis=1)}


def test_certify_takes_surrogates_in_time():
    problem, t, exact = trajectories("burgers")
    certified = certify(Halving(), problem)
    bare = certified.predict({"velocity": exact[:, 0]}, t)
    assert bare.u.shape == exact.shape and np.array_equal(bare.u[:, 1], exact[:, 0] / 2)
    answer = certified.predict({"velocity": exact[:, :3]}, t, rtol=1e-3)
    assert (relative(answer.u, exact) <= 1e-3).all()
    assert answer.status[0][:3] == (StepStatus.GIVEN,) * 3
    assert answer.solver_steps.tolist() == [4, 4]
    with pytest.raises(InputError, match="expected velocity by name, got density"):
        certified.predict({"density": exact[:, 0]}, t)
    with pytest.raises(InputError, match="expected fields of one to 6 of the 7 times"):
        certified.predict({"velocity": exact}, t)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e3])
def test_a_refused_sample_leaves_the_others_alone(monkeypatch, value, threads):
    """NaN, infinity, and numbers that an equation does not take."""
    problem, t, exact = trajectories("burgers")
    state = Burgers.state

    def picky(self, inputs):
        if inputs["velocity"].max() > 500:
            raise InputError("velocity: expected one below 500")
        return state(self, inputs)

    monkeypatch.setattr(Burgers, "state", picky)
    alone = certify_trajectories(problem, exact[:1], t)
    bad = exact.copy()
    bad[1, 3, 5] = value
    found = certify_trajectories(problem, bad, t, threads=threads)
    assert np.array_equal(found.bound[0], alone.bound[0]) and found.status[0] == alone.status[0]
    assert found.status[1][3:] == (StepStatus.REFUSED,) * 4
    assert StepStatus.REFUSED not in found.status[1][:3]
    assert np.isfinite(found.bound[1, :3]).all() and np.isinf(found.bound[1, 3:]).all()
    assert np.isinf(found.indicator[1, 3:]).all()
    why = "expected one below 500" if value == 1e3 else f"finite numbers, got {value}"
    assert found.refusals[0] == "" and why in found.refusals[1]
    assert f"1 refused; sample 1: {found.refusals[1]}" in repr(found)
    with pytest.raises(NotConvergedError, match=rf"sample 1 at t = 0\.2: .*{why}"):
        found.checked()
    told = certify_trajectories(problem, bad, t, 1e-3, polish=False)
    assert told.status[1][3:] == (StepStatus.REFUSED,) * 4
    solved = certify_trajectories(problem, bad, t, 1e-3, threads=threads).checked()
    assert solved.solver_steps.tolist() == [0, 4]
    assert solved.status[1][3:] == (StepStatus.SOLVED,) * 4
    assert (relative(solved.u, exact) <= solved.bound + 1e-9).all()
    assert why in solved.refusals[1]
    bad[1, 0] = bad[1, 3]
    with pytest.raises(InputError, match="sample 1"):
        certify_trajectories(problem, bad, t)


def test_a_step_that_the_solver_refuses_is_its_sample_alone(monkeypatch):
    problem, t, exact = trajectories("burgers")
    step = RestartedSteps.step

    def picky(self, state, inputs, start, end):
        if start == t[3] and np.array_equal(inputs["velocity"], exact[1, 3]):
            raise InputError("dt: expected a smaller one")
        return step(self, state, inputs, start, end)

    monkeypatch.setattr(RestartedSteps, "step", picky)
    found = certify_trajectories(problem, exact, t)
    assert found.status[1][4] is StepStatus.FAILED and np.isinf(found.bound[1, 4:]).all()
    assert np.isfinite(found.bound[0]).all() and "smaller" in found.refusals[1]
    solved = certify_trajectories(problem, exact, t, 1e-3)
    assert (relative(solved.u, exact) <= 1e-3).all() and solved.solver_steps[1] > 0


def test_a_surrogate_that_refuses_a_sample_is_asked_for_the_others():
    problem, t, exact = trajectories("burgers")

    class Growing(Halving):
        def predict(self, inputs, steps):
            if np.array_equal(inputs["velocity"][-1], exact[1, 0]):
                raise NonFiniteError("state 2 of sample 0 is not finite")
            return super().predict(inputs, steps)

    certified = certify(Growing(), problem)
    found = certified.predict({"velocity": exact[:, 0]}, t)
    usual = certify(Halving(), problem).predict({"velocity": exact[:1, 0]}, t)
    assert np.array_equal(found.u[:1], usual.u) and np.array_equal(found.bound[:1], usual.bound)
    assert found.status[1][1:] == (StepStatus.REFUSED,) * 6
    assert found.refusals == ("", "state 2 of sample 0 is not finite")
    answer = certified.predict({"velocity": exact[:, 0]}, t, rtol=1e-3).checked()
    assert (relative(answer.u, exact) <= 1e-3).all() and answer.solver_steps[1] == 6


@pytest.mark.parametrize("refused", [False, True])
def test_predictions_beyond_the_times_asked_for_are_left_out(refused):
    """Whether all samples are answered at once or, where one is refused, each by itself."""
    problem, t, exact = trajectories("burgers")

    class Fixed:
        def __init__(self, steps):
            self.steps = steps

        def predict(self, inputs):
            if refused and np.array_equal(inputs["velocity"][-1], exact[1, 0]):
                raise NonFiniteError("too far away")
            return Halving().predict(inputs, self.steps)

    found = certify(Fixed(9), problem).predict({"velocity": exact[:, 0]}, t)
    usual = certify(Halving(), problem).predict({"velocity": exact[:, 0]}, t)
    assert found.u.shape == exact.shape and np.array_equal(found.u[0], usual.u[0])
    assert found.refusals == ("", "too far away" if refused else "")
    few = rf"velocity: expected predictions of shape \({2 - refused}, 6, 36\), .* got .*, 4, 36\)"
    with pytest.raises(InputError, match=few):
        certify(Fixed(4), problem).predict({"velocity": exact[:, 0]}, t)


def test_bad_input():
    problem, t, exact = trajectories("burgers")
    bad = exact.copy()
    bad[1, 2, 5] = np.nan
    with pytest.raises(NonFiniteError, match=r"nan in sample 1 at t = 0\.133"):
        certify_trajectories(problem, bad, t, known=3)
    for wrong, words in [
        ({"predicted": exact[:, :3]}, "expected real numbers of shape"),
        ({"predicted": {"height": exact}}, "expected velocity, got height"),
        ({"predicted": exact[:0]}, "at least one sample"),
        ({"times": t[::-1]}, "increasing numbers"),
        ({"times": "now"}, "increasing numbers"),
        ({"times": t + 1j}, "increasing numbers"),
        ({"polish": "no"}, "polish: expected True or False"),
        ({"rtol": -1.0}, "rtol"),
        ({"known": 7}, "known: expected less than the 7 times"),
        ({"constants": {"speed": 1}}, "constants: expected none"),
        ({"tolerance": 1.0}, "tolerance"),
        ({"problem": 3}, "problem"),
    ]:
        with pytest.raises(InputError, match=words):
            certify_trajectories(**{"problem": problem, "predicted": exact, "times": t, **wrong})


def test_what_a_long_step_makes_of_the_error_of_the_solver_is_in_the_bound():
    problem = KuramotoSivashinsky(Grid.periodic(16, upper=22.0))
    x = problem.grid.axes[0].points
    u = np.stack(2 * [np.cos(2 * np.pi * x / 22) + 0.3 * np.sin(4 * np.pi * x / 22)])[None]
    solved = [
        certify_trajectories(problem, u, [0.0, 300.0], 0.2, tolerance=tolerance)
        for tolerance in (1e-4, 1e-5)
    ]
    assert relative(solved[0].u, solved[1].u)[0, 1] > 0.4  # chaos: one of them at least is wrong
    for found in solved:
        assert found.bound[0, 1] == np.inf and found.status[0][1] is StepStatus.TOO_LARGE


@pytest.mark.parametrize("scale", [1e-200, 1e-100, 1e100, 1e200])
def test_fields_of_any_size_have_no_bound_below_their_error(scale):
    problem, t, exact = trajectories("burgers")
    still = np.repeat(exact[:, :1] * scale, len(t), axis=1)
    still[:, 1:] *= 1.1
    found = certify_trajectories(problem, still, t)
    assert (found.bound[:, 1:] > 0.05).all() and (found.indicator[:, 1:] > 0.05).all()
    for bounds, statuses in zip(found.bound[:, 1:], found.status, strict=True):
        certified = [status is StepStatus.CERTIFIED for status in statuses[1:]]
        assert certified == np.isfinite(bounds).tolist()  # an infinite bound certifies nothing


@pytest.mark.parametrize("kind", [Burgers, KortewegDeVries, KuramotoSivashinsky, Fisher, AllenCahn])
def test_problems_in_single_precision_are_bounded_too(kind):
    problem, other = (kind(Grid.periodic(24, upper=20.0), dtype=d) for d in ("float32", "float64"))
    (name,), t = problem.outputs, np.linspace(0, 0.3, 4)
    first = 0.5 + 0.2 * np.sin(np.pi / 5 * problem.grid.axes[0].points)
    exact = simulate(other, {name: first}, t, rtol=1e-9).checked().fields[name][None]
    found = certify_trajectories(problem, exact * np.linspace(1, 1.01, 4)[:, None], t)
    error = relative(exact * np.linspace(1, 1.01, 4)[:, None], exact)
    assert (error[:, 1:] <= found.bound[:, 1:]).all() and (found.bound < 0.1).all()


def test_velocities_that_a_network_leaves_with_divergence_are_compared():
    problem = NavierStokes3D(Grid.periodic((6, 6, 6)), 0.1)
    u = np.random.default_rng(0).standard_normal((1, 3, 3, 6, 6, 6))
    found = certify_trajectories(problem, u, [0.0, 0.01, 0.02], 1e-2).checked()
    assert found.solver_steps.tolist() == [2] and np.isnan(found.bound).all()
    left = problem.solenoidal(u[0, 0])
    exact = simulate(problem, {"velocity": left}, [0.02], rtol=1e-8).fields["velocity"][0]
    assert abs(found.u[0, 2] - exact).max() < 1e-5
