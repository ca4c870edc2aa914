import numpy as np
import pytest

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom.controlled_modes import ControlledModes, controlled_modes

# A system with known eigenvalues 0.95, 0.9 exp(+-0.3 i) in three states, seen through 20 points.
A = np.array([[0.95, 0.0, 0.0], [0.0, 0.9 * np.cos(0.3), -0.9 * np.sin(0.3)],
              [0.0, 0.9 * np.sin(0.3), 0.9 * np.cos(0.3)]])  # fmt: skip
EIGENVALUES = np.array([0.9 * np.exp(-0.3j), 0.95, 0.9 * np.exp(0.3j)])
B = np.array([[1.0, 0.0], [0.5, -1.0], [0.0, 0.3]])
RNG = np.random.default_rng(2)
SEEN = RNG.standard_normal((3, 20))
INPUTS = RNG.standard_normal((40, 2))
TIMES = 3 + 0.5 * np.arange(41)


def run(inputs, first=(1.0, 0.0, 2.0)):
    z = [np.array(first)]
    for w in inputs:
        z.append(A @ z[-1] + B @ w)
    return (np.array(z) @ SEEN).reshape(-1, 5, 4)


@pytest.fixture(autouse=True)
def _pydmd():
    pytest.importorskip("pydmd", reason="controlled modes need PyDMD: pip install nwidth[dmd]")


@pytest.fixture(scope="module")
def model():
    pytest.importorskip("pydmd", reason="controlled modes need PyDMD: pip install nwidth[dmd]")
    return controlled_modes(run(INPUTS), INPUTS, TIMES, held_out=10)


def test_the_eigenvalues_of_the_system_are_found(model):
    found = model.eigenvalues
    np.testing.assert_allclose(found[np.argsort(found.imag)], EIGENVALUES, atol=1e-9)
    assert model.error < 1e-10 and model.held_out_error < 1e-10


def test_other_inputs_are_answered(model):
    inputs = np.sin(np.arange(60.0))[:, None] * [1.0, -2.0]
    times = 3 + 0.5 * np.arange(61)
    np.testing.assert_allclose(model.predict(times, inputs), run(inputs), atol=1e-8)
    some = model.predict([5.0, 3.0], inputs)
    np.testing.assert_allclose(some, run(inputs)[[4, 0]], atol=1e-8)


def test_one_input_and_single_precision():
    inputs = INPUTS[:, :1] * [1.0, 0.0]
    model = controlled_modes(run(inputs).astype(np.float32), inputs[:, 0], rtol=1e-5)
    assert model.control_matrix.shape == (3, 1)
    fields = model.predict(np.arange(41), inputs[:, 0])
    assert fields.dtype == np.float32
    np.testing.assert_allclose(fields, run(inputs), atol=1e-2)


def test_complex_data():
    u = run(INPUTS) * (1 + 2j)
    model = controlled_modes(u, INPUTS)
    np.testing.assert_allclose(model.predict(np.arange(41), INPUTS), u, atol=1e-8)


def test_a_file_gives_the_model_back(model, tmp_path):
    model.save(tmp_path / "m.h5")
    again = ControlledModes.load(tmp_path / "m.h5")
    np.testing.assert_array_equal(again.predict(TIMES, INPUTS), model.predict(TIMES, INPUTS))
    assert (again.error, again.held_out_error) == (model.error, model.held_out_error)
    arrays, told = load_archive(tmp_path / "m.h5", "controlled-modes")
    for wrong_arrays, wrong_told in (
        ({"matrix": arrays["matrix"][:2]}, {}),
        ({"control_matrix": arrays["control_matrix"][:1]}, {}),
        ({"control_matrix": arrays["control_matrix"][:, :0]}, {}),
        ({"initial": np.inf * arrays["initial"]}, {}),
        ({"basis": arrays["basis"][:2]}, {}),
        ({"basis": arrays["basis"].astype(int)}, {}),
        ({}, {"step": 0.0}),
        ({}, {"step": "x"}),
        ({}, {"start": None}),
        ({"basis": 2 * arrays["basis"]}, {}),
        ({"matrix": arrays["matrix"] * 1j}, {}),
        ({}, {"error": None}),
        ({}, {"held_out_error": "small"}),
        ({}, {"is_real": "yes"}),
    ):
        save_archive(
            tmp_path / "w.h5",
            "controlled-modes",
            {**arrays, **wrong_arrays},
            {**told, **wrong_told},
        )
        with pytest.raises(FileFormatError):
            ControlledModes.load(tmp_path / "w.h5")


def test_wrong_data_are_told(model):
    u = run(INPUTS)
    for arguments, match in (
        ((u, INPUTS[:-1]), "expected 40 inputs"),
        ((u, 0 * INPUTS), "not all vanish"),
        ((u, np.ones((40, 2))), "apart"),
        ((u[:5], INPUTS[:4]), "apart"),
        ((u, INPUTS[None]), "control: expected shape"),
        ((u, "x"), "control"),
        ((u, 1j * INPUTS), "control: expected real inputs"),
        ((0 * u, INPUTS), "all vanish"),
    ):
        with pytest.raises(InputError, match=match):
            controlled_modes(*arguments)
    with pytest.raises(NonFiniteError, match="control"):
        controlled_modes(u, INPUTS * np.nan)
    with pytest.raises(InputError, match="equal steps"):
        controlled_modes(u, INPUTS, np.arange(41.0) ** 2)
    for times in ([3.2], [2.5], [40.0]):
        with pytest.raises(InputError, match="times"):
            model.predict(times, INPUTS)
    with pytest.raises(InputError, match=r"\(steps, 2\)"):
        model.predict(TIMES, INPUTS[:, :1])
    with pytest.raises(InputError, match="real inputs"):
        model.predict(TIMES, 1j * INPUTS)


@pytest.mark.parametrize(("size", "push"), [(1e200, 1e200), (1e-200, 1e-200), (1.0, 1e250)])
def test_states_and_inputs_whose_squares_leave_the_range(size, push):
    found = controlled_modes(size * run(INPUTS), push * INPUTS, TIMES, held_out=10)
    assert found.error < 1e-10 and found.held_out_error < 1e-10
    np.testing.assert_allclose(np.sort_complex(found.eigenvalues), np.sort_complex(EIGENVALUES))


def test_growth_beyond_the_range_is_told():
    w = RNG.standard_normal((30, 1))
    z = [np.array([1.0])]
    for push in w:
        z.append(3 * z[-1] + push)
    model = controlled_modes(np.array(z) * np.ones(4), w)
    assert model.eigenvalues[0] == pytest.approx(3.0)
    with pytest.raises(NonFiniteError, match="growing"):
        model.predict([0], np.ones((2000, 1)))
