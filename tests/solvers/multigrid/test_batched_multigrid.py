import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.solvers import BatchedDiffusionOperator, DiffusionOperator
from nwidth.solvers.multigrid import BatchedMultigrid, coarsen


def operators(shape, walls, samples, contrast=1.0, reaction=0.0, seed=0):
    """Return random operators; walls are (lower, upper) of each axis."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(samples):
        faces = []
        for k in range(2):
            size = (shape[0] + (k == 0), shape[1] + (k == 1))
            t = np.moveaxis(np.exp(contrast * rng.standard_normal(size)), k, 0)
            for end in (0, -1):
                t[end] *= 20 * walls[k][end]
            faces.append(np.ascontiguousarray(np.moveaxis(t, 0, k)))
        c = reaction * rng.random(shape) if reaction else None
        made.append(DiffusionOperator(faces, c))
    return made


def batch(made, walls, sweeps=(2, 2, 4)):
    first = made[0]
    A = BatchedDiffusionOperator(
        first.domain_shape, (bool(walls[0][0]), bool(walls[1][0])), first.reaction is not None
    )
    A.set_operators(made)
    M = BatchedMultigrid(A, sweeps)
    M.set_up()
    return A, M


def applied(A, M, r):
    A.pack(r, M.right)
    M.cycle()
    return A.fields(M.solution, len(r), A.scales)


def plain_cycle(A, f, starts, sweeps, depth, levels):
    """Return one V-cycle on matrices, as in the docstrings."""
    matrix = A.to_dense()
    if depth == levels - 1:
        if A.singular:
            matrix[-1, -1] *= 2
        return np.linalg.solve(matrix, f.ravel()).reshape(f.shape)
    i, j = (start + np.arange(n) for start, n in zip(starts, f.shape, strict=True))
    red = ((i[:, None] + j) % 2 == 0).ravel()
    coarse, _ = coarsen(coarsen(A, 1)[0], 0)
    steps = sweeps[min(depth, len(sweeps) - 1)]
    diagonal, u = matrix.diagonal(), np.zeros(f.size)

    def relax(points):
        u[points] += ((f.ravel() - matrix @ u) / diagonal)[points]

    for _ in range(steps):
        relax(red)
        relax(~red)
    P = plain_interpolation(A, starts, coarse.domain_shape)
    rest = (P.T @ (f.ravel() - matrix @ u)).reshape(coarse.domain_shape)
    u += P @ plain_cycle(coarse, rest, starts, sweeps, depth + 1, levels).ravel()
    for _ in range(steps):
        relax(~red)
        relax(red)
    return u.reshape(f.shape)


def plain_interpolation(A, starts, coarse_shape):
    """Return P: coarse points, then points between two, then centres between four."""
    n0, n1 = A.domain_shape
    t0, t1 = A.faces
    coarse = np.eye(int(np.prod(coarse_shape))).reshape(*coarse_shape, -1)
    rim = np.zeros((n0 + 2, n1 + 2, coarse.shape[-1]))
    P = rim[1:-1, 1:-1]
    o0, o1 = starts[0] % 2, starts[1] % 2  # the first coarse point
    P[o0::2, o1::2] = coarse
    even, odd = (np.arange(n) for n in (n0, n1))
    for i in even[o0::2]:
        for j in odd[1 - o1 :: 2]:
            a, b = t1[i, j], t1[i, j + 1]
            rim[i + 1, j + 1] = (a * rim[i + 1, j] + b * rim[i + 1, j + 2]) / (a + b)
    for i in even[1 - o0 :: 2]:
        for j in odd[o1::2]:
            a, b = t0[i, j], t0[i + 1, j]
            rim[i + 1, j + 1] = (a * rim[i, j + 1] + b * rim[i + 2, j + 1]) / (a + b)
    for i in even[1 - o0 :: 2]:
        for j in odd[1 - o1 :: 2]:
            a, b, c, d = t0[i, j], t0[i + 1, j], t1[i, j], t1[i, j + 1]
            total = a * rim[i, j + 1] + b * rim[i + 2, j + 1]
            total += c * rim[i + 1, j] + d * rim[i + 1, j + 2]
            rim[i + 1, j + 1] = total / (a + b + c + d)
    return P.reshape(n0 * n1, -1)


WALLS = {
    "walls": ((1, 1), (1, 1)),
    "open below": ((0, 1), (1, 0)),
    "one wall": ((0, 0), (0, 1)),
    "none": ((0, 0), (0, 0)),
}


@pytest.mark.parametrize("walls", WALLS.values(), ids=WALLS)
@pytest.mark.parametrize("shape", [(9, 12), (16, 11), (21, 34)])
@pytest.mark.parametrize("reaction", [0.0, 2.0])
def test_the_cycle_is_that_of_the_plain_reference(walls, shape, reaction):
    made = operators(shape, walls, 3, reaction=reaction)
    sweeps = (2, 1)
    A, M = batch(made, walls, sweeps)
    assert len(M.table) > 1
    r = np.random.default_rng(5).standard_normal((3, *shape))
    r -= r.mean(axis=(1, 2), keepdims=True)
    starts = (int(M.table[0][2]), int(M.table[0][4]))
    found = applied(A, M, r)
    for s in range(3):
        wanted = plain_cycle(made[s], r[s], starts, sweeps, 0, len(M.table))
        found[s] -= (found[s] - wanted).mean() * A.singular
        assert np.abs(found[s] - wanted).max() <= 1e-4 * np.abs(wanted).max()


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([*WALLS.values()]),
    st.integers(0, 1000),
)
def test_symmetric_and_definite_on_any_size(n0, n1, walls, seed):
    made = operators((n0, n1), walls, 2, contrast=1.0, reaction=0.1, seed=seed)
    A, M = batch(made, walls, (1,))
    r, q = np.random.default_rng(seed).standard_normal((2, 2, n0, n1))
    Mr = applied(A, M, r)
    products = M.products.copy()
    Mq = applied(A, M, q)
    for s in range(2):
        scale = np.linalg.norm(Mr[s]) * np.linalg.norm(q[s])
        assert abs((Mr[s] * q[s]).sum() - (Mq[s] * r[s]).sum()) <= 1e-4 * scale
        work = (Mr[s] * r[s]).sum()
        assert work > 0
        np.testing.assert_allclose(products[0, s] * A.scales[s], work, rtol=1e-4)
        energy = made[s].energy(Mr[s])
        np.testing.assert_allclose(products[1, s] * A.scales[s], energy, rtol=1e-4)


def test_a_sample_does_not_feel_its_neighbours():
    walls, shape = WALLS["open below"], (33, 26)
    made = operators(shape, walls, 8)
    r = np.random.default_rng(1).standard_normal((8, *shape))
    together = applied(*batch(made, walls), r)
    for s in (0, 5):
        alone = applied(*batch([made[s]], walls), r[[s]])
        np.testing.assert_array_equal(alone[0], together[s])


@pytest.mark.parametrize("walls", WALLS.values(), ids=WALLS)
def test_coarse_operators_average_fluxes(walls):
    made = operators((30, 45), walls, 2)
    A, M = batch(made, walls)
    coarse = made[1].astype(np.float32, float(A.scales[1]))
    for offset, points, row, rows, column, columns, _ in M.table[1:]:
        coarse, _ = coarsen(coarsen(coarse, 1)[0], 0)
        assert coarse.domain_shape == (rows, columns)
        for k, buffer in enumerate((M._t0, M._t1)):
            end = offset + (row + rows + 2) * points * A.lanes
            level = buffer[offset:end].reshape(-1, points, A.lanes)[..., 1]
            found = level[row : row + rows + (k == 0), column : column + columns + (k == 1)]
            np.testing.assert_allclose(found, coarse.faces[k], rtol=1e-5, atol=1e-30)


def test_wide_levels_are_passed_in_strips():
    shape = (9, 1200)
    faces = (np.ones((10, 1200)), np.ones((9, 1201)))
    long = DiffusionOperator(tuple(np.ascontiguousarray(t.T) for t in faces[::-1]))
    r = np.random.default_rng(3).standard_normal((1, *shape))
    wide = applied(*batch([DiffusionOperator(faces)], WALLS["walls"]), r)
    tall = applied(*batch([long], WALLS["walls"]), r.transpose(0, 2, 1))
    np.testing.assert_allclose(wide, tall.transpose(0, 2, 1), atol=1e-4 * np.abs(wide).max())


def test_uneven_couplings_are_told():
    faces = (np.full((33, 32), 1.0), np.full((32, 33), 1.0))
    made = [DiffusionOperator(faces), DiffusionOperator((faces[0], 100 * faces[1]))]
    _, M = batch(made, WALLS["walls"])
    assert M.suited[:2].tolist() == [True, False]


@pytest.mark.parametrize("sweeps", [(), (0,), (1.5,)])
def test_bad_sweeps(sweeps):
    with pytest.raises(InputError, match="sweeps"):
        BatchedMultigrid(BatchedDiffusionOperator((3, 3), (True, True)), sweeps)
