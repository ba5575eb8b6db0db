# ruff: noqa: E501 - a program is a line
"""Views and their bases, version counters, writing in place and by index, detaching."""

import functools

from behaviours.table import Table, caught

TABLE = Table()

# ------------------------------------------------------------------ arithmetic of booleans

TABLE.lines("""
    booleans_added: b = x > 1; [b + ~b, b + b, b * ~b, b + 1, b + 1.5, b + True, b * 2, b / b, b + c]
    booleans_added_in_place: b = x > 1; b += ~b; b
    booleans_subtracted: b = x > 1; [caught(lambda: b - b), caught(t.sub, b, ~b), caught(b.sub, True), caught(lambda: True - b)]
    booleans_subtracted_from_numbers: b = x > 1; [caught(lambda: v - b) for v in (1, 2.5, c, t.tensor([1, 2, 3]))]
    numbers_subtracted_from_booleans: b = x > 1; [caught(lambda: b - v) for v in (1, 2.5, c, t.tensor([1, 2, 3]))]
    true_subtracted: [caught(lambda: v - True) for v in (c, t.tensor([1, 2]))] + [caught(lambda: True - v) for v in (c, t.tensor([1, 2]))]
    booleans_subtracted_in_place: a = c.clone(); [caught(a.sub_, a > 8), caught(a.sub_, True), caught((a > 8).sub_, a > 8), a]
    rsub_of_booleans: b = x > 1; [caught(t.rsub, b, b), caught(t.rsub, b, 1)]
    booleans_negated: b = x > 1; [caught(lambda: -b), caught(b.neg), caught(b.neg_), caught(t.negative, b), ~b, b.logical_not()]
    booleans_with_a_plus: b = x > 1; [caught(lambda: +b), caught(t.positive, b), +x is x]
    booleans_divided: b = x > 1; [b / ~b, caught(lambda: b // b), caught(lambda: b % b), caught(t.remainder, b, b), b // 2, b % 2]
    booleans_to_a_power: b = x > 1; [caught(lambda: b**b), caught(t.pow, b, b), b**2, b**c]
    booleans_shifted: b = x > 1; [caught(lambda: b << b), caught(lambda: b >> b), b << 1]
    bits_of_floats: [caught(lambda: c & c), caught(lambda: c | c), caught(lambda: c ^ 1), caught(lambda: c << 1), caught(lambda: ~c), caught(lambda: ~z)]
    alpha_that_is_a_boolean: b, i = x > 1, t.tensor([1, 2, 3]); [caught(t.add, c, c, alpha=True), caught(t.add, i, i, alpha=True), caught(t.sub, i, i, alpha=True), t.add(b, ~b, alpha=True), t.add(b, ~b, alpha=False), t.add(b, ~b, alpha=2)]
    alpha_that_is_no_integer: b, i = x > 1, t.tensor([1, 2, 3]); [caught(t.add, i, i, alpha=1.5), caught(t.sub, i, i, alpha=0.5), caught(t.add, b, b, alpha=1.5)]
    sums_of_booleans: b = x > 1; [b.sum(), b.prod(), b.cumsum(0), sum(b), b.sum(dtype=t.bool)]
""")

# ------------------------------------------------------------------ views and bases

TABLE.lines("""
    base_of_a_view: a = x * 2; a[:2]._base is a
    base_of_a_view_of_a_view: a = m * 2; a.t()[0]._base is a
    base_of_a_view_of_a_leaf: x[1:]._base is x
    base_of_what_is_no_view: [(x * 2)._base, x._base, x.clone()._base]
    base_of_a_view_without_gradients: c[1:]._base is c
    base_of_a_detached_view: (x * 2)[:2].detach()._base
    what_is_a_view: a = m * 2; [v._is_view() for v in (a.view(6), a.reshape(6), a.t(), a.T, a.mT, a.transpose(0, 1), a.permute(1, 0), a.expand(2, 2, 3), a.squeeze(), a.unsqueeze(0), a.narrow(1, 0, 2), a.select(0, 1), a.diagonal(), a.flatten(), a.ravel(), a.view_as(a), a.expand_as(a), a.movedim(0, 1), a.swapaxes(0, 1), a.unflatten(1, (3, 1)))]
    what_is_a_view_by_index: a = m * 2; [a[i]._is_view() for i in (0, -1, slice(1), slice(None, None, 2), ..., None, (0, 1), (slice(None), 1), (..., None))]
    what_is_one_of_several_views: a = m * 2; [v[0]._is_view() for v in (a.split(1), a.chunk(2), a.unbind(), a.tensor_split(2), a.split_with_sizes([1, 1]), a.hsplit(3), a.vsplit(2))]
    what_is_no_view: a = m * 2; [v._is_view() for v in (a.clone(), a[[0, 1]], a[a > 5], a.t().reshape(6), a.repeat(1, 1), a.flip(0), a.roll(1), a.index_select(0, t.tensor([0])), a.tril(), a + 0, a.double())]
    what_returns_the_tensor_itself: a = m * 2; [v is a for v in (a.contiguous(), a.real, a.to(a.dtype), a.float(), a.conj(), a.to(a), a.cpu(), a.type_as(a), a.reshape(2, 3), a.view(2, 3), a.expand(2, 3), a[...])]
    names_of_views: a = m * 2; [v.grad_fn for v in (a.view(6), a.reshape(6), a.t(), a.T, a.mT, a.transpose(0, 1), a.permute(1, 0), a.expand(2, 2, 3), a.squeeze(), a.squeeze(0), a.unsqueeze(0), a.narrow(1, 0, 2), a.select(0, 1), a.diagonal(), a.flatten(), a.ravel(), a.movedim(0, 1), a.swapaxes(0, 1))]
    names_of_views_by_index: a = m * 2; [a[i].grad_fn for i in (0, -1, slice(1), ..., None, (0, 1), (slice(None), 1), (slice(1), slice(2)), (..., None))]
    names_of_several_views: a = m * 2; [v[-1].grad_fn for v in (a.split(1), a.chunk(2), a.unbind(), a.tensor_split(2), a.split_with_sizes([1, 1]))]
    number_of_an_output: a, b = (m * 2).unbind(); [a.output_nr, b.output_nr, a.grad_fn is b.grad_fn]
    a_view_of_a_leaf_is_no_leaf: v = x[:2]; [v.is_leaf, v.requires_grad, x.is_leaf]
    a_view_of_a_constant_is_a_leaf: v = c[:2]; [v.is_leaf, v.requires_grad]
    a_view_of_a_constant_may_require_a_gradient: v = c[:2].requires_grad_(); (v * v).sum().backward(); [v.grad, v.is_leaf, c.requires_grad, c.grad]
    views_show_one_memory: a = t.zeros(2, 3); v = a.t()[1]; a[0, 1] = 5; [a, v]
    reshape_shows_the_memory_where_it_can: a = t.zeros(2, 3); v, w = a.reshape(6), a.t().reshape(6); a[0, 1] = 5; [v, w]
    view_of_a_transposed_tensor: m.t().view(6)
    view_with_a_free_length: [m.view(-1), m.view(3, -1), m.view(1, 6, -1)]
    view_of_another_size: m.view(4)
    complex_views: [z.real, z.imag, t.view_as_real(z), t.view_as_complex(t.ones(3, 2, requires_grad=True))]
    real_part_written: a = z * 1; a.real.mul_(10); [a, *grads(t.view_as_real(a), z)]
    imaginary_part_written: a = z * 1; a.imag.zero_(); [a, *grads(t.view_as_real(a), z)]
    written_as_real: a = z * 1; t.view_as_real(a)[..., 1] = 5.0; [a, *grads(t.view_as_real(a), z)]
    a_view_made_of_the_values_in_place: a = x * 2; b = a.unsqueeze_(0); [a is b, a, *grads(a, x)]
    transposed_in_place: a = m * 2; a.t_(); [a, a._version, *grads(a, m)]
    squeezed_in_place: a = (m * 2).view(1, 2, 1, 3); a.squeeze_(); [a.shape, *grads(a, m)]
    copied_from_itself: a = t.ones(1).expand(3); b = x * 2; [a.copy_(a), a._version, b.copy_(b), b._version, b.grad_fn.name()[-13:], caught(x.copy_, x), *grads(b, x)]
    a_gradient_squeezed_in_place: w = t.ones(1, 3, requires_grad=True); (w * 2).sum().backward(); w.grad.squeeze_(); [caught((w * 3).sum().backward), w.grad]
    written_where_infinite: a = z * 1; a.imag.mul_(float("inf")); [a.real, a.imag]
    complex_of_infinite_parts: i = t.tensor([float("inf"), 1.0, float("-inf")]); a = t.complex(i, i.flip(0)); [a.real, a.imag, t.complex(x, x * 2), *grads(t.complex(x, x * x).abs(), x)]
    reciprocal_of_complex_zeros: a = (z * 0).reciprocal(); [a.real, (1 / (z * 0)).real]
    axes_swapped_in_place: a = m * 2; v = a[0]; a.transpose_(0, 1); v.mul_(10); [a, v, *grads(a, m)]
    a_leaf_transposed_in_place: [caught(m.t_), m.shape]
""")

# ------------------------------------------------------------------ version counters

TABLE.lines("""
    version_of_what_is_new: [x._version, (x * 2)._version, c._version, x.detach()._version]
    each_write_is_counted: a = x * 2; a.add_(1).mul_(2); a[0] = 5.0; a._version
    views_share_the_version: a = x * 2; v = a[:2]; w = a[1:]; v.add_(1); [a._version, v._version, w._version]
    a_later_view_shares_the_version: a = x * 2; a.add_(1); v = a[:2]; v.add_(1); [a._version, v._version]
    detach_shares_the_version: b = x.detach(); b.add_(1); [x._version, b._version]
    data_has_a_version_of_its_own: b = x.data; b.add_(1); [x._version, b._version, x.data._version]
    a_clone_has_a_version_of_its_own: a = x * 2; b = a.clone(); b.add_(1); [a._version, b._version]
    writes_under_no_grad_are_counted: within(t.no_grad(), lambda: x.add_(1)); x._version
    a_failed_write_is_not_counted: a = x * 2; e = caught(a.add_, t.ones(2, 2)); [e, a._version, a]
    a_forbidden_write_changes_nothing: e = caught(x.add_, 1); [e, x._version, x]
    a_forbidden_item_changes_nothing: e = caught(x.__setitem__, 0, 5.0); [e, x._version, x]
    writes_of_many_kinds_are_counted: a = t.ones(3); a.zero_(); a.fill_(2); a.copy_(c); a.clamp_(0, 1); a.relu_(); a.masked_fill_(a > 0, 3.0); a.index_fill_(0, t.tensor([0]), 1.0); a._version
    setting_data_keeps_the_version: x.data = t.zeros(3); a = x._version; within(t.no_grad(), lambda: x.add_(1)); x.data = t.ones(3); [a, x._version]
    accumulating_counts_as_a_write: x.sum().backward(); g = x.grad; v = g._version; x.sum().backward(); [g._version - v, g is x.grad]
    requiring_a_gradient_is_no_write: c.requires_grad_(); c._version
    counting_by_hand: G.increment_version(c); G.increment_version([c, x]); [c._version, x._version]
    counting_by_hand_is_noticed: l = (x * x).sum(); G.increment_version(x); l.backward()
    writing_an_expanded_value: a = t.ones(2, 3); a.copy_(c.expand(2, 3)); [a, a._version]
""")

# ------------------------------------------------------------------ what was saved, and written since

TABLE.lines("""
    written_but_not_needed: a = x * 2; b = a + 1; a.mul_(5); grads(b, x)
    written_but_scaled_by_a_number: a = x * 2; b = a * 3; a.add_(1); grads(b, x)
    written_but_only_the_result_is_saved: a = x * 2; b = a.exp(); a.zero_(); grads(b, x)
    written_before_it_was_saved: a = x * 2; a.add_(1); b = a * a; grads(b, x)
    written_between_two_uses: a = x * 2; b = a + 1; a.mul_(3); grads(a + b, x)
    written_between_two_uses_that_save: a = x * 2; b = a * y; a.mul_(3); grads(a + b, x)
    written_and_written_back: a = x * 2; b = a * a; a.add_(1); a.sub_(1); grads(b, x)
    written_with_nothing: a = x * 2; b = a * a; a.add_(0); grads(b, x)
    written_by_data: l = (x * y).sum(); y.data.mul_(10); l.backward(); x.grad
    written_by_setting_data: l = (x * y).sum(); y.data = t.zeros(3); l.backward(); [x.grad, y.grad]
    written_through_a_clone: a = x * 2; b = a * a; a.clone().add_(1); grads(b, x)
    written_elsewhere_in_the_memory: a = x * 2; b = a[:2] * a[:2]; a[2:].add_(1); grads(b, x)
    written_through_the_base: a = x * 2; v = a[:2]; b = v * v; a.add_(1); grads(b, x)
    written_through_a_sibling: a = x * 2; v, w = a[:2], a[1:]; b = v * v; w.add_(1); grads(b, x)
    written_after_backward: a = x * 2; b = (a * a).sum(); b.backward(); a.add_(1); [x.grad, a]
    written_under_no_grad: a = x * 2; b = a * a; within(t.no_grad(), lambda: a.add_(1)); grads(b, x)
    a_leaf_updated_between_forward_and_backward: l = (x * x).sum(); within(t.no_grad(), lambda: x.sub_(1)); l.backward()
    a_leaf_updated_after_backward: l = (x * x).sum(); l.backward(); within(t.no_grad(), lambda: x.sub_(x.grad)); [x, x.grad, x.is_leaf]
    an_index_written: i = t.tensor([0, 2]); b = x[i]; i.zero_(); grads(b, x)
    a_mask_written: k = t.tensor([True, False, True]); b = t.where(k, x, y); k.zero_(); grads(b, x)
    exp_of_what_is_written: a = x.exp(); b = a.exp_(); grads(b, x)
    tanh_in_place_then_written: a = x * 1; a.tanh_(); a.add_(1); grads(a, x)
    the_second_backward_sees_the_write: a = x * 2; b = (a * a).sum(); b.backward(retain_graph=True); a.add_(1); e = caught(b.backward); [e, x.grad]
    the_saved_value_of_the_second_order: (g,) = grad((x**3).sum(), x, create_graph=True); within(t.no_grad(), lambda: x.add_(1)); g.sum().backward()
""")

# ------------------------------------------------------------------ in place

TABLE.lines("""
    in_place_returns_the_tensor: a = x * 2; [a.add_(1) is a, a.exp_() is a, a.clamp_(0, 1) is a, a.zero_() is a, a.copy_(c) is a]
    augmented_assignment_keeps_the_object: a = x * 2; b = a; a += 1; a -= y; a *= 2; a /= 4; a **= 2; [a is b, a, *grads(a, x, y)]
    name_of_what_was_written: a = x * 2; n = a.grad_fn; a.add_(1); [n, a.grad_fn, a.grad_fn.next_functions[0][0]]
    a_constant_becomes_a_result: c.mul_(x); [c, *grads(c, x)]
    a_constant_with_a_written_result: c.add_(1); [c.requires_grad, c.is_leaf, c.grad_fn]
    copied_into_a_constant: c.copy_(x); [c, *grads(c, x)]
    copied_over_a_result: a = x * 2; a.copy_(y); [a, *grads(a, x, y)]
    copied_with_broadcasting: a = m * 2; a.copy_(x); [a, *grads(a, m, x)]
    copied_to_another_dtype: a = t.zeros(3, dtype=t.float64); a.copy_(x); [a, *grads(a, x)]
    filled_with_a_tensor: a = x * 2; a.fill_(s); [a, *grads(a, x, s)]
    filled_with_a_number: a = x * 2; a.fill_(7); [a, *grads(a, x)]
    zeroed: a = x * 2; a.zero_(); [a, *grads(a, x)]
    a_leaf_written_under_no_grad: within(t.no_grad(), lambda: x.mul_(2)); [x, x._version]
    a_result_written_under_no_grad: a = x * 2; n = a.grad_fn; within(t.no_grad(), lambda: a.mul_(10)); [a, a.grad_fn is n, *grads(a, x)]
    a_constant_written_under_no_grad: within(t.no_grad(), lambda: c.mul_(x)); [c, c.requires_grad]
    written_with_a_broadcast_operand: a = m * 2; a.mul_(x); [a, *grads(a, m, x)]
    written_with_a_larger_operand: a = x * 2; a.mul_(m)
    written_with_another_dtype: a = x * 2; a.mul_(d); [a, *grads(a, x, d)]
    integers_written_with_floats: a = t.tensor([1, 2]); e = caught(a.add_, 0.5); [e, a]
    integers_divided_in_place: a = t.tensor([1, 2]); caught(a.div_, 2)
    reals_written_with_complex_numbers: a = x * 2; caught(a.mul_, 1j)
    booleans_written: a = t.tensor([True, False]); [caught(a.add_, 1), a.logical_not_(), a]
    comparisons_in_place: a = x * 1; a.gt_(1.5); [a, *grads(a, x)]
    an_operand_that_requires_a_gradient: c.sub_(x, alpha=2); [c, *grads(c, x)]
    fused_in_place: a = x * 1; a.addcmul_(y, s, value=0.5); a.addcdiv_(s, y); a.lerp_(c, 0.25); [a, *grads(a, x, y, s)]
    many_functions_in_place: a = x * 1; a.sin_().cos_().add_(2).mul_(3).neg_().sub_(1).div_(2); [a, *grads(a, x)]
    functions_of_their_own_result_in_place: [grads(getattr(x * 0.25, f)(), x) for f in ('exp_', 'sigmoid_', 'tanh_', 'sqrt_', 'reciprocal_', 'rsqrt_', 'relu_')]
    a_function_of_what_was_written: a = x * 1; a.exp_().log_(); grads(a, x)
    clamped_in_place: a = x * 1; a.clamp_(1.5, 2.5); [a, *grads(a, x)]
    a_second_derivative_through_in_place: a = x * 1; a.pow_(3).mul_(y); (g,) = grads(a, x, create_graph=True); grads(g, x, y)
    in_place_on_a_scalar: a = s * 3; a.mul_(t.tensor(5.0)); [a, *grads(a, s)]
    in_place_on_nothing: a = t.ones(0, 3, requires_grad=True); b = a * 2; b.mul_(3); b.sum().backward(); [b, a.grad]
    cumulative_in_place: a = x * 2; a.cumsum_(0); [a, *grads(a, x)]
    index_add_in_place: a = x * 2; a.index_add_(0, t.tensor([0, 0]), y[:2], alpha=3); [a, *grads(a, x, y)]
    index_copy_in_place: a = x * 2; a.index_copy_(0, t.tensor([2, 0]), y[:2]); [a, *grads(a, x, y)]
    index_fill_in_place: a = x * 2; a.index_fill_(0, t.tensor([2, 0]), 7.0); [a, *grads(a, x)]
    index_put_in_place: a = x * 2; a.index_put_((t.tensor([0, 0, 2]),), y, accumulate=True); [a, *grads(a, x, y)]
    masked_fill_in_place: a = x * 2; a.masked_fill_(t.tensor([True, False, True]), s); [a, *grads(a, x, s)]
    masked_scatter_in_place: a = x * 2; a.masked_scatter_(t.tensor([True, False, True]), y); [a, *grads(a, x, y)]
    scatter_in_place: a = x * 2; a.scatter_(0, t.tensor([2, 0]), y[:2]); [a, *grads(a, x, y)]
    scatter_add_in_place: a = x * 2; a.scatter_add_(0, t.tensor([2, 2]), y[:2]); [a, *grads(a, x, y)]
    tril_in_place: a = m * 2; a.tril_(); [a, *grads(a, m)]
    a_failed_write_leaves_the_history: a = x * 2; n = a.grad_fn; caught(a.add_, t.ones(2, 2)); [a.grad_fn is n, *grads(a, x)]
    written_with_its_own_view: a = m * 2; a[0].add_(a[1]); [a, *grads(a, m)]
    written_with_its_own_mean: a = x * 2; a -= a.mean(); [a, *grads(a * a, x)]
    written_with_itself: a = x * 2; a.add_(a); [a, *grads(a, x)]
    multiplied_with_itself_in_place: a = x * 2; a.mul_(a); grads(a, x)
    retained_after_a_write: a = x * 2; a.retain_grad(); a.mul_(3); (a * y).sum().backward(); [a.grad, x.grad]
    retained_before_and_used_before: a = x * 2; a.retain_grad(); b = a + 1; a.mul_(3); (a + b * 10).sum().backward(); [a.grad, x.grad]
    a_gradient_may_be_written: x.sum().backward(); g = x.grad; g.mul_(5); g.zero_(); x.sum().backward(); [x.grad, g is x.grad]
""")

# ------------------------------------------------------------------ writing through views

VIEWS = {
    "select": lambda a: a[1],
    "slice": lambda a: a[:, 1:],
    "stepped": lambda a: a[:, ::2],
    "element": lambda a: a[0, 2],
    "whole": lambda a: a[...],
    "new_axis": lambda a: a[:, None],
    "transposed": lambda a: a.t(),
    "permuted": lambda a: a.permute(1, 0),
    "viewed": lambda a: a.view(3, 2),
    "reshaped": lambda a: a.reshape(6),
    "flattened": lambda a: a.flatten(),
    "narrowed": lambda a: a.narrow(1, 1, 2),
    "diagonal": lambda a: a.diagonal(),
    "squeezed": lambda a: a.unsqueeze(1).squeeze(),
    "unsqueezed": lambda a: a.unsqueeze(0),
    "view_of_a_view": lambda a: a.t()[1:].t()[1],
    "row_of_a_flat_view": lambda a: a.view(6)[2:5],
}


def written_view(t, view):
    m = t.arange(1.0, 7.0).reshape(2, 3).requires_grad_()
    s = t.tensor(3.0, requires_grad=True)
    a = m * 2
    v, other = view(a), a[:, 0]
    v.mul_(s)
    weights = t.arange(1.0, 7.0).reshape(2, 3)
    (a * a * weights).sum().backward()
    return a, v, other, a._version, m.grad, s.grad


def used_view(t, view):
    """The base is written, then the view is used."""
    m = t.arange(1.0, 7.0).reshape(2, 3).requires_grad_()
    a = m * 2
    v = view(a)
    a.mul_(a.detach().sin())
    (v * t.arange(1.0, v.numel() + 1).reshape(v.shape)).sum().backward()
    return v.detach(), v.is_leaf, m.grad


for _name, _view in VIEWS.items():
    TABLE(functools.partial(written_view, view=_view), f"written_through_view_{_name}")
    TABLE(functools.partial(used_view, view=_view), f"view_used_after_its_base_was_written_{_name}")

TABLE.lines("""
    name_of_a_written_base: a = m * 2; a[0].mul_(3); [a.grad_fn, [n for n, _ in a.grad_fn.next_functions]]
    name_of_a_view_of_a_written_base: a = m * 2; v = a[0]; a.mul_(3); [v.grad_fn, v.grad_fn.next_functions[0][0]]
    name_of_a_written_view: a = m * 2; v = a[0]; v.mul_(3); [v.grad_fn, v.grad_fn.next_functions[0][0]]
    siblings_see_a_write: a = x * 2; v, w = a[:2], a[1:]; v.mul_(10); [v, w, *grads(w, x)]
    a_view_made_before_and_after: a = x * 2; v = a[:2]; a.mul_(3); w = a[:2]; [*grads(v, x, retain_graph=True), *grads(w, x)]
    a_constant_base_gets_a_history: v = c[:2]; v.mul_(s); [c, v, *grads(c, s)]
    a_constant_written_by_rows: a = t.zeros(2, 3); a[0].copy_(x); a[1].copy_(y * 2); [a, *grads(a, x, y)]
    a_view_of_a_written_view: a = m * 2; v = a[0]; w = v[1:]; v.mul_(3); w.mul_(5); [a, *grads(a, m)]
    many_writes_through_views: a = x * 2; a[0:1].mul_(2); a[1:2].mul_(3); a[0:2].mul_(5); [a, *grads(a, x)]
    the_base_overwritten_after_a_view: a = x * 2; v = a[:2]; v.mul_(s); a.zero_(); [a, v, *grads(a, x, s)]
    a_view_that_outlives_its_base: v = (x * 2)[:2]; v.mul_(3); [v, v._base, *grads(v, x)]
    a_detached_view_written: a = x * 2; n = a.grad_fn; a[:2].detach().zero_(); [a, a.grad_fn is n, *grads(a, x)]
    a_view_written_under_no_grad: a = x * 2; v = a[:2]; within(t.no_grad(), lambda: v.mul_(10)); [a, v.detach(), *grads(a, x)]
    a_view_of_a_leaf_written_under_no_grad: v = x[:2]; within(t.no_grad(), lambda: v.zero_()); [x, x.is_leaf]
    a_view_of_a_leaf_made_and_written_under_no_grad: within(t.no_grad(), lambda: x[:2].zero_()); [x, x.is_leaf, *grads(x * x, x)]
    a_view_made_under_no_grad: a = x * 2; v = within(t.no_grad(), lambda: a[:2]); [v.requires_grad, v.is_leaf]
    a_view_of_a_constant_made_under_no_grad: v = within(t.no_grad(), lambda: c[:2]); [caught(v.mul_, s), c]
    a_view_of_a_constant_made_under_no_grad_and_written_without: v = within(t.no_grad(), lambda: c[:2]); v.mul_(2); [c, v]
    one_of_several_views_written_under_no_grad: a = x * 2; v = a.unbind()[1]; within(t.no_grad(), v.zero_); [a, v.detach()]
    one_of_several_views_of_a_constant: v = c.split(2)[0]; v.mul_(2); c
    one_of_several_views_of_a_constant_written_with_history: v = c.split(2)[0]; [caught(v.mul_, s), c]
    one_of_several_views_of_a_split: caught((x * 2).split(2)[0].mul_, 2)
    one_of_several_views_of_chunks: caught((x * 2).chunk(3)[1].mul_, 2)
    a_view_of_one_of_several_views: caught((m * 2).unbind()[0][1:].mul_, 2)
    one_view_of_several_used: a, b = (m * 2).unbind(); [a, *grads(a * b, m)]
    the_base_of_several_views_written: a = m * 2; v, w = a.unbind(); a.mul_(3); grads(a, m)
    several_views_used_after_their_base_was_written: a = m * 2; v, w = a.unbind(); a.mul_(3); grads(v, m)
    iterating_gives_views: a = m * 2; [caught(row.add_, 1) for row in a][0]
    hooks_of_a_written_view: a = x * 2; v = a[:2]; v.register_hook(lambda g: log.append(g.clone())); v.mul_(3); a.sum().backward(); [log, x.grad]
    retained_base_of_a_written_view: a = x * 2; a.retain_grad(); a[:2].mul_(5); (a * y).sum().backward(); [a.grad, x.grad]
    retained_view_of_a_written_base: a = x * 2; v = a[:2]; v.retain_grad(); a.mul_(5); (v * v).sum().backward(); [v.grad, x.grad]
    a_write_to_an_expanded_tensor: a = (s * 2).expand(3); e = caught(a.add_, t.ones(3)); [e, a]
    an_expanded_operand: a = m * 2; a.add_((x * 2).expand(2, 3)); [a, *grads(a, m, x)]
    a_write_to_the_base_of_an_expanded_tensor: a = s * 2; v = a.expand(3); a.add_(1); [v.detach(), *grads(v, s)]
    second_order_through_a_written_view: a = x * 1; a[:2].pow_(3); (g,) = grads(a, x, create_graph=True); grads(g, x)
    a_write_to_a_view_of_data: x.data[0] = 10.0; [x, x._version, x.is_leaf]
""")

# ------------------------------------------------------------------ items assigned

TABLE.lines("""
    item_of_an_integer: a = x * 2; a[1] = s; [a, *grads(a, x, s)]
    item_of_a_negative_integer: a = x * 2; a[-1] = 5.0; [a, *grads(a, x)]
    item_of_a_slice: a = x * 2; a[1:] = y[:2]; [a, *grads(a, x, y)]
    item_of_a_step: a = x * 2; a[::2] = s; [a, *grads(a, x, s)]
    item_of_an_empty_slice: a = x * 2; a[3:] = 5.0; [a, *grads(a, x)]
    item_of_an_ellipsis: a = x * 2; a[...] = y; [a, *grads(a, x, y)]
    item_of_a_new_axis: a = x * 2; a[None] = y; [a, *grads(a, x, y)]
    item_of_a_row: a = m * 2; a[0] = x; [a, *grads(a, m, x)]
    item_of_a_column: a = m * 2; a[:, 1] = y[:2]; [a, *grads(a, m, y)]
    item_of_an_element: a = m * 2; a[0, 1] = s; [a, *grads(a, m, s)]
    item_of_a_scalar: a = s * 2; a[...] = 5.0; a[()] = x[0]; [a, *grads(a, s, x)]
    item_of_a_mask: a = x * 2; a[x > 1.5] = 0.0; [a, *grads(a, x)]
    item_of_a_mask_by_a_scalar_tensor: a = x * 2; a[a > 3] = s; [a, *grads(a, x, s)]
    item_of_a_mask_by_as_many_values: a = x * 2; a[a > 3] = y[:2]; [a, *grads(a, x, y)]
    item_of_a_mask_by_too_few_values: a = x * 2; e = caught(a.__setitem__, a > 0, y[:2]); [e, a]
    item_of_a_mask_of_rows: a = m * 2; a[t.tensor([False, True])] = x; [a, *grads(a, m, x)]
    item_of_a_mask_that_is_empty: a = x * 2; a[a > 100] = 5.0; [a, *grads(a, x)]
    item_of_a_mask_of_another_size: a = x * 2; caught(a.__setitem__, t.tensor([True, False]), 1.0)
    item_of_an_array: a = x * 2; a[t.tensor([2, 0])] = y[:2]; [a, *grads(a, x, y)]
    item_of_a_list: a = x * 2; a[[2, 0]] = 5.0; [a, *grads(a, x)]
    item_of_two_arrays: a = m * 2; a[t.tensor([0, 1]), t.tensor([2, 0])] = y[:2]; [a, *grads(a, m, y)]
    item_of_an_array_and_a_slice: a = m * 2; a[:, t.tensor([2, 0])] = x[:2]; [a, *grads(a, m, x)]
    item_of_an_array_and_an_integer: a = m * 2; a[1, t.tensor([2, 0])] = x[:2]; [a, *grads(a, m, x)]
    item_of_an_array_of_negative_numbers: a = x * 2; a[t.tensor([-1])] = 5.0; a
    item_of_an_array_out_of_range: a = x * 2; caught(a.__setitem__, t.tensor([3]), 1.0)
    item_out_of_range: a = x * 2; e = caught(a.__setitem__, 3, 1.0); [e, a]
    item_of_too_many_indices: a = x * 2; caught(a.__setitem__, (0, 0), 1.0)
    item_of_another_shape: a = x * 2; e = caught(a.__setitem__, slice(None), t.ones(2)); [e, a]
    item_of_a_larger_rank: a = x * 2; a[:] = t.ones(1, 1, 3); a
    item_of_another_dtype: a = x * 2; a[:2] = d[:2]; [a, *grads(a, x, d)]
    item_of_integers_by_floats: a = t.tensor([1, 2, 3]); a[0] = 2.7; a[1:] = t.tensor([1.5, -1.5]); a
    item_by_a_complex_number: a = x * 2; caught(a.__setitem__, 0, 1j)
    item_of_floats_by_a_boolean: a = x * 2; a[0] = True; a
    item_name: a = x * 2; a[0] = s; [a.grad_fn, [n for n, _ in a.grad_fn.next_functions]]
    item_name_of_a_mask: a = x * 2; a[a > 0] = s; a.grad_fn
    item_of_a_constant: c[0] = s; [c, *grads(c, s)]
    item_after_item: o = t.zeros(3); o[0] = x[0] ** 2; o[1] = x[1] ** 3; o[2] = o[0] * o[1]; [o, *grads(o, x)]
    item_of_an_item: a = m * 2; a[0][1] = s; [a, *grads(a, m, s)]
    item_of_a_copied_item: a = m * 2; a[[0]][0] = 5.0; a
    item_augmented: a = x * 2; a[1] += s; a[:2] *= 3; [a, *grads(a, x, s)]
    item_augmented_by_a_mask: a = x * 2; a[a > 3] *= s; [a, *grads(a, x, s)]
    item_augmented_by_an_array: a = x * 2; a[[0, 2]] += y[:2]; [a, *grads(a, x, y)]
    item_of_a_leaf_under_no_grad: within(t.no_grad(), lambda: x.__setitem__(0, 5.0)); [x, x.is_leaf]
    item_by_a_list: c[:2] = 3; caught(c.__setitem__, slice(None), [1.0, 2.0, 3.0]); c
    item_of_a_view: a = m * 2; v = a.t(); v[0] = y[:2]; [a, v, *grads(a, m, y)]
    item_swapped_with_another: a = x * 1; a[0], a[1] = a[1].clone(), a[0].clone(); [a, *grads(a, x)]
    item_swapped_without_a_copy: a = x * 1; a[0], a[1] = a[1], a[0]; [a.detach(), *grads(a, x)]
""")

# ------------------------------------------------------------------ detach, data, flags

TABLE.lines("""
    detach_shows_the_memory: b = x.detach(); b[0] = 9.0; [x, b, b is x]
    detach_is_a_leaf: a = (x * 2).detach(); [a.is_leaf, a.requires_grad, a.grad_fn]
    detach_may_require_a_gradient: b = x.detach().requires_grad_(); (b * x).sum().backward(); [b.grad, x.grad]
    detach_cuts: a = x * 2; b = a.detach() * x; grads(b, x)
    detach_has_no_gradient: x.sum().backward(); x.detach().grad
    detach_twice: a = x * 2; [a.detach()._version, a.detach().detach() is a]
    detach_in_place: a = x * 2; b = a.exp(); r = a.detach_(); [r is a, a, *grads(b, x)]
    detach_in_place_of_a_leaf: x.detach_(); [x, x.grad]
    detach_in_place_of_a_base: a = x * 2; v = a[:2]; a.detach_(); [a.requires_grad, v.requires_grad, *grads(v, x)]
    detach_in_place_forgets_retain: a = x * 2; a.retain_grad(); a.detach_(); [a.requires_grad, a.is_leaf, a.grad]
    detach_in_place_of_a_constant: c.detach_() is c
    detach_then_written: a = x * 2; a.detach().zero_(); [a, *grads(a, x)]
    data_shows_the_memory: b = x.data; b[0] = 9.0; [x, b.requires_grad, b.is_leaf, b is x.data]
    data_set: x.data = t.zeros(3); [x, *grads(x * y, x, y)]
    data_set_to_another_shape: x.data = t.zeros(2, 2); x.sum().backward(); [x, x.grad]
    data_set_beside_a_gradient: x.sum().backward(); x.data = x.data * 2; x.sum().backward(); [x, x.grad]
    data_set_on_a_result: a = x * 2; a.data = t.zeros(3); [a, *grads(a, x)]
    data_set_to_another_dtype: c.data = t.zeros(3, dtype=t.float64); c
    data_set_to_no_tensor: caught(setattr, x, "data", [1.0])
    data_set_shares_the_memory: x.data = c; c[0] = 70.0; [x, x.requires_grad, c.requires_grad]
    data_set_to_what_requires_a_gradient: c.data = x; [c.requires_grad, c.is_leaf, c]
    flag_switched_off: x.requires_grad = False; [(x * 2).requires_grad, x.requires_grad, x.is_leaf]
    flag_switched_off_after_use: b = x * y; x.requires_grad = False; b.sum().backward(); [x.grad, y.grad]
    flag_switched_on_after_use: b = c * x; c.requires_grad_(); b.sum().backward(); [c.grad, x.grad]
    flag_switched_off_and_on: x.sum().backward(); x.requires_grad_(False); x.requires_grad_(); x.sum().backward(); x.grad
    flag_switched_off_keeps_the_gradient: x.sum().backward(); x.requires_grad = False; x.grad
    flag_returns_the_tensor: [c.requires_grad_() is c, c.requires_grad_(False) is c, c.requires_grad]
    flag_set_to_what_it_is: a = x * 2; a.requires_grad_(); a.requires_grad = True; [a.is_leaf, a.grad_fn]
    flag_set_under_no_grad: within(t.no_grad(), c.requires_grad_); (c * 2).sum().backward(); c.grad
    flag_of_a_view_of_a_constant: v = c[:2]; v.requires_grad = True; [caught(c.mul_, 2), caught(v.mul_, 2), c]
    flag_of_a_base: v = c[:2]; c.requires_grad_(); [c[:2].requires_grad, caught(v.mul_, 2), c]
    set_to_another_tensor: c.set_(t.zeros(2, 2)); c
    set_to_shared_memory: b = t.zeros(3); c.set_(b); b[0] = 5.0; [c, c is b]
    set_of_a_leaf: caught(x.set_, t.zeros(3))
    set_of_a_leaf_under_no_grad: within(t.no_grad(), lambda: x.set_(t.zeros(3))); [x, *grads(x * y, x, y)]
    set_of_a_result: a = x * 2; a.set_(t.zeros(3)); [a.detach(), a.requires_grad]
""")


@TABLE
def a_loop_that_fills_an_array(t):
    x = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = t.zeros(3, 3)
    for i in range(3):
        for j in range(i + 1):
            out[i, j] = x[i] * x[j]
    out.pow(2).sum().backward()
    return out, x.grad


@TABLE
def a_recurrence_in_place(t):
    x = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    state = t.zeros(3)
    for i in range(3):
        state = state * 0.5
        state[i:].add_(x[i])
    state.pow(2).sum().backward()
    return state, x.grad


@TABLE
def writes_under_no_grad_of_a_view_of_a_parameter(t):
    w = t.ones(2, 3, requires_grad=True)
    (w * 2).sum().backward()
    with t.no_grad():
        w[0] -= 0.5 * w.grad[0]
        w[:, 2] = 7.0
        w.t()[0].mul_(2)
    return w, w.is_leaf, w._version, w.grad


@TABLE
def the_gradient_of_a_base_and_of_its_written_view(t):
    x = t.arange(6.0).requires_grad_()
    base = x * 1
    view = base.view(2, 3)
    row = view[1]
    row.mul_(2)
    view[0].add_(row)
    total = (base * t.arange(6.0)).sum() + (view * view).sum() + row.sum()
    total.backward()
    return base, view, row, x.grad


@TABLE
def nothing_is_lost_when_a_write_fails_half_way(t):
    x = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    a = x * 2
    v = a[:2]
    found = [caught(v.add_, t.ones(3)), caught(v.copy_, t.ones(4)), caught(a.__setitem__, 5, 1.0)]
    a.sum().backward()
    return found, a, v, a._version, x.grad


@TABLE
def the_gradient_of_a_view_that_another_was_taken_from(t):
    x = t.ones(4, requires_grad=True)
    base = x * 1
    view = base.view(4)
    another = view[2:]
    base[:1].mul_(2)
    (found,) = t.autograd.grad(another.sum(), [view], retain_graph=True, allow_unused=True)
    another.sum().backward()
    return found, x.grad


@TABLE
def detached_from_an_expanded_view_and_written(t):
    x = t.tensor([0.5], requires_grad=True)
    part = x.expand(3)[1].detach()
    part /= 2
    part[...] = part + 1
    return x, part, caught(x.detach().expand(3).add_, 1)
