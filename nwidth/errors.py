"""The errors of the suite: each says what was expected, what came, and what to do.

They subclass the built-in error a caller would expect, so ``except ValueError`` keeps working.
The command line turns `ConfigError` into exit code 2 and every other `NwidthError` into 1.
"""


class NwidthError(Exception):
    """Any error that nwidth raises on purpose."""


class InputError(NwidthError, ValueError):
    """A value, shape or type that cannot be used."""


class NonFiniteError(InputError):
    """An array holds NaN or infinity where numbers are needed."""


class ConfigError(InputError):
    """A configuration file or option that is not understood: a usage error."""


class FileFormatError(NwidthError, OSError):
    """A file that is missing, corrupt, foreign, incomplete or refused."""


class NotConvergedError(NwidthError, RuntimeError):
    """An iteration ended without reaching its tolerance."""
