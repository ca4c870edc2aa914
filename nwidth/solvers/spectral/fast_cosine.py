"""Fast cosine and sine transforms along one axis, real or complex, by the fastest library."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.arrays import as_floating, lives_on_gpu, namespace
from nwidth.errors import InputError
from nwidth.solvers.spectral.fourier_libraries import installed

Array = NDArray[Any]


def cosine_transform(u: Array, kind: int, axis: int = -1) -> Array:
    """Return the sums of cosines of one of three kinds, not normalized.

        1    v_k = u_0 + (-1)^k u_{n-1} + 2 sum_{0<j<n-1} u_j cos(pi j k / (n - 1))
        2    v_k = 2 sum_j u_j cos(pi (2 j + 1) k / (2 n))
        3    v_k = u_0 + 2 sum_{j>0} u_j cos(pi j (2 k + 1) / (2 n))

    The first kind is 2 (n - 1) times its own inverse, the third 2 n times that of the second.
    Arrays of CuPy go through a Fourier transform of the even extension. Reference: Strang (1999),
    doi:10.1137/S0036144598336745.

    >>> cosine_transform(np.array([1.0, 0.0, 0.0]), 1).tolist()
    [1.0, 1.0, 1.0]
    """
    return _transform("dct", u, kind, axis)


def sine_transform(u: Array, kind: int, axis: int = -1) -> Array:
    """Return the sums of sines of one of three kinds, not normalized.

        1    v_k = 2 sum_j u_j sin(pi (j + 1) (k + 1) / (n + 1))
        2    v_k = 2 sum_j u_j sin(pi (2 j + 1) (k + 1) / (2 n))
        3    v_k = (-1)^k u_{n-1} + 2 sum_{j<n-1} u_j sin(pi (j + 1) (2 k + 1) / (2 n))

    The first kind is 2 (n + 1) times its own inverse, the third 2 n times that of the second.
    Reference: Strang (1999), doi:10.1137/S0036144598336745.

    >>> sine_transform(np.array([1.0]), 1).tolist()
    [2.0]
    """
    return _transform("dst", u, kind, axis)


def _transform(name: str, u: Array, kind: int, axis: int) -> Array:
    u, kind = as_floating(u, "u"), require_integer(kind, "kind", 1)
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer):
        raise InputError(f"axis: expected an integer, got {axis!r:.80}")
    if not -u.ndim <= axis < u.ndim:
        raise InputError(f"axis: expected one of an array of shape {u.shape}, got {axis}")
    least = 2 if name == "dct" and kind == 1 else 1
    if kind > 3 or u.shape[axis] < least:
        raise InputError(
            f"u: expected a transform of kind 1 to 3 and at least {least} numbers along the axis, "
            f"got kind {kind} and shape {u.shape}"
        )
    if lives_on_gpu(u):
        return by_fourier(name, u, kind, axis)
    ducc = installed("ducc0.fft")
    if u.size == 0:
        return u.copy()
    if ducc is None:
        import scipy.fft

        return getattr(scipy.fft, name)(u, kind, axis=axis)
    along = axis % u.ndim
    if u.dtype.kind == "c":
        pairs = np.ascontiguousarray(u).view(u.real.dtype).reshape(*u.shape, 2)
        out = getattr(ducc, name)(pairs, kind, axes=[along])
        return out.view(u.dtype)[..., 0]
    return getattr(ducc, name)(u, kind, axes=[along])


def by_fourier(name: str, u: Array, kind: int, axis: int = -1) -> Array:
    """Return the same by a Fourier transform of the even or odd extension, for any array library.

    >>> by_fourier("dct", np.array([1.0, 2.0]), 2).round(9).tolist()
    [6.0, -1.414213562]
    """
    xp = namespace(u)
    u, n = xp.moveaxis(u, axis, -1), u.shape[axis]

    def fft(values: Array) -> Array:
        return xp.asarray(xp.fft.fft(values, axis=-1))

    signs = xp.asarray((-1.0) ** np.arange(n), u.real.dtype)
    if kind == 1 and name == "dct":
        v = fft(xp.concatenate([u, u[..., -2:0:-1]], -1))[..., :n]
    elif kind == 1:
        zero = xp.zeros_like(u[..., :1])
        odd = xp.concatenate([zero, u, zero, -u[..., ::-1]], -1)
        v = 1j * fft(odd)[..., 1 : n + 1]
    else:
        turn = xp.asarray(np.exp(0.5j * np.pi * np.arange(n) / n))
        if kind == 2:
            w = u * signs if name == "dst" else u
            v = fft(xp.concatenate([w, w[..., ::-1]], -1))[..., :n] * turn.conj()
            v = v[..., ::-1] if name == "dst" else v
        else:
            w = u[..., ::-1] if name == "dst" else u
            zero = xp.zeros_like(w[..., :1])
            back = (w * turn.conj())[..., :0:-1]
            v = fft(xp.concatenate([w * turn, zero, back], -1).conj())[..., :n].conj()
            v = v * signs if name == "dst" else v
    v = v if u.dtype.kind == "c" else v.real
    return xp.moveaxis(v.astype(u.dtype), -1, axis)
