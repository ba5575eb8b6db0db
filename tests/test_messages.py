# ruff: noqa: E501 - a program is a line
"""Errors and warnings say what PyTorch's say, and are caught by what catches PyTorch's.

Each program runs on both libraries. The text must be equal where "torch." reads "xpgrad."; where it
cannot be, `KEY_WORDS` says which words must be there, and why the rest differs.
"""

import re
import warnings

import pytest

import xpgrad as xg

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
pytestmark = pytest.mark.oracle

ERRORS = {}
WARNINGS = {}


def error(program):
    assert program.__name__ not in ERRORS
    ERRORS[program.__name__] = program
    return program


def warning(program):
    assert program.__name__ not in WARNINGS
    WARNINGS[program.__name__] = program
    return program


def lines(kind, text):
    """Programs of one line each, ``name: expression`` of t, x (leaf), y (leaf) and c (no leaf)."""
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, source = line.partition(": ")
        code = compile(source, f"<{name}>", "exec")

        def program(t, code=code):
            x = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
            y = t.tensor([4.0, 5.0, 6.0], requires_grad=True)
            c = t.tensor([7.0, 8.0, 9.0])
            exec(code, {"t": t, "x": x, "y": y, "c": c})

        program.__name__ = name
        kind(program)


# ------------------------------------------------------------------ backward and grad (1 to 3, 9, 10)

lines(
    error,
    """
    not_a_scalar: x.backward()
    not_a_scalar_in_grad: t.autograd.grad(x * 2, x)
    complex_scalar: (x * (1 + 1j)).sum().backward()
    second_backward: l = (x * x).sum(); l.backward(); l.backward()
    second_backward_in_grad: l = (x * x).sum(); t.autograd.grad(l, x); t.autograd.grad(l, x)
    no_grad_needed: c.sum().backward()
    no_grad_needed_by_the_second: t.autograd.backward([x.sum(), c.sum()])
    no_grad_needed_in_grad: t.autograd.grad(c.sum(), x)
    integers: t.tensor([1, 2]).sum().backward()
    shape_of_gradient: x.backward(t.ones(2))
    rank_of_gradient: (x * 2).backward(t.ones(1, 3))
    complex_gradient: x.backward(t.ones(3, dtype=t.complex64))
    real_gradient: (x * 1j).backward(t.ones(3))
    gradient_of_another_type: x.backward([1.0, 2.0, 3.0])
    gradient_in_a_list: t.autograd.grad(x.sum(), x, [3.0])
    too_few_gradients: t.autograd.backward([x, y], [c])
    one_gradient_for_two: t.autograd.backward([x, y], c)
    no_gradients_in_grad: t.autograd.grad(x * 2, x, [])
    unused: t.autograd.grad(x.sum(), [x, y])
    unused_alone: t.autograd.grad(x.sum(), y)
    not_required: t.autograd.grad(x.sum(), c)
    no_inputs_of_grad: t.autograd.grad(x.sum(), [])
    no_inputs_of_backward: t.autograd.backward(x.sum(), inputs=[])
    no_inputs_of_method: x.sum().backward(inputs=())
    inputs_that_need_none: x.sum().backward(inputs=c)
    inputs_of_another_type: t.autograd.grad(x.sum(), [3])
    inputs_of_backward_of_another_type: x.sum().backward(inputs=["x"])
    materialized_but_not_unused: t.autograd.grad(x.sum(), y, materialize_grads=True, allow_unused=False)
    batched_shape: t.autograd.grad(x * 2, x, t.ones(4, 2), is_grads_batched=True)
    batched_sizes: t.autograd.grad((x * 2, x * 3), x, (t.ones(2, 3), t.ones(3, 3)), is_grads_batched=True)
    batched_none: t.autograd.grad(x * 2, x, None, is_grads_batched=True)
    """,
)

# ------------------------------------------------------------------ tensors (4, 6, 7, 11 to 13, 15)

lines(
    error,
    """
    leaf_written: x.mul_(2)
    leaf_written_by_operator: x += 1
    view_of_leaf_written: x[:2].mul_(2)
    leaf_item_written: x[0] = 1.0
    integer_leaf: t.tensor([1, 2], requires_grad=True)
    integer_leaf_by_assignment: a = t.tensor([1, 2]); a.requires_grad = True
    integer_leaf_by_method: t.tensor([True]).requires_grad_()
    flag_of_result: a = x * 2; a.requires_grad = False
    flag_of_result_by_method: (x * 2).requires_grad_(False)
    numpy_of_leaf: x.numpy()
    numpy_of_result: (x * 2).numpy()
    dlpack: x.__dlpack__()
    grad_of_another_size: x.grad = t.ones(2)
    grad_of_itself: x.grad = x
    grad_of_another_type: x.grad = 3.0
    grad_of_another_dtype: x.grad = t.ones(3, dtype=t.float64)
    detach_of_view: (x * 2)[:2].detach_()
    hook_without_gradient: c.register_hook(print)
    post_hook_without_gradient: c.register_post_accumulate_grad_hook(print)
    post_hook_of_result: (x * 2).register_post_accumulate_grad_hook(print)
    retain_without_gradient: c.retain_grad()
    hook_that_changes_the_size: x.register_hook(lambda g: g[:1]); x.sum().backward()
    hook_that_changes_the_rank: x.register_hook(lambda g: g.reshape(3, 1)); x.sum().backward()
    hook_that_changes_the_type: x.register_hook(lambda g: g.double()); x.sum().backward()
    hook_that_returns_a_number: x.register_hook(lambda g: 3); x.sum().backward()
    deepcopy_of_result: import copy; copy.deepcopy(x * 2)
    """,
)

# ------------------------------------------------------------------ modified in place (5, 17)

lines(
    error,
    """
    saved_result_written: a = x.exp(); a.add_(1); a.sum().backward()
    saved_leaf_written: l = (x * y).sum(); y.detach().add_(1); l.backward()
    saved_view_written: a = x.exp(); a[0:1].add_(1); a.sum().backward()
    saved_through_detach: a = x.exp(); a.detach().add_(1); a.sum().backward()
    saved_matrix_written: a = x.exp(); b = a.double().sigmoid(); b.mul_(2); b.sum().backward()
    saved_input_written: a = x.exp(); b = a * a; a.mul_(2); b.sum().backward()
    one_of_several_views: (x * 2).unbind()[0].mul_(2)
    """,
)


@error
def view_made_in_no_grad(t):
    a = t.ones(3, requires_grad=True) * 2
    with t.no_grad():
        b = a[:2]
    b.mul_(2)


@error
def saved_result_written_under_anomaly_detection(t):
    a = t.ones(3, requires_grad=True).exp()
    a.add_(1)
    with warnings.catch_warnings(), t.autograd.set_detect_anomaly(True):
        warnings.simplefilter("ignore")
        a.sum().backward()


@error
def nan(t):
    x = t.zeros(3, requires_grad=True)
    with warnings.catch_warnings(), t.autograd.set_detect_anomaly(True):
        warnings.simplefilter("ignore")
        (x / x).sum().backward()


# ------------------------------------------------------------------ inference mode (14)


def inferred(t):
    with t.inference_mode():
        return t.ones(3)


@error
def inference_tensor_to_require_grad(t):
    inferred(t).requires_grad = True


@error
def inference_tensor_to_require_grad_by_method(t):
    inferred(t).requires_grad_()


@error
def inference_tensor_written(t):
    inferred(t).mul_(2)


@error
def inference_tensor_item_written(t):
    inferred(t)[0] = 1.0


@error
def inference_tensor_saved(t):
    inferred(t) * t.ones(3, requires_grad=True)


@error
def inference_tensor_version(t):
    inferred(t)._version


# ------------------------------------------------------------------ Function (16)


def function(t, forward, backward=None, **more):
    body = {"forward": staticmethod(forward)}
    if backward is not None:
        body["backward"] = staticmethod(backward)
    body |= {k: staticmethod(v) for k, v in more.items()}
    return type(t.autograd.Function)("F1", (t.autograd.Function,), body)


def run(t, *args, **more):
    function(t, *args, **more).apply(t.ones(3, requires_grad=True)).sum().backward()


def double(ctx, x):
    return x * 2


@error
def function_with_too_many_gradients(t):
    run(t, double, lambda ctx, g: (g, g))


@error
def function_with_too_few_gradients(t):
    f = function(t, lambda ctx, x, n: x * n, lambda ctx, g: g)
    f.apply(t.ones(3, requires_grad=True), 2).sum().backward()


@error
def function_with_a_gradient_of_another_shape(t):
    run(t, double, lambda ctx, g: g[:1])


@error
def function_with_a_gradient_for_a_number(t):
    f = function(t, lambda ctx, x, n: x * n, lambda ctx, g: (g, g))
    f.apply(t.ones(3, requires_grad=True), 2).sum().backward()


@error
def function_with_a_number_for_a_gradient(t):
    run(t, double, lambda ctx, g: 3.0)


@error
def function_without_backward(t):
    run(t, double)


@error
def function_with_backward_and_vjp(t):
    run(t, double, lambda ctx, g: g, vjp=lambda ctx, g: g)


@error
def function_without_forward(t):
    type(t.autograd.Function)("F1", (t.autograd.Function,), {}).apply(t.ones(3))


@error
def function_that_saves_a_number(t):
    run(t, lambda ctx, x: ctx.save_for_backward(3))


@error
def function_with_a_dirty_leaf(t):
    run(t, lambda ctx, x: ctx.mark_dirty(x) or x, lambda ctx, g: g)


@error
def function_that_keeps_what_is_dirty(t):
    f = function(t, lambda ctx, x: ctx.mark_dirty(x) or x * 2, lambda ctx, g: g)
    f.apply(t.ones(3, requires_grad=True) * 2)


@error
def function_freed(t):
    f = function(
        t, lambda ctx, x: ctx.save_for_backward(x) or x * 2, lambda ctx, g: g * ctx.saved_tensors[0]
    )
    y = f.apply(t.ones(3, requires_grad=True))
    y.sum().backward()
    y.grad_fn.saved_tensors


@error
def function_whose_saved_tensor_was_written(t):
    f = function(
        t, lambda ctx, x: ctx.save_for_backward(x) or x * 2, lambda ctx, g: g * ctx.saved_tensors[0]
    )
    leaf = t.ones(3, requires_grad=True)
    y = f.apply(leaf)
    leaf.detach().add_(1)
    y.sum().backward()


@error
def function_whose_saved_output_was_written(t):
    def forward(ctx, x):
        out = x.exp()
        ctx.save_for_backward(out)
        return out

    y = function(t, forward, lambda ctx, g: g * ctx.saved_tensors[0]).apply(
        t.ones(3, requires_grad=True)
    )
    y.add_(1)
    y.sum().backward()


@error
def function_with_an_input_as_output_written(t):
    y = function(t, lambda ctx, x: x, lambda ctx, g: g).apply(t.ones(3, requires_grad=True) * 2)
    y.mul_(2)


@error
def once_differentiable(t):
    backward = t.autograd.function.once_differentiable(lambda ctx, g: g * 2)
    f = function(t, double, backward)
    x, v = t.ones(3, requires_grad=True), t.ones(3, requires_grad=True)
    (g,) = t.autograd.grad(f.apply(x), x, v, create_graph=True)
    g.sum().backward()


# ------------------------------------------------------------------ functional (21) and gradcheck (20)


def functional(text):
    lines(
        error,
        "\n".join(
            f"{n.strip()}: F = t.autograd.functional; v = t.ones(3); {s}"
            for n, _, s in (line.partition(": ") for line in text.strip().splitlines())
        ),
    )


functional("""
    jacobian_of_a_list: F.jacobian(lambda a: a, [c])
    jacobian_of_a_number: F.jacobian(lambda a: a, 3)
    jacobian_of_a_number_in_a_tuple: F.jacobian(lambda a, b: a, (c, 3))
    jacobian_to_a_list: F.jacobian(lambda a: [a * 2], c)
    jacobian_to_a_number_in_a_tuple: F.jacobian(lambda a: (a, 3), c)
    jacobian_strict_input: F.jacobian(lambda a, b: a * 2, (c, v), strict=True)
    jacobian_strict_output: F.jacobian(lambda a: v, c, strict=True)
    jacobian_strict_graph: F.jacobian(lambda a: a * 2, c, strict=True, create_graph=True)
    jacobian_strict_vectorized: F.jacobian(lambda a: a * 2, c, strict=True, vectorize=True)
    jacobian_strategy: F.jacobian(lambda a: a * 2, c, strategy="other")
    jacobian_complex: F.jacobian(lambda a: a * 2j, c)
    jacobian_of_integers: F.jacobian(lambda a: a * 2, t.tensor([1, 2]))
    hessian_of_a_vector: F.hessian(lambda a: a * a, c)
    hessian_of_a_tuple: F.hessian(lambda a: (a.sum(),), c)
    hessian_of_a_number: F.hessian(lambda a: 3, c)
    hessian_of_a_list: F.hessian(lambda a: a.sum(), [c])
    hessian_strict_linear: F.hessian(lambda a: a.sum(), c, strict=True)
    hessian_strict_unused: F.hessian(lambda a, b: (a * a).sum(), (c, v), strict=True)
    hessian_strict_linear_in_one: F.hessian(lambda a, b: (a * a).sum() + b.sum(), (c, v), strict=True)
    hessian_strategy: F.hessian(lambda a: a.sum(), c, outer_jacobian_strategy="other")
    vjp_without_v: F.vjp(lambda a: a * a, c)
    vjp_without_v_of_two: F.vjp(lambda a: (a.sum(), a.sum()), c)
    vjp_v_of_another_size: F.vjp(lambda a: a * a, c, t.ones(2))
    vjp_too_many_v: F.vjp(lambda a: a * a, c, (v, v))
    vjp_v_of_another_type: F.vjp(lambda a: a * a, c, 3)
    vjp_second_v_of_another_size: F.vjp(lambda a: (a, a), c, (v, t.ones(2)))
    vjp_strict_output: F.vjp(lambda a: v, c, v, strict=True)
    vjp_strict_input: F.vjp(lambda a, b: a * 2, (c, v), v, strict=True)
    vjp_strict_graph: F.vjp(lambda a: a * 2, c, v, strict=True, create_graph=True)
    jvp_without_v: F.jvp(lambda a: a * a, c)
    jvp_without_v_of_two: F.jvp(lambda a, b: a * b, (c, v))
    jvp_too_few_v: F.jvp(lambda a, b: a * b, (c, v), (v,))
    jvp_v_of_another_size: F.jvp(lambda a: a * a, c, t.ones(2))
    jvp_strict_output: F.jvp(lambda a: v, c, v, strict=True)
    jvp_strict_input: F.jvp(lambda a, b: a * 2, (c, v), (v, v), strict=True)
    jvp_strict_graph: F.jvp(lambda a: a * 2, c, v, strict=True, create_graph=True)
    vhp_of_a_vector: F.vhp(lambda a: a * a, c, v)
    vhp_of_a_tuple: F.vhp(lambda a: (a.sum(),), c, v)
    vhp_without_v: F.vhp(lambda a: (a * a).sum(), c)
    vhp_v_of_another_size: F.vhp(lambda a: (a * a).sum(), c, t.ones(2))
    vhp_strict_linear: F.vhp(lambda a: a.sum(), c, v, strict=True)
    vhp_strict_output: F.vhp(lambda a: v.sum(), c, v, strict=True)
    vhp_strict_unused: F.vhp(lambda a, b: (a * a).sum(), (c, v), (v, v), strict=True)
    hvp_of_a_vector: F.hvp(lambda a: a * a, c, v)
    hvp_of_a_tuple: F.hvp(lambda a: (a.sum(),), c, v)
    hvp_without_v: F.hvp(lambda a: (a * a).sum(), c)
    hvp_v_of_another_size: F.hvp(lambda a: (a * a).sum(), c, t.ones(2))
    hvp_strict_linear: F.hvp(lambda a: a.sum(), c, v, strict=True)
    hvp_strict_output: F.hvp(lambda a: v.sum(), c, v, strict=True)
    hvp_strict_unused: F.hvp(lambda a, b: (a * a).sum(), (c, v), (v, v), strict=True)
""")

lines(
    error,
    """
    gradcheck_mismatch: t.autograd.gradcheck(lambda a: a.detach() * a, x.detach().double().requires_grad_())
    gradcheck_without_gradients: t.autograd.gradcheck(lambda a: a * a, c)
    gradcheck_of_a_constant: t.autograd.gradcheck(lambda a: a.detach() * 2, x.double())
    gradcheck_of_nothing: t.autograd.gradcheck(lambda a: a, x.double(), check_backward_ad=False)
    gradgradcheck_mismatch: t.autograd.gradgradcheck(lambda a: a * a.detach() * a, x.detach().double().requires_grad_(), c.double().requires_grad_())
    """,
)


# ------------------------------------------------------------------ warnings (8, 18, 19, 20)


@warning
def grad_of_a_result(t):
    (t.ones(3, requires_grad=True) * 2).grad


@warning
def backward_with_create_graph(t):
    x = t.ones(3, requires_grad=True)
    (x * x).sum().backward(create_graph=True)
    x.grad = None


@warning
def anomaly_detection(t):
    t.autograd.detect_anomaly()


@warning
def nan_in_backward(t):
    with t.autograd.set_detect_anomaly(True):
        x = t.zeros(3, requires_grad=True)
        y = x / x
        with pytest.raises(RuntimeError):
            y.sum().backward()


@warning
def nan_without_a_forward(t):
    x = t.zeros(3, requires_grad=True)
    y = x / x
    with t.autograd.set_detect_anomaly(True), pytest.raises(RuntimeError):
        y.sum().backward()


@warning
def gradcheck_in_single_precision(t):
    x = t.ones(3, requires_grad=True)
    t.autograd.gradcheck(lambda x: x * 2, x, eps=1e-2, atol=1e-2)


@warning
def only_inputs(t):
    x = t.ones(3, requires_grad=True)
    t.autograd.grad(x.sum(), x, only_inputs=False)


@warning
def dirty_but_no_input(t):
    def forward(ctx, x):
        out = x * 2
        ctx.mark_dirty(out)
        return out

    function(t, forward, lambda ctx, g: g).apply(t.ones(3, requires_grad=True))


# ------------------------------------------------------------------ where texts differ

KEY_WORDS = {
    # The size of the mapped dimension is taken off before PyTorch prints the shape.
    "batched_shape": "If `is_grads_batched=True`, we interpret the first dimension of each grad_ou",
    # Ours names the dtype as well.
    "integer_leaf": "Only Tensors of floating point and complex dtype can require gradients",
    "integer_leaf_by_assignment": "only Tensors of floating point and complex dtype can require grad",
    "integer_leaf_by_method": "only Tensors of floating point dtype can require gradients",
    "jacobian_of_integers": "only Tensors of floating point dtype can require gradients",
    # PyTorch speaks of its attribute grad_dtype, and points to pages about it.
    "grad_of_another_dtype": "attempting to assign a gradient with dtype",
    "deepcopy_of_result": "Only Tensors created explicitly by the user (graph leaves) support the de",
    "grad_of_a_result": "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed",
    # The files and lines of the two libraries differ, and so do their callers.
    "nan_in_backward": "Error detected in DivBackward0. Traceback of forward call that caused the",
}


def outcome(program, t):
    """What a program raises, as its type and text."""
    with pytest.raises(Exception) as e:  # noqa: PT011 - which one is the question
        program(t)
    assert not isinstance(e.value, (NameError, AttributeError)), e.value
    return type(e.value), as_ours(str(e.value))


def as_ours(text):
    text = re.sub(r"\(Triggered internally at .*\)", "", text, flags=re.DOTALL)
    return re.sub(r"\btorch([./])", r"xpgrad\1", text).strip()


@pytest.mark.parametrize("name", ERRORS)
def test_error(name):
    program = ERRORS[name]
    expected_type, expected = outcome(program, torch)
    found_type, found = outcome(program, xg)
    family = next(k for k in expected_type.__mro__ if k.__module__ == "builtins")
    assert issubclass(found_type, family)
    assert issubclass(found_type, xg.errors.XpgradError) or found_type is family
    if name in KEY_WORDS:
        assert KEY_WORDS[name] in found
        assert found != expected
    else:
        assert found == expected


@pytest.mark.parametrize("name", WARNINGS)
def test_warning(name):
    program = WARNINGS[name]
    found = {}
    for t in (torch, xg):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of nan
            if t is torch:
                torch._C._set_warnAlways(True)
            program(t)
        found[t] = [(w.category, as_ours(str(w.message))) for w in seen]
    if name in KEY_WORDS:
        ((category, text),) = found[xg]
        assert KEY_WORDS[name] in text
        assert category is found[torch][0][0]
    else:
        assert found[xg] == found[torch] != []


def test_devices_that_do_not_mix():
    # PyTorch: "Tensor on device meta is not on the expected device cpu!"; there is no meta here.
    x = xg.ones(3, requires_grad=True)
    try:
        other = xg.ones(3, device="strict:1")
    except RuntimeError as missing:
        pytest.skip(f"strict:1: {missing}")
    with pytest.raises(
        RuntimeError, match="Expected all tensors to be on the same device, but fou"
    ):
        x + other
    with pytest.raises(RuntimeError, match="invalid gradient at index 0 - expected device cpu but"):
        x.backward(other)
    with pytest.raises(
        RuntimeError, match="attempting to assign a gradient with device type 'stric"
    ):
        x.grad = other


def test_every_exception_is_used():
    assert set(KEY_WORDS) <= {*ERRORS, *WARNINGS}
