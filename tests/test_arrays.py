"""Namespace, dtype policy, finite checks and seeded generators."""

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth import arrays
from nwidth.errors import InputError, NonFiniteError


def test_namespace_follows_the_array():
    torch = pytest.importorskip("torch")
    assert arrays.namespace(np.zeros(2), [1.0]) is np
    assert arrays.namespace(torch.zeros(2)) is torch
    assert arrays.namespace(3.0) is np
    with pytest.raises(InputError, match="numpy and torch"):
        arrays.namespace(np.zeros(2), torch.zeros(2))


def test_namespace_recognises_cupy():
    cupy = pytest.importorskip("cupy", reason="cupy is not installed: no device here")
    assert arrays.namespace(cupy.zeros(2)) is cupy


PAIRS = "f4 f4,f8 f8,i4 f8,u1 f8,f2 f4,? f8,c8 c8,g f8,G c16,>f4 f4,<f8 f8,>f8 f8,>c16 c16,>i2 f8"


@pytest.mark.parametrize("pair", PAIRS.split(","))
def test_dtype_policy(pair):
    given, kept = pair.split()
    ones = np.ones(3, given)
    floating = arrays.as_floating(ones)
    assert floating.dtype == np.dtype(kept) and floating.dtype.isnative
    assert (floating == 1).all() and (floating is ones) == (given == kept or given == "<f8")


def test_dtype_policy_for_torch():
    torch = pytest.importorskip("torch")
    assert arrays.as_floating(torch.zeros(2, dtype=torch.int32)).dtype == torch.float64
    assert arrays.as_floating(torch.zeros(2)).dtype == torch.float32


@pytest.mark.parametrize("bad", [np.array(["a"]), np.array([object()])])
def test_dtype_policy_refuses_what_is_not_a_number(bad):
    with pytest.raises(InputError, match="u: expected numbers, got dtype"):
        arrays.as_floating(bad, "u")


def test_sparse_matrices_are_no_arrays():
    with pytest.raises(InputError, match="u: expected an array, got a sparse csr_array"):
        arrays.as_floating(sp.csr_array(np.eye(2)), "u")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_finite_check_names_the_entry(bad):
    a = np.ones((3, 4), np.float32)
    a[1, 2] = bad
    with pytest.raises(NonFiniteError, match=r"source: .* at index \(1, 2\) \(1 of 12"):
        arrays.require_finite(a, "source")
    assert arrays.require_finite(a[0], "source") is not None


def test_finite_check_of_torch_tensors():
    torch = pytest.importorskip("torch")
    with pytest.raises(NonFiniteError, match="nan at index"):
        arrays.require_finite(torch.tensor([0.0, float("nan")]), "u")


def test_shape_check():
    u = np.zeros((2, 3))
    assert arrays.require_shape(u, (None, 3), "u") is u
    for shape in [(2,), (2, 4), (3, 2, 1)]:
        with pytest.raises(InputError, match=r"u: expected shape .* got \(2, 3\)"):
            arrays.require_shape(u, shape, "u")


def test_numbered_streams_do_not_depend_on_the_order_of_drawing():
    forward = [arrays.generator(5, k).standard_normal(3) for k in range(4)]
    backward = [arrays.generator(5, k).standard_normal(3) for k in reversed(range(4))][::-1]
    np.testing.assert_array_equal(forward, backward)
    assert not np.array_equal(forward[0], arrays.generator(6, 0).standard_normal(3))


@pytest.mark.parametrize("bad", [-1, 1.5, "7", None, True])
def test_bad_seeds(bad):
    with pytest.raises(InputError, match="seed: expected an integer"):
        arrays.generator(bad)


def test_a_generator_has_no_numbered_streams():
    rng = np.random.default_rng(0)
    assert arrays.generator(rng) is rng
    with pytest.raises(InputError, match="got a Generator"):
        arrays.generator(rng, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_factor_is_a_power_of_two_that_leads_near_one(dtype):
    info = np.finfo(dtype)
    for size in (info.smallest_subnormal, info.tiny, info.max, info.max / 4):
        values = np.array([0.0, -size, size / 2], dtype)
        scale = arrays.power_of_two(values)
        assert np.frexp(scale)[0] == 0.5 and dtype(1 / scale) > 0
        scaled = values * scale
        assert scaled.dtype == dtype and 1e-30 < np.abs(scaled).max() < 1e9
        assert np.array_equal(scaled / scale, values)


@pytest.mark.parametrize("values", [[0.0], [1.0], [1e-9, 1e9], [np.nan], [np.inf, 1.0]])
def test_what_needs_no_factor_gets_one(values):
    assert arrays.power_of_two(np.array(values)) == 1.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sizes_near_one(dtype):
    sizes = np.array([1e-30, 0.3, 1.0, 1e30], dtype)
    scales = arrays.near_one(sizes)
    assert scales.dtype == dtype and (np.frexp(scales)[0] == 0.5).all()
    assert ((scales * sizes >= 0.5) & (scales * sizes < 1)).all()
    assert arrays.near_one(np.zeros(1, dtype)) == 1.0


def test_one_factor_per_sample():
    values = np.array([[[1.0, 2.0]], [[1e-200, 0.0]], [[0.0, 0.0]]])
    scale = arrays.power_of_two(values, (1, 2))
    assert scale.shape == (3, 1, 1) and scale[0] == scale[2] == 1.0
    assert 0.5 <= scale[1] * 1e-200 < 1.0
