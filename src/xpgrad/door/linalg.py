"""Products of matrices and vectors."""

from __future__ import annotations

from xpgrad.ops.linalg import matmul

__all__ = ["matmul"]
