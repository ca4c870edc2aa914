import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import eim
from nwidth.rom.row_source import RowSource
from nwidth.rom.streamed_remainder import StreamedRemainder

RNG = np.random.default_rng(0)


class Stream:
    """Rows of an array as a stream of blocks, which counts how often it is read."""

    def __init__(self, data, length=7):
        self.data, self.length, self.passes = data, length, 0

    def __iter__(self):
        self.passes += 1
        return (
            self.data[start : start + self.length].copy()
            for start in range(0, len(self.data), self.length)
        )


class Slices:
    """Rows of an array, copied as a file gives them."""

    def __init__(self, data):
        self.data, self.shape, self.dtype = data, data.shape, data.dtype

    def __getitem__(self, rows):
        return self.data[rows].copy()


def bumps(rows, points, width=0.05):
    x, y = np.linspace(0, 1, rows)[:, None], np.linspace(0, 1, points)
    return np.exp(-(((x - y) / width) ** 2))


def same(model, wanted):
    for name in ("rows", "points", "functions", "values"):
        np.testing.assert_array_equal(getattr(model, name), getattr(wanted, name))
        assert getattr(model, name).dtype == getattr(wanted, name).dtype
    assert model.errors == wanted.errors
    assert (model.status, model.norm) == (wanted.status, wanted.norm)


def in_part(data, part=0.15, **options):
    """The choice from a stream, with memory for a part of it."""
    return eim(Stream(data), memory=max(8, int(len(data) * part)) * data[0].nbytes, **options)


@pytest.mark.parametrize("norm", ["sup", "l1", "l2", 3.5])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
def test_choice_is_that_in_memory(dtype, norm):
    data = bumps(300, 2100) if dtype == "f8" else RNG.standard_normal((120, 30)) ** 3
    if dtype == "c16":
        data = data + 1j * RNG.standard_normal(data.shape)
    data = data.astype(dtype)
    same(in_part(data, rtol=1e-6, norm=norm), eim(data, 1e-6, norm=norm))


@pytest.mark.parametrize("scale", [1e-300, 1e300, 0.0])
@pytest.mark.parametrize("norm", ["sup", "l2"])
def test_scales(scale, norm):
    data = scale * bumps(100, 150)
    same(in_part(data, norm=norm), eim(data, norm=norm))


def test_passes_are_far_fewer_than_steps():
    data = bumps(2000, 300, 0.03)
    stream = Stream(data, 100)
    model = eim(stream, memory=data.nbytes // 10)
    same(model, eim(data))
    assert stream.passes <= model.rank / 2


def test_weights_rank_and_progress():
    data, told = RNG.standard_normal((90, 5, 6)), []
    options = {"norm": "l2", "weights": RNG.uniform(1, 2, (5, 6)), "max_rank": 9}
    model = in_part(data, progress=lambda steps, error: told.append(steps), **options)
    same(model, eim(data, **options))
    assert told == list(range(10))


@pytest.mark.parametrize("data", [
    np.ones((50, 9)),
    np.tile(bumps(20, 30), (10, 1)),
    np.tile(bumps(20, 30), (10, 1))[::-1],
    np.repeat(bumps(20, 30), 10, axis=0),
    np.eye(60),
    np.diag(np.arange(60.0)),
    np.triu(np.ones((60, 60))),
])  # fmt: skip
@pytest.mark.parametrize("norm", ["sup", "l1", "l2"])
def test_equal_rows_and_norms(data, norm):
    same(in_part(data, norm=norm), eim(data, norm=norm))


MATRICES = hnp.arrays(
    np.float64,
    st.tuples(st.integers(10, 30), st.integers(1, 9)),
    elements=st.one_of(st.integers(-3, 3), st.floats(-1e3, 1e3)),
)


@settings(deadline=None, max_examples=60)
@given(MATRICES, st.sampled_from(["sup", "l1", "l2"]), st.integers(1, 30))
def test_whatever_comes_is_chosen_as_in_memory(data, norm, length):
    model = eim(Stream(data, length), norm=norm, memory=8 * data[0].nbytes)
    same(model, eim(data, norm=norm))


def test_array_that_is_larger_than_the_memory_stays_unchanged():
    data = bumps(100, 80)
    before = data.copy()
    same(eim(data, memory=data.nbytes // 3), eim(data))
    np.testing.assert_array_equal(data, before)


def test_memory_is_kept():
    data = bumps(1500, 3000, 0.4)
    memory = data.nbytes // 8
    eim(data, memory=memory)
    tracemalloc.start()
    model = eim(Slices(data), memory=memory)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert model.rank > 10
    assert peak < 1.3 * memory


def test_bad_numbers_and_too_little_memory():
    data = bumps(40, 50)
    with pytest.raises(InputError, match="room for eight rows, 3200 bytes, got 3199"):
        eim(Stream(data), memory=3199)
    data[33, 7] = np.inf
    with pytest.raises(NonFiniteError, match="row 33, column 7"):
        in_part(data)


def test_no_step_after_the_end():
    remainder = StreamedRemainder(RowSource(np.eye(9)), 0, None, 700, lambda errors: True)
    row, error = remainder.largest()
    assert (row, error) == (0, 1.0)
    with pytest.raises(InputError, match="has ended"):
        remainder.subtract(row)
