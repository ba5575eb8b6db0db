"""Transforms of functions: derivatives and batches that compose with one another.

``grad``, ``vjp``, ``jacrev`` differentiate backwards, ``jvp``, ``jacfwd``, ``linearize`` forwards,
``vmap`` maps over batches, and each takes what any other gives: ``vmap(grad(f))``,
``jvp(vmap(grad(f)), …)``, ``hessian = jacfwd(jacrev(f))``.

>>> import xpgrad as xg
>>> from xpgrad.func import grad, vmap
>>> loss = lambda w, x: (x @ w).sin()
>>> vmap(grad(loss), in_dims=(None, 0))(xg.zeros(2), xg.tensor([[1.0, 2.0], [3.0, 4.0]]))
tensor([[1., 2.],
        [3., 4.]])
"""

from __future__ import annotations

from xpgrad.func.forward import jacfwd, jvp, linearize
from xpgrad.func.mapping import vmap
from xpgrad.func.modules import (
    functional_call,
    replace_all_batch_norm_modules_,
    stack_module_state,
)
from xpgrad.func.reverse import grad, grad_and_value, hessian, jacrev, vjp

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap",
]  # fmt: skip
