"""Matrix DEIM: the affine decomposition of matrices of which only entries are known."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_number
from nwidth.arrays import as_floating, require_finite
from nwidth.errors import InputError
from nwidth.rom.affine_decomposition import AffineDecomposition, decompose, tabulate
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.training_parameters import TrainingParameters

Array = NDArray[Any]
#: a(mu, rows, columns), entries of A(mu); a(mu, rows) for vectors.
Entries = Callable[..., Any]


def matrix_deim(
    matrices: Entries | Sequence[Any],
    parameters: Any,
    rtol: float = 1e-8,
    *,
    places: tuple[Array, ...] | None = None,
    entries: Entries | None = None,
    max_rank: int | None = None,
    held_out: Any = None,
) -> AffineDecomposition:
    """Decompose A(mu) from its own entries, when nothing is known of where it comes from.

        A(mu) ~ sum_m beta_m(mu) A(mu_m),    sum_m beta_m A(mu_m)_k = A(mu)_k  for d entries k

    Parameters and entries are chosen by empirical interpolation of the entries as functions of mu.
    Then beta(mu) needs d entries of A(mu), which local codes compute alone. Reference: Negri,
    Manzoni & Amsallem (2015), doi:10.1016/j.jcp.2015.09.046, there with proper orthogonal
    decomposition and DEIM, whose modes are no matrices of the family.

    Args:
        matrices: the matrices A(mu_j) of all training parameters, dense or sparse with any
            patterns, or vectors; or a function a(mu, rows, columns) that returns entries.
        parameters: of training, shape (samples,) or (samples, p), all different.
        rtol: relative to the largest entry. Good values: 1e-4 to 1e-10.
        places: rows and columns of the entries to choose from, two arrays of indices; by default
            all entries of the matrices. A function needs them. If they are a sample of a large
            matrix, a few times the expected rank in every part where entries are made differently,
            check the others with `matrix_errors` at parameters that had no part.
        entries: the function a for beta if `matrices` are matrices; without it `beta_of` takes a
            matrix of which only the entries at `points[0]` are read.
        max_rank: limit on the number of matrices.
        held_out: parameters that have no part in the choice, for an honest estimate of the error at
            `places`; needs the function.

    The result is what `affine_decomposition` returns; `points[0]` are rows and columns, shape
    (d, 2). Raises as that does, also for places outside of the matrices.

    >>> x = np.linspace(0, 1, 50)
    >>> entry = lambda mu, i, j: 1 / (1 + mu * abs(x[i] - x[j]))
    >>> sample = np.random.default_rng(0).integers(50, size=(2, 300))
    >>> model = matrix_deim(entry, np.linspace(1, 2, 40), 1e-6, places=tuple(sample))
    >>> A = lambda mu: 1 / (1 + mu * abs(x[:, None] - x))
    >>> model.rank, bool(model.matrix_errors([A(m) for m in model.parameters], [1.23], A) < 1e-6)
    (5, True)
    """
    training = TrainingParameters(parameters)
    rtol = require_number(rtol, "rtol", "[0, 1)")
    if callable(matrices):
        if places is None:
            raise InputError("places: expected indices of entries to choose from, got none")
        if entries is not None:
            raise InputError("entries: expected none, since `matrices` is that function already")
        entries, where = matrices, _indices(places)
        table = tabulate(_reader(entries), training.values, where)
    else:
        table, where = _entries_of(matrices, len(training), places)
    functions = None if entries is None else (_reader(entries),)
    if held_out is not None and functions is None:
        raise InputError("held_out: expected a function `entries` for its matrices, got none")
    return decompose(training, functions, [table], [where], rtol, max_rank, held_out)


def _reader(entries: Entries) -> Callable[[Any, Array], Any]:
    """Return the function of entries as one of (mu, places)."""
    if not callable(entries):
        raise InputError(f"entries: expected a function, got {entries!r:.80}")
    return lambda mu, where: entries(mu, *where.T)


def _indices(places: Any) -> Array:
    """Return index arrays side by side, shape (entries, axes)."""
    arrays = [np.asarray(index) for index in places] if isinstance(places, Iterable) else []
    good = arrays and all(
        a.ndim == 1 and a.dtype.kind in "iu" and a.shape == arrays[0].shape for a in arrays
    )
    if not good or not arrays[0].size or min(int(a.min()) for a in arrays) < 0:
        raise InputError(
            "places: expected arrays of row and of column indices >= 0, all of one length, got "
            f"{places!r:.80}"
        )
    return np.stack(arrays, axis=1).astype(np.int64)


def _entries_of(matrices: Any, count: int, places: Any) -> tuple[Array, Array]:
    """Return the entries of training matrices, one row for each, and their places."""
    span = MatrixSpan(matrices)
    if len(span) != count:
        raise InputError(f"matrices: expected {count}, one for each parameter, got {len(span)}")
    if places is None:
        return span.table()
    where = _indices(places)
    if where.shape[1] != len(span.shape) or (where >= np.array(span.shape)).any():
        raise InputError(f"places: expected indices within matrices of shape {span.shape}")
    values, found = span.table()
    flat, wanted = (np.ravel_multi_index(tuple(w.T), span.shape) for w in (found, where))
    at = np.minimum(np.searchsorted(flat, wanted), len(flat) - 1)
    table = np.where(flat[at] == wanted, values[:, at], 0)
    return require_finite(as_floating(table), "matrices"), where
