"""What the programs share: numbers that are the same in every library."""

import numpy as np

from behaviours.table import Table, caught

__all__ = ["Table", "caught", "draws", "filled"]


def draws(t, *shape, seed=0, low=-1.0, high=1.0, **options):
    """Uniform numbers of the default dtype, the same whoever computes."""
    values = np.random.default_rng(seed).uniform(low, high, shape)
    return t.tensor(values.tolist(), **options)


def filled(module, t, seed=0, scale=0.5):
    """A module whose parameters are such numbers."""
    with t.no_grad():
        for i, p in enumerate(module.parameters()):
            p.copy_(draws(t, *p.shape, seed=seed + i, low=-scale, high=scale))
    return module
