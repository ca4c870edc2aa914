import json

import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.operators.spectral_options import SpectralOptions  # noqa: E402


def test_options_survive_json():
    options = SpectralOptions(("cosine", "fourier"), 0.0, 6, (5, 7), "matrices")
    again = SpectralOptions.from_description(json.loads(json.dumps(options.describe())))
    assert again == options
    assert [basis.name for basis in again.axis_bases(2)] == ["cosine", "fourier"]
    assert again.axis_bases(2)[1].order == 6
    assert again.dealiasing((4, 4)).modes == (5, 7)
    assert SpectralOptions().dealiasing((4,)) is None


@pytest.mark.parametrize("description", [{"basis": "sine"}, None, ["fourier"]])
def test_other_descriptions_are_refused(description):
    with pytest.raises(InputError, match="expected some of bases"):
        SpectralOptions.from_description(description)


@pytest.mark.parametrize("dealias", [3, (4, 3), (5, 5, 5), 0, "all"])
def test_modes_are_checked(dealias):
    with pytest.raises(InputError, match="dealias"):
        SpectralOptions(padding=0.0, dealias=dealias).dealiasing((4, 4))
