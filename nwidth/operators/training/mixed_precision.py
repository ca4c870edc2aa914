"""Products in half the bits where the hardware has them, all else in full precision."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import torch
from torch import Tensor

from nwidth.errors import InputError

P = ParamSpec("P")

PRECISIONS = ("full", "bf16")


def has_bf16(device: torch.device) -> bool:
    """Return whether a device multiplies bfloat16 numbers in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and "avx512_bf16" in _processor()


def require_precision(precision: str, weights: torch.dtype, device: torch.device) -> str:
    """Return "full" or "bf16" if the device can do it for weights of this type.

    Raises `InputError` for a device without bfloat16 products and for weights in double precision.
    """
    if precision == "full":
        return precision
    if precision not in PRECISIONS:
        raise InputError(
            f"training: expected precision to be one of {', '.join(PRECISIONS)}, got {precision!r}"
        )
    if weights != torch.float32:
        raise InputError(
            "training: expected a network in float32 for precision='bf16', got "
            f"{str(weights).removeprefix('torch.')}; convert it by .float(), or use 'full'"
        )
    if not has_bf16(device):
        raise InputError(
            f"training: expected a device with bfloat16 products for precision='bf16', got "
            f"{device.type} without them; use precision='full'"
        )
    return precision


def mixed(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context in which a forward pass of this precision runs.

    Micikevicius et al. (2018), Mixed precision training, arXiv:1710.03740; bfloat16 has the range
    of float32, so that no loss needs to be scaled.
    """
    if precision == "full":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def in_full_precision(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Keep a function of tensors out of `mixed`: its arguments come in float32, as its result.

    For what eight bits of mantissa would spoil, such as transforms, and for gradients written by
    hand, whose products with given results are not converted by PyTorch.

    >>> @in_full_precision
    ... def product(a, b):
    ...     return a @ b
    >>> with mixed("bf16", torch.device("cpu")):
    ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype, product(torch.ones(2), torch.ones(2)).dtype
    (torch.bfloat16, torch.float32)
    """

    @wraps(function)
    def full(*arguments: P.args, **options: P.kwargs) -> Tensor:
        first = next((a for a in arguments if isinstance(a, Tensor)), None)
        if first is None or not torch.is_autocast_enabled(first.device.type):
            return function(*arguments, **options)
        with torch.autocast(first.device.type, enabled=False):
            plain: Any = [_single(a) for a in arguments]
            named: Any = {name: _single(value) for name, value in options.items()}
            return function(*plain, **named)

    return full


def _single(value: Any) -> Any:
    """Return float32 in place of tensors of half the bits."""
    if isinstance(value, Tensor) and value.dtype in (torch.bfloat16, torch.float16):
        return value.float()
    return value


def _processor() -> str:
    """Return what the system tells of the processor's instructions."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return next((line for line in text.splitlines() if line.startswith("flags")), "")
