"""Libraries of fast Fourier transforms, each behind the same two calls that write to an array."""

import importlib
import math
import threading
from abc import ABC, abstractmethod
from functools import cache
from types import ModuleType
from typing import Any, ClassVar

from numpy.typing import NDArray

from nwidth.arguments import require_choice
from nwidth.errors import InputError

Array = NDArray[Any]


class FourierLibrary(ABC):
    """Transforms over the last axes, forward ones with 1/N, of real or of complex functions."""

    #: The module, and how to install it.
    module: ClassVar[str]
    package: ClassVar[str]

    def __init__(self, shape: tuple[int, ...], real: bool, threads: int):
        self.shape, self.real, self.threads = shape, real, threads
        self.axes = tuple(range(-len(shape), 0))

    @abstractmethod
    def forward(self, u: Array, out: Array) -> None:
        """Write the coefficients of values."""

    @abstractmethod
    def backward(self, v: Array, out: Array, destroy: bool) -> None:
        """Write the values of coefficients, which may be destroyed if so said."""


class Ducc(FourierLibrary):
    """ducc0, the C++ successor of pocketfft: no plans, vectorized over batches."""

    module, package = "ducc0.fft", "ducc0"

    def forward(self, u: Array, out: Array) -> None:
        """Write the coefficients of values."""
        fft = installed(self.module)
        axes = tuple(a + u.ndim for a in self.axes)
        transform = fft.r2c if self.real else fft.c2c
        transform(u, axes=axes, forward=True, inorm=2, out=out, nthreads=self.threads)

    def backward(self, v: Array, out: Array, destroy: bool) -> None:
        """Write the values of coefficients."""
        fft = installed(self.module)
        options: dict[str, Any] = {"axes": tuple(a + v.ndim for a in self.axes), "out": out}
        options |= {"forward": False, "nthreads": self.threads}
        if self.real:
            fft.c2r(v, lastsize=self.shape[-1], allow_overwriting_input=destroy, **options)
        else:
            fft.c2c(v, **options)


class Scipy(FourierLibrary):
    """SciPy's pocketfft, whose result is copied to the output."""

    module, package = "scipy.fft", "scipy"

    def forward(self, u: Array, out: Array) -> None:
        """Write the coefficients of values."""
        fft = installed(self.module)
        with fft.set_workers(self.threads):
            transform = fft.rfftn if self.real else fft.fftn
            out[...] = transform(u, axes=self.axes, norm="forward")

    def backward(self, v: Array, out: Array, destroy: bool) -> None:
        """Write the values of coefficients."""
        fft = installed(self.module)
        with fft.set_workers(self.threads):
            transform = fft.irfftn if self.real else fft.ifftn
            options = {"axes": self.axes, "norm": "forward", "overwrite_x": destroy}
            out[...] = transform(v, self.shape, **options)


class Mkl(FourierLibrary):
    """Intel's library by mkl_fft; MKL_NUM_THREADS sets its threads."""

    module, package = "mkl_fft", "mkl_fft"

    def forward(self, u: Array, out: Array) -> None:
        """Write the coefficients of values."""
        fft = installed(self.module)
        transform = fft.rfftn if self.real else fft.fftn
        transform(u, axes=self.axes, norm="backward", out=out)
        out /= math.prod(self.shape)  # its own 1/N, in 2.3.2, counts the batch

    def backward(self, v: Array, out: Array, destroy: bool) -> None:
        """Write the values of coefficients."""
        fft = installed(self.module)
        transform = fft.irfftn if self.real else fft.ifftn
        transform(v, self.shape, axes=self.axes, norm="forward", out=out)


class Fftw(FourierLibrary):
    """FFTW by pyfftw: Frigo & Johnson (2005), doi:10.1109/JPROC.2004.840301.

    Plans are estimated, as measured ones would change digits from run to run.
    """

    module, package = "pyfftw", "pyfftw"

    def __init__(self, shape: tuple[int, ...], real: bool, threads: int):
        super().__init__(shape, real, threads)
        self._plans = threading.local()  # a plan holds the arrays it works on

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_plans"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _plans=threading.local())

    def forward(self, u: Array, out: Array) -> None:
        """Write the coefficients of values."""
        self._execute(u, out, "FFTW_FORWARD")
        out /= math.prod(self.shape)

    def backward(self, v: Array, out: Array, destroy: bool) -> None:
        """Write the values of coefficients."""
        spoilt = self.real and len(self.shape) > 1  # FFTW knows no other way for these
        self._execute(v.copy() if spoilt and not destroy else v, out, "FFTW_BACKWARD")

    def _execute(self, u: Array, out: Array, direction: str) -> None:
        pyfftw, plans = installed(self.module), vars(self._plans)
        key = f"{direction} {u.shape} {u.dtype} {u.strides} {out.strides}"
        if key not in plans:
            options: dict[str, Any] = {"direction": direction, "threads": self.threads}
            flags = ["FFTW_ESTIMATE", "FFTW_UNALIGNED"]
            if direction == "FFTW_BACKWARD" and self.real and len(self.shape) > 1:
                flags.append("FFTW_DESTROY_INPUT")
            plans[key] = pyfftw.FFTW(u, out, axes=self.axes, flags=flags, **options)
        plan = plans[key]
        plan.update_arrays(u, out)
        plan.execute()


_LIBRARIES: dict[str, type[FourierLibrary]] = {
    "ducc": Ducc,
    "fftw": Fftw,
    "mkl": Mkl,
    "scipy": Scipy,
}
#: What `auto` takes, the first that is installed.
PREFERRED = ("ducc", "fftw", "scipy")


def fourier_library(name: str) -> tuple[str, type[FourierLibrary]]:
    """Return the name and kind of a library, for "auto" the fastest that is installed.

    Microseconds of real transforms on one thread (there; back), smallest of 60:

                     ducc         fftw         mkl          scipy
        1024         4.6; 4.6     5.4; 4.0     6.8; 6.9     10; 12
        256 x 256    222; 212     328; 285     224; 250     298; 340
        512 x 512    1070; 1080   1430; 1470   660; 900     1570; 2060
        64^3         984; 945     1400; 1360   1980; 6700   1460; 1640

    So MKL, which pays in large planes, is taken by name only.

    >>> fourier_library("scipy")[0]
    'scipy'
    """
    require_choice(name, "library", ("auto", *_LIBRARIES))
    if name == "auto":
        name = next(n for n in PREFERRED if installed(_LIBRARIES[n].module))
    kind = _LIBRARIES[name]
    if installed(kind.module) is None:
        raise InputError(
            f"library: expected {kind.package} to be installed; pip install {kind.package}"
        )
    return name, kind


@cache
def installed(module: str) -> ModuleType | Any:
    """Return a module, None if it is not installed.

    >>> installed("scipy.fft").__name__
    'scipy.fft'
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        return None
