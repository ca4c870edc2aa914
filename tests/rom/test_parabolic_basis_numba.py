import numpy as np
import pytest

from nwidth.rom._parabolic_basis_numba import march

DT, SAFETY = 0.07, 1 + 1e-12


def made(N, samples, dtype, rng):
    """Random tables of a model: Q = 3, Q_m = 2, Qf = 2, K = 5."""

    def numbers(*shape):
        a = rng.standard_normal(shape)
        return (a + 1j * rng.standard_normal(shape)).astype(dtype) if dtype is complex else a

    columns = 2 + 5 * N
    return {
        "theta": numbers(samples, 3) * 0.2,
        "masses": rng.uniform(0.5, 1, (samples, 2)),
        "phi": numbers(samples, 2),
        "lower": rng.uniform(0.5, 1, samples),
        "A": numbers(3, N, N) + 3 * np.eye(N),
        "M": np.stack([np.eye(N) + 0.1 * (B @ B.T) for B in rng.standard_normal((2, N, N))]),
        "F": numbers(2, N),
        "loads": numbers(2, 5),
        "R": numbers(columns + 1, columns),
        "allowance": rng.uniform(0, 1e-3, columns),
        "initial": numbers(2, N),
        "c": numbers(samples, 2),
        "missed": numbers(2, 2, 2),
        "unsure": rng.uniform(0, 1e-3, (2, 2)),
    }


def plain(t, s, w):
    """One parameter by the formulas as they stand."""
    A = np.tensordot(t["theta"][s], t["A"], 1)
    M = np.tensordot(t["masses"][s], t["M"], 1)
    c, x, dissipated = t["c"][s], [t["c"][s] @ t["initial"]], 0.0
    missed = [
        np.linalg.norm(B @ c) + abs(c) @ b for B, b in zip(t["missed"], t["unsure"], strict=True)
    ]
    square = t["masses"][s] @ np.square(missed)
    bound, energy = [np.sqrt(square)], [np.sqrt((x[0].conj() @ M @ x[0]).real)]
    for load in t["loads"].T:
        f = (t["phi"][s] * load) @ t["F"]
        new = np.linalg.solve(M / DT + w * A, f + (M / DT - (1 - w) * A) @ x[-1])
        mean, rate = w * new + (1 - w) * x[-1], (new - x[-1]) / DT
        z = [*(t["phi"][s] * load)]
        for i in range(len(new)):
            z += [*(-t["theta"][s] * mean[i]), *(-t["masses"][s] * rate[i])]
        dual = np.linalg.norm(t["R"] @ z) * SAFETY + abs(np.array(z)) @ t["allowance"]
        square += DT / t["lower"][s] * dual**2 * SAFETY
        dissipated += DT * (mean.conj() @ A @ mean).real
        x.append(new)
        bound.append(np.sqrt(square) * SAFETY)
        energy.append(np.sqrt(max((new.conj() @ M @ new).real + dissipated, 0)))
    return np.array(x), np.array(bound), np.array(energy)


def computed(t, w, threads=2):
    """All parameters by the kernel."""
    samples, N, K = len(t["c"]), t["F"].shape[1], t["loads"].shape[1]
    x = np.zeros((samples, K + 1, N), t["F"].dtype)
    bound, energy = np.zeros((2, *x.shape[:2]))
    turned = {
        name: np.ascontiguousarray(t[name].swapaxes(-1, -2)).astype(x.dtype)
        for name in ("A", "M", "R", "missed")
    }
    march(
        *(t[name] for name in ("theta", "phi", "masses", "c", "lower")),
        *(turned["A"], turned["M"], t["F"], t["initial"], t["loads"], turned["R"]),
        *(t["allowance"], turned["missed"], t["unsure"], DT, w, SAFETY),
        *(x, bound, energy, threads),
    )
    return x, bound, energy


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("N", [1, 2, 7, 8])
@pytest.mark.parametrize("w", [1.0, 0.5])
def test_agrees_with_the_formulas(N, w, dtype):
    tables = made(N, 5, dtype, np.random.default_rng(N))
    found = computed(tables, w)
    for s in range(5):
        for ours, reference in zip(found, plain(tables, s, w), strict=True):
            np.testing.assert_allclose(ours[s], reference, rtol=1e-11, atol=1e-12)


def test_pivots_are_sought():
    tables = made(3, 1, float, np.random.default_rng(0))
    tables["M"][:] = 0
    tables["A"] = np.stack([np.eye(3)[[1, 2, 0]]] * 3)
    found = computed(tables, 1.0)
    np.testing.assert_allclose(found[0][0], plain(tables, 0, 1.0)[0], rtol=1e-12)


def test_unstable_parameters_have_no_bound():
    tables = made(4, 3, float, np.random.default_rng(1))
    tables["lower"][1] = -np.inf
    bound = computed(tables, 1.0)[1]
    assert np.isinf(bound[1, 1:]).all() and np.isfinite(bound[[0, 2]]).all()


def test_a_parameter_has_the_same_digits_alone_and_among_others():
    tables = made(6, 4, float, np.random.default_rng(2))
    among = computed(tables, 0.5)
    alone = {
        name: value[2:3] if name in ("theta", "masses", "phi", "lower", "c") else value
        for name, value in tables.items()
    }
    for many, one in zip(among, computed(alone, 0.5), strict=True):
        assert np.array_equal(many[2], one[0])
