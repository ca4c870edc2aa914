import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom import SelectionStatus, SpaceTimePOD, space_time_pod

RNG = np.random.default_rng(13)
T = np.linspace(0, 1, 25)[:, None, None]
X, Y = np.linspace(0, 1, 12)[:, None], np.linspace(0, 1, 10)
WT, WX = RNG.uniform(0.5, 2, 25), RNG.uniform(0.5, 2, (12, 10))


def travelling(dtype=np.float64):
    speeds = np.linspace(0.2, 0.9, 9)[:, None, None, None]
    f = np.exp(-(((X - speeds * T) ** 2 + (Y - 0.5) ** 2 * (1 + T)) / 0.3))
    if np.issubdtype(dtype, np.complexfloating):
        f = f * np.exp(2j * T * X)
    return f.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("weighted", [False, True])
def test_modes_are_orthonormal_and_the_error_is_the_true_one(dtype, weighted):
    f, eps = travelling(dtype), np.finfo(dtype).eps
    options = {"time_weights": WT, "weights": WX} if weighted else {}
    wt, wx = (WT, WX) if weighted else (np.ones(25), np.ones((12, 10)))
    rtol = 1e-3 if eps > 1e-8 else 1e-7
    found = space_time_pod(f, rtol, method="qr", **options)
    q, r = found.ranks
    assert found.time_modes.dtype == found.space_modes.dtype == found.scores.dtype == dtype
    phi, u = found.time_modes, found.space_modes
    np.testing.assert_allclose((phi * wt) @ phi.conj().T, np.eye(q), atol=100 * eps)
    gram = np.einsum("kij,ij,lij->kl", u, wx, u.conj())
    np.testing.assert_allclose(gram, np.eye(r), atol=100 * eps)
    best = found.combine(found.scores)
    assert best.shape == f.shape
    np.testing.assert_allclose(found.coefficients(f), found.scores, atol=1e3 * eps)
    w = wt[:, None, None] * wx
    missed = np.sqrt((w * abs(f - best) ** 2).sum() / (w * abs(f) ** 2).sum())
    assert missed == pytest.approx(found.error, rel=0.2 if eps > 1e-8 else 1e-4)
    assert found.status is SelectionStatus.CONVERGED
    one = found.coefficients(f[3])
    np.testing.assert_allclose(found.combine(one), best[3], atol=1e4 * eps)


def test_space_modes_are_those_of_all_fields():
    f = travelling()
    found = space_time_pod(f, 1e-6)
    sigma = np.linalg.svd(f.reshape(-1, 120), compute_uv=False)
    assert found.ranks[1] == (sigma > 1e-6 * sigma[0]).sum()
    times = np.linalg.svd(np.moveaxis(f, 1, 0).reshape(25, -1), compute_uv=False)
    assert abs(found.ranks[0] - (times > 1e-6 * times[0]).sum()) <= 1


def test_inner_product_of_a_matrix():
    side = np.full(119, -0.4)
    matrix = sp.csr_array(sp.diags_array([side, np.full(120, 2.0), side], offsets=[-1, 0, 1]))
    found = space_time_pod(travelling(), 1e-5, inner_product=matrix)
    u = found.space_modes.reshape(found.ranks[1], -1)
    np.testing.assert_allclose(u @ (matrix @ u.T), np.eye(len(u)), atol=1e-12)
    np.testing.assert_allclose(found.coefficients(travelling()), found.scores, atol=1e-10)


def test_separable_trajectories_have_one_mode_each():
    f = np.einsum("j,t,x->jtx", [1.0, 2.0, -3.0], np.arange(1.0, 6), np.arange(1.0, 8))
    found = space_time_pod(f, 1e-10)
    assert found.ranks == (1, 1)
    np.testing.assert_allclose(found.combine(found.scores), f, rtol=1e-13)


def test_limits_and_zeros():
    found = space_time_pod(travelling(), 1e-8, max_ranks=(3, 5))
    assert (found.ranks, found.status) == ((3, 5), SelectionStatus.MAX_RANK)
    f = travelling()
    missed = np.linalg.norm(f - found.combine(found.scores)) / np.linalg.norm(f)
    assert missed == pytest.approx(found.error, rel=1e-10)
    nothing = space_time_pod(np.zeros((2, 3, 4)))
    assert (nothing.ranks, nothing.error) == ((0, 0), 0.0)
    assert nothing.combine(nothing.scores).shape == (2, 3, 4)
    assert nothing.coefficients(np.ones((5, 3, 4))).shape == (5, 0, 0)


def test_file_round_trip(tmp_path):
    matrix = np.diag(np.linspace(1, 2, 120))
    found = space_time_pod(travelling(), 1e-4, time_weights=WT, inner_product=matrix)
    found.save(tmp_path / "st.h5")
    again = SpaceTimePOD.load(tmp_path / "st.h5")
    np.testing.assert_array_equal(
        again.coefficients(travelling()), found.coefficients(travelling())
    )
    assert (again.error, again.status) == (found.error, found.status)
    arrays, told = load_archive(tmp_path / "st.h5", "space-time-pod")
    wrong = [
        (arrays | {"scores": np.ones((2, 1, 1))}, told),
        (arrays | {"time_modes": arrays["time_modes"] * np.nan}, told),
        (arrays | {"time/weights": np.ones(3)}, told),
        ({"scores": arrays["scores"]}, told),
        (arrays, told | {"status": "FINE"}),
        (arrays, told | {"error": -1.0}),
        (arrays | {"time_modes": 2 * arrays["time_modes"]}, told),
        (arrays | {"space_modes": np.ones_like(arrays["space_modes"])}, told),
        (arrays | {"scores": arrays["scores"].astype(complex)}, told),
        (arrays | {"time/weights": 4 * arrays["time/weights"]}, told),
    ]
    for bad, text in wrong:
        save_archive(tmp_path / "bad.h5", "space-time-pod", bad, text)
        with pytest.raises(FileFormatError, match="not a space-time POD"):
            SpaceTimePOD.load(tmp_path / "bad.h5")


def test_bad_input_is_told():
    with pytest.raises(InputError, match="expected trajectories"):
        space_time_pod(np.ones((3, 4)))
    with pytest.raises(InputError, match="expected trajectories"):
        space_time_pod(np.ones((3, 0, 4)))
    with pytest.raises(NonFiniteError, match="data"):
        space_time_pod(np.full((2, 3, 4), np.nan))
    for ranks in (3, (1, 2, 3)):
        with pytest.raises(InputError, match="max_ranks: expected a pair"):
            space_time_pod(np.ones((2, 3, 4)), max_ranks=ranks)
    with pytest.raises(InputError, match="weights"):
        space_time_pod(np.ones((2, 3, 4)), time_weights=np.ones(4))
    found = space_time_pod(np.ones((2, 3, 4)))
    with pytest.raises(InputError, match=r"last axes are \(3, 4\)"):
        found.coefficients(np.ones((3, 5)))
    with pytest.raises(InputError, match=r"last axes to be \(1, 1\)"):
        found.combine(np.ones((2, 2, 1)))
