"""Random numbers: generators with a state, one per device by default.

The numbers are not PyTorch's: each library draws its own. A seed gives the same numbers again on
the same backend.

>>> import xpgrad as xg
>>> g = xg.manual_seed(0)
>>> x = xg.randn(3)
>>> g = xg.manual_seed(0)
>>> (x == xg.randn(3)).all()
tensor(True)
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

from xpgrad import dtypes
from xpgrad.device import device as Device
from xpgrad.door.arguments import UnsupportedDType, new_size, only_tensor
from xpgrad.door.attach import method
from xpgrad.door.creation import sized
from xpgrad.door.data import guarded, laid_out, leaf, settle
from xpgrad.door.reading import NumberTooLarge
from xpgrad.errors import DeviceError, DTypeError, ShapeError
from xpgrad.mode import mode
from xpgrad.namespace import Array, Namespace
from xpgrad.promotion import common_namespace
from xpgrad.registry import resolve, within
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "Generator", "bernoulli", "fork_rng", "get_rng_state", "initial_seed",
    "manual_seed", "multinomial", "normal", "rand", "rand_like", "randint", "randint_like",
    "randn", "randn_like", "randperm", "seed", "set_rng_state",
]  # fmt: skip

DEFAULT_SEED = 67280421310721  # of a new Generator, as in PyTorch


def unpredictable() -> int:
    """A seed that nobody knows."""
    return int.from_bytes(os.urandom(7), "little") >> 3  # 53 bits: exact as a float, too


class Generator:
    """A source of random numbers on one device.

    >>> import xpgrad as xg
    >>> g = xg.Generator().manual_seed(1)
    >>> state = g.get_state()
    >>> x = xg.rand(2, generator=g)
    >>> g.set_state(state)
    <xpgrad.Generator on cpu>
    >>> bool((xg.rand(2, generator=g) == x).all())
    True
    """

    def __init__(self, device: Any = None) -> None:
        # Not the default device: PyTorch's generators live on the CPU unless told otherwise.
        self._ns = resolve("cpu" if device is None else device)
        self.manual_seed(DEFAULT_SEED)

    @property
    def device(self) -> Device:
        """Where its numbers are drawn."""
        return self._ns.device

    def manual_seed(self, seed: int) -> Generator:
        """Start again from `seed`, an integer of 64 bits; return the generator."""
        number = int(seed)
        if not -(2**63) <= number < 2**64:
            raise NumberTooLarge(
                f"Overflow when unpacking long long: a seed has 64 bits, got {seed}"
            )
        self._seed = number % 2**64
        with guarded(self._ns):
            self._source = self._ns.generator(self._seed)
        return self

    def seed(self) -> int:
        """Start again from a seed that nobody knows, and return it."""
        self.manual_seed(unpredictable())
        return self._seed

    def initial_seed(self) -> int:
        """The seed it started from."""
        return self._seed

    def get_state(self) -> Tensor:
        """The state, as a tensor of bytes on the CPU."""
        cpu = resolve("cpu")
        header = self._seed.to_bytes(8, "little")
        state = [*header, *self._source.get_state().tolist()]
        return wrap(cpu.asarray(state, dtype=cpu.native(dtypes.uint8)), cpu)

    def set_state(self, new_state: Tensor) -> Generator:
        """Go on from a state that `get_state` returned; return the generator.

        Raises:
            TypeError: for what is no tensor of bytes.
            RuntimeError: for the state of another kind of generator.
        """
        if not isinstance(new_state, Tensor) or new_state.dtype is not dtypes.uint8:
            raise TypeError("RNG state must be a xpgrad.ByteTensor")
        host = new_state._ns.to_host(new_state._data)
        try:
            self._source.set_state(host[8:])
        except ValueError as error:
            raise ShapeError(f"RNG state is wrong size: {error}") from None
        self._seed = int.from_bytes(host[:8].tobytes(), "little")
        return self

    def __repr__(self) -> str:
        return f"<xpgrad.Generator on {self.device}>"


# ------------------------------------------------------------------ the generator of each device

_defaults: dict[Device, Generator] = {}
_seed: int | None = None  # what manual_seed said, for devices that nobody has used yet


def default_generator(device: Any = None) -> Generator:
    """The generator that is used on a device where none is named."""
    ns = resolve(device)
    found = _defaults.get(ns.device)
    if found is None:
        found = _defaults[ns.device] = Generator(ns.device)
        if _seed is None:
            found.seed()
        else:
            found.manual_seed(_seed)
    return found


def manual_seed(seed: int) -> Generator:
    """Start the generators of all devices from `seed`; return the CPU's.

    >>> import xpgrad as xg
    >>> xg.manual_seed(42).initial_seed()
    42
    """
    global _seed
    cpu = default_generator("cpu").manual_seed(seed)  # complains before anything is changed
    _seed = int(seed)
    for generator in _defaults.values():
        generator.manual_seed(_seed)
    return cpu


def seed() -> int:
    """Start all generators from a seed that nobody knows, and return it."""
    return manual_seed(unpredictable()).initial_seed()


def initial_seed() -> int:
    """The seed that the CPU's generator started from."""
    return default_generator("cpu").initial_seed()


def get_rng_state(device: Any = "cpu") -> Tensor:
    """The state of a device's generator, as bytes."""
    return default_generator(device).get_state()


def set_rng_state(new_state: Tensor, device: Any = "cpu") -> None:
    """Put a device's generator into a state that `get_rng_state` returned."""
    default_generator(device).set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices: Iterable[Any] | None = None, enabled: bool = True) -> Iterator[None]:
    """Put the generators back at the end of the block: the CPU's, and those of `devices`.

    Args:
        devices: default: every device that has drawn numbers so far.
        enabled: ``False`` does nothing, which saves an ``if`` around the block.

    >>> import xpgrad as xg
    >>> g = xg.manual_seed(0)
    >>> with xg.random.fork_rng():
    ...     x = xg.rand(1)
    >>> bool(x == xg.rand(1))
    True
    """
    if not enabled:
        yield
        return
    where = ["cpu", *(_defaults if devices is None else devices)]
    before = [(generator := default_generator(d), generator.get_state()) for d in where]
    try:
        yield
    finally:
        for generator, state in before:
            generator.set_state(state)


def source(ns: Namespace, generator: Generator | None) -> Any:
    """The raw generator to draw from on a namespace's device.

    Raises:
        TypeError: for what is no generator.
        DeviceError: for a generator of another device.
    """
    if ns.depth:
        return ns.draws(source(ns.base, generator))
    if generator is None:
        return default_generator(ns.device)._source
    if not isinstance(generator, Generator):
        raise TypeError(f"generator must be a xpgrad.Generator, not {type(generator).__name__}")
    if generator._ns is not ns:
        raise DeviceError(
            f"Expected a '{ns.device}' device type for generator but found '{generator.device}'"
        )
    return generator._source


def inside(x: Tensor) -> Tensor:
    """`x` as the transform at work knows it: what is drawn for it may differ between examples."""
    if mode.level is None:
        return x
    ns = mode.level.inside(x._ns.base)
    return ns.lift(x) if ns.depth > x._ns.depth else x


# ------------------------------------------------------------------ uniform, normal, integers


def _draw(
    what: str, ns: Namespace, shape: tuple[int, ...], dtype: Any, generator: Generator | None
) -> Array:
    """Numbers of a floating-point or complex type (both parts drawn; a normal's variance is 1)."""
    found = settle(ns, dtype, dtypes.get_default_dtype())
    if not found.is_differentiable:
        raise UnsupportedDType(f"\"{what}\" not implemented for '{found.torch_name}'")
    draw = getattr(source(ns, generator), what)
    with guarded(ns):
        if not found.is_complex:
            return ns.wrap(draw(shape, ns.native(found)))
        part = ns.native(found.to_real())
        real, imag = ns.wrap(draw(shape, part)), ns.wrap(draw(shape, part))
        whole = ns.native(found)
        out = ns.astype(real, whole) + ns.astype(imag, whole) * 1j
        return out * 0.5**0.5 if what == "normal" else out


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """Random numbers, uniform in [0, 1).

    >>> import xpgrad as xg
    >>> x = xg.rand(2, 3)
    >>> x.shape, bool(((x >= 0) & (x < 1)).all())
    (xpgrad.Size([2, 3]), True)
    """
    ns, shape = within(device), new_size("rand", sized("rand", size, named))
    return leaf(_draw("uniform", ns, shape, dtype, generator), ns, requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """Random numbers from the standard normal distribution.

    >>> import xpgrad as xg
    >>> xg.randn(2, 3).shape, xg.randn(size=()).shape
    (xpgrad.Size([2, 3]), xpgrad.Size([]))
    """
    ns, shape = within(device), new_size("randn", sized("randn", size, named))
    return leaf(_draw("normal", ns, shape, dtype, generator), ns, requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random integers from `low` (0) up to but not including `high`: ``randint(high, size)`` or
    ``randint(low, high, size)``.

    Raises:
        RuntimeError: for an empty range.

    >>> import xpgrad as xg
    >>> x = xg.randint(10, (3,))
    >>> x.dtype, bool(((x >= 0) & (x < 10)).all())
    (xpgrad.int64, True)
    """
    if size is None and hasattr(high, "__len__"):
        low, high, size = 0, low, high
    elif high is None and size is not None:
        low, high = 0, low
    if size is None:
        raise TypeError("randint() needs a size: randint(high, size) or randint(low, high, size)")
    ns = within(device)
    found = settle(ns, dtype, dtypes.int64)
    data = _integers(ns, int(low), int(high), new_size("randint", (size,)), found, generator)
    return leaf(data, ns, requires_grad)


def _integers(
    ns: Namespace,
    low: int,
    high: int,
    shape: tuple[int, ...],
    dtype: dtypes.dtype,
    generator: Generator | None,
) -> Array:
    if low >= high:
        raise ShapeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    if dtype.category == dtypes.INTEGER:
        limits = ns.iinfo(ns.native(dtype))
        for name, value, bad in (
            ("from", low, low < limits.min),
            ("to - 1", high - 1, high - 1 > limits.max),
        ):
            if bad:
                raise ShapeError(f"{name} is out of bounds for {dtype}: {value}")
    drawn = settle(ns, None, dtypes.int64)
    with guarded(ns):
        data = source(ns, generator).integers(low, high, shape, ns.native(drawn))
        return ns.astype(ns.wrap(data), ns.native(dtype))


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The integers below `n` in random order.

    >>> import xpgrad as xg
    >>> xg.randperm(4).sort().values
    tensor([0, 1, 2, 3])
    """
    if n < 0:
        raise ShapeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    ns = within(device)
    found = settle(ns, dtype, dtypes.int64)
    with guarded(ns):
        data = ns.astype(ns.wrap(source(ns, generator).permutation(n)), ns.native(found))
    return leaf(data, ns, requires_grad)


# ------------------------------------------------------------------ like another tensor


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform random numbers with the shape, dtype and device of `input`."""
    shape, own = _like("rand_like", input, dtype, device)
    made = rand(shape, generator=generator, requires_grad=requires_grad, **own)
    return laid_out(made, input)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal random numbers with the shape, dtype and device of `input`."""
    shape, own = _like("randn_like", input, dtype, device)
    made = randn(shape, generator=generator, requires_grad=requires_grad, **own)
    return laid_out(made, input)


def randint_like(
    input: Tensor,
    low: int,
    high: int | None = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random integers with the shape, dtype and device of `input`."""
    shape, own = _like("randint_like", input, dtype, device)
    bounds = (0, low) if high is None else (low, high)
    made = randint(*bounds, shape, generator=generator, requires_grad=requires_grad, **own)
    return laid_out(made, input)


def _like(what: str, x: Tensor, dtype: Any, device: Any) -> tuple[Any, dict[str, Any]]:
    only_tensor(x, what)
    own = {"dtype": x.dtype if dtype is None else dtype}
    return tuple(x.shape), {**own, "device": x.device if device is None else device}


# ------------------------------------------------------------------ distributions with parameters


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal random numbers of a given mean and standard deviation, numbers or tensors each.

    Numbers need a `size`; tensors broadcast. As in PyTorch the draw is a constant: no gradient
    reaches the parameters.

    Raises:
        RuntimeError: for a negative standard deviation (where it is a number).

    >>> import xpgrad as xg
    >>> xg.normal(0.0, 1.0, (2, 3)).shape, xg.normal(xg.arange(4.0), 0.1).shape
    (xpgrad.Size([2, 3]), xpgrad.Size([4]))
    """
    if isinstance(std, (int, float)) and std < 0:
        raise ShapeError(f"normal expects std >= 0.0, but found std {std}")
    given = [t.detach() for t in (mean, std) if isinstance(t, Tensor)]
    if not given:
        if size is None:
            raise TypeError("normal() with numbers for mean and std needs a size")
        x = randn(size, generator=generator, dtype=dtype, device=device)
        return leaf((x * std + mean)._data, x._ns, requires_grad)
    mean, std = (t.detach() if isinstance(t, Tensor) else t for t in (mean, std))
    ns = common_namespace("normal", given)
    scale = mean * 0 + std  # in the shape and dtype of both
    x = wrap(_draw("normal", ns, tuple(scale.shape), scale.dtype, generator), ns)
    return x * scale + mean


@method()
def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None
) -> Tensor:
    """Ones with the probabilities in `input` (or with probability `p`), zeros elsewhere.

    The draw is a constant: no gradient reaches the probabilities (PyTorch's is zero).

    Raises:
        NotImplementedError: for probabilities that are no floating-point numbers.

    >>> import xpgrad as xg
    >>> xg.bernoulli(xg.tensor([0.0, 1.0, 1.0]))
    tensor([0., 1., 1.])
    """
    x = inside(only_tensor(input, "bernoulli").detach())
    if p is not None:
        if not 0 <= p <= 1:
            raise ShapeError(f"bernoulli expects p to be in [0, 1], but got p={p}")
        drawn = rand(tuple(x.shape), generator=generator, device=x.device)
        return (drawn < p).to(x.dtype)
    if not x.dtype.is_floating_point:
        raise UnsupportedDType(f"\"bernoulli\" not implemented for '{x.dtype.torch_name}'")
    if not x._ns.depth and not bool(((x >= 0) & (x <= 1)).all()):
        raise ShapeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
    drawn = wrap(_draw("uniform", x._ns, tuple(x.shape), x.dtype, generator), x._ns)
    return (drawn < x).to(x.dtype)


@method()
def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Positions drawn with the weights in `input`, one row of samples per row of weights.

    Raises:
        RuntimeError: for weights that are negative, not finite or all zero, or more samples than
            positions without replacement.

    >>> import xpgrad as xg
    >>> xg.multinomial(xg.tensor([0.0, 1.0, 0.0]), 3, replacement=True)
    tensor([1, 1, 1])
    """
    x = inside(only_tensor(input, "multinomial").detach())
    if not x.dtype.is_floating_point:
        raise DTypeError(
            f"multinomial only supports floating-point dtypes for input, got: {x.dtype.torch_name}"
        )
    if x.ndim not in (1, 2):
        raise ShapeError("prob_dist must be 1 or 2 dim")
    if num_samples <= 0:
        raise ShapeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > x.shape[-1]:
        raise ShapeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    known = not x._ns.depth  # one row of a batch cannot be asked for its numbers
    if known and not bool(((x >= 0) & x.isfinite()).all()):
        raise ShapeError("probability tensor contains either `inf`, `nan` or element < 0")
    if known and not bool((x.sum(-1) > 0).all()):
        raise ShapeError("invalid multinomial distribution (sum of probabilities <= 0)")
    ns = x._ns
    with guarded(ns):
        rows = ns.reshape(x._data, (-1, x.shape[-1]))
        pick = _with_replacement if replacement else _without_replacement
        u = source(ns, generator)
        picked = [pick(ns, u, rows[i, :], num_samples) for i in range(rows.shape[0])]
        shape = (*x.shape[:-1], num_samples)
        whole = ns.native(settle(ns, None, dtypes.int64))
        found = ns.stack(picked) if picked else ns.zeros(shape, dtype=whole)
        return wrap(ns.reshape(found, shape), ns)


def _with_replacement(ns: Namespace, draw: Any, weights: Array, count: int) -> Array:
    """Invert the distribution function."""
    wide = ns.native(settle(ns, None, dtypes.float64))
    below = ns.cumulative_sum(ns.astype(weights, wide), axis=0)
    total = below[-1]
    places = ns.searchsorted(below, draw.uniform((count,), wide) * total, side="right")
    # Rounding may reach the total itself: the last position with a weight is the limit.
    return ns.minimum(places, ns.searchsorted(below, ns.reshape(total, (1,)), side="left"))


def _without_replacement(ns: Namespace, draw: Any, weights: Array, count: int) -> Array:
    """A race of exponential clocks that run at speeds `weights`: arrivals are such a draw."""
    clocks = -ns.log1p(-draw.uniform(weights.shape, weights.dtype))
    runs = weights > 0
    arrivals = ns.where(runs, clocks, ns.ones_like(clocks)) / ns.where(
        runs, weights, ns.ones_like(weights)
    )
    arrivals = ns.where(runs, arrivals, ns.full_like(arrivals, ns.inf))
    return ns.argsort(arrivals)[:count]
