import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError
from nwidth.rom.field_geometry import FieldGeometry

RNG = np.random.default_rng(6)
MATRIX = sp.csr_array(sp.diags_array([np.ones(5), np.full(6, 4.0), np.ones(5)], offsets=[-1, 0, 1]))
WEIGHTS = RNG.uniform(0.5, 2, (2, 3))
KINDS = {
    "ones": (None, None, np.eye(6)),
    "weights": (WEIGHTS, None, np.diag(WEIGHTS.ravel())),
    "sparse": (None, MATRIX, MATRIX.toarray()),
    "dense": (None, MATRIX.toarray(), MATRIX.toarray()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_inner_products_and_norms_and_coordinates(kind, dtype):
    *given, X = KINDS[kind]
    geometry = FieldGeometry.of(*given, (2, 3))
    f = RNG.standard_normal((4, 6)).astype(dtype)
    if f.dtype.kind == "c":
        f = f + dtype(1j) * RNG.standard_normal((4, 6)).astype(f.real.dtype)
    gram = f @ X @ f.conj().T
    tolerance = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(geometry.inner(f, f), gram, atol=tolerance)
    assert geometry.inner(f, f).dtype == dtype
    np.testing.assert_allclose(geometry.norm(f) ** 2, np.diag(gram).real, atol=tolerance)
    rows, back, lost = geometry.coordinates(f)
    np.testing.assert_allclose(rows @ rows.conj().T, gram, atol=tolerance)
    np.testing.assert_allclose(back(rows), f, atol=tolerance)
    assert back(rows).dtype == dtype
    assert lost == 1 if given[1] is None else 1 <= lost < 10


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_a_file(kind):
    *given, X = KINDS[kind]
    again = FieldGeometry.from_archived(FieldGeometry.of(*given, (2, 3)).archived(), (2, 3))
    np.testing.assert_allclose(again.inner(np.eye(6), np.eye(6)), X, atol=1e-15)
    if kind != "ones":
        with pytest.raises((ValueError, KeyError)):
            FieldGeometry.from_archived(FieldGeometry.of(*given, (2, 3)).archived(), (7,))


def test_damaged_matrices_are_refused():
    arrays = FieldGeometry.of(None, MATRIX, (6,)).archived()
    for name, value in (("indices", 9), ("data", np.nan), ("indptr", 100)):
        bad = arrays[f"inner_product/{name}"].copy()
        bad[3] = value
        with pytest.raises(ValueError):
            FieldGeometry.from_archived(arrays | {f"inner_product/{name}": bad}, (6,))


def test_one_of_both():
    with pytest.raises(InputError, match="got both"):
        FieldGeometry.of(np.ones(3), np.eye(3), (3,))
