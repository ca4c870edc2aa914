import numpy as np
import pytest
import scipy.sparse as sp

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


@pytest.mark.parametrize("method", ["auto", "qr", "randomized"])
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
    assert nothing.coefficients(np.ones((5, 4))).shape == (5, 0)
    assert nothing.projection_error(np.ones(4)) == 2


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
    assert again.method == found.method == "snapshots"
    for name in ("modes", "singular_values", "scores", "weights"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
    assert (again.error, again.status) == (found.error, found.status)
    pod(turned()).save(tmp_path / "pod.h5")
    assert POD.load(tmp_path / "pod.h5").weights is None
    from nwidth.archive import save_archive

    good = {"modes": np.eye(2), "singular_values": np.ones(2), "scores": np.eye(2)}
    told = {"error": 0.0, "status": "CONVERGED", "method": "qr"}
    save_archive(tmp_path / "bad.h5", "pod", good, told)
    assert POD.load(tmp_path / "bad.h5").rank == 2
    nan = np.array([[np.nan, 0], [0, 1]])
    wrong = [
        ({"modes": np.eye(2)}, told),
        (good | {"modes": nan}, told),
        (good | {"scores": np.ones((3, 1))}, told),
        (good | {"singular_values": np.ones(1)}, told),
        (good | {"weights": np.array([1.0, -1.0])}, told),
        (good | {"inner_product/matrix": np.eye(3)}, told),
        (good | {"inner_product/matrix": -np.eye(2)}, told),
        (good, told | {"status": "FINE"}),
        (good, told | {"error": -1.0}),
        # Finite arrays that fit together, and are not what they are called.
        (good | {"modes": 2 * np.eye(2)}, told),
        (good | {"modes": np.eye(2, dtype=int)}, told),
        (good | {"scores": 1j * np.eye(2)}, told),
        (good | {"weights": np.full(2, 4.0)}, told),
        (good | {"singular_values": np.array([1.0, 2.0])}, told),
        (good | {"singular_values": np.array([1.0, -1.0])}, told),
        (good | {"inner_product/indices": np.zeros(2, int)}, told),
        (good, told | {"error": True}),
        (good, told | {"method": "magic"}),
    ]
    for arrays, text in wrong:
        save_archive(tmp_path / "bad.h5", "pod", arrays, text)
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
        ({"weights": np.ones(3), "inner_product": np.eye(3)}, "got both"),
        ({"inner_product": np.eye(2)}, "expected size 3, got 2"),
        ({"method": "svd"}, "method: expected one of auto, qr, snapshots, randomized"),
        ({"data": np.full((4, 3), 1.5e308)}, "in the range of float64"),
        ({"data": np.ones((4, 3), "f4"), "weights": np.full(3, 1e80)}, "in the range of float32"),
        ({"data": np.ones((4, 3), "f4"), "weights": np.full(3, 1e-80)}, "in the range of float32"),
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


def test_method_that_was_used_is_told():
    f = bumps(60, 300)
    assert pod(f, 1e-4).method == "snapshots"
    assert pod(f, 1e-8).method == "qr"
    assert pod(f, 1e-4, method="randomized").method == "randomized"
    with pytest.warns(UserWarning, match='"qr" was used instead'):
        switched = pod(f, 1e-10, method="snapshots")
    wanted = pod(f, 1e-10, method="qr")
    assert (switched.method, switched.rank) == ("qr", wanted.rank)
    np.testing.assert_array_equal(switched.modes, wanted.modes)


@pytest.mark.parametrize("seed", range(5))
def test_error_of_random_products_is_a_bound(decaying, seed):
    f = decaying(150, 220, rate=0.93)
    for rank in (8, 40):
        found = pod(f, 1e-5, max_rank=rank, method="randomized", seed=seed)
        missed = np.linalg.norm(f - found.combine(found.scores)) / np.linalg.norm(f)
        assert missed <= found.error <= 4 * missed


def stiffness(n):
    """Stiffness plus mass matrix of linear elements on n cells, without the last node."""
    e = np.ones(n)
    stiff = sp.diags_array([-e[1:], 2 * e, -e[1:]], offsets=[-1, 0, 1]) * n
    mass = sp.diags_array([e[1:], 4 * e, e[1:]], offsets=[-1, 0, 1]) / (6 * n)
    return sp.csr_array(stiff + mass)


@pytest.mark.parametrize("method", ["auto", "qr", "randomized"])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
def test_inner_product_of_a_matrix(dtype, method):
    X = stiffness(200)
    f = turned(dtype)
    rtol = 1e-3 if dtype == np.float32 else 1e-5
    found = pod(f, rtol, inner_product=X, method=method)
    assert found.modes.dtype == dtype
    gram = found.modes.conj() @ (X @ found.modes.T)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(gram, np.eye(found.rank), atol=1e4 * eps)
    L = np.linalg.cholesky(X.toarray())
    sigma = np.linalg.svd(f @ L.conj(), compute_uv=False)
    assert found.rank == (sigma > rtol * sigma[0]).sum()
    np.testing.assert_allclose(found.singular_values[: found.rank], sigma[: found.rank], rtol=1e-2)
    missed = (f - found.combine(found.scores)) @ L.conj()
    error = np.linalg.norm(missed) / np.linalg.norm(sigma)
    assert found.error == pytest.approx(error, rel=0.1)
    np.testing.assert_allclose(
        found.projection_error(f), np.linalg.norm(missed, axis=1), atol=1e-6 * sigma[0]
    )


def test_matrix_of_ones_and_diagonal_matrix_are_no_weights_and_weights():
    f, w = turned(), RNG.uniform(0.5, 2, 200)
    for matrix, weights in ((np.eye(200), None), (np.diag(w), w), (sp.diags_array(w), w)):
        found = pod(f, 1e-10, inner_product=matrix)
        wanted = pod(f, 1e-10, weights=weights)
        assert found.rank == wanted.rank
        np.testing.assert_allclose(found.singular_values, wanted.singular_values, atol=1e-13)
        np.testing.assert_allclose(found.project(f), wanted.project(f), atol=1e-9)
        np.testing.assert_allclose(
            found.projection_error(f[3]), wanted.projection_error(f[3]), atol=1e-12
        )


@pytest.mark.parametrize("matrix", [stiffness(30), stiffness(30).toarray()])
def test_file_holds_the_inner_product(tmp_path, matrix):
    f = bumps(10, 30)
    found = pod(f, 1e-6, inner_product=matrix)
    found.save(tmp_path / "pod.h5")
    again = POD.load(tmp_path / "pod.h5")
    np.testing.assert_array_equal(again.coefficients(f), found.coefficients(f))
    assert again.weights is None


def test_projection_is_the_best_combination():
    f = turned(np.complex128).reshape(60, 20, 10)
    w = RNG.uniform(0.5, 2, (20, 10))
    found = pod(f, 1e-2, weights=w)
    new = RNG.standard_normal((2, 3, 20, 10))
    best = found.project(new)
    assert best.shape == new.shape
    np.testing.assert_allclose(found.project(best), best, atol=1e-12)
    wanted = np.sqrt((w * abs(new - best) ** 2).sum(axis=(-1, -2)))
    np.testing.assert_allclose(found.projection_error(new), wanted, rtol=1e-12)
    np.testing.assert_allclose(found.coefficients(new - best), 0, atol=1e-12)


def test_round_off_of_rough_fields_is_no_mode():
    """A rough inner product enlarges the rounding errors of smooth fields."""
    x = np.linspace(0, 1, 2001)[1:]
    f = np.outer(np.ones(30), np.sin(x)) + np.outer(np.linspace(0, 1, 30), np.sin(2 * x))
    found = pod(f, 0.0, inner_product=stiffness(2000))
    assert (found.rank, found.status) == (2, SelectionStatus.EXHAUSTED)
