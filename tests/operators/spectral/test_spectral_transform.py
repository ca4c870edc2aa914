from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Axis  # noqa: E402
from nwidth.operators.spectral.spectral_transform import (  # noqa: E402
    MatrixTransform,
    axis_bases,
    frequencies,
    resolved_modes,
)

MIXES = [
    ("sine",),
    ("fourier",),
    ("cosine", "chebyshev"),
    ("chebyshev", "fourier"),
    ("fourier", "sine"),
    ("fourier", "cosine", "fourier"),
    ("sine", "fourier", "fourier"),
    ("fourier", "fourier", "chebyshev"),
]


def grids(names, sizes=(7, 8, 9)):
    kinds = {"fourier": {"periodic": True}, "cosine": {"centering": "cell"}}
    return tuple(
        Axis.uniform(n, 1.0, 3.0, **kinds.get(name, {}))
        for name, n in zip(names, sizes, strict=False)
    )


def transform_of(names):
    bases, axes = axis_bases(names, len(names)), grids(names)
    return MatrixTransform(
        bases, axes, grids(names, (6, 9, 7)), (3, 2, 3)[: len(names)], torch.float64
    )


def by_sums(names, v, axes, modes):
    """Coefficients one by one: complex waves on Fourier axes, analysis matrices on the others."""
    bases = axis_bases(names, len(names))
    rows, first = [], True
    for basis, axis, m in zip(bases, axes, modes, strict=True):
        if basis.name == "fourier":
            k = np.arange(0 if first else 1 - m, m)
            s = (axis.points - axis.lower) / axis.length
            rows.append(np.exp(-2j * np.pi * np.outer(k, s)) / axis.size)
            first = False
        else:
            rows.append(basis.analysis_matrix(axis, m))
    counts = [range(len(row)) for row in rows]
    out = []
    for k in product(*counts):
        term = v
        for row, j in zip(rows, k, strict=True):
            term = np.tensordot(row[j], term, axes=(0, 0))
        out.append(term)
    return np.array(out)


@pytest.mark.parametrize("names", MIXES, ids="-".join)
def test_coefficients_are_those_of_the_sums(names):
    axes, transform = grids(names), transform_of(names)
    v = np.random.default_rng(0).standard_normal((*(a.size for a in axes), 2))
    c = transform.analyse(torch.tensor(v)[None])[0].numpy()
    c = c[:, 0] + 1j * c[:, 1] if transform.parts == 2 else c[:, 0]
    np.testing.assert_allclose(c, by_sums(names, v, axes, transform.modes), atol=1e-14)
    assert len(c) == np.prod(frequencies(axis_bases(names, len(names)), transform.modes))


@pytest.mark.parametrize("names", MIXES, ids="-".join)
def test_functions_of_the_modes_are_found_again_on_other_grids(names):
    bases, coarse, fine = axis_bases(names, len(names)), grids(names), grids(names, (12, 10, 11))
    modes = (3, 2, 3)[: len(names)]
    up, there = (
        MatrixTransform(bases, axes, fine, modes, torch.float64) for axes in (coarse, fine)
    )
    u = up.synthesise(
        torch.randn(
            2, *up.analyse(torch.zeros(2, *(a.size for a in coarse), 3).double()).shape[1:]
        ).double()
    )
    c = there.analyse(u.view(2, *(a.size for a in fine), 3))
    assert torch.allclose(there.synthesise(c), u, atol=1e-13)


@pytest.mark.parametrize("names", MIXES, ids="-".join)
def test_adjoints(names):
    transform, axes = transform_of(names), grids(names)
    x = torch.randn(2, *(a.size for a in axes), 3, dtype=torch.float64)
    c = transform.analyse(x)
    d = torch.randn_like(c)
    u = transform.synthesise(d)
    g = torch.randn_like(u)
    back, there = transform.analyse_adjoint(d), transform.synthesise_adjoint(g, 2)
    assert torch.isclose((c * d).sum(), (x.view(-1, 3) * back).sum(), rtol=1e-12)
    assert torch.isclose((u * g).sum(), (there * d).sum(), rtol=1e-12)
    assert torch.allclose(transform.synthesise(d, g.clone()), u + g, atol=1e-13)


@pytest.mark.parametrize("names", MIXES, ids="-".join)
def test_the_constant(names):
    transform, axes = transform_of(names), grids(names)
    if "sine" in names:
        assert transform.constant is None
        return
    c = transform.analyse(torch.ones(1, *(a.size for a in axes), 1, dtype=torch.float64)).flatten()
    expected = torch.zeros_like(c)
    expected[transform.constant * transform.parts] = 1.0
    assert torch.allclose(c, expected, atol=1e-14)


def test_bases_and_modes_by_name():
    bases = axis_bases("fourier", 2, 0.5, 4)
    assert [basis.padding for basis in bases] == [0.5, 0.5]
    assert resolved_modes(bases, (Axis.uniform(9), Axis.uniform(5)), (4, 9)) == (4, 3)
    with pytest.raises(InputError, match="one for each of 2 axes"):
        axis_bases(("sine",), 2)
    with pytest.raises(InputError, match=r"bases.*legendre"):
        axis_bases("legendre", 2)
