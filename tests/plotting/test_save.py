import numpy as np
import pytest

from nwidth import plotting
from nwidth.errors import InputError
from nwidth.meshes import Grid

FIGURE = plotting.field(Grid.uniform((4, 4)), np.ones((4, 4)))


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".PDF", b"%PDF"), (".svg", b"<?xml")]
)
def test_the_suffix_is_the_format(tmp_path, suffix, start):
    path = plotting.save(FIGURE, tmp_path / f"a{suffix}", dpi=50)
    assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [f"a{suffix}"]


def test_unknown_formats_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"ending in \.png"):
        plotting.save(FIGURE, tmp_path / "figure.txt")
    assert list(tmp_path.iterdir()) == []
