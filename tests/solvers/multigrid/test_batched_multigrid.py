import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.solvers import BatchedDiffusionOperator, DiffusionOperator
from nwidth.solvers.batched_diffusion_operator import box_size
from nwidth.solvers.multigrid import BatchedMultigrid, coarsen


def operators(shape, walls, samples, contrast=1.0, reaction=0.0, seed=0):
    """Return random operators; walls are (lower, upper) of each axis."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(samples):
        faces = []
        for k in range(len(shape)):
            size = tuple(n + (k == j) for j, n in enumerate(shape))
            t = np.moveaxis(np.exp(contrast * rng.standard_normal(size)), k, 0)
            for end in (0, -1):
                t[end] *= 20 * walls[k][end]
            faces.append(np.ascontiguousarray(np.moveaxis(t, 0, k)))
        c = reaction * rng.random(shape) if reaction else None
        made.append(DiffusionOperator(faces, c))
    return made


def batch(made, walls, sweeps=(2, 2, 4)):
    first = made[0]
    below = tuple(bool(walls[k][0]) for k in range(len(first.domain_shape)))
    A = BatchedDiffusionOperator(first.domain_shape, below, first.reaction is not None)
    A.set_operators(made)
    M = BatchedMultigrid(A, sweeps)
    M.set_up()
    return A, M


def applied(A, M, r):
    A.pack(r, M.right)
    M.cycle()
    return A.fields(M.solution, len(r), A.scales)


def plain_coarsen(A):
    for k in reversed(range(len(A.domain_shape))):
        A, _ = coarsen(A, k)
    return A


def plain_cycle(A, f, starts, sweeps, depth, levels):
    """Return one V-cycle on matrices, as in the docstrings."""
    matrix = A.to_dense()
    if depth == levels - 1:
        if A.singular:
            matrix[-1, -1] *= 2
        return np.linalg.solve(matrix, f.ravel()).reshape(f.shape)
    red = (np.indices(f.shape).sum(axis=0) + sum(starts)).ravel() % 2 == 0
    coarse = plain_coarsen(A)
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
    shape = A.domain_shape
    coarse = np.eye(int(np.prod(coarse_shape))).reshape(*coarse_shape, -1)
    P = np.zeros((*(n + 2 for n in shape), coarse.shape[-1]))
    P[tuple(slice(1 + start % 2, n + 1, 2) for start, n in zip(starts, shape, strict=True))] = (
        coarse
    )
    for between in (1, 2):
        for point in np.ndindex(shape):
            axes = [k for k, i in enumerate(point) if (i + starts[k]) % 2]
            if len(axes) != between:
                continue
            total, weights = 0.0, 0.0
            for k in axes:
                for beyond in (0, 1):
                    other = np.array(point) + 1
                    other[k] += 2 * beyond - 1
                    face = list(point)
                    face[k] += beyond
                    t = A.faces[k][tuple(face)]
                    total, weights = total + t * P[tuple(other)], weights + t
            P[tuple(np.array(point) + 1)] = total / weights
    return P[(slice(1, -1),) * len(shape)].reshape(int(np.prod(shape)), -1)


WALLS = {
    "walls": ((1, 1), (1, 1), (1, 1)),
    "open below": ((0, 1), (1, 0), (0, 0)),
    "one wall": ((0, 0), (0, 1), (0, 0)),
    "none": ((0, 0), (0, 0), (0, 0)),
}


@pytest.mark.parametrize("walls", WALLS.values(), ids=WALLS)
@pytest.mark.parametrize("shape", [(9, 12), (16, 11), (21, 34), (6, 9, 11), (11, 8, 5), (4, 4, 5)])
@pytest.mark.parametrize("reaction", [0.0, 2.0])
def test_the_cycle_is_that_of_the_plain_reference(walls, shape, reaction):
    made = operators(shape, walls, 3, reaction=reaction)
    sweeps = (2, 1)
    A, M = batch(made, walls, sweeps)
    assert len(M.table) > 1
    r = np.random.default_rng(5).standard_normal((3, *shape))
    r -= r.mean(axis=tuple(range(1, r.ndim)), keepdims=True)
    starts = tuple(map(int, M.table[0][[3, 5, 7]]))[-len(shape) :]
    found = applied(A, M, r)
    for s in range(3):
        wanted = plain_cycle(made[s], r[s], starts, sweeps, 0, len(M.table))
        found[s] -= (found[s] - wanted).mean() * A.singular
        assert np.abs(found[s] - wanted).max() <= 1e-4 * np.abs(wanted).max()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 40), min_size=2, max_size=2)
    | st.lists(st.integers(1, 13), min_size=3, max_size=3),
    st.sampled_from([*WALLS.values()]),
    st.integers(0, 1000),
)
def test_symmetric_and_definite_on_any_size(shape, walls, seed):
    made = operators(shape, walls, 2, contrast=1.0, reaction=0.1, seed=seed)
    A, M = batch(made, walls, (1,))
    r, q = np.random.default_rng(seed).standard_normal((2, 2, *shape))
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


@pytest.mark.parametrize("shape", [(33, 26), (9, 10, 11)])
def test_a_sample_does_not_feel_its_neighbours(shape):
    walls = WALLS["open below"]
    made = operators(shape, walls, 8)
    r = np.random.default_rng(1).standard_normal((8, *shape))
    together = applied(*batch(made, walls), r)
    for s in (0, 5):
        alone = applied(*batch([made[s]], walls), r[[s]])
        np.testing.assert_array_equal(alone[0], together[s])


@pytest.mark.parametrize("walls", WALLS.values(), ids=WALLS)
@pytest.mark.parametrize("shape", [(30, 45), (13, 8, 17), (12, 19, 9)])
def test_coarse_operators_average_fluxes(walls, shape):
    made = operators(shape, walls, 2, reaction=0.5)
    A, M = batch(made, walls)
    coarse = made[1].astype(np.float32, float(A.scales[1]))
    assert len(M.table) > 2
    for level in M.table[1:]:
        coarse = plain_coarsen(coarse)
        own = [slice(int(a), int(a + n)) for a, n in zip(level[3:9:2], level[4:9:2], strict=True)]
        own = own[-len(shape) :]
        assert coarse.domain_shape == tuple(cut.stop - cut.start for cut in own)
        buffers = [*M._t[-len(shape) :], M._c]
        for k, (buffer, wanted) in enumerate(
            zip(buffers, (*coarse.faces, coarse.reaction), strict=True)
        ):
            size = box_size(level) * A.lanes
            part = buffer[int(level[0]) : int(level[0]) + size]
            sheet, points = map(int, level[1:3])
            whole = (-1, sheet // points, points) if sheet else (-1, points)
            found = part.reshape(*whole, A.lanes)[..., 1]
            cut = tuple(slice(c.start, c.stop + (k == j)) for j, c in enumerate(own))
            np.testing.assert_allclose(found[cut], wanted, rtol=1e-5, atol=1e-30)


def test_wide_levels_are_passed_in_strips():
    shape = (9, 1200)
    faces = (np.ones((10, 1200)), np.ones((9, 1201)))
    long = DiffusionOperator(tuple(np.ascontiguousarray(t.T) for t in faces[::-1]))
    r = np.random.default_rng(3).standard_normal((1, *shape))
    wide = applied(*batch([DiffusionOperator(faces)], WALLS["walls"]), r)
    tall = applied(*batch([long], WALLS["walls"]), r.transpose(0, 2, 1))
    np.testing.assert_allclose(wide, tall.transpose(0, 2, 1), atol=1e-4 * np.abs(wide).max())


@pytest.mark.parametrize("shape", [(5, 14, 600), (9, 50, 64)])
def test_rows_are_passed_in_blocks_where_there_are_planes(shape):
    """The numbers are those of the same box lying otherwise, whose blocks are others."""
    faces = [np.ones([n + (k == j) for j, n in enumerate(shape)]) for k in range(3)]
    r = np.random.default_rng(3).standard_normal((1, *shape))
    wanted = applied(*batch([DiffusionOperator(faces)], WALLS["walls"]), r)
    for axes in ((1, 2, 0), (2, 0, 1)):
        turned = DiffusionOperator([np.ascontiguousarray(faces[k].transpose(axes)) for k in axes])
        moved = r.transpose(0, *(k + 1 for k in axes))
        found = applied(*batch([turned], WALLS["walls"]), moved)
        back = found.transpose(0, *(int(k) + 1 for k in np.argsort(axes)))
        np.testing.assert_allclose(back, wanted, atol=1e-4 * np.abs(wanted).max())


def test_uneven_couplings_are_told():
    faces = (np.full((33, 32), 1.0), np.full((32, 33), 1.0))
    made = [DiffusionOperator(faces), DiffusionOperator((faces[0], 100 * faces[1]))]
    _, M = batch(made, WALLS["walls"])
    assert M.suited[:2].tolist() == [True, False]
    solid = [t + np.zeros(6)[:, None, None] for t in (np.ones((9, 8)), np.ones((8, 9)))]
    thick = DiffusionOperator((np.full((7, 8, 8), 100.0), *solid))
    even = DiffusionOperator((np.ones((7, 8, 8)), *solid))
    _, M = batch([even, thick], WALLS["walls"])
    assert M.suited[:2].tolist() == [True, False]


@pytest.mark.parametrize("sweeps", [(), (0,), (1.5,)])
def test_bad_sweeps(sweeps):
    with pytest.raises(InputError, match="sweeps"):
        BatchedMultigrid(BatchedDiffusionOperator((3, 3), (True, True)), sweeps)
