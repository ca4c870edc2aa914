"""Point rules: agreement with the plain loop on every launcher, the cache on disk, errors."""

import inspect
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from nwidth.errors import InputError
from nwidth.kernels import pointwise

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = np.array([0.5, 0.25])
QUARTER = 0.25


@njit
def mean_of_two(a, b):
    return (a + b) / 2


@pointwise()
def scaled_1d(i, u, h):
    return u[i] * h


@pointwise(halo=1)
def second_difference_1d(i, u, h):
    return (u[i - 1] - 2 * u[i] + u[i + 1]) / h**2


@pointwise(halo=2)
def wide_1d(i, u, h):
    return h * (u[i - 2] - u[i + 2]) + QUARTER * u[i]


@pointwise()
def polynomial_2d(i, j, u, h):
    if u[i, j] > 0:
        return u[i, j] ** 2 + h * i
    return h * j


@pointwise(halo=1)
def weighted_jacobi_2d(i, j, u, h, omega=0.8):
    """One damped-Jacobi sweep for -Laplace u = 0."""
    average = (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]) * QUARTER
    return (1 - omega) * u[i, j] + omega * average * h


@pointwise(halo=2)
def wide_2d(i, j, u, h):
    return WEIGHTS[0] * mean_of_two(u[i - 2, j], u[i, j + 2]) + WEIGHTS[1] * h * u[i + 2, j - 2]


@pointwise()
def product_3d(i, j, k, u, h):
    return u[i, j, k] * h + k - j


@pointwise(halo=1)
def laplace_3d(i, j, k, u, h):
    neighbours = u[i - 1, j, k] + u[i + 1, j, k] + u[i, j - 1, k] + u[i, j + 1, k]
    return (neighbours + u[i, j, k - 1] + u[i, j, k + 1] - 6 * u[i, j, k]) / h**2


@pointwise(halo=2)
def wide_3d(i, j, k, u, h):
    return u[i - 2, j, k] + h * u[i, j + 2, k] + u[i, j, k - 2]


RULES = {
    1: [scaled_1d, second_difference_1d, wide_1d],
    2: [polynomial_2d, weighted_jacobi_2d, wide_2d],
    3: [product_3d, laplace_3d, wide_3d],
}
SHAPES = {1: [(7,), (8,), (4,), (0,)], 2: [(7, 8), (8, 5), (3, 9)], 3: [(5, 6, 7), (6, 5, 4)]}
CASES = [
    pytest.param(rule, dtype, id=f"{rule.rule.__name__}-{np.dtype(dtype).name}")
    for rules in RULES.values()
    for rule in rules
    for dtype in (np.float32, np.float64)
]


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    """A cold cache, so that every test compiles what it claims to test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NWIDTH_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


def compare(rule, dtype, launch):
    """Launch against the plain loop, on odd and even sizes."""
    tolerance = 16 * np.finfo(dtype).eps
    for shape in SHAPES[rule.dimension]:
        u = np.random.default_rng(1).standard_normal(shape).astype(dtype)
        before = np.random.default_rng(2).standard_normal(shape).astype(dtype)
        expected = rule.reference(before.copy(), u, 0.7)
        out = launch(rule, before.copy(), u, 0.7)
        assert out.dtype == dtype
        scale = max(1.0, np.max(np.abs(expected), initial=0.0))
        np.testing.assert_allclose(out, expected, rtol=0, atol=tolerance * scale)
        edge = np.ones(shape, dtype=bool)
        edge[(slice(rule.halo, -rule.halo or None),) * len(shape)] = False
        np.testing.assert_array_equal(out[edge], before[edge])


@pytest.mark.parametrize(("rule", "dtype"), CASES)
def test_numba_agrees_with_the_plain_loop(rule, dtype):
    compare(rule, dtype, lambda rule, out, u, h: rule(out, u, h))


def test_cuda_agrees_with_the_plain_loop_in_the_simulator(in_simulator):
    """All rules of this file, by the CUDA template, in a process where the simulator is on."""
    assert in_simulator(__file__, "run_in_simulator") == "18 compared"


def run_in_simulator() -> str:
    """Compare every rule and precision; called in the subprocess above."""
    from numba import cuda

    def launch(rule, out, u, h):
        on_device = cuda.to_device(out)
        rule(on_device, cuda.to_device(u), h)  # dispatched by the array
        straight = rule.launch_cuda(out.copy(), u, h)  # and the kernel itself
        np.testing.assert_array_equal(on_device.copy_to_host(), straight)
        return straight

    for case in CASES:
        compare(*case.values, launch)
    return f"{len(CASES)} compared"


def test_cuda_agrees_with_the_plain_loop_on_cupy_arrays():
    cupy = pytest.importorskip("cupy", reason="cupy is not installed")
    if not cupy.is_available():
        pytest.skip("no CUDA device")

    def launch(rule, out, u, h):
        return cupy.asnumpy(rule(cupy.asarray(out), cupy.asarray(u), h))

    for case in CASES:
        compare(*case.values, launch)


def test_large_arrays_go_to_all_threads():
    u = np.random.default_rng(0).standard_normal((203, 211))
    out = weighted_jacobi_2d(np.zeros_like(u), u, 1.0)
    average = (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]) / 4
    np.testing.assert_allclose(out[1:-1, 1:-1], 0.2 * u[1:-1, 1:-1] + 0.8 * average, atol=1e-14)


def test_keywords_defaults_views_and_other_dtypes():
    u = np.random.default_rng(0).standard_normal((9, 8))
    expected = weighted_jacobi_2d.reference(np.zeros((9, 8)), u, 1.0, 0.8)
    for arguments in ({"h": 1.0}, {"h": 1, "omega": np.float64(0.8)}, {"omega": 0.8, "h": 1.0}):
        np.testing.assert_allclose(
            weighted_jacobi_2d(np.zeros((9, 8)), u, **arguments), expected, atol=1e-15
        )
    strided = np.zeros((18, 16))[::2, ::2]
    np.testing.assert_allclose(weighted_jacobi_2d(strided, u, 1.0), expected, atol=1e-15)
    waves = weighted_jacobi_2d(np.zeros((9, 8), complex), u * 1j, 1.0)
    np.testing.assert_allclose(waves, 1j * expected, atol=1e-15)
    staggered = np.ones(6)
    assert scaled_1d(np.zeros(5), staggered, 2.0).tolist() == [2.0] * 5
    in_place = np.arange(4.0)
    assert scaled_1d(in_place, in_place, 2.0) is in_place
    assert in_place.tolist() == [0.0, 2.0, 4.0, 6.0]


RULES_FILE = """
from nwidth.kernels import pointwise
SCALE = {scale}
def deeper(x):
    return x * SCALE
from numba import njit
compiled = njit(deeper)
@pointwise(halo=1)
def rule(i, j, u):
    return compiled(u[i - 1, j])
"""
CALLER = """
import json, numpy as np, rules
out = rules.rule(np.zeros((4, 4)), np.ones((4, 4)))
stats = rules.rule.serial_kernel.stats
print(json.dumps([float(out[1, 1]), sum(stats.cache_hits.values()),
                  sum(stats.cache_misses.values()), stats.cache_path]))
"""


def call_rules(folder: Path, **environment: str) -> list:
    result = subprocess.run(
        [sys.executable, "-c", CALLER],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "NUMBA_CACHE_DIR": "",  # would overrule the folder
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
            **environment,
        },
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


FORK = """
import os, signal, sys, threading, numpy as np, rules
from nwidth import kernels
large = np.ones((200, 200))
rules.rule(np.zeros_like(large), large)  # starts threads
held, done = threading.Event(), threading.Event()
def hold():
    with kernels._compiling:
        held.set()
        done.wait(0.2)
thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if not child:
    signal.alarm(60)
    with kernels._compiling:
        out = rules.rule(np.zeros((4, 4)), np.ones((4, 4)))
    os._exit(7 if out[1, 1] == 3.0 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_small_arrays_are_safe_in_a_forked_child(tmp_path):
    (tmp_path / "rules.py").write_text(RULES_FILE.format(scale=3.0))
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    result = subprocess.run(
        [sys.executable, "-c", FORK],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": path, "NWIDTH_CACHE_DIR": str(tmp_path)},
    )
    assert result.returncode == 7, result.stderr


def test_serial_and_threaded_sweeps_agree():
    u = np.random.default_rng(1).standard_normal((17, 18))
    serial, threaded = np.zeros_like(u), np.zeros_like(u)
    weighted_jacobi_2d.serial_kernel(serial, u, 0.5, 0.8)
    weighted_jacobi_2d.threaded_kernel(threaded, u, 0.5, 0.8)
    assert np.array_equal(serial, threaded)
    assert "prange" not in inspect.getsource(weighted_jacobi_2d.serial_kernel.py_func)


def test_second_process_does_not_compile(tmp_path):
    cache = tmp_path / "cache"
    (tmp_path / "rules.py").write_text(RULES_FILE.format(scale=3.0))
    first = call_rules(tmp_path, NWIDTH_CACHE_DIR=str(cache))
    second = call_rules(tmp_path, NWIDTH_CACHE_DIR=str(cache))
    assert first[:3] == [3.0, 0, 1]
    assert second[:3] == [3.0, 1, 0]
    assert second[3].startswith(str(cache))
    # A constant that a called function uses changes: the stale code is not taken.
    (tmp_path / "rules.py").write_text(RULES_FILE.format(scale=4.0) + "# longer\n")
    assert call_rules(tmp_path, NWIDTH_CACHE_DIR=str(cache))[:3] == [4.0, 0, 1]
    assert not list(cache.rglob("*.partial"))


def test_processes_may_race_for_the_cache(tmp_path):
    (tmp_path / "rules.py").write_text(RULES_FILE.format(scale=5.0))
    cache = tmp_path / "cache"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", CALLER],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "NUMBA_CACHE_DIR": "",
                "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
                "NWIDTH_CACHE_DIR": str(cache),
            },
        )
        for _ in range(3)
    ]
    answers = [json.loads(racer.communicate()[0])[0] for racer in racers]
    assert answers == [5.0] * 3
    assert len(list((cache / "kernels").glob("*.py"))) == 1
    assert call_rules(tmp_path, NWIDTH_CACHE_DIR=str(cache))[1:3] == [1, 0]


def test_unwritable_cache_falls_back_to_a_temporary_folder(tmp_path):
    (tmp_path / "rules.py").write_text(RULES_FILE.format(scale=2.0))
    (tmp_path / "file").write_text("not a folder")
    answer = call_rules(tmp_path, NWIDTH_CACHE_DIR=str(tmp_path / "file"))
    assert answer[:3] == [2.0, 0, 1]
    assert "nwidth-kernels-" in answer[3]
    assert not Path(answer[3]).exists()  # removed with its process


def test_cache_follows_xdg(tmp_path):
    (tmp_path / "rules.py").write_text(RULES_FILE.format(scale=2.0))
    answer = call_rules(tmp_path, NWIDTH_CACHE_DIR="", XDG_CACHE_HOME=str(tmp_path / "xdg"))
    assert answer[3].startswith(str(tmp_path / "xdg" / "nwidth" / "kernels"))


def test_damaged_cache_file_is_rewritten(tmp_path):
    (tmp_path / "rules.py").write_text(RULES_FILE.format(scale=2.0))
    call_rules(tmp_path, NWIDTH_CACHE_DIR=str(tmp_path))
    (source,) = (tmp_path / "kernels").glob("*.py")
    source.write_text("raise SystemExit('foreign')")
    assert call_rules(tmp_path, NWIDTH_CACHE_DIR=str(tmp_path))[0] == 2.0


def test_import_does_not_load_numba():
    code = "import nwidth.kernels, sys; print('numba' in sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert out.stdout.split() == ["False"]


def test_rules_of_vanished_modules_are_refused():
    module = types.ModuleType("vanished")
    exec("def rule(i, u):\n    return u[i]", module.__dict__)
    with pytest.raises(InputError, match="imported module, got 'vanished'"):
        pointwise()(module.rule)(np.zeros(3), np.zeros(3))


def scaled_by(factor):
    @pointwise()
    def rule(i, u):
        return factor * u[i]

    return rule


def test_rules_with_closures_are_told_apart():
    """Same source, other constant: two files, two kernels."""
    answers = [scaled_by(factor)(np.zeros(1), np.ones(1))[0] for factor in (2.0, 3.0, 2.0)]
    assert answers == [2.0, 3.0, 2.0]


GOOD = np.zeros((4, 4))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pointwise(scaled_1d.rule), "expected parentheses"),
        (lambda: pointwise(halo=-1), "halo to be an integer >= 0"),
        (lambda: pointwise(halo=1.0), "halo to be an integer >= 0"),
        (lambda: pointwise()(np.sin), "plain Python function"),
        (lambda: pointwise()(lambda u: u), "rule like f"),
        (lambda: pointwise()(lambda j, i, u: u), "rule like f"),
        (lambda: pointwise()(lambda i, *u: u), "rule like f"),
        (lambda: pointwise()(lambda i, out: out), "named 'out'"),
        (lambda: weighted_jacobi_2d(GOOD), "missing a required argument: 'u'"),
        (lambda: weighted_jacobi_2d(GOOD, GOOD, 1.0, 0.8, 3), "too many positional"),
        (lambda: weighted_jacobi_2d(GOOD, GOOD, h=1, a=2), "unexpected keyword argument 'a'"),
        (lambda: weighted_jacobi_2d(np.zeros(4), GOOD, 1.0), "in dimension 2, got shape"),
        (lambda: weighted_jacobi_2d([1.0], GOOD, 1.0), "in dimension 2, got"),
        (lambda: weighted_jacobi_2d(GOOD.astype(str), GOOD, 1.0), "array of numbers"),
        (lambda: weighted_jacobi_2d(GOOD, [1.0], 1.0), "u to be an array or number"),
        (lambda: weighted_jacobi_2d(GOOD, GOOD.astype(str), 1.0), "u to be an array or number"),
        (lambda: weighted_jacobi_2d(GOOD, GOOD[1:], 1.0), r"at least as large as out \(4, 4\)"),
        (lambda: weighted_jacobi_2d(GOOD, GOOD, 1.0), "share no memory with u"),
        (
            lambda: weighted_jacobi_2d(np.broadcast_to(0.0, (4, 4)), GOOD, 1.0),
            "out is read-only",
        ),
    ],
)
def test_errors_say_what_to_do(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_rules_may_index_coarser_grids():
    @pointwise(check_shapes=False)
    def piecewise_constant(i, coarse):
        return coarse[i // 2]

    assert piecewise_constant(np.zeros(4), np.array([1.0, 2.0])).tolist() == [1.0, 1.0, 2.0, 2.0]
