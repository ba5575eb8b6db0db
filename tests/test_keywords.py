"""Arguments by name: each function takes PyTorch's names, as its schemas have them."""

import inspect

import pytest

import xpgrad as xg

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
pytestmark = pytest.mark.oracle

# What our functions take of no tensor: results written elsewhere, and what only PyTorch has.
ELSEWHERE = {"out", "layout", "pin_memory", "generator", "names", "memory_format", "out_dtype"}

# Names that are not taken, by function. Of the first group PyTorch's Python function takes others
# than the schema says; the second are those of schemas for numbers or lists, not tensors.
NOT_TAKEN = {
    **{name: {"input"} for name in ("atleast_1d", "atleast_2d", "atleast_3d")},
    **{name: {"input", "input2"} for name in ("cholesky_inverse", "cholesky_solve", "orgqr")},
    "ormqr": {"input2", "input3"}, "triangular_solve": {"input"},
    "split": {"input", "split_sizes"}, "tensordot": {"input", "other", "dims_self", "dims_other"},
    "einsum": {"path", "tensors", "a"}, "where": {"self"}, "searchsorted": {"self"},
    "polygamma": {"self"}, "eq": {"a", "b"}, "ne": {"a", "b"}, "sort": {"reverse"},
    "result_type": {"tensor", "other", "scalar"}, "isin": {"element", "test_element"},
    "to": {"other"}, "copy_": {"other"}, "random_": {"from", "to"}, "uniform_": {"from", "to"},
    "set_": {"storage_offset", "size", "stride"}, "swapaxes_": {"axis0", "axis1"},
    "backward": {"grad_tensors"},
}  # fmt: skip


def names_in_schemas(name, method):
    """All names of arguments in PyTorch's schemas for dense tensors; the first is ``input``."""
    found = set()
    for schema in torch._C._jit_get_schemas_for_operator(f"aten::{name}"):
        given = schema.arguments
        if any(a.is_out for a in given) or "imname" in str(schema):
            continue
        if not any("Tensor" in str(a.type) for a in given):
            continue
        names = [a.name for a in given]
        if names[0] == "self":
            names[0] = "input"
        found.update(names[1:] if method else names)
    return found - ELSEWHERE


def both(theirs, ours):
    for name in sorted(dir(ours)):
        value = getattr(ours, name)
        plain = callable(value) and not isinstance(value, type) and not name.startswith("_")
        if plain and hasattr(theirs, name):
            yield name, value


FUNCTIONS = [(f"xpgrad.{n}", n, f) for n, f in both(torch, xg)]
METHODS = [(f"Tensor.{n}", n, f) for n, f in both(torch.Tensor, xg.Tensor)]


@pytest.mark.parametrize(
    ("name", "function", "method"),
    [
        pytest.param(n, f, i, id=shown)
        for i, g in enumerate((FUNCTIONS, METHODS))
        for shown, n, f in g
    ],
)
def test_pytorchs_names_are_taken(name, function, method):
    wanted = names_in_schemas(name, method) - NOT_TAKEN.get(name, set())
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    by_name = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    assert wanted - by_name - {p.name for p in parameters if p.kind is p.VAR_POSITIONAL} == set()


def test_there_are_many():
    assert len(FUNCTIONS) > 350
    assert len(METHODS) > 400


def test_a_name_that_is_not_taken_is_found():
    with pytest.raises(AssertionError):
        test_pytorchs_names_are_taken("sin", lambda x: x, 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda t, x: t.flip(input=x, dims=(0,)),
        lambda t, x: x.permute(dims=(1, 0)),
        lambda t, x: x.reshape(shape=(3, 2)),
        lambda t, x: x.view(size=(3, 2)),
        lambda t, x: x.expand(size=(2, 2, 3)),
        lambda t, x: x.repeat(repeats=(2, 1)),
        lambda t, x: t.tile(x, dims=(2,)),
        lambda t, x: t.hsplit(x, sections=3)[1],
        lambda t, x: t.tensor_split(x, indices=(1,), dim=1)[1],
        lambda t, x: x.split(split_size=1)[1],
        lambda t, x: t.swapaxes(x, axis0=0, axis1=1),
        lambda t, x: t.mul(input=x, other=x),
        lambda t, x: x.to(memory_format=t.preserve_format),
        lambda t, x: t.sum(input=x, dim=0),
    ],
)
def test_calls_by_name(call):
    values = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert call(xg, xg.tensor(values)).tolist() == call(torch, torch.tensor(values)).tolist()
