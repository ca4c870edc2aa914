"""The remainder of empirical interpolation for data that do not fit into memory."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.rom.remainder import Remainder, grow, scale_of, slack
from nwidth.rom.row_source import RowSource

Array = NDArray[Any]

# Steps that are guessed for one pass at most.
_MOST = 64
# Functions that memory is taken for at once.
_ROOM = 8
# Rows below this part of the last guess are not worth to be candidates.
_WORTH = 0.2


class Guess(NamedTuple):
    """A step found among candidates: the row, its norm, and its point unless the choice ends."""

    row: int
    error: float
    point: int | None


class StreamedRemainder:
    """Greedy choice among rows in a file or a stream, exact, with few passes over it.

    The rows with the largest norms are candidates and stay in memory. Several steps are done on
    them at a guess; then one pass over the data takes every row whose bound does not exclude that
    it was larger than a guessed one through all these steps together, in cache. The guesses before
    the first that was wrong stand; new candidates are kept on the way. What is chosen is what
    `Remainder` chooses, bit by bit.

    Args:
        source: the rows.
        power, weights: of the norm, as in `Remainder`.
        memory: bytes that blocks and candidates may take together; what the result is made of, a
            few functions and numbers per row, comes on top.
        ends: tells from all errors so far whether the choice ends there.

    `functions` (steps, points) and `values` (rows, steps) are the rows that were chosen and what
    all rows have at the points; `scale` is a power of two by which norms are too large; `passes`
    counts how often the data were read.
    """

    def __init__(
        self,
        source: RowSource,
        power: float,
        weights: Array | None,
        memory: int,
        ends: Callable[[list[float]], Any],
    ):
        rows = source.shape[0]
        row_bytes = source.nbytes // rows
        fits = memory // row_bytes
        if fits < 8:
            raise InputError(
                f"memory: expected room for eight rows, {8 * row_bytes} bytes, got {memory}"
            )
        self._source, self._ends, self._block = source, ends, fits // 8
        points = row_bytes // source.dtype.itemsize
        self.power, self.weights = float(power), np.zeros(0) if weights is None else weights
        self.candidates = _Kept(fits - 3 * (fits // 8), points, source.dtype)
        self.C, self._values = (np.zeros((rows, 0), source.dtype) for _ in range(2))
        self.Q, self._functions = (np.zeros((0, points), source.dtype) for _ in range(2))
        self.bounds = np.full(rows, np.inf)
        self.steps, self.passes, self.scale = 0, 0, 1.0
        self._rows: list[int] = []
        self._points: list[int] = []
        self._errors: list[float] = []
        self._stand: deque[Guess] = deque()
        self._slack = slack(self.Q, power)

    @property
    def functions(self) -> Array:
        """Rows f(x_k, .) that were chosen."""
        found = self._functions[: self.steps]
        return found if self.scale == 1 else found / self.scale

    @property
    def values(self) -> Array:
        """What all rows have at the chosen points."""
        found = self._values[:, : self.steps]
        return found if self.scale == 1 else found / self.scale

    def largest(self) -> tuple[int, float]:
        """Return the row with the largest norm, the first of equal ones, and that norm."""
        exact = self.passes == 0
        while not self._stand:
            if exact:
                self._survey()
            guesses = self._guesses() if self.candidates.which.size else []
            if guesses:
                self._pass(guesses, int(exact))
            elif exact:  # all rows were chosen
                self._stand.append(Guess(0, 0.0, None))
            exact = True  # next time candidates are chosen by norms, not by bounds
        return self._stand[0][:2]

    def subtract(self, row: int) -> int:
        """Do a step: interpolate the largest row where it is largest, and return where."""
        point = self._stand.popleft().point
        if point is None:
            raise InputError(f"row {row}: the choice has ended")
        return point

    def _survey(self) -> None:
        """Take the norms of all rows, and the largest as candidates."""
        self._pass([], 0)
        if self.passes == 1:
            self.scale = scale_of(self._source.largest, self._source.dtype, self.power)
            if self.scale != 1:
                self.bounds[:] = np.inf
                self._pass([], 0)

    def _guesses(self) -> list[Guess]:
        """Do steps on the candidates alone."""
        which = self.candidates.which
        outside = np.ones(len(self.bounds), bool)
        outside[which] = False
        highest = float(self.bounds[outside].max(initial=0.0))
        remainder, errors = _Candidates(self), list(self._errors)
        guesses: list[Guess] = []
        while len(guesses) < _MOST:
            j, error = remainder.largest()
            errors.append(error)
            if self._ends(errors):
                return [*guesses, Guess(int(which[j]), error, None)]
            if guesses and error < highest:  # rows outside may be larger
                break
            guesses.append(Guess(int(which[j]), error, remainder.subtract(j)))
        return guesses

    def _pass(self, guesses: list[Guess], sure: int) -> None:
        """Read all rows once; let guesses stand up to the first wrong one, keep new candidates.

        The first `sure` guesses are known to be right.
        """
        from nwidth.rom._remainder_numba import columns, norms_of_steps

        first = self.steps
        done = [guess for guess in guesses if guess.point is not None]
        points = np.array([*self._points, *(guess.point for guess in done)], np.int64)
        at, steps = np.arange(len(points)), len(done)
        self._make_room(len(points))
        F = np.ascontiguousarray(self.Q[: len(points)][:, points])
        lengths = self._lengths(first, len(points))
        rows, errors = np.array([g.row for g in guesses]), np.array([g.error for g in guesses])
        norms = np.empty((len(self.bounds), steps + 1))
        stand, tested = len(guesses), np.ones(len(norms), bool)
        if guesses:
            tested[self.candidates.which] = False
        self.candidates.clear()
        for start, block in self._blocks():
            here = slice(start, start + len(block))
            C, found, number = self.C[here], norms[here], np.arange(start, start + len(block))
            columns(block, C, F, points, first)
            self._values[here, first : len(points)] = block[:, points[first:]]
            found[:, 0] = self.bounds[here]
            for k in range(steps):
                found[:, k + 1] = found[:, k]
                grow(found[:, k + 1], C[:, first + k], lengths[k], self._slack)
                if start <= rows[k] < here.stop:
                    self._functions[first + k] = block[rows[k] - start]
                    found[rows[k] - start, k + 1 :] = -np.inf
            # Rows that may have been larger than a guess, and those that may be candidates.
            last = min(stand, steps)
            least = max(self.candidates.least, _WORTH * errors[-1] if guesses else 0.0)
            doubtful = (found[:, :stand] >= errors[:stand]) & tested[here, None]
            begin = np.full(len(block), last)
            if stand:
                begin = np.where(doubtful.any(axis=1), doubtful.argmax(axis=1), last)
            which = np.flatnonzero(doubtful.any(axis=1) | (found[:, last] >= least))
            which = which[~np.isin(number[which], [*self._rows, *rows[:last]])]
            norm = (self.weights, self.power, np.iscomplexobj(block))
            norms_of_steps(block, which, begin[which], C, self.Q, at, first, found, *norm)
            larger = found[which, :stand] > errors[:stand]
            larger |= (found[which, :stand] == errors[:stand]) & (
                number[which, None] < rows[:stand]
            )
            wrong = np.flatnonzero((larger & tested[number[which], None]).any(axis=0))
            stand = min([stand, *wrong[wrong >= sure].tolist()])
            last = min(stand, steps)
            self.candidates.offer(block, which, number[which], found[which, last])
            del block
        self.passes += 1
        last = min(stand, steps)
        self.bounds = np.ascontiguousarray(norms[:, last])
        self.steps = first + last
        self._points = points[: self.steps].tolist()
        self._rows += rows[:last].tolist()
        self._errors += errors[:last].tolist()
        self._stand.extend(guesses[:stand])

    def _blocks(self) -> Iterator[tuple[int, Array]]:
        for start, block in self._source.blocks(self._block):
            if self.scale != 1 or not block.flags.writeable:  # kernels take no locked memory
                block = block * self.scale
            yield start, block
            del block

    def _lengths(self, first: int, last: int) -> list[float]:
        """Return the norms of functions q_k."""
        from nwidth.rom._remainder_numba import size

        norm = (self.weights, self.power, np.iscomplexobj(self.Q))
        root = 1 / max(self.power, 1.0)
        return [size(self.Q[k], *norm) ** root for k in range(first, last)]

    def _make_room(self, steps: int) -> None:
        """Have room for so many steps in all."""
        more = steps - self.C.shape[1]
        if more > 0:  # one after the other, to hold one copy more at a time
            self.C = np.hstack([self.C, np.zeros((len(self.bounds), more), self.C.dtype)])
            self._values = np.hstack([self._values, np.zeros_like(self.C[:, -more:])])
            high = np.zeros((more, self.Q.shape[1]), self.Q.dtype)
            self._functions = np.vstack([self._functions, high])

    def keep_function(self, q: Array, step: int) -> None:
        """Keep the function q_k of a guessed step."""
        if step == len(self.Q):
            self.Q = np.vstack([self.Q, np.zeros((_ROOM, q.size), q.dtype)])
        self.Q[step] = q


class _Kept:
    """The rows with the largest norms of those offered, the first of equal ones."""

    def __init__(self, room: int, points: int, dtype: np.dtype):
        self._memory = np.empty((room, points), dtype)
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self.which, self._norms = np.zeros(0, np.int64), np.zeros(0)

    @property
    def rows(self) -> Array:
        """The rows, in the order of `which`."""
        return self._memory[: len(self.which)]

    @property
    def least(self) -> float:
        """The norm that a row must pass to be kept."""
        full = len(self.which) == len(self._memory)
        return float(self._norms.min()) if full else 0.0

    def offer(self, block: Array, places: Array, which: Array, norms: Array) -> None:
        """Keep those of the rows block[places], numbered `which`, that are among the largest."""
        old, room = len(self.which), len(self._memory)
        all_which = np.concatenate([self.which, which])
        all_norms = np.concatenate([self._norms, norms])
        best = np.lexsort((all_which, -all_norms))[:room]
        entering, size = best[best >= old], len(best)
        slots = np.setdiff1d(np.arange(size), best[best < old])
        self.which, self._norms = all_which[:size].copy(), all_norms[:size].copy()
        for slot, k in zip(slots, entering, strict=True):
            self._memory[slot] = block[places[k - old]]
            self.which[slot], self._norms[slot] = all_which[k], all_norms[k]


class _Candidates(Remainder):
    """Remainders of the candidates from their raw rows, all earlier steps known."""

    def __init__(self, owner: StreamedRemainder):
        self._owner, self._which = owner, owner.candidates.which
        super().__init__(owner.candidates.rows, owner.power, owner.weights)
        self._C = np.hstack([owner.C[self._which, : owner.steps], self._C])
        self._bounds = owner.bounds[self._which]
        self._Q, self._at = owner.Q, np.arange(owner.steps)

    def _first(self, norm: float) -> int:
        ties = np.flatnonzero(self._bounds == norm)
        return int(ties[self._which[ties].argmin()]) if ties.size else 0

    def _place(self, j: int) -> int:
        step = len(self._at)
        self._owner.keep_function(self._R[j], step)
        self._Q = self._owner.Q
        return step
