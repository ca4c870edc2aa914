"""Numbers of bytes as readers like them."""


def readable_size(size: float) -> str:
    """Return a number of bytes in words.

    >>> readable_size(1_500_000)
    '1.5 MB'
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
