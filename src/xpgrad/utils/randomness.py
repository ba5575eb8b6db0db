"""Random numbers again: the states of the generators, noted and put back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from xpgrad import random
from xpgrad.device import device as Device
from xpgrad.tensor import Tensor


def _tensors(values: Any) -> Iterator[Tensor]:
    """The Tensors anywhere in tuples, lists and dicts."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (tuple, list)):
        for value in values:
            yield from _tensors(value)
    elif isinstance(values, dict):
        yield from _tensors(list(values.values()))


def get_device_states(*args: Any) -> tuple[list[Device], list[Tensor]]:
    """The devices, other than the CPU, of the Tensors among `args`, and their generators' states.

    >>> import xpgrad as xg
    >>> from xpgrad.utils.checkpoint import get_device_states
    >>> get_device_states(xg.ones(2), [3])
    ([], [])
    """
    devices = list(dict.fromkeys(t.device for t in _tensors(args) if t.device.type != "cpu"))
    return devices, [random.get_rng_state(d) for d in devices]


def set_device_states(
    devices: Iterable[Any], states: Iterable[Tensor], *, device_type: str | None = None
) -> None:
    """Put the generators of `devices` into `states`, as `get_device_states` returned them.

    Args:
        devices: devices, or the numbers of devices of one type.
        device_type: that type (default: ``"cuda"``).

    >>> from xpgrad.utils.checkpoint import get_device_states, set_device_states
    >>> set_device_states(*get_device_states())
    """
    for device, state in zip(devices, states, strict=False):
        number = isinstance(device, int)
        random.set_rng_state(state, Device(device_type or "cuda", device) if number else device)


class Randomness:
    """The generators' states at a moment: of all that were ever used, and all that `args` may."""

    def __init__(self, args: Any) -> None:
        random.default_generator("cpu")
        for t in _tensors(args):
            random.default_generator(t.device)
        self._states = {g: g.get_state() for g in random._defaults.values()}
        self._seeds: dict[random.Generator, int] = {}

    def ran(self) -> None:
        """Note what the generators that were first used since then started from."""
        for generator in random._defaults.values():
            if generator not in self._states:
                self._seeds[generator] = generator.initial_seed()

    @contextlib.contextmanager
    def again(self) -> Iterator[None]:
        """A context in which the generators draw what they drew then."""
        outside = {g: g.get_state() for g in random._defaults.values()}
        for generator, state in self._states.items():
            generator.set_state(state)
        for generator, seed in self._seeds.items():
            generator.manual_seed(seed)
        try:
            yield
        finally:
            for generator, state in outside.items():
                generator.set_state(state)
