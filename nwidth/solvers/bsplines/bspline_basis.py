"""The functions that span all splines on given knots, each with the smallest support."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import lives_on_gpu, namespace, real_floating, require_finite
from nwidth.errors import InputError
from nwidth.kernels import kernel_module
from nwidth.meshes.knot_vector import KnotVector, wrapped

Array = NDArray[Any]

KERNELS = "nwidth.solvers.bsplines._bspline_basis"
# Breaks that are passed one by one; among more in a bucket, halving is faster.
WALK = 6
# Points that are worth a thread.
PART = 50_000


class BasisValues(NamedTuple):
    """The p + 1 functions that do not vanish at each of m points, and their derivatives.

    Attributes:
        first: the first of these functions, integers (m,); the others follow, of periodic knots
            modulo the size of the basis.
        values: (derivatives + 1, m, p + 1); values[k, i, j] is the k-th derivative of function
            first[i] + j at point i.
    """

    first: Array
    values: Array


class BSplineBasis:
    """B-splines B_0, ..., B_{n-1} of degree p on knots t.

        B_{i,0}(x) = 1 for t_i <= x < t_{i+1}, else 0
        B_{i,p}(x) = (x - t_i) / (t_{i+p} - t_i) B_{i,p-1}(x)
                     + (t_{i+p+1} - x) / (t_{i+p+1} - t_{i+1}) B_{i+1,p-1}(x)
        B_{i,p}'(x) = p / (t_{i+p} - t_i) B_{i,p-1}(x) - p / (t_{i+p+1} - t_{i+1}) B_{i+1,p-1}(x)

    They are positive on (t_i, t_{i+p+1}), zero elsewhere, and sum to one. de Boor (1972), On
    calculating with B-splines, doi:10.1016/0021-9045(72)90080-9; Cox (1972), The numerical
    evaluation of B-splines, doi:10.1093/imamat/10.2.134.

    At a knot, values are those from the right, at the upper end of the domain from the left. The
    arithmetic is in double precision; float32 results are rounded once.

    >>> basis = BSplineBasis(KnotVector.uniform(4, degree=2))
    >>> first, values = basis.evaluate([0.1], derivatives=1)
    >>> first.tolist(), values[:, 0].round(12).tolist()
    ([0], [[0.36, 0.56, 0.08], [-4.8, 3.2, 1.6]])
    """

    def __init__(self, knots: KnotVector):
        self.knots = require_instance(knots, "knots", KnotVector)
        self.degree, self.size = knots.degree, knots.size
        self.lower, self.upper = knots.lower, knots.upper
        self._tables: dict[str, tuple[Any, ...]] = {}

    @property
    def greville(self) -> Array:
        """The Greville points of the knots, one for each function."""
        return self.knots.greville

    @cached_property
    def integrals(self) -> Array:
        """The integrals of the functions over the whole line, (t_{i+p+1} - t_i) / (p + 1)."""
        t, p, n = self.knots.values, self.degree, self.size
        return (t[p + 1 : p + 1 + n] - t[:n]) / (p + 1)

    def evaluate(
        self,
        x: Any,
        derivatives: int = 0,
        *,
        wrap: bool = False,
        out: BasisValues | None = None,
    ) -> BasisValues:
        """Return all functions that do not vanish at points x, and derivatives up to an order.

        Args:
            x: points of the domain, float32 or float64, of any shape; for CuPy arrays the result is
                on the device.
            derivatives: the highest order; those above the degree are zero.
            wrap: whether points anywhere on the line are moved into the domain of periodic knots.
            out: the result of an earlier call with as many points, written over and returned; new
                memory costs about as much as the computation.

        Many points are shared by as many threads as Numba has. Raises `InputError` for points
        outside the domain and `NonFiniteError` for NaN.
        """
        d = require_integer(derivatives, "derivatives", 0)
        x = self.points(x, wrap)
        xp, p = namespace(x), self.degree
        shapes = x.shape, (d + 1, *x.shape, p + 1)
        if out is None:
            out = BasisValues(xp.empty(shapes[0], np.int64), xp.empty(shapes[1], x.dtype))
        else:
            _require_room(out, shapes, x)
        arrays = out.first.reshape(-1), out.values.reshape(d + 1, x.size, p + 1)
        self.at_points(x, kernel_module(KERNELS, x).functions, *self._records(xp), p, *arrays)
        return out

    def matrix(self, x: Any, order: int = 0, *, wrap: bool = False) -> Any:
        """Return the matrix of the k-th derivatives of all functions at points x.

            A_ij = B_j^(k)(x_i)

        It is a `scipy.sparse.csr_array`, len(x) by size, with p + 1 entries in each row; for CuPy
        points a `csr_matrix` on their device.

        >>> basis = BSplineBasis(KnotVector.uniform(2, degree=1))
        >>> basis.matrix([0.0, 0.25, 1.0]).toarray().tolist()
        [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
        """
        k = require_integer(order, "order", 0)
        x = self.points(x, wrap).reshape(-1)
        first, values = self.evaluate(x, k)
        entries = values[k] if k == 0 else values[k].copy()  # the others may go
        xp, m, width = namespace(x), len(first), self.degree + 1
        index = np.int32 if max(m * width, self.size) < 2**31 else np.int64
        rows = xp.arange(0, m * width + 1, width, dtype=index)
        if lives_on_gpu(x):
            from cupyx.scipy.sparse import csr_matrix

            columns = (first[:, None] + xp.arange(width)) % self.size
            parts = entries.reshape(-1), columns.reshape(-1).astype(index), rows
            return csr_matrix(parts, shape=(m, self.size))
        from nwidth.solvers.bsplines._bspline_basis_numba import columns as write

        columns = np.empty((m, width), index)
        write(first, self.size, entries, columns)
        parts = entries.reshape(-1), columns.reshape(-1), rows
        return scipy.sparse.csr_array(parts, shape=(m, self.size))

    @cached_property
    def local_powers(self) -> tuple[Array, Array]:
        """The functions on each interval as polynomials in u = (x - left) / length - 1/2.

        Returns the first function of each of n intervals, and (n, p + 1, p + 1): entry [i, k, j] is
        the coefficient of u^k in function first[i] + j.
        """
        from nwidth.solvers.bsplines._bspline_basis_numba import powers

        t, p, ends = self.knots.values, self.degree, self.knots.breakpoints
        out = np.empty((len(ends) - 1, p + 1, p + 1))
        powers(ends[:-1], np.diff(ends), self._records(np)[1], p, out)
        return np.searchsorted(t, ends[:-1], "right") - 1 - p, out

    def points(self, x: Any, wrap: bool = False) -> Array:
        """Return points as floating numbers, moved into the domain if asked for.

        Whether they lie in it is seen by whoever goes through them.
        """
        x = real_floating(x, "x")
        if not isinstance(wrap, bool | np.bool_):
            raise InputError(f"wrap: expected True or False, got {wrap!r:.80}")
        if not wrap:
            return x
        if not self.knots.periodic:
            raise InputError("wrap: expected periodic knots; take KnotVector.uniform_periodic")
        return wrapped(require_finite(x, "x"), self.lower, self.upper)

    def at_points(self, x: Array, kernel: Callable[..., int], *arguments: Any) -> None:
        """Call `kernel(x, begin, end, search, *arguments)`, on the host in several threads.

        It returns how many points are outside; then an error is raised.
        """
        xp, kind = namespace(x), x.dtype.type
        x = xp.ascontiguousarray(x).reshape(-1)
        # Ends that are rounded to the precision of x belong to the domain.
        search = (*self._search(xp), float(kind(self.lower)), float(kind(self.upper)))
        if lives_on_gpu(x):
            self.require_inside(x)
            kernel(x, 0, len(x), search, *arguments)
            return
        if len(x) < PART:
            outside = kernel(x, 0, len(x), search, *arguments)
        else:
            outside = _in_threads(kernel, x, search, *arguments)
        if outside:
            self.require_inside(x)

    def require_inside(self, x: Array) -> None:
        """Raise if a point is not a number of the domain."""
        low, high = x.dtype.type(self.lower), x.dtype.type(self.upper)
        inside = (x >= low) & (x <= high)
        if inside.all():
            return
        require_finite(x, "x")
        advice = "; give wrap=True for points beyond one period" if self.knots.periodic else ""
        raise InputError(
            f"x: expected points of the domain [{self.lower}, {self.upper}], got "
            f"{float(x[~inside][0])}{advice}"
        )

    def _search(self, xp: ModuleType) -> tuple[Any, ...]:
        """Return what the kernels find intervals by, on a device."""
        if "search" not in self._tables:
            self._tables["search"] = _buckets(self.knots)
        return self._moved("search", xp)

    def _records(self, xp: ModuleType) -> tuple[Any, ...]:
        """Return what the kernels compute functions from, on a device."""
        if "records" not in self._tables:
            self._tables["records"] = _records(self.knots)
        return self._moved("records", xp)

    def _moved(self, name: str, xp: ModuleType) -> tuple[Any, ...]:
        """Return one of the tables on a device."""
        if xp is np:
            return self._tables[name]
        key = f"{name} of {xp.__name__}"
        if key not in self._tables:
            self._tables[key] = tuple(
                xp.asarray(v) if isinstance(v, np.ndarray) else v for v in self._tables[name]
            )
        return self._tables[key]

    def __repr__(self) -> str:
        return f"BSplineBasis({self.knots})"


def _in_threads(kernel: Callable[..., int], x: Array, *arguments: Any) -> int:
    """Return the sum of `kernel(x, begin, end, *arguments)` over parts, each in a thread."""
    from nwidth.solvers.bsplines._bspline_basis_numba import get_num_threads

    number = min(get_num_threads(), 1 + len(x) // PART)
    ends = np.linspace(0, len(x), number + 1).astype(int).tolist()

    def run(begin: int, end: int) -> int:
        return kernel(x, begin, end, *arguments)

    if number == 1:
        return run(0, len(x))
    with ThreadPoolExecutor(number) as threads:
        return sum(threads.map(run, ends[:-1], ends[1:]))


def _require_room(out: Any, shapes: tuple[tuple[int, ...], ...], x: Array) -> None:
    """Raise unless arrays can take the functions at points x."""
    require_instance(out, "out", BasisValues)
    for name, array, shape, dtype in zip(
        BasisValues._fields, out, shapes, (np.dtype(np.int64), x.dtype), strict=True
    ):
        right = array.shape == shape and array.dtype == dtype and array.flags.c_contiguous
        if not right or namespace(array) is not namespace(x):
            raise InputError(
                f"out: expected {name} to be an array {shape} of {dtype} as from an earlier call, "
                f"got shape {array.shape} of {array.dtype}"
            )


def _buckets(knots: KnotVector) -> tuple[Any, ...]:
    """Return breaks, buckets, depth, lower, upper, scale, doubt: see the kernels.

    The bucket of a point is a function of it that does not fall, so that what it is for the breaks
    bounds the interval of the point, whatever the rounding.
    """
    breaks, lower, upper = knots.breakpoints, knots.lower, knots.upper
    n, spacing = len(breaks) - 1, knots.spacing
    ends = np.append(breaks[:-1], np.inf)  # the upper end belongs to the last interval
    # Knots that are next to each other among floating-point numbers are searched for.
    ulp = np.spacing(max(abs(lower), abs(upper)))
    if spacing is not None and spacing > 64 * ulp:
        doubt = 8 * ulp / spacing + 4 * n * np.finfo(np.float64).eps
        return ends, np.zeros(0, np.int32), 0, lower, upper, n / (upper - lower), doubt
    count = 8 * n
    scale = count / (upper - lower)
    of_starts = np.minimum((breaks[1:-1] - lower) * scale, count - 1).astype(np.int64)
    # The interval at the left end of bucket b starts last of those that start in buckets before b.
    lengths = np.diff(of_starts + 1, prepend=0, append=count + 1)
    buckets = np.repeat(np.arange(n, dtype=np.int32), lengths)
    fullest = max(1, int(np.diff(buckets).max()))
    depth = -fullest if fullest <= WALK else fullest.bit_length()
    return ends, buckets, depth, lower, upper, scale, 0.0


def _records(knots: KnotVector) -> tuple[Any, ...]:
    """Return the first function of each interval, unless 0, 1, ..., and the records of `functions`.

    These are knots around the interval, and the inverses by which de Boor and Cox divide.
    """
    t, p = knots.values, knots.degree
    spans = p + np.flatnonzero(t[p : len(t) - p - 1] < t[p + 1 : len(t) - p])
    firsts = (spans - p).astype(np.int32)
    if np.array_equal(firsts, np.arange(len(firsts))):
        firsts = firsts[:0]
    from nwidth.solvers.bsplines._bspline_basis_numba import write_records

    records = np.empty((len(spans), 2 * p + p * (p + 1) // 2))
    write_records(t, spans, p, records)
    return firsts, records.reshape(-1)


def nonzero_functions(t: Array, p: int, spans: Array, x: Array, derivatives: int) -> Array:
    """Return the functions that do not vanish on the spans, and derivatives: the plain reference.

    The values (derivatives + 1, *x.shape, p + 1) come from degree 0 by raising the degree, the k-th
    derivatives by raising values to degree p - k and differentiating k times.
    """
    xp = namespace(x)
    t = xp.asarray(t)
    values = xp.zeros((derivatives + 1, *x.shape, p + 1), x.dtype)
    for k in range(min(derivatives, p) + 1):
        b = xp.ones((*x.shape, 1))
        for q in range(1, p - k + 1):
            b = raised(t, q, spans, x, b)
        for q in range(p - k + 1, p + 1):
            b = differentiated(t, q, spans, b)
        values[k] = b
    return values


def raised(t: Array, q: int, spans: Array, x: Array, b: Array) -> Array:
    """Return the q + 1 functions of degree q at x from the q of degree q - 1, by de Boor and Cox.

    Function j of degree q - 1 has its support from t_{mu-q+1+j} to t_{mu+1+j}.
    """
    xp = namespace(x)
    out = xp.zeros((*b.shape[:-1], q + 1), b.dtype)
    for j in range(q):
        left, right = t[spans - q + 1 + j], t[spans + 1 + j]
        part = b[..., j] / (right - left)
        out[..., j] += (right - x) * part
        out[..., j + 1] += (x - left) * part
    return out


def differentiated(t: Array, q: int, spans: Array, b: Array) -> Array:
    """Return the derivatives of the q + 1 functions of degree q from values b of degree q - 1."""
    xp = namespace(b)
    out = xp.zeros((*b.shape[:-1], q + 1), b.dtype)
    for j in range(q):
        left, right = t[spans - q + 1 + j], t[spans + 1 + j]
        part = q * b[..., j] / (right - left)
        out[..., j] -= part
        out[..., j + 1] += part
    return out
