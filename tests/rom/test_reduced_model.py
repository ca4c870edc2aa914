import warnings

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.rom import ParameterBox
from nwidth.rom.reduced_model import (
    asked_parameters,
    inside_box,
    leading_columns,
    lifted,
    one_parameter,
)


class Model:
    def __init__(self, box):
        self.box = box


def test_one_parameter_is_a_row():
    for mu in (1, 1.0, np.float32(1), np.ones(1), [1]):
        row = one_parameter(mu)
        assert row.dtype == np.float64 and row.tolist() == [[1.0]]
    for wrong in ([[1.0]], None, "a", 1j, [[1.0], [2.0, 3.0]]):
        with pytest.raises(InputError, match="mu: expected"):
            one_parameter(wrong)


def test_inputs_need_their_parameters():
    for wrong in ([[1.0]], {}, {"nu": [[1.0]]}, None):
        with pytest.raises(InputError, match="predict: expected the parameters as"):
            asked_parameters(wrong)


def test_those_outside_are_told_once_by_each_model():
    mus = np.array([[0.5], [2.0]])
    for _ in range(2):
        model = Model(ParameterBox(0, 1))
        with pytest.warns(UserWarning, match="outside of the box of this model: beware; `inside`"):
            assert inside_box(model, mus, "beware").tolist() == [True, False]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert inside_box(model, mus, "beware").tolist() == [True, False]
            assert inside_box(Model(None), mus, "beware").all()


def test_fields_of_coordinates_of_any_shape():
    V = np.arange(6.0).reshape(3, 2)
    x = np.arange(8.0).reshape(2, 2, 2)
    np.testing.assert_array_equal(lifted(V, x, 2), np.einsum("nk,abk->abn", V, x))
    assert lifted(V, [1, 0], 2).tolist() == [0.0, 2.0, 4.0]
    for wrong in (1.0, np.ones(3), np.ones((2, 3))):
        with pytest.raises(InputError, match=r"x: expected shape \(\.\.\., 2\), got"):
            lifted(V, wrong, 2)
    with pytest.raises(InputError, match="saved without its basis"):
        lifted(None, x, 2)


def test_columns_lose_the_rows_they_do_not_have():
    R = np.triu(np.ones((4, 4)))
    for columns in range(5):
        np.testing.assert_array_equal(leading_columns(R, columns), R[:columns, :columns])
