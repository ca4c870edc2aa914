import numpy as np
import pytest

from nwidth.errors import FileFormatError, InputError, NonFiniteError, NotConvergedError
from nwidth.solvers import stepping
from nwidth.solvers.stepping import (
    ARK324L2SA,
    BOGACKI_SHAMPINE,
    DORMAND_PRINCE,
    ETDRK4,
    EULER,
    EXPRB32,
    HEUN,
    RK4,
    RK43,
    SBDF3,
    DiagonalPart,
    EvolutionStatus,
    FunctionSystem,
    SteppingMethod,
    evolve,
)

METHODS = [
    method
    for name in stepping.__all__
    if isinstance(method := getattr(stepping, name), SteppingMethod)
]
ADAPTIVE = [method for method in METHODS if method.embedded_order is not None]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_order(method, stiff):
    system, v, exact = stiff
    # Fine enough for methods whose stages or steps resolve the initial layer, e^(-50 t), late.
    steps = np.array([130, 260, 520])
    errors = [
        np.abs(evolve(system, v, [1.0], method=method, dt=1 / n).checked().states[-1] - exact).max()
        for n in steps
    ]
    slopes = np.log2(np.divide(errors[:-1], errors[1:]))
    assert slopes[-1] == pytest.approx(method.order, abs=0.2), slopes


@pytest.mark.parametrize("method", ADAPTIVE, ids=lambda m: m.name)
def test_embedded_order(method, stiff):
    system, v, _ = stiff
    estimates = []
    for h in (0.01, 0.005):
        stepper, out = method.start(system, v), np.empty_like(v)
        estimates.append(np.abs(stepper.step(0.0, h, v, out)).max())
    slope = np.log2(estimates[0] / estimates[1])
    assert slope == pytest.approx(method.embedded_order + 1, abs=0.5)


@pytest.mark.parametrize("method", ADAPTIVE, ids=lambda m: m.name)
def test_adaptive_steps_keep_the_tolerance(method, stiff):
    system, v, exact = stiff
    for rtol in (1e-4, 1e-7):
        found = evolve(system, v, np.linspace(0.1, 1, 10), method=method, rtol=rtol).checked()
        assert np.abs(found.states[-1] - exact).max() < 20 * rtol
        assert found.times.tolist() == np.linspace(0.1, 1, 10).tolist()


def test_steps_are_repeated_where_the_solution_is_sudden():
    system = FunctionSystem(lambda t, v: np.where(abs(t - 0.5) < 0.005, 100.0, 0.0) - v)
    found = evolve(system, [1.0], [1.0], method=DORMAND_PRINCE, rtol=1e-6).checked()
    assert found.counts.rejected > 2
    assert found.states[-1, 0] == pytest.approx(np.exp(-1) + np.exp(-0.5), rel=2e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.float64, np.complex128])
@pytest.mark.parametrize("method", [RK4, ETDRK4], ids=lambda m: m.name)
def test_precisions_and_batches(dtype, method):
    """Samples side by side have the digits of samples alone, in every precision."""
    symbol = -np.linspace(0, 30, 5).astype(np.dtype(dtype).char.lower())
    if np.dtype(dtype).kind == "c":
        symbol = symbol + 5j
    system = FunctionSystem(lambda t, v: -(v**2), DiagonalPart(symbol.astype(dtype)))
    v = np.linspace(0.1, 1, 15).reshape(3, 5).astype(dtype)
    together = evolve(system, v, [0.1, 0.2], method=method, dt=0.005).checked().states
    assert together.dtype == dtype
    for i in range(3):
        alone = evolve(system, v[i], [0.1, 0.2], method=method, dt=0.005).checked().states
        assert np.array_equal(alone, together[:, i])
    exact = evolve(
        FunctionSystem(lambda t, v: -(v**2), DiagonalPart(symbol)),
        v.astype(np.result_type(dtype, np.float64)), [0.1, 0.2], dt=0.001,
    ).states  # fmt: skip
    assert np.abs(together - exact).max() < 3e-6


def test_states_may_be_handed_out_instead_of_kept(stiff):
    system, v, _ = stiff
    kept = evolve(system, v, [0.0, 0.5, 1.0], dt=0.1)
    seen = []
    found = evolve(system, v, [0.0, 0.5, 1.0], dt=0.1, output=lambda *item: seen.append(
        (item[0], item[1], item[2].copy())))  # fmt: skip
    assert len(found.states) == 0 and found.times.tolist() == [0.0, 0.5, 1.0]
    assert [item[:2] for item in seen] == [(0, 0.0), (1, 0.5), (2, 1.0)]
    assert np.array_equal(np.stack([item[2] for item in seen]), kept.states)
    assert np.array_equal(kept.states[0], v)


@pytest.mark.parametrize("options", [{"dt": 0.03}, {"rtol": 0.1}])
@pytest.mark.parametrize(
    "method", [ETDRK4, BOGACKI_SHAMPINE, RK43, ARK324L2SA, SBDF3, EXPRB32], ids=lambda m: m.name
)
def test_runs_that_were_stopped_go_on_bit_by_bit(options, method, tmp_path):
    if "rtol" in options and method.embedded_order is None:
        return
    # So fast in t that a time that is rounded another way shows.
    fast = FunctionSystem(lambda t, v: np.sin(1e7 * t) * v[::-1], DiagonalPart([-1.0, -9.0]))
    system, v = fast, np.array([1.0, 0.5])
    times, path = np.linspace(0.013, 1, 10), tmp_path / "run.h5"
    whole = evolve(system, v, times, method=method, **options).checked()
    for stop in (3, 7):
        reached = []

        def full(t, counts, reached=reached, stop=stop):
            reached.append(t)
            return bool(t > times[stop] - 1e-12)

        part = evolve(system, v, times, method=method, checkpoint=path, progress=full, **options)
        assert part.status is EvolutionStatus.STOPPED and part.t == times[stop]
        with pytest.raises(NotConvergedError, match="asked to stop"):
            part.checked()
    again = evolve(system, v, times, method=method, checkpoint=path, **options).checked()
    assert np.array_equal(again.states, whole.states)
    assert again.counts == whole.counts


def test_checkpoints_of_other_jobs_are_refused(stiff, tmp_path):
    system, v, path = *stiff[:2], tmp_path / "run.h5"
    evolve(system, v, [0.5, 1.0], dt=0.1, checkpoint=path, job="this")
    evolve(system, v, [0.5, 1.0], dt=0.1, checkpoint=path, job="this")
    for job in ("that", ""):
        with pytest.raises(InputError, match="same problem and initial fields"):
            evolve(system, v, [0.5, 1.0], dt=0.1, checkpoint=path, job=job)


def test_checkpoints_of_other_runs_are_refused(stiff, tmp_path):
    system, v, _ = stiff
    path = tmp_path / "run.h5"
    evolve(system, v, [0.5, 1.0], dt=0.1, checkpoint=path)
    with pytest.raises(InputError, match="checkpoint of RK4 for the same times"):
        evolve(system, v, [0.5, 1.0], method=RK4, dt=0.01, checkpoint=path)
    with pytest.raises(InputError, match="same times"):
        evolve(system, v, [0.5, 1.5], dt=0.1, checkpoint=path)
    with pytest.raises(InputError, match=r"checkpoint: expected a state complex64 of shape \(2,\)"):
        evolve(system, v.astype(np.complex64), [0.5, 1.0], dt=0.1, checkpoint=path)
    for other in ({"dt": 0.01}, {"rtol": 1e-4}):
        with pytest.raises(InputError, match=r"with dt = 0.01|with rtol = 0.0001, atol = 0.0, got"):
            evolve(system, v, [0.5, 1.0], checkpoint=path, **other)
    path.write_bytes(b"nothing")
    with pytest.raises(FileFormatError):
        evolve(system, v, [0.5, 1.0], dt=0.1, checkpoint=path)


def test_blow_up_names_time_and_step():
    square = FunctionSystem(lambda t, v: v**2)
    found = evolve(square, [1.0], [0.5, 2.0], method=RK4, dt=0.01)
    assert found.status is EvolutionStatus.BLOWN_UP and found.times.tolist() == [0.5]
    assert 1.0 < found.t < 1.1 and len(found.states) == 1
    with pytest.raises(NonFiniteError, match=r"RK4: NaN or infinity.*t = 1\.0.*step 10\d"):
        found.checked()
    found = evolve(square, [1.0], [2.0], method=DORMAND_PRINCE, rtol=1e-6)
    assert found.status is EvolutionStatus.STEP_VANISHED and found.t == pytest.approx(1, abs=1e-6)


def test_the_number_of_steps_is_limited(stiff):
    system, v, _ = stiff
    found = evolve(system, v, [0.05, 1.0], dt=0.01, max_steps=20)
    assert found.status is EvolutionStatus.MAX_STEPS and found.counts.steps == 20
    assert found.t == pytest.approx(0.2)


def test_courants_condition(advection):
    v = np.ones(11, complex)
    with pytest.raises(InputError, match=r"dt: expected at most 0\.283, where RK4 is stable"):
        evolve(advection, v, [1.0], method=RK4, dt=0.3)
    found = evolve(advection, v, [1.0], method=RK4, dt=0.2).checked()
    assert np.abs(found.states[-1]).max() <= 1
    for unstable in (HEUN, EULER):  # for any wave, but slowly
        evolve(advection, v, [1.0], method=unstable, dt=0.02).checked()
        with pytest.raises(InputError, match=r"at most 0\.2, where \w+ does not double waves"):
            evolve(advection, v, [1.0], method=unstable, dt=0.21)
    evolve(advection, v, [1.0], method=EXPRB32, dt=0.5).checked()  # takes them exactly


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"times": [1.0, 1.0]}, "times: expected increasing"),
        ({"times": [-1.0]}, "times: expected increasing numbers from 0 on"),
        ({"times": []}, "times: expected one or several"),
        ({"times": ["a"]}, "times: expected one or several"),
        ({"times": [np.nan]}, "times"),
        ({"v": []}, "v: expected numbers"),
        ({"v": [np.inf, 1]}, "v"),
        ({"dt": None}, "dt, rtol, courant: expected one of them"),
        ({"rtol": 1e-3}, "dt, rtol, courant: expected one of them"),
        ({"dt": 0}, "dt: expected a number"),
        ({"dt": None, "rtol": 2}, "rtol: expected"),
        ({"dt": None, "rtol": 1e-3, "method": RK4}, "RK4: expected a method with an estimate"),
        ({"method": "RK4"}, "method"),
        ({"system": len}, "system"),
        ({"max_steps": 0}, "max_steps"),
        ({"v": [[1.0], [1.0, 2.0]]}, "v: expected an array of numbers"),
        ({"v": [1j, 2, 3]}, r"last axes are those of the linear part, \(2,\), got shape \(3,\)"),
        ({"v": [1j, 2, 3], "method": RK4}, r"RK4: expected a state whose last axes"),
        ({"v": [1.0, 2.0], "method": RK4}, "RK4: expected a complex state"),
        ({"output": 1}, "output: expected a function"),
        ({"progress": 1}, "progress: expected a function"),
    ],
)
def test_what_cannot_be_stepped_is_refused(change, words, stiff):
    arguments = {"system": stiff[0], "v": stiff[1], "times": [1.0], "dt": 0.1} | change
    with pytest.raises(InputError, match=words):
        evolve(arguments.pop("system"), arguments.pop("v"), arguments.pop("times"), **arguments)


def test_explicit_methods_take_waves_of_the_linear_part_within_courants_condition():
    """v' = i l v is stable up to 2^(3/2) / l; modes that are zero and stay so do not count."""
    system = FunctionSystem(lambda t, v: 0 * v, DiagonalPart([1j, -20j, 1000j]))
    v = np.array([1.0, 1.0, 0.0], complex)
    with pytest.raises(InputError, match=r"expected at most 0.141, where RK4 is stable .*Courant"):
        evolve(system, v, [10.0], method=RK4, dt=0.142)
    found = evolve(system, v, [10.0], method=RK4, dt=0.14).checked()
    assert np.abs(found.states).max() < 1.0001
    evolve(system, v, [10.0], method=ETDRK4, dt=10.0).checked()
