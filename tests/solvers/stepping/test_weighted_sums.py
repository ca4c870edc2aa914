import numpy as np
import pytest

from nwidth.solvers.stepping.weighted_sums import add_modes, add_numbers

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]


def draw(generator, shape, dtype):
    numbers = generator.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        numbers = numbers + 1j * generator.normal(size=shape)
    return numbers.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 1025), (2, 33, 65)])
def test_numbers(dtype, shape):
    generator = np.random.default_rng(1)
    v, slopes = draw(generator, shape, dtype), draw(generator, (4, *shape), dtype)
    weights, out = np.array([0.5, 0.0, -2.0]), np.empty_like(v)
    add_numbers(out, v, weights, slopes)
    wanted = v + np.tensordot(weights.astype(v.real.dtype), slopes[:3], 1)
    assert np.allclose(out, wanted, rtol=20 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("complex_modes", [False, True])
@pytest.mark.parametrize(("batch", "modes"), [((), (5,)), ((3,), (1100,)), ((2, 2), (9, 7))])
def test_modes(dtype, complex_modes, batch, modes):
    if complex_modes and np.dtype(dtype).kind != "c":
        return
    generator = np.random.default_rng(2)
    kind = dtype if complex_modes else np.empty(0, dtype).real.dtype
    factor, weights = draw(generator, modes, kind), draw(generator, (2, *modes), kind)
    v, slopes = (
        draw(generator, (*batch, *modes), dtype),
        draw(generator, (4, *batch, *modes), dtype),
    )
    out = np.empty_like(v)
    add_modes(out, factor, v, np.array([3, 1]), weights, slopes)
    wanted = factor * v + weights[0] * slopes[3] + weights[1] * slopes[1]
    assert np.allclose(out, wanted, rtol=40 * np.finfo(dtype).eps, atol=40 * np.finfo(dtype).eps)
