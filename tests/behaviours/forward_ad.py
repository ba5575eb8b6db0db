# ruff: noqa: E501 - a program is a line
"""`autograd.forward_ad`: dual numbers, level by level."""

from behaviours.table import Table, caught, function

TABLE = Table()


def dual(text):
    """Lines with fw, the module; ``pushed(f, x, v)`` is the tangent of a function."""
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, source = line.partition(": ")
        TABLE.lines(f"{name}: fw = t.autograd.forward_ad; {source}")


def pushed(t, f, *pairs):
    """The value and the tangent of a function of dual numbers."""
    fw = t.autograd.forward_ad
    with fw.dual_level():
        return fw.unpack_dual(f(*(fw.make_dual(p, v) for p, v in pairs)))


dual("""
    made_and_taken_apart: within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(c, t.ones(3))))
    taken_apart_by_name: u = within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(c, t.ones(3)))); [u.primal, u.tangent, type(u).__name__, u._fields]
    no_tangent: within(fw.dual_level(), lambda: fw.unpack_dual(c))
    a_dual_is_a_tensor: within(fw.dual_level(), lambda: [d_ := fw.make_dual(c, t.ones(3)), type(d_).__name__, d_.shape, d_.requires_grad][1:])
    the_primal_is_no_dual: within(fw.dual_level(), lambda: fw.unpack_dual(fw.unpack_dual(fw.make_dual(c, t.ones(3))).primal).tangent)
    the_primal_is_a_view: within(fw.dual_level(), lambda: [d_ := fw.make_dual(c, t.ones(3)), d_ is c, fw.unpack_dual(c).tangent][1:])
    a_tangent_through_a_product: within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(c, t.ones(3)) * 2))
    a_tangent_through_two: within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(c, t.ones(3)) * fw.make_dual(c * 2, t.arange(3.0))))
    a_tangent_of_what_does_not_depend: within(fw.dual_level(), lambda: [fw.make_dual(c, t.ones(3)), fw.unpack_dual(c * 2).tangent][1])
    a_level_ends: d_ = within(fw.dual_level(), lambda: fw.make_dual(c, t.ones(3)) * 2); [caught(fw.unpack_dual, d_), d_]
    after_a_level_the_tangent_is_gone: d_ = within(fw.dual_level(), lambda: fw.make_dual(c, t.ones(3))); within(fw.dual_level(), lambda: fw.unpack_dual(d_).tangent)
    without_a_level: caught(fw.make_dual, c, t.ones(3))
    taken_apart_without_a_level: fw.unpack_dual(c)
    levels_by_hand: fw.enter_dual_level(); d_ = fw.make_dual(c, t.ones(3)) * 3; u = fw.unpack_dual(d_).tangent; fw.exit_dual_level(); u
    levels_nested: within(fw.dual_level(), lambda: caught(fw.enter_dual_level))
    left_without_a_level: caught(fw.exit_dual_level)
    a_tangent_of_another_shape: within(fw.dual_level(), lambda: caught(fw.make_dual, c, t.ones(2)))
    a_tangent_of_another_dtype: within(fw.dual_level(), lambda: caught(fw.make_dual, c, t.ones(3, dtype=t.float64)))
    a_tangent_of_integers: within(fw.dual_level(), lambda: caught(fw.make_dual, t.tensor([1, 2]), t.ones(2)))
    a_dual_of_a_dual: within(fw.dual_level(), lambda: caught(fw.make_dual, fw.make_dual(c, t.ones(3)), t.ones(3)))
    a_dual_in_place: within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(c, t.ones(3)).clone().mul_(3)))
    a_dual_operand_in_place: within(fw.dual_level(), lambda: [a := t.ones(3), a.mul_(fw.make_dual(c, t.ones(3))), fw.unpack_dual(a)][-1])
    a_dual_of_a_view: within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(c, t.arange(3.0))[1:]))
    a_view_of_a_dual_written: within(fw.dual_level(), lambda: [a := fw.make_dual(c.clone(), t.arange(3.0)), a[1:].mul_(10), fw.unpack_dual(a)][-1])
    an_item_of_a_dual: within(fw.dual_level(), lambda: [a := t.zeros(3), a.__setitem__(0, fw.make_dual(c, t.ones(3))[2]), fw.unpack_dual(a)][-1])
    a_dual_detached: within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(c, t.ones(3)).detach()))
    a_dual_under_no_grad: within(fw.dual_level(), lambda: within(t.no_grad(), lambda: fw.unpack_dual(fw.make_dual(c, t.ones(3)) * 2)))
    a_dual_under_inference_mode: within(fw.dual_level(), lambda: within(t.inference_mode(), lambda: caught(lambda: fw.unpack_dual(fw.make_dual(c, t.ones(3)) * 2))))
    a_dual_cloned: within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(c, t.ones(3)).clone()))
    a_dual_of_a_leaf: u = within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(x, t.ones(3)) ** 3)); [u.primal.detach(), u.tangent.detach(), *grads(u.tangent, x)]
    a_tangent_that_requires_a_gradient: u = within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(c, x) ** 2)); [u.tangent.requires_grad, *grads(u.tangent, x)]
    a_gradient_inside_a_level: within(fw.dual_level(), lambda: [a := fw.make_dual(x, t.ones(3)), g := grad((a**3).sum(), x, create_graph=True)[0], fw.unpack_dual(g).tangent.detach()][-1])
    a_dual_of_complex_numbers: within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(z.detach(), t.ones(3, dtype=t.complex64)) ** 2))
    a_real_primal_with_a_complex_result: within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(c, t.ones(3)) * 2j))
    a_modulus: within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(z.detach(), t.ones(3, dtype=t.complex64)).abs()))
    a_conversion: within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(c, t.ones(3)).double()))
    a_comparison: within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(c, t.ones(3)) > 7))
    several_results: within(fw.dual_level(), lambda: [fw.unpack_dual(v).tangent for v in fw.make_dual(m.detach(), t.ones(2, 3)).unbind()])
    a_maximum_with_its_place: within(fw.dual_level(), lambda: [fw.unpack_dual(v).tangent for v in fw.make_dual(m.detach(), t.arange(6.0).view(2, 3)).max(1)])
    a_tie: within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(t.ones(2), t.tensor([1.0, 3.0])).amax()).tangent)
    a_kink: within(fw.dual_level(), lambda: [fw.unpack_dual(f(fw.make_dual(t.zeros(1), t.ones(1)))).tangent for f in (t.abs, t.relu, t.sqrt, lambda v: v.clamp(0, 1), lambda v: v.norm())])
    an_expanded_tangent: within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(c, t.ones(1).expand(3)) * 2))
    gradients_as_duals: l = (x**3).sum(); within(fw.dual_level(), lambda: fw.unpack_dual(fw.make_dual(grad(l, x)[0], t.ones(3)) * 2))
    levels_end_with_an_error: e = caught(within, fw.dual_level(), lambda: 1 / 0); [e, caught(fw.make_dual, c, t.ones(3))]
""")

FUNCTIONS = {
    "arithmetic": lambda t, a: 3 - a * a / (a + 1) + 2**a - a**2,
    "functions": lambda t, a: a.sin().exp() + a.log() * a.sqrt() + a.tanh() + a.sigmoid(),
    "a_matrix_product": lambda t, a: a @ a.t(),
    "reductions": lambda t, a: (
        a.sum() + a.mean() + a.prod() + a.std() + a.norm() + a.logsumexp(0).sum()
    ),
    "reductions_of_a_dimension": lambda t, a: a.sum(0) * a.mean(0) + a.amax(0) + a.var(0),
    "shapes": lambda t, a: a.t().reshape(-1).unsqueeze(0).expand(2, 6).flip(1),
    "indexing": lambda t, a: a[:, [0, 2]] * a[0, 1] + a[a > 100].sum(),
    "joining": lambda t, a: t.cat([a, a * 2, t.stack([a[0], a[0] ** 2])]),
    "sorting": lambda t, a: a.sort(descending=True)[0] + a.cumsum(1) + a.cumprod(1),
    "choosing": lambda t, a: (
        t.where(a > 2, a * 2, a.exp()) + t.maximum(a, 5 - a) + a.clamp(1.5, 4.5)
    ),
    "softmax": lambda t, a: a.softmax(1) * a.log_softmax(0),
    "scattering": lambda t, a: (
        a.gather(1, t.tensor([[0, 0], [2, 1]])) + a.masked_fill(a > 2, 0.0)[:, :2]
    ),
    "einsum": lambda t, a: t.einsum("ij,kj->ik", a, a * 2),
    "constants": lambda t, a: a.detach() * 2 + t.ones_like(a),
}
for _name, _f in FUNCTIONS.items():

    def pushed_through(t, f=_f):
        a = t.arange(1.0, 7.0).reshape(2, 3)
        return pushed(t, lambda v: f(t, v), (a, t.arange(6.0).reshape(2, 3) / 4))

    TABLE(pushed_through, f"pushed_through_{_name}")


@TABLE
def a_function_of_mine_with_a_jvp(t):
    log = []

    def forward(ctx, x):
        ctx.save_for_forward(x)
        return x**3

    def jvp(ctx, v):
        (x,) = ctx.saved_tensors
        log.append(("jvp", v))
        return v * 3 * x * x

    f = function(t, forward, lambda ctx, g: g, jvp=jvp, name="Cube")
    return pushed(t, f.apply, (t.tensor([1.0, 2.0]), t.ones(2))), log


@TABLE
def a_function_of_mine_without_a_jvp(t):
    f = function(t, lambda ctx, x: x * 2, lambda ctx, g: g * 2)
    return caught(pushed, t, f.apply, (t.ones(2), t.ones(2)))


@TABLE
def a_function_of_mine_with_a_missing_tangent(t):
    log = []

    def jvp(ctx, v, w):
        log.append((v is None, w is None))
        return v * 2

    f = function(t, lambda ctx, x, y: x * 2 + y, lambda ctx, g: (g, g), jvp=jvp)
    out = pushed(t, lambda a: f.apply(a, t.ones(2)), (t.ones(2), t.ones(2)))
    return out, log


@TABLE
def a_function_of_mine_that_saves_by_an_attribute(t):
    def forward(ctx, x, n):
        ctx.n = n
        return x * n

    f = function(t, forward, lambda ctx, g: (g, None), jvp=lambda ctx, v, _: v * ctx.n)
    return pushed(t, lambda a: f.apply(a, 5), (t.ones(2), t.arange(2.0)))


@TABLE
def a_function_of_mine_with_two_results(t):
    f = function(
        t, lambda ctx, x: (x * 2, x * 3), lambda ctx, g, h: g, jvp=lambda ctx, v: (v * 2, v * 3)
    )
    fw = t.autograd.forward_ad
    with fw.dual_level():
        a, b = f.apply(fw.make_dual(t.ones(2), t.arange(2.0)))
        return fw.unpack_dual(a), fw.unpack_dual(b)


@TABLE
def a_tangent_of_a_wrong_shape(t):
    f = function(t, lambda ctx, x: x * 2, lambda ctx, g: g, jvp=lambda ctx, v: v[:1])
    return caught(pushed, t, f.apply, (t.ones(2), t.ones(2)))


@TABLE
def a_module_with_dual_parameters(t):
    fw = t.autograd.forward_ad
    model = t.nn.Linear(2, 1)
    with t.no_grad():
        model.weight.fill_(2.0)
        model.bias.fill_(1.0)
    x = t.tensor([1.0, 3.0])
    with fw.dual_level():
        for name, p in list(model.named_parameters()):
            delattr(model, name)
            setattr(model, name, fw.make_dual(p.detach(), t.ones_like(p.detach())))
        return fw.unpack_dual(model(x))


@TABLE
def forward_over_reverse(t):
    """A product of a Hessian and a vector."""
    fw = t.autograd.forward_ad
    x = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with fw.dual_level():
        a = fw.make_dual(x, t.tensor([1.0, 0.0, 2.0]))
        (g,) = t.autograd.grad((a**3).sum() + a.prod(), a, create_graph=True)
        return fw.unpack_dual(g).tangent.detach()


@TABLE
def a_jacobian_column_by_column(t):
    x = t.tensor([0.5, 1.5])
    return [pushed(t, lambda a: (a * a.flip(0)).sin(), (x, v)).tangent for v in t.eye(2)]
