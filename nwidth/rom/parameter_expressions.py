"""Coefficients theta(mu) written as formulas: data that can be saved, not code."""

import ast
import cmath
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import real_floating, require_finite
from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.parameter_box import parameter_names

Array = NDArray[Any]
#: From the parameters, a list of numbers or an array of columns, to a number or a column.
Closure = Callable[[Any], Any]

# Sizes beyond which a text is not taken for a formula.
LENGTH, DEPTH, EXPONENT, COUNT = 2000, 100, 100.0, 10_000


@dataclass(frozen=True)
class ParameterExpressions:
    """The function theta(mu) whose components are formulas in the parameters.

        mu (p,) -> theta (Q,),    mu (m, p) -> theta (m, Q)

    Formulas are read by Python's parser and put together from the pieces that are allowed: numbers,
    `1j`, `pi`, parameters `mu[0]`, `mu[1]`, ... or their names, the operations `+ - * / **`, and
    `sin cos tan exp log sqrt tanh abs minimum maximum`. No text is ever executed, so that formulas
    may come from files. Everything is computed in float64, or complex128 if a formula has `1j` in
    it; one parameter and five formulas take about two microseconds.

    Args:
        expressions: Q formulas, or numbers.
        names: of the p parameters, for use in the formulas. Without them a parameter may be longer
            than the formulas need.

    Raises `InputError` for a formula with any other piece, which is named. Calls raise `InputError`
    for a number of parameters that does not fit, and `NonFiniteError` where a formula has no finite
    value.

    >>> theta = ParameterExpressions(["1", "mu[0]", "exp(-mu[1]) / 2"])
    >>> theta([3.0, 0.0]).tolist()
    [1.0, 3.0, 0.5]
    >>> theta([[3.0, 0.0], [4.0, 0.0]]).shape
    (2, 3)
    """

    expressions: tuple[str, ...]
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        given = self.expressions if isinstance(self.expressions, list | tuple) else ()
        texts = tuple(repr(t) if type(t) in (int, float) else t for t in given)
        if not 0 < len(texts) <= COUNT or not all(isinstance(t, str) for t in texts):
            raise InputError(
                "expressions: expected a sequence of texts like ['1', 'mu[0]'], got "
                f"{self.expressions!r:.80}"
            )
        object.__setattr__(self, "expressions", texts)
        if self.names is not None:
            object.__setattr__(self, "names", parameter_names(self.names))
            for name in self.names:
                if name == "pi" or name in _FUNCTIONS:
                    raise InputError(f"names: expected new words, got {name!r}, which formulas use")
        _ = self._formulas  # what is not allowed is told at once

    def __len__(self) -> int:
        return len(self.expressions)

    @cached_property
    def dimension(self) -> int:
        """Number of parameters: of the names, or up to the last one that a formula mentions."""
        if self.names is not None:
            return len(self.names)
        return max(formula.needed for formula in self._formulas)

    @property
    def is_complex(self) -> bool:
        """Whether values are complex."""
        return self._dtype is complex

    def __call__(self, mu: Any) -> Array:
        """Return theta of one parameter (p,) or of many (m, p); a number stands for (1,)."""
        if type(mu) is not np.ndarray or mu.dtype.char != "d":
            mu = np.asarray(real_floating(mu, "mu"))
        if mu.ndim == 2:
            return self._many(mu)
        if mu.ndim == 1 and self._fits(len(mu)):
            row = mu.tolist()
            try:
                if self._fixed is not None:
                    if abs(sum(row)) < math.inf:
                        return self._fixed.copy()
                else:
                    values = [f(row) for f in self._numbers]
                    if abs(sum(values)) + abs(sum(row)) < math.inf:
                        return np.array(values, self._dtype)
            except (ArithmeticError, ValueError):
                pass  # told below, with the formula that it was
        return self._many(mu.reshape(1, -1) if mu.ndim < 2 else mu)[0]

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return what files hold: no arrays, and a description."""
        return {}, {"expressions": self.expressions, "names": self.names}

    @classmethod
    def from_archived(cls, arrays: dict[str, Array], told: dict[str, Any]) -> Self:
        """Return the expressions of what `archived` gave; every piece is checked again."""
        return cls(told["expressions"], told["names"])

    @cached_property
    def _formulas(self) -> list["_Piece"]:
        return [
            _read_formula(text, f"expressions[{q}]", self.names or ())
            for q, text in enumerate(self.expressions)
        ]

    @cached_property
    def _numbers(self) -> list[Closure]:
        return [formula.number for formula in self._formulas]

    @cached_property
    def _fixed(self) -> Array | None:
        """The values if no formula has a parameter."""
        if any(formula.needed for formula in self._formulas):
            return None
        return self._many(np.zeros((1, max(self.dimension, 1))))[0]

    @cached_property
    def _dtype(self) -> type:
        return complex if any(formula.is_complex for formula in self._formulas) else float

    def _fits(self, count: int) -> bool:
        return count >= self.dimension if self.names is None else count == self.dimension

    def _many(self, mus: Array) -> Array:
        """Return theta of many parameters (m, p)."""
        if mus.ndim != 2 or not self._fits(mus.shape[1]):
            p = self.dimension if self.names is not None else f"p >= {self.dimension}"
            raise InputError(f"mu: expected shape ({p},) or (m, {p}), got {mus.shape}")
        columns = np.ascontiguousarray(require_finite(mus, "mu").T, float)
        theta: Array = np.empty((len(mus), len(self)), self._dtype)
        with np.errstate(all="ignore"):  # told below
            for q, formula in enumerate(self._formulas):
                theta[:, q] = formula.column(columns)
        bad = np.argwhere(~np.isfinite(theta))
        if len(bad):
            j, q = bad[0]
            raise NonFiniteError(
                f"theta: expected finite numbers, got {theta[j, q]} from {self.expressions[q]!r} "
                f"at mu = {mus[j].tolist()}; leave such parameters out"
            )
        return theta


class _Piece(NamedTuple):
    """A piece of a formula: its number, its column, whether complex, how many parameters."""

    number: Closure
    column: Closure
    is_complex: bool
    needed: int


class _Rule(NamedTuple):
    """An operation on real numbers, on complex ones (None: not defined), on columns."""

    real: Callable
    complex: Callable | None
    columns: Callable


def _smaller(a: float, b: float) -> float:
    return b if b < a or b != b else a


def _larger(a: float, b: float) -> float:
    return b if b > a or b != b else a


_OPERATORS: Mapping[type, _Rule] = {
    ast.Add: _Rule(operator.add, operator.add, operator.add),
    ast.Sub: _Rule(operator.sub, operator.sub, operator.sub),
    ast.Mult: _Rule(operator.mul, operator.mul, operator.mul),
    ast.Div: _Rule(operator.truediv, operator.truediv, operator.truediv),
    # Python's own power of a negative number is complex.
    ast.Pow: _Rule(math.pow, operator.pow, operator.pow),
    ast.USub: _Rule(operator.neg, operator.neg, operator.neg),
}
_FUNCTIONS: Mapping[str, tuple[int, _Rule]] = {
    name: (1, _Rule(getattr(math, name), getattr(cmath, name), getattr(np, name)))
    for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "tanh")
} | {
    "abs": (1, _Rule(abs, abs, np.abs)),
    "minimum": (2, _Rule(_smaller, None, np.minimum)),
    "maximum": (2, _Rule(_larger, None, np.maximum)),
}
_ALLOWED = (
    "numbers, 1j, pi, parameters (mu[0] or their names), + - * / ** and the functions "
    f"{', '.join(_FUNCTIONS)}"
)


def _read_formula(text: str, name: str, names: tuple[str, ...]) -> _Piece:
    """Return the closures of one formula, or raise `InputError` naming what is not allowed."""
    if len(text) > LENGTH:
        raise InputError(f"{name}: expected at most {LENGTH} characters, got {len(text)}")
    try:
        body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else error
        raise InputError(f"{name}: expected a formula, got {text!r:.80} ({reason})") from None

    def refuse(node: ast.expr, wanted: str = _ALLOWED) -> NoReturn:
        raise InputError(
            f"{name}: expected {wanted}; got {ast.unparse(node)!r:.60} in {text!r:.80}"
        )

    def read(node: ast.expr, depth: int) -> _Piece:
        if depth > DEPTH:
            raise InputError(f"{name}: expected at most {DEPTH} levels, got more in {text!r:.80}")
        match node:
            case ast.Constant(value=int() | float() | complex() as value):
                return constant(node, value)
            case ast.Name(id="pi"):
                return _constant(math.pi)
            case ast.Name(id=word) if word in names:
                return _parameter(names.index(word))
            case ast.Subscript(value=ast.Name(id="mu"), slice=ast.Constant(value=int() as i)):
                if isinstance(i, bool) or i >= (len(names) or COUNT):
                    refuse(node)
                return _parameter(i)
            case ast.UnaryOp(op=ast.UAdd(), operand=part):
                return read(part, depth + 1)
            case ast.UnaryOp(op=ast.USub(), operand=part):
                return apply(node, _OPERATORS[ast.USub], [part], depth)
            case ast.BinOp(left=left, op=kind, right=right) if type(kind) in _OPERATORS:
                if isinstance(kind, ast.Pow) and abs(_literal(right)) > EXPONENT:
                    refuse(node, f"exponents up to {EXPONENT:g}")
                return apply(node, _OPERATORS[type(kind)], [left, right], depth)
            case ast.Call(func=ast.Name(id=word), args=parts, keywords=[]) if word in _FUNCTIONS:
                count, rule = _FUNCTIONS[word]
                if len(parts) != count:
                    refuse(node, f"{count} argument{'s' * (count > 1)} of {word}")
                return apply(node, rule, parts, depth)
        refuse(node)

    def constant(node: ast.expr, value: Any) -> _Piece:
        try:
            number = value if isinstance(value, complex) else float(value)
        except OverflowError:
            number = math.inf
        if isinstance(value, bool) or not abs(number) < math.inf:
            refuse(node)
        return _constant(number)

    def apply(node: ast.expr, rule: _Rule, parts: list[ast.expr], depth: int) -> _Piece:
        pieces = [read(part, depth + 1) for part in parts]
        is_complex = any(piece.is_complex for piece in pieces)
        if is_complex and rule.complex is None:
            refuse(node, "real numbers")
        number = rule.complex if is_complex and rule.complex is not None else rule.real
        return _Piece(
            _composed(number, [piece.number for piece in pieces]),
            _composed(rule.columns, [piece.column for piece in pieces]),
            is_complex and rule.real is not abs,
            max(piece.needed for piece in pieces),
        )

    return read(body, 0)


def _composed(rule: Callable, parts: list[Closure]) -> Closure:
    """Return mu -> rule(part(mu), ...) for one part or two."""
    if len(parts) == 1:
        (only,) = parts
        return lambda mu: rule(only(mu))
    first, second = parts
    return lambda mu: rule(first(mu), second(mu))


def _constant(value: float | complex) -> _Piece:
    # Python's own numbers raise where NumPy's give infinity.
    stored = np.complex128(value) if isinstance(value, complex) else np.float64(value)
    return _Piece(lambda mu: value, lambda mu: stored, isinstance(value, complex), 0)


def _parameter(index: int) -> _Piece:
    get = operator.itemgetter(index)
    return _Piece(get, get, False, index + 1)


def _literal(node: ast.expr) -> float:
    """Return an exponent that is written as a number, or zero."""
    if isinstance(node, ast.UnaryOp):
        return _literal(node.operand)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    return 0.0
