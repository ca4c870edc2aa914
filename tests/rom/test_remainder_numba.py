import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from nwidth.rom import _remainder_numba as kernels


def less(a, c, q):
    """a - c q of complex arrays, every product, sum and difference rounded."""
    result = np.empty_like(a)
    result.real = a.real - (c.real * q.real - c.imag * q.imag)
    result.imag = a.imag - (c.real * q.imag + c.imag * q.real)
    return result


@njit(fastmath={"contract"}, error_model="numpy")
def fused(a, b):
    return a * b + a * abs(b)


def check(dtype):
    """Compile products of complex numbers with the licence to fuse, then our kernels."""
    rng = np.random.default_rng(0)
    part, C, Q = (
        (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
        for shape in [(333,), (7,), (7, 400)]
    )
    fused(part[0], part[1])
    at, wanted = np.arange(7)[::-1].copy(), part.copy()
    for k in range(7):
        wanted = less(wanted, np.full(333, C[k]), Q[at[k], 5:338])
    kernels._do_steps(part, C, Q, at, 0, 7, 5)
    np.testing.assert_array_equal(part, wanted)
    modulus = np.hypot(*(p.astype("f8") for p in (part.real, part.imag)))
    for power in (0.0, 1.0, 2.0, 3.5):
        sum_of_powers = modulus.max() if power == 0 else (modulus**power).sum()
        assert kernels.size(part, np.empty(0), power, True) == pytest.approx(sum_of_powers)


@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_products_of_complex_numbers_are_rounded_apart(dtype, tmp_path):
    # In a process of its own without code on disk: nothing is compiled yet.
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    code += f"import test_remainder_numba; test_remainder_numba.check({dtype!r})"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        check=False,
    )
    assert result.returncode == 0, result.stderr
