"""Initial weights from a seed."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nwidth.errors import InputError


@contextmanager
def seeded_weights(seed: int, purpose: int | None = None) -> Iterator[None]:
    """Let PyTorch draw from a seed, and leave its generator as it was.

    Networks that draw in several places give each its `purpose`, a number below 1000: what one of
    them draws does not depend on how much the others did.

    Raises `InputError` for seeds that PyTorch cannot count.

    >>> with seeded_weights(3):
    ...     one = torch.rand(2)
    >>> with seeded_weights(3):
    ...     bool((one == torch.rand(2)).all())
    True
    """
    number = seed if purpose is None else 1000 * seed + purpose
    if number >= 1 << 64:
        raise InputError(
            f"seed: expected an integer of fewer than 54 bits, got {seed!r:.80}; take a smaller one"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number)
        yield
