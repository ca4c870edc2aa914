"""``nwidth solve-matrix``: a sparse matrix from a file, right-hand sides, the solution."""

from pathlib import Path
from typing import Annotated

import typer

from nwidth.cli.options import Overwrite, Threads


def solve_matrix(
    matrix: Annotated[
        Path,
        typer.Argument(
            help="Sparse matrix: Matrix Market (.mtx, .mtx.gz) or scipy.sparse.save_npz (.npz).",
            metavar="MATRIX",
            show_default=False,
        ),
    ],
    right: Annotated[
        Path | None,
        typer.Option(
            "--rhs", "-b", help="Right-hand sides, .npy or .mtx, one per column. Default: ones."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the solution (.npy).")
    ] = None,
    rtol: Annotated[float, typer.Option("--rtol", help="Relative residual to reach.")] = 1e-8,
    method: Annotated[
        str,
        typer.Option("--method", help="auto, algebraic-multigrid-cg, direct, bicgstab, fgmres."),
    ] = "auto",
    max_iterations: Annotated[
        int, typer.Option("--max-iterations", min=0, help="Limit of the iterative methods.")
    ] = 200,
    overwrite: Overwrite = False,
    threads: Threads = None,
) -> None:
    """Solve A x = b for a sparse matrix of your own, from whatever program.

    Symmetric matrices of elliptic equations (heat, pressure, potentials) are solved by algebraic
    multigrid in time proportional to their size, small and other ones by elimination; the answer
    tells which and why.

    For example:

        nwidth solve-matrix pressure.mtx --rhs wells.npy -o pressure.npy

        nwidth solve-matrix stiffness.npz --rhs loads.npy --method direct -o u.npy
    """
    from nwidth.cli.outputs import claim
    from nwidth.cli.threads import limit_threads
    from nwidth.errors import ConfigError

    if not 0 < rtol < 1:
        raise ConfigError(f"--rtol: expected a number between 0 and 1, got {rtol}")
    limit_threads(threads)
    from nwidth.solvers import read_matrix, read_vector
    from nwidth.solvers import solve_matrix as solve
    from nwidth.solvers.solve_matrix import METHODS

    if method not in METHODS:
        raise ConfigError(f"--method: expected one of {', '.join(METHODS)}, got {method!r}")
    if output is not None:
        if output.suffix != ".npy":
            raise ConfigError(f"--output: expected a file ending in .npy, got {output}")
        claim(output, overwrite, inputs=(right,))
    import numpy as np

    A = read_matrix(matrix)
    b = np.ones(A.shape[0]) if right is None else read_vector(right)
    solution = solve(A, b, rtol, method=method, max_iterations=max_iterations)
    sides = "" if b.ndim == 1 else f", {b.shape[1]} right-hand sides"
    lines = {
        "matrix": f"{A.shape[0]} unknowns, {A.nnz} entries{sides}",
        "method": f"{solution.method}: {solution.reason}",
        "status": solution.status.value,
        "iterations": str(solution.iterations),
        "residual": f"{solution.residual:.2e} (relative)",
        "time": f"{solution.seconds:.3g} s, {solution.cpu_seconds:.3g} s of CPU",
    }
    for name, text in lines.items():
        typer.echo(f"{name:<11} {text}")
    solution.checked()
    if output is not None:
        from nwidth.atomic_file import written_in_place

        with written_in_place(output) as draft, draft.open("wb") as stream:
            np.save(stream, solution.u, allow_pickle=False)
