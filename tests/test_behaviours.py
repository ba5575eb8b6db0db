"""What happens, in what order, to which object: 1,700 programs, run on PyTorch and here.

The programs stand in `behaviours`, one module a topic. Values, dtypes, shapes, `requires_grad`,
`is_leaf`, the names of nodes, plain values, the type and text of errors, and warnings must be
equal; ``torch.`` in a text reads ``xpgrad.``. The same programs run on an immutable library.

Where the two differ, it is written here, and nowhere else: `PENDING` (bugs to be mended),
`DIFFERENT` (on purpose: the README says so, and what happens instead is given), `WORDS` (a text
that cannot be the same), and `IMMUTABLE` (what an immutable library cannot do).
"""

import functools
import importlib
import warnings
from pathlib import Path

import pytest

import namespaces  # noqa: F401  (registers the device readonly)
import xpgrad as xg
from behaviours import table

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
pytestmark = pytest.mark.oracle

TOPICS = (
    "views_inplace", "hooks", "hooks_nodes", "graph", "grad", "leaves", "modes", "function",
    "functional", "gradcheck", "anomaly", "saved_hooks", "checkpoint", "conventions", "func",
    "forward_ad", "modules",
)  # fmt: skip

PROGRAMS = {
    f"{topic}.{name}": program
    for topic in TOPICS
    for name, program in importlib.import_module(f"behaviours.{topic}").TABLE.items()
}

# ------------------------------------------------------------------ bugs: to be emptied

PENDING: dict[str, str] = {}

# ------------------------------------------------------------------ differences on purpose

# Words of the README's list, and what comes out here, bare of all but values.
REFUSED = "What PyTorch refuses although the answer is clear"
AT_NAN = "the sign of nan and the derivative of `abs` there are nan"
OTHER_NODES = "leaves other nodes than PyTorch's, with the same"

DIFFERENT = {
    "views_inplace.multiplied_with_itself_in_place": (REFUSED, [[8.0, 32.0, 72.0]]),
    "views_inplace.several_views_used_after_their_base_was_written": (
        REFUSED, [[[6.0, 12.0, 18.0], [0.0, 0.0, 0.0]]],
    ),
    "views_inplace.written_by_setting_data": (
        "Setting `.data` leaves saved values as they were", [[4.0, 5.0, 6.0], [1.0, 2.0, 3.0]],
    ),
    "views_inplace.hooks_of_a_written_view": (
        "A hook of a view is called after the view was written to", [[[3.0, 3.0]], [6.0, 6.0, 2.0]],
    ),
    "views_inplace.the_gradient_of_a_view_that_another_was_taken_from": (
        "a view that another was taken from has one", [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]],
    ),
    "hooks.a_hook_of_a_result_in_grad": (
        "`autograd.grad` returns what the hooks of a tensor made of its gradient",
        [[10.0, 10.0, 10.0], [20.0, 20.0, 20.0]],
    ),
    "hooks.a_hook_of_an_unused_output": (
        "A hook is not called where there is no gradient",
        [[], [[2.0, 2.0, 2.0], [0.0, 0.0, 0.0]]],
    ),
    "hooks_nodes.multi_hook_in_grad": (REFUSED, [[[4.0, 5.0, 6.0], None]]),
    "graph.a_leaf_that_is_gone": (
        "A graph does not keep a leaf alive that nobody else holds", [[1.0, 1.0, 1.0], True],
    ),
    "grad.backward_with_a_sequence_of_another_length": (
        "More gradients than tensors are an error",
        "RuntimeError: got 1 tensors and 2 gradients",
    ),
    "leaves.deepcopy_of_views_of_one_memory": (
        "What shared memory does so no longer after `deepcopy`", [0.0, 0.0, 0.0, 0.0],
    ),
    "modes.inferred_and_written_outside": (
        "A write that fails (in place, by index) has written nothing", [..., [1.0, 1.0, 1.0]],
    ),
    "modes.inferred_tensor_as_grad": (REFUSED, [True, None]),
    "function.once_differentiable_once": (
        "What `once_differentiable` returns requires a gradient",
        [
            [2.0, 4.0], [2.0, 4.0], True,
            "RuntimeError: trying to differentiate twice a function that was marked with "
            "@once_differentiable",
        ],
    ),
    "function.a_function_may_not_be_instantiated": (
        "Making an instance raises, where PyTorch warns",
        "RuntimeError: <class 'types.F1'> should not be instantiated. Methods on autograd "
        "functions are all static, so you should invoke them on the class itself.",
    ),
    "functional.jacobian_of_an_empty_input": (REFUSED, []),
    "conventions.logsumexp_of_minus_infinity": (
        "that of `logsumexp` over nothing but `-inf` is zero", [float("-inf"), [[0.0, 0.0]]],
    ),
    "views_inplace.comparisons_in_place": (OTHER_NODES, [[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]),
    "views_inplace.name_of_a_written_base": (
        OTHER_NODES, ["CopySlices", ["MulBackward0", "MulBackward0"]],
    ),
    "func.vmap_of_in_place_on_the_input": (
        "A write to an argument of a mapped function stays in the function",
        [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
    ),
    "func.func_jacfwd_of_a_function_of_mine": (REFUSED, [..., [[3.0, 0.0], [0.0, 3.0]]]),
    "func.vmap_of_a_function_with_a_rule": (
        "gets batches with the batch dimension first", [..., [[3, "error", [0], [3, 2]]]],
    ),
    "conventions.at_infinities_abs": (AT_NAN, [..., [1.0, -1.0, float("nan")]]),
    "conventions.floor_division_of_floats": ("`//` has gradient zero", [[0.0, 0.0, 0.0]]),
    "func.func_grad_with_aux_that_is_nested": (REFUSED, [[14.0, 16.0, 18.0], ...]),
    "func.func_grad_with_aux_that_is_no_tensor": (REFUSED, [[1.0, 1.0, 1.0], "text"]),
    "func.autograd_inside_a_transform": (REFUSED, [3.0, 12.0]),
}  # fmt: skip

# ------------------------------------------------------------------ texts that cannot be the same

# Both texts have these words; why the rest differs.
STALE = "has been modified by an inplace operation: ["
CHANGED = "with xpgrad.utils.checkpoint.set_checkpoint_debug_enabled(True):` to"
WORDS = {
    # PyTorch takes a view of what was written again when it is asked for, under another name.
    "views_inplace.written_elsewhere_in_the_memory": STALE,
    "views_inplace.item_after_item": STALE,
    # PyTorch has another text for types that have no gradients: [CPUBoolType [3]].
    "views_inplace.a_mask_written": STALE,
    # C++ has other names of dtypes.
    "views_inplace.item_by_a_complex_number": "value cannot be converted to type float",
    # Python's own text.
    "grad.backward_with_a_number": "float",
    # PyTorch forgets a space.
    "functional.jacobian_forward_not_vectorized": "forward-AD or forward-over-reverse Hessian is",
    # PyTorch goes on with advice about its own tools, or asks for a report.
    "gradcheck.a_gradient_that_is_not_deterministic": "tolerance for nondeterminism was 0.0.",
    "checkpoint.another_number_of_tensors": CHANGED,
    "checkpoint.tensors_of_another_shape": CHANGED,
    "func.vmap_of_in_place_on_what_is_shared": "Please try to use out-of-place operators instead",
    "func.vmap_of_an_item": "please try to rewrite what you're doing with other operations.",
    "func.vmap_of_a_number_from_a_tensor": "please try to rewrite what you're doing with other ope",
    "func.vmap_of_a_branch": "use a Tensor in some data-dependent control flow. We don't support t",
    "func.vmap_of_a_size_that_depends": "Attempting to batch over indexing with a boolean mask.",
    "func.vmap_of_nonzero": "We do not support batching operators that can output dynamic shape. A",
    # Nested structures are written in another way.
    "func.func_jvp_of_another_number": "Expected primals and tangents to have the same python str",
    "func.vmap_in_dims_of_another_structure": "in_dims is not compatible with the structure of `i",
    "func.vmap_out_dims_of_another_structure": "out_dims is not compatible with the structure of",
    # Ours names the dtype as well.
    "func.func_grad_of_integers": "only Tensors of floating point dtype can require gradients",
}

# ------------------------------------------------------------------ what immutability takes away

STRIDES = "there are no strides: nobody can say whether a reshape copies"
SNAPSHOT = "what was saved stays what it was"
DEVICE = "the device has another name"
IMMUTABLE = {
    "views_inplace.what_is_no_view": STRIDES,
    "views_inplace.reshape_shows_the_memory_where_it_can": STRIDES,
    "views_inplace.view_of_a_transposed_tensor": STRIDES,
    "views_inplace.what_returns_the_tensor_itself": "cpu() copies to another device",
    "views_inplace.written_by_data": SNAPSHOT,
    "saved_hooks.hooks_that_keep_the_tensor_and_a_write": SNAPSHOT,
    "saved_hooks.save_on_cpu_and_a_write": SNAPSHOT,
    "checkpoint.selective_and_written_to": SNAPSHOT,
    "leaves.grad_assigned_an_expanded_tensor": "a gradient is not written to, but replaced",
    "graph.a_scalar_from_a_tensor": DEVICE,
    "graph.text_of_a_leaf": DEVICE,
    "leaves.pickle_of_a_dtype": DEVICE,
    **dict.fromkeys(
        (
            "views_inplace.written_and_written_back", "views_inplace.written_with_nothing",
            "views_inplace.written_through_the_base", "views_inplace.written_through_a_sibling",
            "views_inplace.the_second_backward_sees_the_write",
            "saved_hooks.raw_hooks_and_a_write_to_the_other",
        ),
        "the error names what made the saved value, not what wrote to it",
    ),
    # Bugs, to be mended.
    "views_inplace.data_set_shares_the_memory": "data that was set does not follow its source",
}  # fmt: skip

# ------------------------------------------------------------------ the test


@functools.cache
def theirs(name):
    torch._C._set_warnAlways(True)
    return table.outcome(PROGRAMS[name], torch)


@pytest.fixture(params=["cpu", "readonly"])
def default_device(request):
    """NumPy, and NumPy where nothing can be written to."""
    before = xg.get_default_device()
    xg.set_default_device(request.param)
    yield request.param
    xg.set_default_device(before)


@pytest.mark.parametrize("name", PROGRAMS)
def test_behaviour(name, default_device):
    ours = table.outcome(PROGRAMS[name], xg)
    found = table.differences(ours, theirs(name))
    if default_device == "readonly" and name in IMMUTABLE:
        assert found, f"{name} agrees with PyTorch by now: take it out of IMMUTABLE"
    elif name in PENDING:
        assert found, f"{name} agrees with PyTorch by now: take it out of PENDING"
        pytest.xfail(f"{default_device}: {PENDING[name]}")
    elif name in DIFFERENT:
        assert found, f"{name} agrees with PyTorch by now: take it out of DIFFERENT"
        assert_like(table.bare(ours), DIFFERENT[name][1])
    elif name in WORDS:
        assert found, f"{name} agrees with PyTorch by now: take it out of WORDS"
        assert all(line.partition(": ")[0].endswith(" message") for line in found)
        assert WORDS[name] in str(ours.value)
        assert WORDS[name] in str(theirs(name).value)
    else:
        assert not found, "\n".join(found)


def assert_like(found, expected):
    """Equal, where something is expected at all."""
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for part, of in zip(found, expected):
            if of is not ...:
                assert_like(part, of)
    elif isinstance(expected, float):
        assert table.close(found, expected)
    else:
        assert found == expected


# ------------------------------------------------------------------ the lists, and the comparison


def test_there_are_many():
    assert len(PROGRAMS) > 1_500


def test_nothing_is_excused_twice_or_unknown():
    excused = [*PENDING, *DIFFERENT, *WORDS]
    assert len(set(excused)) == len(excused)
    assert {*excused, *IMMUTABLE} <= set(PROGRAMS)


@pytest.mark.parametrize("words", sorted({words for words, _ in DIFFERENT.values()}))
def test_the_readme_says_so(words):
    readme = (Path(__file__).resolve().parent.parent / "README.md").read_text("utf-8")
    listed = readme.partition("## What differs from PyTorch")[2].partition("\n## ")[0]
    assert words in " ".join(listed.split())


DETUNED = {
    "a value": (lambda t: t.ones(2), lambda t: t.ones(2) + 1e-5),
    "nan": (lambda t: t.ones(1), lambda t: t.ones(1) * float("nan")),
    "a shape": (lambda t: t.ones(2), lambda t: t.ones(2, 1)),
    "a dtype": (lambda t: t.ones(2), lambda t: t.ones(2, dtype=t.float64)),
    "requires_grad": (lambda t: t.ones(2), lambda t: t.ones(2, requires_grad=True)),
    "grad_fn": (lambda t: leaf(t) * 2, lambda t: leaf(t) + 1),
    "a node": (lambda t: (leaf(t) * 2).grad_fn, lambda t: (leaf(t) + 1).grad_fn),
    "none": (lambda t: None, lambda t: t.ones(2)),
    "a number": (lambda t: 1, lambda t: True),
    "the length of a list": (lambda t: [1, 2], lambda t: [1, 2, 3]),
    "a tuple": (lambda t: (1, 2), lambda t: [1, 2]),
    "a key": (lambda t: {"a": 1}, lambda t: {"b": 1}),
    "a text": (lambda t: "torch.float32", lambda t: "torch.float64"),
    "no error": (lambda t: raising(ValueError("a")), lambda t: None),
    "an error": (lambda t: None, lambda t: raising(ValueError("a"))),
    "the kind of an error": (
        lambda t: raising(ValueError("a")),
        lambda t: raising(TypeError("a")),
    ),
    "the text of an error": (
        lambda t: raising(ValueError("a")),
        lambda t: raising(ValueError("b")),
    ),
    "a warning": (lambda t: warnings.warn("a", stacklevel=1), lambda t: None),
    "the kind of a warning": (
        lambda t: warnings.warn("a", UserWarning, stacklevel=1),
        lambda t: warnings.warn("a", FutureWarning, stacklevel=1),
    ),
}


def leaf(t):
    return t.ones(2, requires_grad=True)


def raising(error):
    raise error


@pytest.mark.parametrize("what", DETUNED)
def test_the_comparison_complains(what):
    program, other = DETUNED[what]
    outcome, detuned = table.outcome(program, torch), table.outcome(other, torch)
    assert table.differences(outcome, outcome) == []
    assert table.differences(table.outcome(program, xg), outcome) == []
    assert table.differences(detuned, outcome) != []
    assert table.differences(table.outcome(other, xg), outcome) != []


def test_a_program_leaves_no_mode_behind():
    for t in (torch, xg):
        table.outcome(lambda t: t.set_grad_enabled(False), t)
        assert t.is_grad_enabled()
