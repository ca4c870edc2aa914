import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.fields import Field, FieldDataset
from nwidth.meshes import Grid
from nwidth.rom.trajectory import Trajectory

U = np.random.default_rng(0).standard_normal((6, 4, 3))


def test_arrays_are_taken_with_times_or_without():
    assert Trajectory.of(U).times.tolist() == [0, 1, 2, 3, 4, 5]
    one = Trajectory.of(U + 1j, [0.0, 1.0, 2.5, 3.0, 4.0, 5.0])
    assert not one.is_real and one.fields.shape == (6, 4, 3)
    with pytest.raises(InputError, match=r"equal steps, got 0\.5 to 1\.5"):
        _ = one.step
    assert Trajectory.of(U, 0.1 * np.arange(6)).step == pytest.approx(0.1)


def test_samples_of_data_sets_are_taken(tmp_path):
    fields = {"u": "1", "k": Field(constant=True)}
    with FieldDataset.create(tmp_path / "d.h5", Grid.uniform((4, 3)), fields, times=range(6)) as d:
        d.extend({"u": [U, 2 * U], "k": U[:2]})
        d.finish()
        one = Trajectory.of(d, output="u", sample=1)
        np.testing.assert_array_equal(one.fields, 2 * U)
        for options, match in (
            ({}, "one of u, k"),
            ({"output": "k"}, "changes in time"),
            ({"output": "v"}, "one of the fields"),
            ({"output": "u", "sample": 2}, "less than 2"),
            ({"output": "u", "sample": -1}, "sample"),
            ({"output": "u", "times": range(6)}, "its own"),
        ):
            with pytest.raises(InputError, match=match):
                Trajectory.of(d, **options)
    with FieldDataset.create(tmp_path / "s.h5", Grid.uniform((4, 3)), {"u": "1"}) as d:
        d.extend({"u": U})
        d.finish()
        with pytest.raises(InputError, match="has its own"):
            Trajectory.of(d)


def test_the_last_times_can_be_cut_off():
    kept, rest = Trajectory.of(U).cut(2)
    assert (len(kept.times), rest.times.tolist()) == (4, [4, 5])
    assert kept.error_of(1.1 * U[:4]) == pytest.approx(0.1)
    assert kept.error_of(U[:4]) == 0
    for wrong in (4, -1, 1.5):
        with pytest.raises(InputError, match="held_out"):
            Trajectory.of(U).cut(wrong)


def test_wrong_data_are_told():
    with pytest.raises(InputError, match="three or more"):
        Trajectory.of(U[:2])
    with pytest.raises(InputError, match="increasing"):
        Trajectory.of(U, [0, 1, 1, 2, 3, 4])
    with pytest.raises(InputError, match="times"):
        Trajectory.of(U, [0, 1, 2])
    with pytest.raises(InputError, match="data"):
        Trajectory.of(3.0)
    with pytest.raises(NonFiniteError, match="data"):
        Trajectory.of(np.where(U > 1, np.nan, U))
    with pytest.raises(NonFiniteError, match="times"):
        Trajectory.of(U, [0, 1, 2, 3, 4, np.inf])
