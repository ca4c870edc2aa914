"""What passes the door, in plain form, and what is sent back with words."""

from pathlib import Path

import numpy as np
import pytest

from nwidth.arguments import (
    require_choice,
    require_dtype,
    require_integer,
    require_integers,
    require_limit,
    require_number,
    require_path,
    require_seed,
)
from nwidth.errors import InputError

STRANGE = [None, "strange", [], {}, np.nan, 1j, True, np.zeros(2), ..., np.datetime64(0, "s")]


@pytest.mark.parametrize("value", [*STRANGE, 0, 1.0, "1"], ids=repr)
def test_integers_of_another_kind_or_too_small_are_refused(value):
    with pytest.raises(InputError, match=r"n: expected an integer >= 1, got "):
        require_integer(value, "n", 1)
    with pytest.raises(InputError, match=r"n: expected one or several integers >= 1, got "):
        require_integers(value, "n", 1)
    with pytest.raises(InputError, match=r"n: expected one or several integers >= 1, got "):
        require_integers((1, value), "n", 1)


def test_limits_are_cut_to_what_there_can_be():
    assert require_limit(None, "n", 7) == require_limit(9, "n", 7) == 7
    assert require_limit(3, "n", 7) == 3
    for wrong in (0, 2.0, True):
        with pytest.raises(InputError, match="n: expected an integer >= 1"):
            require_limit(wrong, "n", 7)


def test_integers_come_back_plain():
    assert type(require_integer(np.uint8(3), "n", 1)) is int
    for values in ((1, 2), [1, 2], np.array([1, 2]), range(1, 3), iter((1, 2))):
        assert require_integers(values, "n", 1) == (1, 2)
    assert require_integers(np.int64(4), "n", 1) == require_integers(4, "n", 1) == (4,)


@pytest.mark.parametrize(
    "value", [*STRANGE, -1.0, np.inf, pytest.param(10**400, id="10^400")], ids=repr
)
def test_numbers_of_another_kind_are_refused(value):
    with pytest.raises(InputError, match=r"x: expected a number in \[0, inf\), got "):
        require_number(value, "x", "[0, inf)")


def test_ends_belong_to_square_brackets():
    assert require_number(0, "x", "[0, 1)") == 0.0
    assert require_number(np.float32(1), "x", "(0, 1]") == 1.0
    for value, interval in ((0, "(0, 1]"), (1, "[0, 1)"), (-0.1, "[0, 1)"), (np.inf, "(0, inf)")):
        with pytest.raises(InputError, match="expected a number in"):
            require_number(value, "x", interval)


@pytest.mark.parametrize("value", [*STRANGE, "v", ("V",)], ids=repr)
def test_other_words_are_refused(value):
    with pytest.raises(InputError, match=r"cycle: expected one of V, W, got "):
        require_choice(value, "cycle", ("V", "W"))


@pytest.mark.parametrize("value", [*STRANGE, "float16", int, ">f8"], ids=repr)
def test_other_dtypes_are_refused(value):
    with pytest.raises(InputError, match=r"dtype: expected float32 or float64, got "):
        require_dtype(value, "float32", "float64")


def test_dtypes_have_many_names():
    for name in ("float64", "f8", float, np.float64, np.dtype(np.float64)):
        assert require_dtype(name, "float32", "float64") == np.float64


def test_seeds_have_64_bits():
    assert require_seed(np.uint64((1 << 64) - 1), "seed") == (1 << 64) - 1
    for value, match in ((1 << 64, "an integer below 2\\^64"), (-1, "an integer >= 0"), (1.0, "")):
        with pytest.raises(InputError, match=f"seed: expected {match}"):
            require_seed(value, "seed")


@pytest.mark.parametrize("value", [*STRANGE[2:], None, 3, b"model.h5", "model\0.h5"], ids=repr)
def test_what_is_no_path_is_refused(value):
    with pytest.raises(InputError, match=r"path: expected a path, text or a pathlib\.Path, got "):
        require_path(value, "path")


def test_paths_come_as_text_or_as_paths():
    assert require_path("a/b.h5", "path") == require_path(Path("a/b.h5"), "path") == Path("a/b.h5")
