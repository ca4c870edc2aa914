import numpy as np
import pytest

from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom import POD, SelectionStatus, pod

RNG = np.random.default_rng(9)


def bumps(rows=100, points=800, width=0.05):
    x, y = np.linspace(0, 1, rows)[:, None], np.linspace(0, 1, points)
    return np.exp(-(((x - y) / width) ** 2))


def turned(dtype=np.float64):
    f = bumps(60, 200)
    if np.issubdtype(dtype, np.complexfloating):
        f = f * np.exp(1j * np.arange(60)[:, None] * np.linspace(0, 1, 200))
    return f.astype(dtype)


@pytest.mark.parametrize("method", ["qr", "randomized"])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32, np.complex64])
def test_modes_are_singular_vectors(dtype, method):
    f = turned(dtype)
    eps = np.finfo(dtype).eps
    found = pod(f, 1e-4, method=method)
    sigma = np.linalg.svd(f.astype(np.result_type(dtype, np.float64)), compute_uv=False)
    assert found.modes.dtype == dtype
    assert found.rank == (sigma > 1e-4 * sigma[0]).sum()
    flat = found.modes
    np.testing.assert_allclose(flat @ flat.conj().T, np.eye(found.rank), atol=200 * eps)
    tail = np.linalg.norm(sigma[found.rank :]) / np.linalg.norm(sigma)
    assert np.linalg.norm(f - found.combine(found.scores)) / np.linalg.norm(f) == pytest.approx(
        tail, rel=0.05
    )
    assert found.error == pytest.approx(tail, rel=0.05)
    np.testing.assert_allclose(found.coefficients(f), found.scores, atol=1e-3 * abs(f).max())
    assert found.status is SelectionStatus.CONVERGED


@pytest.mark.parametrize("method", ["qr", "randomized"])
def test_no_modes_of_noise(method):
    """Eigenvalues of the Gram matrix would keep far more of them at 1e-10 and below."""
    x, y = np.linspace(0, 1, 500)[:, None], np.linspace(0, 1, 700)
    f = np.exp(-(((x - y) / 0.02) ** 2))
    exact = {1e-8: 140, 1e-10: 157, 1e-12: 173}
    for rtol, rank in exact.items():
        found = pod(f, rtol, method=method)
        assert found.rank == rank
        modes = found.modes
        np.testing.assert_allclose(modes @ modes.T, np.eye(rank), atol=1e-13)
    gram = np.linalg.eigvalsh(f @ f.T)[::-1]
    assert (np.sqrt(abs(gram)) > 1e-10 * np.sqrt(gram[0])).sum() > 250


@pytest.mark.parametrize("shape", [(30, 7), (7, 30)])
def test_more_rows_than_points_and_fewer(shape):
    f = RNG.standard_normal(shape)
    found = pod(f, 0.0)
    np.testing.assert_allclose(found.combine(found.scores), f, atol=1e-13)
    np.testing.assert_allclose(found.energy[-1], 1, rtol=1e-14)
    assert found.status is SelectionStatus.CONVERGED


@pytest.mark.parametrize("method", ["qr", "randomized"])
def test_weights_are_those_of_the_inner_product(method):
    f = turned(np.complex128).reshape(60, 20, 10)
    w = RNG.uniform(0.5, 2, (20, 10))
    found = pod(f, 1e-6, weights=w, method=method)
    gram = np.einsum("kij,ij,lij->kl", found.modes, w, found.modes.conj())
    np.testing.assert_allclose(gram, np.eye(found.rank), atol=1e-12)
    np.testing.assert_allclose(found.coefficients(f), found.scores, atol=1e-6)
    missed = f - found.combine(found.scores)
    error = np.sqrt((w * abs(missed) ** 2).sum() / (w * abs(f) ** 2).sum())
    assert error == pytest.approx(found.error, rel=0.05)
    assert found.coefficients(f[3]).shape == (found.rank,)


def test_number_of_modes_is_limited_and_energy_told():
    f = bumps()
    found = pod(f, 1e-10, max_rank=5)
    sigma = np.linalg.svd(f, compute_uv=False)
    assert (found.rank, found.status) == (5, SelectionStatus.MAX_RANK)
    wanted = np.cumsum(sigma[:5] ** 2) / (sigma**2).sum()
    np.testing.assert_allclose(found.energy, wanted, rtol=1e-12)


@pytest.mark.parametrize("method", ["qr", "randomized"])
def test_what_lies_below_round_off_is_told(method):
    f = np.outer(np.arange(1.0, 40), np.arange(1.0, 50))
    found = pod(f, 0.0, method=method)
    assert (found.rank, found.status) == (1, SelectionStatus.EXHAUSTED)
    nothing = pod(np.zeros((3, 4)), method=method)
    assert nothing.rank == 0
    assert nothing.error == 0
    assert nothing.combine(np.zeros((2, 0))).shape == (2, 4)


def test_data_are_left_alone():
    f = bumps(20, 30)
    before = f.copy()
    pod(f)
    pod(f, weights=np.full(30, 2.0))
    np.testing.assert_array_equal(f, before)


def test_file_round_trip(tmp_path):
    found = pod(turned().reshape(60, 20, 10), 1e-6, weights=np.full((20, 10), 0.5))
    found.save(tmp_path / "pod.h5")
    again = POD.load(tmp_path / "pod.h5")
    for name in ("modes", "singular_values", "scores", "weights"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
    assert (again.error, again.status) == (found.error, found.status)
    pod(turned()).save(tmp_path / "pod.h5")
    assert POD.load(tmp_path / "pod.h5").weights is None
    from nwidth.archive import save_archive

    save_archive(tmp_path / "bad.h5", "pod", {"modes": np.eye(2)}, {})
    with pytest.raises(FileFormatError, match="not a POD"):
        POD.load(tmp_path / "bad.h5")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"data": np.ones(3)}, "data: expected fields as rows"),
        ({"data": np.zeros((0, 3))}, "data: expected fields as rows"),
        ({"rtol": 2.0}, "rtol"),
        ({"max_rank": 0}, "max_rank"),
        ({"weights": np.ones(4)}, "weights"),
        ({"weights": -np.ones(3)}, "weights"),
        ({"method": "snapshots"}, "method: expected one of qr, randomized"),
    ],
)
def test_arguments_are_checked(given, words):
    with pytest.raises(InputError, match=words):
        pod(**{"data": np.ones((2, 3)), **given})


def test_bad_fields_are_told():
    found = pod(bumps(10, 12), 1e-3)
    with pytest.raises(NonFiniteError, match=r"nan at index \(1, 0\)"):
        pod([[1.0], [np.nan]])
    with pytest.raises(InputError, match="last axes"):
        found.coefficients(np.ones(5))
    with pytest.raises(InputError, match="to hold the"):
        found.combine(np.ones(found.rank + 1))


@pytest.mark.parametrize("method", ["qr", "randomized"])
@pytest.mark.parametrize(
    ("dtype", "size"), [(np.float64, 1e-250), (np.float64, 1e250), (np.complex64, 1e30)]
)
def test_very_large_and_very_small_fields(dtype, size, method):
    f = (bumps(40, 60, 0.2) * size).astype(dtype)
    found, wanted = pod(f, 1e-4, method=method), pod(f / dtype(size), 1e-4, method=method)
    assert found.rank == wanted.rank
    assert found.error == pytest.approx(wanted.error, rel=1e-2)
    np.testing.assert_allclose(found.combine(found.scores) / size, f / dtype(size), atol=1e-3)
