"""Pairs of results with names, such as ``values`` and ``indices``; exported as ``return_types``."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from xpgrad.tensor import Tensor

Result = TypeVar("Result", bound=type)


def _repr(self: Any) -> str:
    fields = ",\n".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
    return f"xpgrad.return_types.{type(self).__name__}(\n{fields})"


def _printed(cls: Result) -> Result:
    """Print as PyTorch does: a field a line."""
    setattr(cls, "__repr__", _repr)  # noqa: B010 - a NamedTuple's body takes no such line
    return cls


@_printed
class max(NamedTuple):
    """What ``max(dim)`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class min(NamedTuple):
    """What ``min(dim)`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class median(NamedTuple):
    """What ``median(dim)`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class kthvalue(NamedTuple):
    """What ``kthvalue`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class sort(NamedTuple):
    """What ``sort`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class topk(NamedTuple):
    """What ``topk`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class aminmax(NamedTuple):
    """What ``aminmax`` returns."""

    min: Tensor
    max: Tensor


# ------------------------------------------------------------------ linear algebra


@_printed
class linalg_cholesky_ex(NamedTuple):
    """What ``linalg.cholesky_ex`` returns."""

    L: Tensor
    info: Tensor


@_printed
class linalg_inv_ex(NamedTuple):
    """What ``linalg.inv_ex`` returns."""

    inverse: Tensor
    info: Tensor


@_printed
class linalg_solve_ex(NamedTuple):
    """What ``linalg.solve_ex`` returns."""

    result: Tensor
    info: Tensor


@_printed
class linalg_lu_factor(NamedTuple):
    """What ``linalg.lu_factor`` returns."""

    LU: Tensor
    pivots: Tensor


@_printed
class linalg_lu_factor_ex(NamedTuple):
    """What ``linalg.lu_factor_ex`` returns."""

    LU: Tensor
    pivots: Tensor
    info: Tensor


@_printed
class linalg_lu(NamedTuple):
    """What ``linalg.lu`` returns."""

    P: Tensor
    L: Tensor
    U: Tensor


@_printed
class lu_unpack(NamedTuple):
    """What ``lu_unpack`` returns."""

    P: Tensor
    L: Tensor
    U: Tensor


@_printed
class linalg_lstsq(NamedTuple):
    """What ``linalg.lstsq`` returns."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


@_printed
class linalg_slogdet(NamedTuple):
    """What ``linalg.slogdet`` returns."""

    sign: Tensor
    logabsdet: Tensor


@_printed
class slogdet(NamedTuple):
    """What ``slogdet`` returns."""

    sign: Tensor
    logabsdet: Tensor


@_printed
class linalg_qr(NamedTuple):
    """What ``linalg.qr`` returns."""

    Q: Tensor
    R: Tensor


@_printed
class qr(NamedTuple):
    """What ``qr`` returns."""

    Q: Tensor
    R: Tensor


@_printed
class geqrf(NamedTuple):
    """What ``geqrf`` returns."""

    a: Tensor
    tau: Tensor


@_printed
class linalg_svd(NamedTuple):
    """What ``linalg.svd`` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


@_printed
class svd(NamedTuple):
    """What ``svd`` returns."""

    U: Tensor
    S: Tensor
    V: Tensor


@_printed
class linalg_eig(NamedTuple):
    """What ``linalg.eig`` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


@_printed
class linalg_eigh(NamedTuple):
    """What ``linalg.eigh`` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


@_printed
class triangular_solve(NamedTuple):
    """What ``triangular_solve`` returns."""

    solution: Tensor
    cloned_coefficient: Tensor


@_printed
class cummax(NamedTuple):
    """What ``cummax`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class cummin(NamedTuple):
    """What ``cummin`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class mode(NamedTuple):
    """What ``mode`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class nanmedian(NamedTuple):
    """What ``nanmedian(dim)`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class frexp(NamedTuple):
    """What ``frexp`` returns."""

    mantissa: Tensor
    exponent: Tensor


@_printed
class histogram(NamedTuple):
    """What ``histogram`` returns."""

    hist: Tensor
    bin_edges: Tensor


@_printed
class histogramdd(NamedTuple):
    """What ``histogramdd`` returns."""

    hist: Tensor
    bin_edges: tuple[Tensor, ...]
