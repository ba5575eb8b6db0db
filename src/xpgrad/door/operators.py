"""Python's operators on Tensors. They are the ops themselves: no layer in between."""

from __future__ import annotations

from typing import Any

from xpgrad.door.attach import method
from xpgrad.ops import elementwise, linalg
from xpgrad.tensor import Tensor

method("__add__")(elementwise.add)
method("__sub__")(elementwise.subtract)
method("__mul__")(elementwise.multiply)
method("__truediv__")(elementwise.divide)
method("__neg__")(elementwise.negative)
method("__matmul__")(linalg.matmul)
method("__radd__")(elementwise.add)
method("__rmul__")(elementwise.multiply)


@method()
def __rsub__(self: Tensor, other: Any) -> Any:
    return elementwise.subtract(other, self)
