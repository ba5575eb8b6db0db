"""Tensors in files, in the safetensors format that other frameworks read too.

Unlike pickles, such files run no code when they are read. Needs the package safetensors (the
extra ``io``).
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from xpgrad.dtypes import complex128
from xpgrad.errors import DTypeError, missing_extra
from xpgrad.registry import resolve
from xpgrad.tensor import Tensor, wrap

Name = str | os.PathLike[str]


def save_file(
    tensors: Mapping[str, Tensor], path: Name, metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors to a file, whatever their device, dtypes kept; a module's ``state_dict()``.

    The file appears complete or not at all: what was there before stays until then.

    Args:
        tensors: by name.
        path: of the file; its folder exists.
        metadata: further text to store, by name.

    Raises:
        TypeError: for a value that is no tensor, or a name that is no text.
        DTypeError: for complex128, which the format does not have.
        MissingExtra: where the package safetensors is not installed.

    >>> import os, tempfile
    >>> import xpgrad as xg
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> xg.io.save_file(xg.nn.Linear(3, 2).state_dict(), path)
    >>> {name: t.shape for name, t in sorted(xg.io.load_file(path).items())}
    {'bias': xpgrad.Size([2]), 'weight': xpgrad.Size([2, 3])}
    """
    safetensors = _package("xpgrad.io.save_file")
    if not isinstance(tensors, Mapping):
        raise TypeError(f"save_file: expected tensors by name, got {type(tensors).__name__}")
    arrays = {}
    for name, tensor in tensors.items():
        if not isinstance(name, str):
            raise TypeError(f"save_file: a name is a str, got {name!r}")
        if not isinstance(tensor, Tensor):
            raise TypeError(f"save_file: {name!r} is no Tensor but {type(tensor).__name__}")
        if tensor.dtype is complex128:
            raise DTypeError(
                f"save_file: {name!r} is {tensor.dtype}, which the safetensors format does not "
                "have; save its real and imaginary parts"
            )
        arrays[name] = np.ascontiguousarray(tensor._ns.to_host(tensor._data)).reshape(tensor.shape)
    for key, value in (metadata or {}).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"save_file: metadata is text by name, got {key!r}: {value!r}")
    try:
        content = safetensors.numpy.save(arrays, metadata=dict(metadata) if metadata else None)
    except (safetensors.SafetensorError, KeyError) as error:  # complex64, where it is old
        raise DTypeError(f"save_file: this version of safetensors cannot: {error}") from None
    target = Path(path)
    # In the same folder, so that the last step is a rename: readers see the old file or the new.
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # as any new file; mkstemp's are private
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def load_file(path: Name, device: Any = None) -> dict[str, Tensor]:
    """Read the tensors of a file onto a device (the default one), dtypes kept.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a file that is not in the safetensors format, or is cut short.
        DTypeError: for a dtype that this device does not have.
    """
    safetensors = _package("xpgrad.io.load_file")
    ns = resolve(device)
    found = {}
    try:
        with safetensors.safe_open(os.fspath(path), framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - it is no dict
                found[name] = file.get_tensor(name)
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path)) from None
    except (KeyError, TypeError, AttributeError) as error:  # bfloat16, float8: not in NumPy
        raise DTypeError(f"{path}: {name!r} has a dtype that xpgrad lacks: {error}") from None
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is not a complete safetensors file: {error}") from None
    for name, array in found.items():
        try:
            ns.native(array.dtype)
        except DTypeError as error:
            raise DTypeError(f"{path}: {name!r}: {error}") from None
    return {name: wrap(ns.from_host(array), ns) for name, array in found.items()}


def _package(purpose: str) -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise missing_extra("safetensors", "io", purpose) from None
    return safetensors
