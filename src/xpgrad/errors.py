"""Everything xpgrad raises on purpose.

    XpgradError
    ├── ShapeError            RuntimeError, ValueError   shapes that do not fit
    ├── DTypeError            RuntimeError, TypeError    a dtype that an operation does not take
    │   └── UnsupportedDType  NotImplementedError        one that PyTorch has no kernel for either
    ├── DeviceError           RuntimeError               unknown, missing or mixed devices
    ├── GradientError         RuntimeError               misuse of the graph or of ``.grad``
    ├── LinAlgError           RuntimeError, NumPy's      a matrix that a decomposition cannot take
    ├── OpError               RuntimeError               an op failed inside the array library
    └── MissingExtra          ImportError                an optional package is not installed

Each also derives from the exception that PyTorch or NumPy users catch for the same mistake.
"""

from __future__ import annotations

import numpy as np


class XpgradError(Exception):
    """Base of every error that xpgrad raises on purpose."""


class ShapeError(XpgradError, RuntimeError, ValueError):
    """Shapes that do not fit an operation."""


class DTypeError(XpgradError, RuntimeError, TypeError):
    """A dtype that an operation does not take."""


class UnsupportedDType(DTypeError, NotImplementedError):
    """A dtype that a function does not take, where PyTorch has no kernel for it."""


class DeviceError(XpgradError, RuntimeError):
    """An unknown, missing or mixed device."""


class GradientError(XpgradError, RuntimeError):
    """The graph or a gradient is used in a way that has no meaning."""


class LinAlgError(XpgradError, RuntimeError, np.linalg.LinAlgError):
    """A matrix that is singular, or not positive-definite, where it must not be."""


class OpError(XpgradError, RuntimeError):
    """An operation failed inside the array library that owns the data."""


class MissingExtra(XpgradError, ImportError):
    """An optional package is needed; the message names the extra that brings it."""


def missing_extra(package: str, extra: str, purpose: str) -> MissingExtra:
    """The error for an optional `package` that is absent, naming the `extra` to install."""
    return MissingExtra(f"{purpose} needs {package}: pip install 'xpgrad[{extra}]'", name=package)
