"""Samples some at a time, so that what is computed of them fits in memory and cache."""

from collections.abc import Iterator

from nwidth.arguments import require_integer

POINTS_AT_ONCE = 1 << 17


def sample_blocks(samples: int, points: int, batch: int | None = None) -> Iterator[slice]:
    """Return slices of so many samples on so many points each.

    A slice has `batch` samples, by default as many as have about 2^17 points together, at least
    one; the last may have fewer.

    >>> list(sample_blocks(5, points=1 << 16))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]

    Raises `InputError` for a batch that is no integer >= 1.
    """
    step = max(1, POINTS_AT_ONCE // points)
    if batch is not None:
        step = require_integer(batch, "batch", 1)
    return (slice(k, min(k + step, samples)) for k in range(0, samples, step))
