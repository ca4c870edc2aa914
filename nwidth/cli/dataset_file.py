"""Write a data set beside its final name and rename it when it is whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwidth.atomic_file import written_in_place

if TYPE_CHECKING:
    from nwidth.fields import FieldDataset
    from nwidth.meshes import Grid


@contextmanager
def written_whole(
    path: Path, grid: "Grid", fields: dict[str, str], **options: Any
) -> Iterator["FieldDataset"]:
    """Create a data set to append to; it takes its name only if the block ends without an error.

    `options` go to `FieldDataset.create`.
    """
    from nwidth.fields import FieldDataset

    with (
        written_in_place(path) as draft,
        FieldDataset.create(draft, grid, fields, overwrite=True, **options) as data,
    ):
        yield data
        data.finish()
