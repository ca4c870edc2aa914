"""The remainder of empirical interpolation, f - I_k f, for data on a device."""

from typing import Any

from nwidth.arrays import namespace, to_numpy


class DeviceRemainder:
    """Remainders r_k(x_j, .) of all rows on a device, every step done on every row.

        r_{k+1}(x_j, .) = r_k(x_j, .) - r_k(x_j, y_k) r_k(x_k, .) / r_k(x_k, y_k)

    A step and the norms after it are one pass over memory. Where the device rounds a product and a
    sum together the numbers, and with them the choice among nearly equal rows, may differ from
    those of `Remainder` by round-off.

    Args:
        data: CuPy array of rows f(x_j, .), shape (rows, points); overwritten.
        power: p of the norm, 0 for the maximum.
        weights: of the points in the norm, of the same library, or none.
        scale: by which the data were multiplied before, and norms are too large therefore.
    """

    def __init__(self, data: Any, power: float, weights: Any, scale: float = 1.0):
        xp = namespace(data)
        self._R, self._power, self.scale = data, float(power), scale
        self._weights = xp.zeros(0) if weights is None else weights
        self._sums = xp.zeros(len(data))
        self._chosen: list[int] = []
        self._do(xp.zeros(len(data), data.dtype), xp.zeros(data.shape[1], data.dtype))

    def largest(self) -> tuple[int, float]:
        """Return the row with the largest norm, the first of equal ones, and that norm."""
        sums = to_numpy(self._sums).copy()
        sums[self._chosen] = 0
        row = int(sums.argmax())
        return row, float(sums[row]) ** (1 / max(self._power, 1.0))

    def subtract(self, j: int) -> int:
        """Do a step: interpolate row j where it is largest, and return where."""
        point = int(abs(self._R[j]).argmax())
        q = self._R[j] / self._R[j, point]
        self._do(self._R[:, point].copy(), q)
        self._R[j] = 0
        self._chosen.append(j)
        return point

    def _do(self, c: Any, q: Any) -> None:
        from nwidth.rom._remainder_cuda import step

        step(self._R, c, q, self._weights, self._power, self._sums)
