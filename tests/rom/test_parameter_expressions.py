import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.parameter_expressions import DEPTH, LENGTH, ParameterExpressions

MUS = np.random.default_rng(0).uniform(0.2, 2.0, (40, 3))
FORMULAS = {
    "1": lambda a, b, c: 1 + 0 * a,
    "mu[0]": lambda a, b, c: a,
    "-mu[1] ** 2": lambda a, b, c: -(b**2),
    "mu[0] ** -mu[2]": lambda a, b, c: a**-c,
    "sin(mu[0]) + cos(mu[1]) * tan(mu[2])": lambda a, b, c: np.sin(a) + np.cos(b) * np.tan(c),
    "exp(-mu[1]) - log(mu[0]) / sqrt(mu[2])": lambda a, b, c: np.exp(-b) - np.log(a) / np.sqrt(c),
    "tanh(+mu[0]) * abs(mu[1] - 1)": lambda a, b, c: np.tanh(a) * abs(b - 1),
    "minimum(mu[0], maximum(mu[1], mu[2]))": lambda a, b, c: np.minimum(a, np.maximum(b, c)),
    "2 * pi * 1e-2": lambda a, b, c: 0.02 * np.pi + 0 * a,
}  # fmt: skip
COMPLEX = {
    "1j * mu[0]": lambda a, b, c: 1j * a,
    "exp(1j * mu[1]) / (mu[0] + 0.5j)": lambda a, b, c: np.exp(1j * b) / (a + 0.5j),
    "sqrt(1j) ** 2 + mu[2]": lambda a, b, c: 1j + c,
    "abs(1j * mu[0]) + mu[1]": lambda a, b, c: a + b,
}


@pytest.mark.parametrize("table", [FORMULAS, FORMULAS | COMPLEX], ids=["real", "complex"])
def test_one_and_many_agree_with_python(table):
    theta = ParameterExpressions(list(table))
    found = theta(MUS)
    exact = np.stack([f(*MUS.T) for f in table.values()], axis=1)
    assert found.shape == (40, len(table)) and found.dtype == exact.dtype
    assert np.allclose(found, exact, rtol=1e-14, atol=1e-15)
    one = np.stack([theta(mu) for mu in MUS])
    assert one.dtype == found.dtype
    assert np.allclose(one, found, rtol=1e-14, atol=1e-15)
    assert theta.is_complex == (found.dtype.kind == "c")
    assert theta.dimension == 3 and len(theta) == len(table)


def test_the_absolute_value_is_real():
    assert not ParameterExpressions(["abs(1j * mu[0])"]).is_complex


def test_names_stand_for_parameters():
    theta = ParameterExpressions(["k ** 2", "s + mu[0]"], ["k", "s"])
    assert theta([3.0, 1.0]).tolist() == [9.0, 4.0]
    with pytest.raises(InputError, match=r"shape \(2,\)"):
        theta([3.0, 1.0, 2.0])


def test_parameters_of_other_lengths():
    theta = ParameterExpressions(["mu[1]"])
    assert theta([1.0, 2.0, 7.0]).tolist() == [2.0]
    for mu in ([1.0], 1.0, [[1.0], [2.0]], np.ones((2, 2, 2))):
        with pytest.raises(InputError, match=r"p >= 2"):
            theta(mu)
    assert ParameterExpressions([2, "mu[0]"])(3.0).tolist() == [2.0, 3.0]
    assert ParameterExpressions(["mu[0]"])(np.float32(0.5)).dtype == np.float64


def test_what_is_saved_is_text_and_comes_back():
    theta = ParameterExpressions(["exp(1j * k)", 2.5], ["k"])
    arrays, told = theta.archived()
    again = ParameterExpressions.from_archived(arrays, json.loads(json.dumps(told)))
    assert again == theta and again(0.3).tolist() == theta(0.3).tolist()


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("__import__('os').system('x')", "__import__"),
        ("mu.shape", "mu.shape"),
        ("mu", "'mu'"),
        ("mu[-1]", "mu"),
        ("mu[0:1]", "mu"),
        ("mu[True]", "mu"),
        ("mu[10**9]", "mu"),
        ("x + 1", "'x'"),
        ("open('f')", "open"),
        ("exp(mu[0], 1)", "1 argument of exp"),
        ("minimum(1)", "2 arguments of minimum"),
        ("minimum(1j, 2)", "real numbers"),
        ("exp(x=1)", "exp"),
        ("[1, 2]", r"\[1, 2\]"),
        ("lambda: 1", "lambda"),
        ("1 if mu[0] else 2", "if"),
        ("1 < 2", "<"),
        ("mu[0] // 2", "//"),
        ("mu[0] % 2", "%"),
        ("~1", "~1"),
        ("True", "True"),
        ("'a'", "'a'"),
        ("...", "expected"),
        ("mu[0] ** 101", "exponents up to 100"),
        ("mu[0] ** -1000.0", "exponents up to 100"),
        ("1e999", "1e309"),
        ("9" * 400, "expected numbers"),
        ("mu[0] +", "formula"),
        ("", "formula"),
        ("1; 2", "formula"),
        ("(x := 1)", "x := 1"),
        ("1\x00", "formula"),
        ("+".join(["1"] * LENGTH), "characters"),
        ("-" * (DEPTH + 2) + "1", "levels"),
        ("(" * 900 + ")" * 900, "formula"),
    ],
)
def test_everything_else_is_refused_and_named(text, piece):
    with pytest.raises(InputError, match=r"expressions\[1\]") as told:
        ParameterExpressions(["1", text])
    assert told.match(piece)


@pytest.mark.parametrize("given", [[], "mu[0]", None, [None], [True], [b"1"]])
def test_what_is_no_list_of_texts(given):
    with pytest.raises(InputError, match="expressions"):
        ParameterExpressions(given)


def test_names_that_formulas_use():
    for name in ("pi", "exp"):
        with pytest.raises(InputError, match="new words"):
            ParameterExpressions(["1"], [name])


@pytest.mark.parametrize(
    "text",
    ["1 / (mu[0] - 1)", "log(mu[0] - 1)", "sqrt(mu[0] - 2)", "(mu[0] - 2) ** 0.5", "exp(1e3)",
     "1e300 * 1e300 - 1e300 * 1e300", "1 / (1j - 1j)", "maximum(1e300 * 1e300 * 0, mu[0])"],
)  # fmt: skip
def test_values_that_are_not_finite_are_told_with_formula_and_parameter(text):
    theta = ParameterExpressions(["1", text])
    for mu in ([1.0], [[3.0], [1.0]]):
        with pytest.raises(NonFiniteError, match=r"at mu = \[") as told:
            theta(mu)
        assert text in str(told.value)


def test_infinity_in_between_does_no_harm():
    theta = ParameterExpressions(["minimum(exp(1e3), mu[0])"])
    assert theta([2.0]).tolist() == theta([[2.0]])[0].tolist() == [2.0]


def test_parameters_that_are_not_finite():
    theta = ParameterExpressions(["mu[0]"])
    for mu in ([1.0, np.nan], [[1.0, np.inf]]):
        with pytest.raises(NonFiniteError, match="mu"):
            theta(mu)


ATOMS = st.sampled_from(["mu[0]", "mu[1]", "2", "0.5", "pi"])
TEXTS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["sin", "exp", "abs", "tanh"]), inner).map(
            lambda t: f"{t[0]}({t[1]})"
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_formulas_mean_what_python_means(text):
    names = {name: getattr(np, name) for name in ("sin", "exp", "tanh", "pi")}
    mu = np.array([0.7, 1.3])
    with np.errstate(all="ignore"):
        exact = eval(text, names | {"mu": mu})
    theta = ParameterExpressions([text])
    if not np.isfinite(exact):
        with pytest.raises(NonFiniteError):
            theta(mu)
    else:
        assert theta(mu)[0] == pytest.approx(exact, rel=1e-12, abs=1e-12)
