"""A certified reduced model from what another code gives: a few matrices and solutions."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.arrays import as_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.rom.affine_decomposition import AffineDecomposition
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.growing_basis import GrowingBasis
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.parameter_expressions import ParameterExpressions
from nwidth.rom.pod import pod
from nwidth.rom.reduced_basis import ReducedBasis
from nwidth.rom.stability.stability_bound import StabilityBound

Array = NDArray[Any]

# Parameters besides the training ones at which the stability bound is made to be positive.
_STABLE_AT = 2048


def nonintrusive_reduced_basis(
    decomposition: AffineDecomposition,
    matrices: Any,
    sources: Any,
    snapshots: Any,
    *,
    source_decomposition: AffineDecomposition | None = None,
    inner_product: Any = None,
    stability: StabilityBound | None = None,
    rtol: float = 1e-10,
    max_size: int | None = None,
    test: str = "galerkin",
) -> ReducedBasis:
    """Return the reduced model of the problems whose matrices and solutions another code made.

        A(mu) ~ sum_m beta_m(mu) A(mu_m),    V = POD modes of the u(nu_j) in the inner product X

    Nothing of the code is known but the matrices at the d parameters that the decomposition chose,
    their sources, and solutions at any parameters. The bound is that of the *combined* matrix:
    errors near the tolerance of the decomposition are not in it; `assembled_bounds` has them.
    Reference: Casenave, Ern & Lelievre (2014), arXiv:1307.4330.

    Args:
        decomposition: of the coefficients, by `affine_decomposition` or `matrix_deim`.
        matrices: the d matrices A(mu_m) in the order of `decomposition.parameters`, sparse or dense
            or operators, or a function mu -> A(mu), which is called for these alone.
        sources: one vector (n,) for all parameters; with `source_decomposition`, its vectors, or a
            function mu -> f(mu).
        snapshots: solutions u(nu_j), shape (samples, n).
        source_decomposition: of the source, where it depends on mu.
        inner_product: X, a matrix or an `InnerProduct`; Euclidean by default.
        stability: lower bound of the stability constant with respect to X; by default the one that
            `choose_stability` finds for the matrices and the box of the training parameters.
        rtol: POD modes with sigma_k > rtol sigma_1 are kept. Good values: 1e-6 to 1e-12.
        max_size: limit on the number N of basis vectors.
        test: "galerkin", or "least-squares" for problems that are not coercive.

    Raises `InputError` for sizes and numbers of matrices that do not fit, snapshots that are zero,
    and matrices known by their action alone without `stability`; `NonFiniteError` for NaN.

    >>> from nwidth.rom import affine_decomposition
    >>> L, training = np.diag([1.0, 2.0, 3.0]), np.linspace(1, 2, 20)
    >>> found = affine_decomposition(lambda mu: [1.0, mu], training, None)
    >>> assemble = lambda mu: L + mu * np.eye(3)
    >>> u = [np.linalg.solve(assemble(mu), np.ones(3)) for mu in (1.0, 1.5, 2.0)]
    >>> model = nonintrusive_reduced_basis(found, assemble, np.ones(3), u)
    >>> answer = model.solve(1.3)
    >>> model.size, bool(answer.bound < 1e-12)
    (3, True)
    """
    require_instance(decomposition, "decomposition", AffineDecomposition)
    span = _at_chosen(matrices, decomposition, "matrices")
    if source_decomposition is None:
        f = require_finite(as_floating(np.asarray(sources), "sources"), "sources")
        if f.ndim != 1:
            raise InputError(
                f"sources: expected one vector (n,) without source_decomposition, got {f.shape}"
            )
        phi: Any = ParameterExpressions(("1",))
        vectors = MatrixSpan(f[None])
    else:
        phi = require_instance(source_decomposition, "source_decomposition", AffineDecomposition)
        vectors = _at_chosen(sources, source_decomposition, "sources")
    problem = AffineProblem(decomposition, span, phi, vectors)
    product = InnerProduct.of(inner_product, problem.size)
    u = to_numpy(as_floating(snapshots, "snapshots"))
    if u.ndim != 2 or u.shape[1] != problem.size or len(u) == 0:
        raise InputError(f"snapshots: expected shape (samples, {problem.size}), got {u.shape}")
    require_finite(u, "snapshots")
    # Certificates are in double precision, whatever the solutions were computed in.
    u = u.astype(np.complex128 if u.dtype.kind == "c" else np.float64)
    rtol = require_number(rtol, "rtol", "[0, 1)")
    modes = pod(u, rtol, max_rank=max_size, inner_product=product).modes
    if len(modes) == 0:
        raise InputError("snapshots: expected solutions that are not all zero; nothing to span")
    values = decomposition.training.values
    training = values[:, None] if values.ndim == 1 else values
    box = ParameterBox(training.min(axis=0), training.max(axis=0))
    if stability is None:
        from nwidth.rom.stability.choose_stability import choose_stability

        # The coefficients of a decomposition wind, so that training ones alone are too few; more of
        # them cost little, as eigenproblems are solved for those that are chosen.
        many = np.concatenate([training, box.sobol(_STABLE_AT, 0)])
        stability = choose_stability(span, product, problem.coefficients(many)[0])
    growing = GrowingBasis(problem, product, stability, box, test)
    growing.extend(modes.T)
    return growing.model()


def assembled_bounds(
    model: ReducedBasis,
    inner_product: Any,
    parameters: Any,
    assemble: Callable[[Any], Any],
    source: Any,
) -> Array:
    """Return ||f(mu) - A(mu) V x||' / stability(mu) with the matrices of the code itself, (m,).

    Where this is much larger than the bound of the model, the error of the affine decomposition
    dominates: give it more terms. It costs one matrix and one product for each parameter.

    Args:
        model: with its basis.
        inner_product: the X of the model, None for the Euclidean one.
        parameters: (m, p), or (m,) for one number each.
        assemble: function mu -> A(mu).
        source: one vector, or a function mu -> f(mu).

    >>> from nwidth.rom import affine_decomposition
    >>> found = affine_decomposition(lambda mu: [1.0, mu], np.linspace(1, 2, 20), None)
    >>> assemble = lambda mu: np.diag([1.0, 2.0]) + mu * np.eye(2)
    >>> model = nonintrusive_reduced_basis(found, assemble, np.ones(2), [[0.5, 1 / 3]])
    >>> 0.01 < assembled_bounds(model, None, [1.5], assemble, np.ones(2))[0] < 0.1
    np.True_
    """
    require_instance(model, "model", ReducedBasis)
    if model.basis is None:
        raise InputError("model: expected one with its basis; save it with basis=True")
    product = InnerProduct.of(inner_product, len(model.basis))
    found = []
    for mu in np.asarray(parameters):
        answer = model.solve(mu)
        f = source(mu) if callable(source) else np.asarray(source)
        A = assemble(mu)
        u = model.lift(answer.x)
        residual = f - (A.apply(u) if hasattr(A, "apply") else A @ u)
        known = answer.stability > 0
        found.append(product.dual_norm(residual) / answer.stability if known else np.inf)
    return np.array(found, np.float64)


def _at_chosen(given: Any, decomposition: AffineDecomposition, name: str) -> MatrixSpan:
    """Return the matrices or vectors at the chosen parameters, made by a function if it is one."""
    if callable(given) and not isinstance(given, MatrixSpan):
        given = [given(mu) for mu in decomposition.parameters]
    return MatrixSpan.of(given, decomposition.rank, name)
