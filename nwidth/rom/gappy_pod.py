"""Gappy POD: fields of which only some values are known."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.rom.field_basis import field_rows

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class GappyFields:
    """Fields whose gaps were filled from a basis, and how far each can be trusted.

    `fields` (..., *shape) hold the known values and, in gaps, those of the fit; `coefficients`
    (..., r); `ranks` (...), how many combinations of the basis the known places tell apart: below r
    the least coefficients are taken, and the fit is one of many; `condition` (...), sigma_1 /
    sigma_r of the basis at the known places, infinite below rank r; `misfits` (...), the root mean
    square of fit minus value where values are known.
    """

    fields: Array
    coefficients: Array
    ranks: Array
    condition: Array
    misfits: Array


def gappy_pod(basis: Any, fields: Any, known: Any = None) -> GappyFields:
    """Fill the gaps of fields by least squares in a basis.

        min_c ||M (f - sum_k c_k u_k)||,    M = 1 where f is known, else 0

    Each distinct mask is decomposed once, M U = W S V*, for all the fields that have it: no normal
    equations, whose condition is squared. With an orthonormal basis an error of known
    values grows in c by at most 1 / sigma_r. Reference: Everson & Sirovich (1995),
    doi:10.1364/JOSAA.12.001657.

    Args:
        basis: fields as rows, shape (r, *shape), such as `pod(data).modes`, real or complex.
        fields: one field or many, shape (..., *shape); what they hold in gaps is not read.
        known: true where a value is known, shape `shape` for one mask or that of the fields; where
            the fields are finite by default.

    Raises `InputError` where a known value is not finite or a field has none.

    >>> y = np.linspace(0, 1, 5)
    >>> filled = gappy_pod([np.ones(5), y], [1.0, np.nan, 2.0, np.nan, np.nan])
    >>> filled.fields.round(12).tolist(), int(filled.ranks)
    ([1.0, 1.5, 2.0, 2.5, 3.0], 2)
    """
    U = field_rows(basis, "basis")
    r, shape = len(U), U.shape[1:]
    U = U.reshape(r, -1)
    given = to_numpy(as_floating(fields, "fields"))
    lead = given.shape[: given.ndim - len(shape)]
    if given.ndim < len(shape) or given.shape[len(lead) :] != shape or given.size == 0:
        raise InputError(
            f"fields: expected an array whose last axes are {shape}, got shape {given.shape}"
        )
    masks = _masks(known, given, shape).reshape(-1, U.shape[1])
    values = np.where(masks, given.reshape(masks.shape), 0)
    require_finite(values, "fields")
    dtype = np.result_type(U, values)
    filled = np.empty(values.shape, dtype)
    coefficients = np.empty((len(values), r), dtype)
    ranks = np.empty(len(values), np.int64)
    condition, misfits = np.empty((2, len(values)))
    for members in _alike(masks):
        places = np.flatnonzero(masks[members[0]])
        if not places.size:
            raise InputError(f"fields: expected known values, but field {members[0]} has none")
        data = values[np.ix_(members, places)]
        c, _, rank, sigma = np.linalg.lstsq(U[:, places].T, data.T, rcond=None)
        fit = c.T @ U
        ranks[members] = rank
        condition[members] = sigma[0] / sigma[-1] if rank == r else np.inf
        misfits[members] = np.sqrt((np.abs(fit[:, places] - data) ** 2).mean(axis=1))
        coefficients[members] = c.T
        fit[:, places] = data
        filled[members] = fit
    return GappyFields(
        filled.reshape(given.shape),
        coefficients.reshape(*lead, r),
        ranks.reshape(lead),
        condition.reshape(lead),
        misfits.reshape(lead),
    )


def _masks(known: Any, fields: Array, shape: tuple[int, ...]) -> Array:
    """Return one mask per field."""
    if known is None:
        return np.isfinite(fields)
    known = np.asarray(known)
    if known.dtype != bool or known.shape not in (shape, fields.shape):
        raise InputError(
            f"known: expected true and false of shape {shape} or {fields.shape}, got "
            f"{known.dtype} of shape {known.shape}"
        )
    return np.broadcast_to(known, fields.shape)


def _alike(masks: Array) -> list[Array]:
    """Return the numbers of fields that share a mask, for each of the masks."""
    groups: dict[bytes, list[int]] = {}
    for number, packed in enumerate(np.packbits(masks, axis=1)):
        groups.setdefault(packed.tobytes(), []).append(number)
    return [np.array(group) for group in groups.values()]
