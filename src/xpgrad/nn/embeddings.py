"""Tables of vectors: modules around the functions of `xpgrad.nn.functional`."""

from __future__ import annotations

from typing import Any, Self

from xpgrad.door.creation import empty
from xpgrad.nn import functional as F
from xpgrad.nn import init
from xpgrad.nn.module import Module
from xpgrad.nn.parameter import Parameter
from xpgrad.tensor import Tensor

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """A table of vectors."""

    weight: Parameter
    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool
    sparse: bool

    def _make(
        self, weight: Tensor | None, frozen: bool, padding: str, device: Any, dtype: Any
    ) -> None:
        """Check the row for padding, and make the table."""
        count, place = self.num_embeddings, self.padding_idx
        if place is not None:
            if not -count <= place < count:
                raise AssertionError(f"{padding} must be within num_embeddings")
            self.padding_idx = place % count
        shape = (count, self.embedding_dim)
        if weight is None:
            made = empty(shape, device=device, dtype=dtype)
            self.weight = Parameter(made, requires_grad=not frozen)
            self.reset_parameters()
        elif tuple(weight.shape) != shape:
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
        else:
            self.weight = Parameter(weight, requires_grad=not frozen)

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            init.zeros_(self.weight.detach()[self.padding_idx])

    def _options(self, *more: str) -> str:
        shown = [str(self.num_embeddings), str(self.embedding_dim), *more]
        if self.max_norm is not None:
            shown.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            shown.append(f"norm_type={self.norm_type}")
        if self.scale_grad_by_freq:
            shown.append(f"scale_grad_by_freq={self.scale_grad_by_freq}")
        return ", ".join(shown)


class Embedding(_Table):
    """A table of vectors, looked up by integer; they start standard normal.

    Args:
        num_embeddings: how many vectors.
        embedding_dim: how long each is.
        padding_idx: a row that starts at zero and is never trained.
        max_norm: rows with a larger `norm_type`-norm are scaled down to it when they are used.
        norm_type: which norm that is.
        scale_grad_by_freq: divide a row's gradient by how often it occurs.
        sparse: accepted; gradients are dense all the same.
        device, dtype: of the table.

    >>> import xpgrad as xg
    >>> xg.nn.Embedding(10, 3)(xg.tensor([[1, 2], [2, 9]])).shape
    xpgrad.Size([2, 2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        self._make(_weight, _freeze, "Padding_idx", device, dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """A table that is there already, and is not trained unless `freeze` is false."""
        if embeddings.ndim != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, width = embeddings.shape
        return cls(
            rows,
            width,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        padding = [] if self.padding_idx is None else [f"padding_idx={self.padding_idx}"]
        return self._options(*padding) + (", sparse=True" if self.sparse else "")


class EmbeddingBag(_Table):
    """Sums, means or maxima of the vectors that each bag of integers names.

    Args:
        num_embeddings: how many vectors.
        embedding_dim: how long each is.
        max_norm: rows with a larger `norm_type`-norm are scaled down to it when they are used.
        norm_type: which norm that is.
        scale_grad_by_freq: divide a row's gradient by how often it occurs.
        mode: ``"sum"``, ``"mean"`` or ``"max"``.
        sparse: accepted; gradients are dense all the same.
        include_last_offset: the last of the offsets is where the last bag ends.
        padding_idx: a row that starts at zero, does not count and is never trained.
        device, dtype: of the table.

    >>> import xpgrad as xg
    >>> xg.nn.EmbeddingBag(10, 3)(xg.tensor([1, 2, 2, 9]), xg.tensor([0, 3])).shape
    xpgrad.Size([2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        self.padding_idx = padding_idx
        self._make(_weight, False, "padding_idx", device, dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """A table that is there already, and is not trained unless `freeze` is false."""
        if embeddings.ndim != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, width = embeddings.shape
        made = cls(
            rows,
            width,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            _weight=embeddings,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        made.weight.requires_grad = not freeze
        return made

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self._options()}, mode={self.mode!r}{padding}"
