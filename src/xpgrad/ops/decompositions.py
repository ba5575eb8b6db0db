"""Decompositions of matrices, systems of equations, and what is made of them. All take stacks.

A gradient that depends on what a decomposition leaves open (the phases of eigenvectors, say) is
refused where the host can see it without waiting. `H` is the conjugate transpose.

Sources of the derivatives: Giles, *Collected matrix derivative results for forward and reverse mode
algorithmic differentiation* (2008); Murray, *Differentiation of the Cholesky decomposition* (2016);
Seeger et al., *Auto-differentiating linear algebra* (2017) and Walter & Lehmann, *Algorithmic
differentiation of linear algebra functions with application in optimum experimental design* (2010)
for QR; Townsend, *Differentiating the singular value decomposition* (2016) and Wan & Zhang,
*Automatic differentiation for complex valued SVD* (2019); Boeddeker et al., *On the computation of
complex-valued gradients with application to statistically optimum beamforming* (2017) for
eigenvalues; Golub & Pereyra, *The differentiation of pseudo-inverses and nonlinear least squares
problems whose variables separate* (1973); Higham, *Functions of Matrices* (2008).
"""

from __future__ import annotations

from xpgrad.errors import GradientError
from xpgrad.op import op


def H(x, xp):
    """The conjugate transpose."""
    return xp.conj(xp.matrix_transpose(x))


def column(x, xp):
    """One more axis: what scales rows."""
    return xp.expand_dims(x, axis=-1)


def row(x, xp):
    """One more axis: what scales columns."""
    return xp.expand_dims(x, axis=-2)


def diagonal_of(n, xp):
    """Where the diagonal of square matrices is."""
    return xp.eye(n, dtype=xp.native("bool"))


def on_diagonal(x, xp):
    """Square matrices with these diagonals."""
    return xp.where(diagonal_of(x.shape[-1], xp), column(x, xp), xp.zeros((), dtype=x.dtype))


def part(x, rows, columns, xp):
    """Some of the rows and columns, given as slices."""
    return xp.getitem(x, (..., rows, columns))


# ------------------------------------------------------------------ systems of equations


@op(
    node="LinalgSolveEx",
    stacks=2,
    shared=lambda g, a, factors, xp: xp.resolve(a, factors, g, True),
    a=lambda shared, out, xp: -xp.matmul(shared, H(out, xp)),
    b=lambda shared: shared,
)
def solve(xp, a, b, /, *, factors=None):
    """The `x` with ``a @ x = b``; `factors` are those of `a`, if they are known (`Namespace`)."""
    return xp.resolve(a, factors, b, False)


def triangular_a(shared, out, upper, unitriangular, xp):
    g = -xp.matmul(shared, H(out, xp))
    k = int(unitriangular)
    return xp.triu(g, k=k) if upper else xp.tril(g, k=-k)


@op(
    node="LinalgSolveTriangular",
    stacks=2,
    shared=lambda g, a, upper, unitriangular, xp: xp.solve_triangular(
        H(a, xp), g, not upper, unitriangular
    ),
    a=triangular_a,
    b=lambda shared: shared,
)
def solve_triangular(xp, a, b, /, *, upper, unitriangular=False):
    """The `x` with ``a @ x = b``, where only a triangle of `a` is looked at."""
    return xp.solve_triangular(a, b, upper, unitriangular)


def inv_rule(g, out, xp):
    adjoint = H(out, xp)
    return -xp.matmul(adjoint, xp.matmul(g, adjoint))


@op(node="LinalgInvEx", stacks=2, x=inv_rule)
def inv(xp, x, /):
    return xp.linalg.inv(x)


def pinv_rule(g, x, out, xp):
    """The derivative where the rank stays; two of its terms see what `x` does not reach."""
    p, adjoint, g_adjoint = out, H(out, xp), H(g, xp)
    found = -xp.matmul(adjoint, xp.matmul(g, adjoint))
    left = xp.matmul(g_adjoint, p)
    left = xp.matmul(left - xp.matmul(x, xp.matmul(p, left)), adjoint)
    right = xp.matmul(p, g_adjoint)
    right = xp.matmul(adjoint, right - xp.matmul(xp.matmul(right, p), x))
    return found + left + right


@op(node="LinalgPinv", stacks=(2, 0, 0), x=pinv_rule, atol=None, rtol=None)
def pinv(xp, x, atol, rtol, /, *, hermitian=False):
    """The pseudo-inverse; singular values up to ``max(atol, rtol * the largest)`` count as zero."""
    if hermitian:
        s, u = xp.linalg.eigh(x)
        vh, size = H(u, xp), xp.abs(s)
    else:
        u, s, vh = xp.linalg.svd(x, full_matrices=False)
        size = s
    largest = xp.max(size, axis=-1, keepdims=True) if s.shape[-1] else xp.sum(
        size, axis=-1, keepdims=True
    )  # fmt: skip
    least = xp.astype(column(rtol, xp), s.dtype) * largest
    bound = xp.astype(column(atol, xp), s.dtype)
    kept = xp.logical_and(size > least, size > bound)
    scale = xp.where(kept, 1 / xp.where(kept, s, xp.ones_like(s)), xp.zeros_like(s))
    return xp.matmul(H(vh, xp) * xp.astype(row(scale, xp), x.dtype), H(u, xp))


# ------------------------------------------------------------------ determinants


def det_rule(g, x, xp):
    return column(column(g, xp), xp) * xp.conj(xp.cofactor(x))


@op(node="LinalgDet", stacks=2, x=det_rule)
def det(xp, x, /):
    return xp.linalg.det(x)


def without_two(s, xp):
    """The products of all numbers but two, for each pair; zero for a number and itself.

    The numbers descend and are not negative, so that where one before the last two is zero all
    products are, whatever it is divided by here.
    """
    n = s.shape[-1]
    if n < 2:
        return xp.zeros((*s.shape, n), dtype=s.dtype)
    head = xp.getitem(s, (..., slice(0, n - 2)))
    a, b = (xp.getitem(s, (..., slice(i, i + 1))) for i in (n - 2, n - 1))
    inverse = 1 / xp.where(head == 0, xp.ones_like(head), head)
    zero, one = xp.zeros_like(a), xp.ones_like(a)
    parts = [
        xp.concat([x, *last], axis=-1)
        for x, last in (
            (inverse, (zero, zero)),
            (a * inverse, (one, zero)),
            (b * inverse, (zero, one)),
        )
    ]
    p, with_a, with_b = parts
    pairs = column(with_a, xp) * row(with_b, xp)
    both = column(column(xp.squeeze(a * b, axis=-1), xp), xp)
    pairs = pairs + xp.matrix_transpose(pairs) - both * (column(p, xp) * row(p, xp))
    rest = column(column(xp.prod(head, axis=-1), xp), xp)
    return xp.where(diagonal_of(n, xp), xp.zeros_like(pairs), rest * pairs)


NEARLY_SINGULAR = 1e-5  # the ratio of singular values from which on inverses are not trusted


def cofactor_rule(g, x, xp):
    """The second derivative of the determinant: by inverses, where these are any good.

    That way derivatives of any order follow. The other is right for any rank too, but its own
    derivatives want different singular values.
    """
    n = x.shape[-1]
    if n == 0:
        return g
    s = xp.linalg.svdvals(x)
    first, last = (xp.getitem(s, (..., slice(i, i + 1))) for i in (0, n - 1))
    singular = column(last <= NEARLY_SINGULAR * first, xp)
    apart = on_diagonal(xp.astype(xp.arange(n), x.dtype) + 1, xp)
    regular = by_inverse(g, xp.where(singular, xp.eye(n, dtype=x.dtype), x), xp)
    return xp.where(singular, by_minors(g, xp.where(singular, x, apart), xp), regular)


def by_inverse(g, x, xp):
    """For regular matrices: of ``det(A) inv(A).T``."""
    inverse, det = xp.linalg.inv(x), xp.linalg.det(x)
    turned = xp.matmul(inverse, xp.conj(g))
    trace = column(column(xp.sum(xp.linalg.diagonal(turned), axis=-1), xp), xp)
    found = xp.matrix_transpose(trace * inverse - xp.matmul(turned, inverse))
    return xp.conj(column(column(det, xp), xp) * found)


def by_minors(g, x, xp):
    """By the singular values ``x = U S V^H``.

    For ``S`` it is a sum over pairs of what is left without their rows and columns (a formula of
    minors, finite for any rank); ``U`` and ``V`` change the coordinates.
    """
    u, s, vh = xp.linalg.svd(x, full_matrices=False)
    phase = column(column(xp.linalg.det(u) * xp.linalg.det(vh), xp), xp)
    turned = xp.matmul(H(u, xp), xp.matmul(xp.conj(g), H(vh, xp)))
    pairs = xp.astype(without_two(s, xp), g.dtype)
    sums = xp.matmul(pairs, column(xp.linalg.diagonal(turned), xp))
    w = xp.where(diagonal_of(s.shape[-1], xp), sums, -pairs * xp.matrix_transpose(turned))
    return xp.conj(phase) * xp.matmul(u, xp.matmul(xp.conj(w), vh))


@op(stacks=2, x=cofactor_rule)
def cofactor(xp, x, /):
    """The derivative of the determinant by each element."""
    return xp.cofactor(x)


def slogdet_rule(gs, x, out, xp):
    """With ``t = tr(inv(A) dA)``: the logarithm changes by Re t, the sign by ``i sign Im t``."""
    g_sign, g_log = gs
    g = None if g_log is None else xp.astype(g_log, x.dtype)
    if g_sign is not None and x.dtype in xp.complexes:
        turn = xp.astype(xp.imag(g_sign * xp.conj(out[0])), x.dtype) * 1j
        g = turn if g is None else g + turn
    if g is None:
        return None
    return column(column(g, xp), xp) * xp.linalg.inv(H(x, xp))


@op(node="LinalgSlogdet", stacks=2, outputs=2, kept=(0,), x=slogdet_rule)
def slogdet(xp, x, /):
    """The sign of the determinant, and the logarithm of its size."""
    return tuple(xp.linalg.slogdet(x))


# ------------------------------------------------------------------ triangular factors


def cholesky_rule(g, out, upper, xp):
    adjoint = out if upper else H(out, xp)
    g = H(g, xp) if upper else g
    lower = xp.tril(xp.matmul(adjoint, g))
    whole = xp.where(diagonal_of(out.shape[-1], xp), lower, lower + H(lower, xp))
    half = xp.solve_triangular(adjoint, whole * 0.5, True)
    return H(xp.solve_triangular(adjoint, H(half, xp), True), xp)


@op(node="LinalgCholeskyEx", stacks=2, x=cholesky_rule)
def cholesky(xp, x, /, *, upper=False):
    """The lower triangular ``L`` with ``L @ L.H = x``, or ``L.H``.

    Of `x`, which is Hermitian, only the triangle of that name is looked at.
    """
    return H(xp.linalg.cholesky(H(x, xp)), xp) if upper else xp.linalg.cholesky(x)


def cholesky_solve_lower(shared, out, lower, xp):
    both = xp.matmul(shared, H(out, xp))
    return -xp.matmul(both + H(both, xp), lower)


@op(
    stacks=2,
    shared=lambda g, lower, xp: xp.cholesky_solve(g, lower),
    b=lambda shared: shared,
    lower=cholesky_solve_lower,
)
def cholesky_solve(xp, b, lower, /):
    """The `x` with ``lower @ lower.H @ x = b``."""
    return xp.cholesky_solve(b, lower)


def cholesky_inverse_rule(g, lower, out, xp):
    both = g + H(g, xp)
    return -xp.matmul(xp.matmul(out, xp.matmul(both, out)), lower)


@op(stacks=2, lower=cholesky_inverse_rule)
def cholesky_inverse(xp, lower, /):
    """The inverse of ``lower @ lower.H``."""
    eye = xp.broadcast_to(xp.eye(lower.shape[-1], dtype=lower.dtype), tuple(lower.shape))
    return xp.cholesky_solve(eye, lower)


def reordered(x, order, xp):
    """The rows of matrices in another order."""
    order = xp.broadcast_to(column(order, xp), tuple(x.shape))
    return xp.take_along_axis(x, order, axis=-2)


def lu_rule(gs, out, xp):
    """The square block is ``P.H dA1 = dL U + L dU``; what is beside or below it follows."""
    (g, _), (lu, pivots) = gs, out
    if g is None:
        return None
    m, n = lu.shape[-2:]
    k = min(m, n)
    square, rest = slice(0, k), slice(k, max(m, n))
    lu1, g1 = part(lu, square, square, xp), part(g, square, square, xp)
    unit = xp.where(diagonal_of(k, xp), xp.ones_like(lu1), xp.tril(lu1))
    lower = xp.matmul(H(unit, xp), xp.tril(g1, k=-1))
    upper = xp.matmul(xp.triu(g1), H(xp.triu(lu1), xp))
    beside = None
    if m < n:
        beside = xp.solve_triangular(H(unit, xp), part(g, square, rest, xp), True, True)
        lower = lower - xp.matmul(part(g, square, rest, xp), H(part(lu, square, rest, xp), xp))
    elif m > n:
        beside = H(xp.solve_triangular(xp.triu(lu1), H(part(g, rest, square, xp), xp), True), xp)
        upper = upper - xp.matmul(H(part(lu, rest, square, xp), xp), part(g, rest, square, xp))
    inner = xp.tril(lower, k=-1) + xp.triu(upper)
    found = xp.solve_triangular(H(unit, xp), inner, True, True)
    found = H(xp.solve_triangular(xp.triu(lu1), H(found, xp), True), xp)
    if beside is not None:
        found = xp.concat([found, beside], axis=-1 if m < n else -2)
    return reordered(found, xp.argsort(xp.permutation(pivots, m), axis=-1), xp)


@op(node="LinalgLuFactorEx", stacks=2, outputs=2, x=lu_rule)
def lu_factor(xp, x, /):
    """``L`` and ``U`` in one matrix, and the row that each row changed places with."""
    return xp.lu_factor(x)


@op(stacks=1, pivots=None)
def permutation(xp, pivots, /, *, length):
    """The order of `length` rows after row i changed places with ``pivots[i]``, in turn."""
    return xp.permutation(pivots, length)


def qr_rule(gs, out, mode, xp):
    """Of the square or tall part; in a wide matrix the other columns are ``Q @ R2``."""
    (g_q, g_r), (q, r) = gs, out
    if g_q is None and g_r is None:
        return None
    m, n, k = q.shape[-2] if q.ndim > 1 else 0, r.shape[-1], q.shape[-1]
    if mode == "r":
        raise GradientError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. "
            "Please use linalg.qr(A, mode='reduced') if you are going to require derivatives"
        )
    if mode == "complete" and m > n:
        raise GradientError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols"
        )
    if m >= n:
        return tall_qr(g_q, g_r, q, r, xp)
    square, rest = slice(0, k), slice(k, n)
    if g_r is None:
        g_r = xp.zeros_like(r)
    g_rest = part(g_r, slice(None), rest, xp)
    beside = xp.matmul(q, g_rest)
    # Q is the left part's, and the right part of R is ``Q.H @ X2``, with ``X2 = Q @ R2``.
    turned = xp.matmul(q, xp.matmul(part(r, slice(None), rest, xp), H(g_rest, xp)))
    g_q = turned if g_q is None else g_q + turned
    left = tall_qr(g_q, part(g_r, slice(None), square, xp), q, part(r, slice(None), square, xp), xp)
    return xp.concat([left, beside], axis=-1)


def tall_qr(g_q, g_r, q, r, xp):
    inner = xp.zeros_like(r) if g_r is None else xp.matmul(r, H(g_r, xp))
    if g_q is not None:
        inner = inner - xp.matmul(H(g_q, xp), q)
    below = xp.tril(inner, k=-1)
    level = xp.real(xp.linalg.diagonal(inner))
    symmetric = below + H(below, xp) + on_diagonal(xp.astype(level, q.dtype), xp)
    found = xp.matmul(q, symmetric)
    if g_q is not None:
        found = found + g_q
    return H(xp.solve_triangular(r, H(found, xp), True), xp)


@op(node="LinalgQr", stacks=2, outputs=2, x=qr_rule)
def qr(xp, x, /, *, mode="reduced"):
    """``Q`` with orthonormal columns and the upper triangular ``R``; ``"r"`` gives ``R`` alone."""
    q, r = xp.linalg.qr(x, mode="complete" if mode == "complete" else "reduced")
    return (xp.zeros((*x.shape[:-2], 0), dtype=x.dtype), r) if mode == "r" else (q, r)
