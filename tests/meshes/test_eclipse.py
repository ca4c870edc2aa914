"""Eclipse keyword arrays: the format, two published reservoir models, errors."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.meshes import read_eclipse, read_eclipse_field

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

TEXT = """\
-- A small model -- with comments, PERMX / in them
NOECHO
PORO
  0.1 2*0.25   -- two at once
  0.3 1*.4 / the rest of the line is ignored 9 9 9

permx  -- in lower case
  1.5D2 -2.0e-1 +3 4.
  2*5E+0
/
ECHO
ACTNUM 6*1 /
"""


def write(folder: Path, text: str, name: str = "model.inc") -> Path:
    path = folder / name
    path.write_text(text, encoding="latin-1", newline="")
    return path


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("zipped", [False, True])
def test_reads_comments_repeats_and_several_arrays(tmp_path, newline, zipped):
    path = write(tmp_path, TEXT.replace("\n", newline).replace("small", "sm\xe5"))
    if zipped:
        path = tmp_path / "model.inc.gz"
        path.write_bytes(gzip.compress((tmp_path / "model.inc").read_bytes()))
    arrays = read_eclipse(path)
    assert list(arrays) == ["PORO", "PERMX", "ACTNUM"]
    assert arrays["PORO"].tolist() == [0.1, 0.25, 0.25, 0.3, 0.4]
    assert arrays["PERMX"].tolist() == [150.0, -0.2, 3.0, 4.0, 5.0, 5.0]
    assert arrays["ACTNUM"].tolist() == [1.0] * 6
    assert {a.dtype for a in arrays.values()} == {np.dtype(np.float64)}


def test_x_runs_fastest(tmp_path):
    numbers = " ".join(map(str, range(24)))
    path = write(tmp_path, f"PERMX\n{numbers}\n/\n")
    field = read_eclipse_field(path, "PERMX", (4, 3, 2))
    x, y, z = np.meshgrid(range(4), range(3), range(2), indexing="ij")
    np.testing.assert_array_equal(field, x + 4 * y + 12 * z)
    assert field.flags.c_contiguous
    assert read_eclipse_field(path, "PERMX", (4, 6))[1].tolist() == [1, 5, 9, 13, 17, 21]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the reservoir models are not here")
def test_reads_model_1_of_spe_10():
    path = SHARED / "spe10_model1_permx.inc"
    arrays = read_eclipse(path)
    assert list(arrays) == ["PERMX", "PERMY", "PERMZ"]
    np.testing.assert_array_equal(arrays["PERMX"], arrays["PERMZ"])
    field = read_eclipse_field(path, "PERMX", (100, 1, 20))
    assert field.shape == (100, 1, 20)
    assert field[:3, 0, 0].tolist() == [69.449, 84.4631, 21.8255]
    assert 1e5 < field.max() / field.min() < 1e7
    assert field.min() > 0


@pytest.mark.skipif(not SHARED.is_dir(), reason="the reservoir models are not here")
def test_reads_norne():
    field = read_eclipse_field(SHARED / "norne_permx.prop.gz", "PERMX", (46, 112, 22))
    assert field[:2, 0, 0].tolist() == [213.478149, 221.009415]
    assert field[45, 0, 0] == 432.466034
    assert field[0, 1, 0] == 210.060867
    assert field[-1, -1, -1] == 912.74176
    assert field.min() == 0.0  # cells that are not active


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected keyword arrays, found none"),
        ("-- nothing but words\n", "found none"),
        ("PERMX\n1 2 3\n", "'/' at the end of PERMX, got the end of the file"),
        ("PERMX\n1 2 3\nPERMY\n1 2 3 /\n", r"'/' at the end of PERMX before line 3 \(PERMY\)"),
        ("PERMX\n/\n", "PERMX: expected numbers before '/', got none"),
        ("PERMX\n1 5* 2 /\n", "got the default '5\\*'; only a simulator"),
        ("PERMX\n1 * 2 /\n", "got the default '\\*'"),
        ("PERMX\n1 0*2 /\n", r"repeat count before '\*', got '0\*2'"),
        ("PERMX\n1 1.5*2 /\n", r"repeat count before '\*', got '1.5\*2'"),
        ("PERMX\n1 2*3*4 /\n", r"expected numbers, got .*: '3\*4'"),
        ("PERMX\n1 2.3.4 5*6 /\n", "expected numbers, got .*: '2.3.4'"),
        ("PERMX\n1 2-3 /\n", "expected numbers, got .*: '2-3'"),
        ("PERMX\n1 2_3 /\n", "expected numbers at line 2"),
        ("PERMX\n1 99999999999999*2 /\n", "check the repeat counts"),
        ("PERMX\n1 /\nPERMX\n2 /\n", "PERMX again at line 3"),
        ("1 2 3 /\n", "expected a keyword at line 1, got '1 2 3 /'"),
        ("INCLUDE\n'other.inc' /\n", "expected numbers at line 2"),
        ("PERMX\nnan 1 /\n", "before line 2 \\(nan\\)"),
        ("This is a letter.\n", "expected numbers at line 1, got 'This is a letter.'"),
        ("<html></html>\n", "expected a keyword at line 1"),
        ("PERMEABILITY\n1 2 /\n", "expected a keyword at line 1"),
    ],
)
def test_malformed_text_is_refused(tmp_path, text, words):
    with pytest.raises(FileFormatError, match=words):
        read_eclipse(write(tmp_path, text))


def test_files_that_are_no_text_are_refused(tmp_path):
    binary = tmp_path / "model.h5"
    binary.write_bytes(b"\x89HDF\r\n\x1a\n\x00\x00")
    with pytest.raises(FileFormatError, match="got a binary file"):
        read_eclipse(binary)
    whole = gzip.compress(TEXT.encode() * 50)
    broken = tmp_path / "broken.gz"
    for damaged in (whole[:-20], whole[:30] + b"\xff" * 20 + whole[50:], b"\x1f\x8b"):
        broken.write_bytes(damaged)
        with pytest.raises(FileFormatError, match="whole gzip file"):
            read_eclipse(broken)
    with pytest.raises(FileFormatError, match="No such file"):
        read_eclipse(tmp_path / "missing.inc")
    with pytest.raises(FileFormatError, match="directory"):
        read_eclipse(tmp_path)


def test_field_errors_say_what_to_do(tmp_path):
    path = write(tmp_path, TEXT)
    with pytest.raises(InputError, match="PERMX has 6 values, expected 8"):
        read_eclipse_field(path, "PERMX", (2, 2, 2))
    with pytest.raises(InputError, match="PORO, PERMX, ACTNUM, got 'PERMZ'; did you mean PERMX"):
        read_eclipse_field(path, "PERMZ", (6, 1, 1))
    with pytest.raises(InputError, match=r"got 'SWAT'$"):
        read_eclipse_field(path, "SWAT", (6, 1, 1))
    for shape in ((), (1, 1, 2, 3), (0, 6), (2.0, 3), (True, 6)):
        with pytest.raises(InputError, match="one to three numbers of cells"):
            read_eclipse_field(path, "PERMX", shape)
    huge = write(tmp_path, "PERMX\n1 1e999 /\n", "huge.inc")
    with pytest.raises(NonFiniteError, match="PERMX: expected finite numbers, got inf"):
        read_eclipse_field(huge, "PERMX", (2,))
