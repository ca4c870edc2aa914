import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Axis  # noqa: E402
from nwidth.operators.spectral import transform_choice  # noqa: E402
from nwidth.operators.spectral.pruned_fft import PrunedFFT  # noqa: E402
from nwidth.operators.spectral.spectral_transform import MatrixTransform, axis_bases  # noqa: E402


def chosen(n, modes, method="measure", axis=None, length=1.0):
    axes = (Axis.uniform(n, 0.0, length, periodic=True) if axis is None else axis,)
    where = (torch.float32, torch.device("cpu"), 1)
    return transform_choice.spectral_transform(
        axis_bases("fourier", 1), axes, axes, (modes,), 4, method, *where
    )


def test_the_estimate_never_measures(monkeypatch):
    monkeypatch.setattr(transform_choice, "faster", None)
    assert isinstance(chosen(1024, 50, "estimate"), MatrixTransform)
    assert isinstance(chosen(1024, 200, "estimate"), PrunedFFT)


def test_clear_cases_are_not_measured(monkeypatch):
    monkeypatch.setattr(transform_choice, "faster", None)
    assert isinstance(chosen(64, 12), MatrixTransform)
    assert isinstance(chosen(4096, 1500), PrunedFFT)
    assert isinstance(chosen(64, 12, "fft"), PrunedFFT)
    assert isinstance(chosen(1024, 100, "matrices"), MatrixTransform)
    assert isinstance(chosen(0, 30, axis=Axis.uniform(64)), MatrixTransform)


@pytest.mark.parametrize("winner", ["fft", "matrices"])
def test_doubtful_cases_are_measured_once(monkeypatch, winner):
    calls = []

    def faster(transforms, *circumstances):
        calls.append(circumstances)
        return winner

    monkeypatch.setattr(transform_choice, "faster", faster)
    monkeypatch.setattr(transform_choice, "_measured", {})
    kind = {"fft": PrunedFFT, "matrices": MatrixTransform}[winner]
    for length in (2.0, 3.0):  # other axes of the same sizes are not measured again
        transform_choice.spectral_transform.cache_clear()
        assert isinstance(chosen(1024, 100, length=length), kind)
    assert len(calls) == 1
    transform_choice.spectral_transform.cache_clear()


def test_the_measurement_names_one_of_both():
    axes, bases = (Axis.uniform(64, periodic=True),), axis_bases("fourier", 1)
    both = {
        "matrices": MatrixTransform(bases, axes, axes, (5,), torch.float32),
        "fft": PrunedFFT(bases, axes, axes, (5,)),
    }
    cpu = torch.device("cpu")
    assert transform_choice.faster(both, (64,), 4, torch.float32, cpu) in both


def test_fft_is_refused_where_it_does_not_serve():
    with pytest.raises(InputError, match=r"method 'fft'.*use 'estimate' or 'matrices'"):
        chosen(0, 5, "fft", axis=Axis.uniform(64))
