"""A pretended accelerator: NumPy plays several devices, and insists on their discipline.

An array knows its device. Whatever is computed with it is refused unless that device is the
*current* one (what ``guard`` is for), unless all arrays are on it, and unless nothing waits for the
device unasked: ``bool(x)``, ``float(x)``, ``x.item()``, NumPy functions on host arrays.
"""

import contextlib
import threading
import warnings

import numpy as np


class _Current(threading.local):
    index = 0


current = _Current()


class Using:
    """Make a device the current one: a context, like CuPy's ``Device``."""

    def __init__(self, index=None):
        self.id = current.index if index is None else int(index)

    def __enter__(self):
        self._left = current.index
        current.index = self.id
        return self

    def __exit__(self, *error):
        current.index = self._left

    def __int__(self):
        return self.id

    def use(self):
        current.index = self.id

    def synchronize(self):
        pass


class Undisciplined(AssertionError):
    """What a real device would have answered with an error, a wrong result or a wait."""


def check(*values):
    """Complain about arrays of other devices and of the host among the values."""
    for x in values:
        if isinstance(x, OnDevice):
            if x.on != current.index:
                raise Undisciplined(
                    f"an array on device {x.on} is used while {current.index} is current"
                )
        elif isinstance(x, np.ndarray):
            raise Undisciplined(f"an array of the host is used on the device: {x!r}")
        elif isinstance(x, (tuple, list)):
            check(*x)
        elif isinstance(x, dict):
            check(*x.values())


def plain(value):
    """The NumPy arrays that play the device's, in any nest of tuples, lists and dicts."""
    if isinstance(value, OnDevice):
        return value.view(np.ndarray)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return type(value)(map(plain, value)) if type(value) in (tuple, list) else value


def place(value, kind=None):
    """Results, on the current device. Scalars become 0-d arrays, as on real devices."""
    kind = kind or OnDevice
    if isinstance(value, (np.ndarray, np.generic)):
        out = np.asarray(value).view(kind)
        out.on = current.index
        return out
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(place(v, kind) for v in value))
    return type(value)(place(v, kind) for v in value) if type(value) in (tuple, list) else value


def _quietly(function, args, kwargs):
    """NumPy warns of inf and nan; devices never do."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return function(*args, **kwargs)


class _Inner(threading.local):
    playing = False


_inner = _Inner()


def on_current(function, kind=None):
    """A NumPy function, on the pretended device."""

    def call(*args, **kwargs):
        if _inner.playing:  # NumPy's namespace calls itself
            return function(*args, **kwargs)
        check(args, kwargs)
        _inner.playing = True
        try:
            result = _quietly(function, plain(args), plain(kwargs))
        finally:
            _inner.playing = False
        return place(result, kind)

    call.__name__ = getattr(function, "__name__", "function")
    return call


class OnDevice(np.ndarray):
    """An array of a pretended device."""

    on = None

    def __array_finalize__(self, origin):
        self.on = getattr(origin, "on", None)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        check(inputs, kwargs)
        out = kwargs.get("out")
        result = _quietly(getattr(ufunc, method), plain(inputs), plain(kwargs))
        if out is None:
            return None if result is None else place(result, type(self))
        return out[0] if len(out) == 1 else out

    def __array_function__(self, function, types, args, kwargs):
        return on_current(function, type(self))(*args, **kwargs)

    def __getitem__(self, index):
        check(self, index)
        return place(plain(self)[plain(index)], type(self))

    def __setitem__(self, index, value):
        check(self, index, value)
        plain(self)[plain(index)] = plain(value)

    def get(self):
        """A copy on the host: the one way to wait."""
        return np.array(plain(self))


def _method(name):
    def call(self, *args, **kwargs):
        check(self, args, kwargs)
        result = _quietly(getattr(plain(self), name), plain(args), plain(kwargs))
        return place(result, type(self))

    call.__name__ = name
    return call


METHODS = (
    "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "conj", "conjugate", "copy",
    "cumprod", "cumsum", "diagonal", "dot", "fill", "max", "mean", "min", "nonzero", "prod",
    "ravel", "repeat", "reshape", "round", "searchsorted", "squeeze", "std", "sum", "swapaxes",
    "take", "trace", "transpose", "var",
)  # fmt: skip
for _name in METHODS:
    setattr(OnDevice, _name, _method(_name))


def _wait(name):
    def call(self, *args):
        if not allowed.waiting:
            raise Undisciplined(f"{name} waits for the device")
        return getattr(plain(self), name)(*args)

    call.__name__ = name
    return call


class _Allowed(threading.local):
    waiting = False


allowed = _Allowed()

WAITING = (
    "__bool__", "__float__", "__int__", "__complex__", "__index__", "item", "tolist", "tobytes",
)  # fmt: skip
for _name in WAITING:
    setattr(OnDevice, _name, _wait(_name))


@contextlib.contextmanager
def waiting_allowed():
    """Where the test itself reads values."""
    before, allowed.waiting = allowed.waiting, True
    try:
        yield
    finally:
        allowed.waiting = before
