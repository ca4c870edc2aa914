"""Lazy views: any selection gives what NumPy would."""

import pickle
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid


def test_indexing_follows_numpy(tmp_path, sample, write):
    with write(tmp_path / "a.h5", 6) as data:
        view, whole = data["u"], np.stack([sample(100 + k) for k in range(6)])
        keys = [
            2,
            -1,
            np.int64(3),
            slice(None),
            slice(1, 4),
            slice(None, None, -2),
            slice(4, 2),
            [3, 0, 3],
            [-1, 2],
            [],
            np.array([5, 1]),
            np.array([True, False, True, False, False, True]),
            ...,
            (2, 3),
            (slice(1, 5, 2), slice(1, 3)),
            ([4, 0], ..., 2),
            (..., 1),
            (slice(4, 2), 0),
        ]
        for key in keys:
            assert np.array_equal(view[key], whole[key]), key
            assert view[key].shape == whole[key].shape, key
        assert np.array_equal(np.asarray(view), whole)
        assert np.array_equal(np.stack(list(view)), whole)
        out = np.empty((2, 5, 4))
        assert view.read([4, 1], out=out) is out
        assert np.array_equal(out, whole[[4, 1]])
        for key in (6, -7, [0, 6], np.ones(5, bool)):
            with pytest.raises(IndexError, match="u: expected"):
                view[key]
        for key in ("a", 1.5, True, np.True_, [0.5], [[1, 2]]):
            with pytest.raises(InputError, match="u: expected"):
                view[key]
        for part in (None, slice(None, None, -1), [0, 1], True, "a"):
            for key in ((0, part), (slice(None), part), ([], part), (..., part)):
                with pytest.raises(InputError, match=r"u: expected .* read the samples first"):
                    view[key]
        for key in ((0, 1, 2, 3), (0, ..., 1, ...), (..., 0, 0, 0, 0), (..., 0, ...)):
            with pytest.raises(IndexError, match="u: expected at most"):
                view[key]
        with pytest.raises(InputError, match="expected out of shape"):
            view.read(0, out=np.empty((5, 5)))
        with pytest.raises(InputError, match="expected out of shape"):
            view.read(0, out=np.empty((5, 4), "f4"))


@settings(max_examples=25, deadline=None)
@given(
    picked=st.lists(st.integers(-9, 8), max_size=12),
    start=st.integers(-10, 10),
    stop=st.integers(-10, 10),
    step=st.integers(-3, 3).filter(bool),
)
def test_any_selection_follows_numpy(tmp_path_factory, picked, start, stop, step, sample, write):
    path = tmp_path_factory.getbasetemp() / "selection.h5"
    if not path.exists():
        write(path, 9).close()
    whole = np.stack([sample(100 + k) for k in range(9)])
    with FieldDataset.open(path) as data:
        assert np.array_equal(data["u"][picked], whole[picked])
        key = slice(start, stop, step)
        assert np.array_equal(data["u"][key], whole[key])


def test_pickling_drops_the_handle(tmp_path, sample, write):
    data = write(tmp_path / "a.h5")
    copy = pickle.loads(pickle.dumps(data))
    data.close()
    assert np.array_equal(copy["u"][2], sample(102))
    view = pickle.loads(pickle.dumps(copy["u"]))
    assert np.array_equal(view[2], sample(102))
    copy.close()


def test_threads_read_what_they_ask_for(tmp_path):
    grid, wrong = Grid.uniform((70, 70)), []
    path = tmp_path / "a.h5"
    with FieldDataset.create(path, grid, {"u": "1"}) as data:
        for k in range(20):
            data.append({"u": np.full(grid.shape, k)})
        data.finish()

        def read(seed):
            for k in np.random.default_rng(seed).integers(0, 20, 200):
                if not (data["u"][int(k)] == k).all():
                    wrong.append(k)

        threads = [threading.Thread(target=read, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_arrays_are_made_by_copying(tmp_path, write):
    with write(tmp_path / "a.h5", 2) as data:
        assert np.asarray(data["u"]).dtype == "f8"
        assert np.array(data["u"], dtype="f4", copy=True).dtype == "f4"
        with pytest.raises(ValueError, match="drop copy=False"):
            np.asarray(data["u"], copy=False)
