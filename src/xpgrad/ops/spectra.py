"""Singular values, eigenvalues, and the exponential of matrices. All take stacks of them.

Vectors that belong to a value are known up to a factor of size 1: a gradient that depends on it has
no meaning. For complex matrices it is refused, unless finding out would make the host wait. Values
that occur twice leave open more than that: gradients of their vectors are inf or nan, as in
PyTorch, while those of the values stay right. The sources are in `xpgrad.ops.decompositions`.
"""

from __future__ import annotations

from xpgrad.errors import GradientError
from xpgrad.op import op
from xpgrad.ops.decompositions import H, column, diagonal_of, on_diagonal, part, row

LOOSE = (
    1e-2  # how large a derivative by a phase may be (it is zero but for rounding), as in PyTorch
)


def check_phases(slopes, what, xp):
    """Refuse a gradient that depends on phases: `slopes` are its derivatives by them."""
    if slopes.dtype in xp.complexes:
        known = xp.bounds(xp.abs(xp.imag(slopes)))
        if known is not None and known[1] > LOOSE:
            raise GradientError(what)


def differences(values, xp):
    """``values[j] - values[i]``; 1 on the diagonal, to divide by."""
    found = row(values, xp) - column(values, xp)
    return xp.where(diagonal_of(values.shape[-1], xp), xp.ones_like(found), found)


# ------------------------------------------------------------------ singular values


def svd_rule(gs, out, xp):
    """By ``dP = U.H dA V``, of which the values see the diagonal and the vectors the rest."""
    (g_u, g_s, g_vh), (u, s, vh) = gs, out
    if g_u is None and g_s is None and g_vh is None:
        return None
    k, dtype = s.shape[-1], u.dtype
    if u.shape[-1] > k or vh.shape[-2] > k:  # vectors that belong to no singular value
        first, every = slice(0, k), slice(None)
        u, vh = part(u, every, first, xp), part(vh, first, every, xp)
        g_u = g_u if g_u is None else part(g_u, every, first, xp)
        g_vh = g_vh if g_vh is None else part(g_vh, first, every, xp)
    values = xp.astype(s, dtype)
    if g_u is None and g_vh is None:
        return xp.matmul(u * row(xp.astype(g_s, dtype), xp), vh)
    turned_u = None if g_u is None else xp.matmul(H(u, xp), g_u)
    turned_v = None if g_vh is None else xp.matmul(vh, H(g_vh, xp))
    both = [xp.linalg.diagonal(t) for t in (turned_u, turned_v) if t is not None]
    check_phases(sum(both[1:], both[0]), SVD_PHASES, xp)
    apart = xp.where(
        diagonal_of(k, xp),
        xp.ones_like(row(s, xp)),
        (row(s, xp) - column(s, xp)) * (row(s, xp) + column(s, xp)),
    )
    apart = xp.astype(apart, dtype)
    found = None
    if turned_u is not None:
        skew = turned_u - H(turned_u, xp)
        found = skew / apart * row(values, xp)
        if dtype in xp.complexes:  # what one phase turns more than the other
            slopes = xp.linalg.diagonal(skew) / (2 * values) - xp.linalg.diagonal(found)
            found = found + on_diagonal(slopes, xp)
    if turned_v is not None:
        skew = turned_v - H(turned_v, xp)
        found_v = column(values, xp) * (skew / apart)
        if dtype in xp.complexes:
            found_v = found_v - on_diagonal(xp.linalg.diagonal(found_v), xp)
        found = found_v if found is None else found + found_v
    if g_s is not None:
        found = found + on_diagonal(xp.astype(g_s, dtype), xp)
    m, n = u.shape[-2], vh.shape[-1]
    if m > n and g_u is not None:
        found = xp.matmul(u, found) + (g_u - xp.matmul(u, turned_u)) / row(values, xp)
        return xp.matmul(found, vh)
    if m < n and g_vh is not None:
        beyond = (g_vh - xp.matmul(H(turned_v, xp), vh)) / column(values, xp)
        return xp.matmul(u, xp.matmul(found, vh) + beyond)
    return xp.matmul(xp.matmul(u, found), vh)


SVD_PHASES = (
    "svd_backward: The singular vectors in the complex case are specified up to multiplication by "
    "e^{i phi}. The specified loss function depends on this quantity, so it is ill-defined."
)


@op(node="LinalgSvd", stacks=2, outputs=3, x=svd_rule)
def svd(xp, x, /, *, full_matrices=False):
    """``U``, the descending singular values, and ``Vh``, with ``x = U @ diag(S) @ Vh``."""
    return tuple(xp.linalg.svd(x, full_matrices=full_matrices))


def svdvals_rule(g, x, xp):
    u, _, vh = xp.linalg.svd(x, full_matrices=False)
    return xp.matmul(u * row(xp.astype(g, x.dtype), xp), vh)


@op(node="LinalgSvd", stacks=2, x=svdvals_rule)
def svdvals(xp, x, /):
    """The singular values alone, descending."""
    return xp.linalg.svdvals(x)


# ------------------------------------------------------------------ eigenvalues


def eigh_rule(gs, out, xp):
    (g_values, g_vectors), (values, v) = gs, out
    if g_values is None and g_vectors is None:
        return None
    if g_values is not None:
        g_values = xp.astype(g_values, v.dtype)
    if g_vectors is None:
        return xp.matmul(v * row(g_values, xp), H(v, xp))
    inner = xp.matmul(H(v, xp), g_vectors)
    check_phases(xp.linalg.diagonal(inner), EIGH_PHASES, xp)
    skew = (inner - H(inner, xp)) * 0.5  # of what changes the matrix, Hermitian changes alone
    inner = skew / xp.astype(differences(values, xp), v.dtype)
    if g_values is None:
        g_values = xp.zeros_like(xp.linalg.diagonal(inner))
    inner = xp.where(diagonal_of(v.shape[-1], xp), column(g_values, xp), inner)
    return xp.matmul(v, xp.matmul(inner, H(v, xp)))


EIGH_PHASES = (
    "linalg_eigh_backward: The eigenvectors in the complex case are specified up to multiplication "
    "by e^{i phi}. The specified loss function depends on this quantity, so it is ill-defined."
)


@op(node="LinalgEigh", stacks=2, outputs=2, x=eigh_rule)
def eigh(xp, x, /):
    """Ascending eigenvalues and orthonormal eigenvectors (columns) of Hermitian matrices.

    What is above the diagonal counts for nothing.
    """
    return tuple(xp.linalg.eigh(x))


def eigvalsh_rule(g, x, xp):
    _, v = xp.linalg.eigh(x)
    return xp.matmul(v * row(xp.astype(g, x.dtype), xp), H(v, xp))


@op(node="LinalgEigh", stacks=2, x=eigvalsh_rule)
def eigvalsh(xp, x, /):
    """The ascending eigenvalues of Hermitian matrices."""
    return xp.linalg.eigvalsh(x)


def eig_rule(gs, out, xp):
    """Eigenvectors are of length 1 here: a change of their length is taken off."""
    (g_values, g_vectors), (values, v) = gs, out
    if g_values is None and g_vectors is None:
        return None
    adjoint = H(v, xp)
    if g_vectors is None:
        return xp.linalg.solve(adjoint, column(g_values, xp) * adjoint)
    inner = xp.matmul(adjoint, g_vectors)
    slopes = xp.linalg.diagonal(inner)
    check_phases(slopes, EIG_PHASES, xp)
    lengths = xp.astype(row(xp.real(slopes), xp), v.dtype)
    inner = inner - xp.matmul(adjoint, v * lengths)
    inner = inner / xp.conj(differences(values, xp))
    if g_values is None:
        g_values = xp.zeros_like(values)
    inner = xp.where(diagonal_of(v.shape[-1], xp), column(g_values, xp), inner)
    return xp.linalg.solve(adjoint, xp.matmul(inner, adjoint))


EIG_PHASES = (
    "linalg_eig_backward: The eigenvectors in the complex case are specified up to multiplication "
    "by e^{i phi}. The specified loss function depends on this quantity, so it is ill-defined."
)


@op(node="LinalgEig", stacks=2, outputs=2, x=eig_rule)
def eig(xp, x, /):
    """Complex eigenvalues, in no order, and eigenvectors (columns) of length 1."""
    return tuple(xp.eig(x))


# ------------------------------------------------------------------ functions of matrices


def matrix_exp_rule(g, x, xp):
    """The derivative in a direction stands above the diagonal in ``exp([[A, E], [0, A]])``."""
    n, adjoint = x.shape[-1], H(x, xp)
    above = xp.concat([adjoint, g], axis=-1)
    below = xp.concat([xp.zeros_like(adjoint), adjoint], axis=-1)
    out = xp.matrix_exp(xp.concat([above, below], axis=-2))
    return part(out, slice(0, n), slice(n, 2 * n), xp)


@op(node="LinalgMatrixExp", stacks=2, x=matrix_exp_rule)
def matrix_exp(xp, x, /):
    """The sum of ``x^k / k!``."""
    return xp.matrix_exp(x)
