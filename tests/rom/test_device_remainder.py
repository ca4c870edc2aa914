"""Empirical interpolation on device arrays, in Numba's simulator."""

import sys
from pathlib import Path

import numpy as np

RNG = np.random.default_rng(0)


def run_in_simulator():
    """Compare with the choice on the host; called in a process of its own, below."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "solvers"))
    import simulated_cupy as cupy

    cupy.install()

    from nwidth.errors import InputError, NonFiniteError
    from nwidth.rom import _remainder_cuda, eim

    _remainder_cuda.THREADS = 2  # the simulator starts a thread for each
    weights = RNG.uniform(1, 2, (2, 3))
    for dtype, norm, options in (
        ("f4", "sup", {}),
        ("f8", "l1", {}),
        ("c16", "l2", {"weights": weights}),
        ("i4", 3, {"max_rank": 2}),
    ):
        f = (50 * RNG.standard_normal((5, 2, 3))).astype(dtype)
        if dtype == "c16":
            f = f + 1j * RNG.standard_normal(f.shape)
        wanted = eim(f, 1e-2, norm=norm, **options)
        if "weights" in options:
            options = {"weights": cupy.asarray(weights)}
        found = eim(cupy.asarray(f), 1e-2, norm=norm, **options)
        assert type(found.functions) is type(found.values) is np.ndarray
        for name in ("rows", "points", "functions", "values", "status"):
            np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
        np.testing.assert_allclose(found.errors, wanted.errors, rtol=1e-4)
    assert eim(cupy.asarray(np.zeros((2, 3)))).rank == 0
    assert eim(cupy.asarray(np.ones((2, 3)))).rows.tolist() == [0]
    f = np.ones((4, 3))
    f[2, 1] = np.inf
    try:
        eim(cupy.asarray(f))
    except NonFiniteError as error:
        assert "row 2, column 1" in str(error)
    else:
        raise AssertionError
    try:
        eim(cupy.asarray(np.ones(3)))
    except InputError:
        return "agreed"


def test_choice_on_a_device_is_that_on_the_host(in_simulator):
    assert in_simulator(__file__, "run_in_simulator") == "agreed"
