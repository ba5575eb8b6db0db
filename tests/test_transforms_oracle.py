"""Every function of the door under `vmap`, `jvp` and `grad`, against PyTorch's transforms."""

import re
import warnings

import numpy as np
import pytest

import xpgrad as xg
from oracle import lines
from transform_programs import DATA, SIZE, TABLES, Program, tangent_of

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
pytestmark = pytest.mark.oracle

PROGRAMS = [line for table in TABLES.values() for line in lines(table)]

# Where PyTorch's transform is at odds with what it does without one: in which modes, and how.
OWN_WAY = {
    "put(x, np.s_[:, i], u)": ("vmap", "it writes the values along the wrong dimension"),
    "x.clone().detach_() * x": ("jvp grad", "detach() cuts off tangents, detach_() does not"),
    "t.fmax(h, x)": ("jvp", "the tangent is that of the smaller one, or nan, beside nan and inf"),
    "t.fmin(h, x)": ("jvp", "as fmax"),
}


def modes(program):
    """How to transform a program: a name, and of which arrays there is a batch, and where."""
    names = program.names
    yield "vmap", dict.fromkeys(names, 0)
    if len(names) > 1:
        for n in names:
            yield "vmap", {n: -1}
        yield "vmap", dict.fromkeys(names[1:], min(1, *(DATA[n].ndim - 1 for n in names)))
    if program.floating:
        yield from ((mode, {}) for mode in ("jvp", "vmap grad", "jvp grad", "vmap jvp"))


def run(program, mode, dims):
    """The results of a transformed program."""
    t, names = program.t, program.names
    if mode == "vmap":
        in_dims = tuple(dims.get(n) for n in names)
        given = [
            DATA[n][0] if d is None else np.moveaxis(DATA[n], 0, d)
            for n, d in zip(names, in_dims, strict=True)
        ]
        return t.func.vmap(program, in_dims=in_dims)(*map(t.tensor, given))
    arrays = [t.tensor(DATA[n][0]) for n in names]
    batches = [t.tensor(DATA[n]) for n in names]
    floats = [arrays[i] for i in program.floating]
    tangents = [t.tensor(tangent_of(DATA[names[i]][0])) for i in program.floating]
    if mode == "jvp":
        return t.func.jvp(program.of_floats(arrays), tuple(floats), tuple(tangents))[1]
    if mode == "vmap jvp":
        directions = [t.tensor(tangent_of(DATA[names[i]])) for i in program.floating]

        def slope(*args):
            arrays = args[: len(names)]
            floats = tuple(arrays[i] for i in program.floating)
            return t.func.jvp(program.of_floats(arrays), floats, args[len(names) :])[1]

        return t.func.vmap(slope)(*batches, *directions)
    gradient = t.func.grad(program.loss, argnums=tuple(program.floating))
    if mode == "vmap grad":
        return t.func.vmap(gradient)(*batches)

    def of_floats(*floats):
        given = list(arrays)
        for i, x in zip(program.floating, floats, strict=True):
            given[i] = x
        return gradient(*given)

    return t.func.jvp(of_floats, tuple(floats), tuple(tangents))[1]


def one_by_one(program, mode, dims):
    """The same without a transform: each example in turn."""
    if "jvp" in mode:
        raise NotImplementedError("there is no forward mode without a transform")
    t, names = program.t, program.names
    rows = []
    for n in range(SIZE):
        given = [DATA[name][n if name in dims or mode != "vmap" else 0] for name in names]
        arrays = list(map(t.tensor, given))
        if mode == "vmap":
            rows.append(program(*arrays))
            continue
        leaves = [arrays[i].requires_grad_() for i in program.floating]
        found = t.autograd.grad(program.loss(*arrays), leaves, allow_unused=True)
        found = [t.zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True)]
        rows.append(found)
    return [
        t.stack([x if isinstance(x, t.Tensor) else t.tensor(x) for x in column])
        for column in zip(*rows, strict=True)
    ]


def host(x):
    if isinstance(x, torch.Tensor):  # some of its zeros have no memory, and some lazy signs
        return x.detach().resolve_conj().resolve_neg().clone().numpy(force=True)
    return x.numpy(force=True)


def assert_same(actual, expected, what):
    assert len(actual) == len(expected), what
    for a, e in zip(map(host, actual), map(host, expected), strict=True):
        assert a.dtype == e.dtype, what
        assert a.shape == e.shape, what
        np.testing.assert_allclose(a, e, rtol=5e-5, atol=5e-5, err_msg=what)


def attempt(function, program, *args):
    """What a function gives, or the error that it raises."""
    try:
        with warnings.catch_warnings():
            if program.t is torch:  # which runs loops where xpgrad must not
                warnings.simplefilter("ignore")
            return function(program, *args)
    except Exception as error:
        return error


# Why PyTorch may refuse what each example alone could do, and the words that xpgrad then has.
REFUSALS = {
    "xtra_args": "is not possible because there exists",  # of a captured tensor, in place
    "doesn't match the broadcast shape": "is not possible because there exists",
    "indexing with a boolean mask": "indexing with a boolean mask",
    "vmap over `mask`": "Attempted to vmap over `mask` in xpgrad.masked_select",
}


@pytest.mark.parametrize("text", PROGRAMS)
def test_program(text):
    theirs, mine = Program(text, torch), Program(text, xg)
    assert theirs.names, "a program of nothing"
    differs = text not in OWN_WAY or "jvp" in OWN_WAY[text][0]  # no loop says what jvp should be
    compared = 0
    for mode, dims in modes(theirs):
        what = f"{mode} {dims or ''}".strip()
        expected, actual = attempt(run, theirs, mode, dims), attempt(run, mine, mode, dims)
        own_way = text in OWN_WAY and OWN_WAY[text][0] in mode
        if isinstance(expected, Exception) or own_way:
            alone = attempt(one_by_one, theirs, mode, dims)
            if isinstance(alone, Exception):
                continue  # nobody says what should come out
            if isinstance(actual, Exception):
                words = next(w for key, w in REFUSALS.items() if key in str(expected))
                assert words in str(actual), what
                compared += 1
                continue
            differs = differs or not _agree(alone, expected)
            expected = alone
        if isinstance(actual, Exception):
            raise actual
        assert_same(actual, expected, what)
        compared += 1
    assert compared, "nobody says what should come out"
    assert differs, "PyTorch has no way of its own any more"


def _agree(a, b):
    try:
        assert_same(a, b, "")
    except AssertionError:
        return False
    return True


# ------------------------------------------------------------------ what no program is about

# Functions that make or read no Tensor, whose results no transform can have a part in, and why
# others are left out.
APART = {
    "of space: their ops under transforms are in test_vmap.py and test_forward.py": """
        adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
        adaptive_max_pool1d_with_indices adaptive_max_pool2d
        adaptive_max_pool2d_with_indices adaptive_max_pool3d
        adaptive_max_pool3d_with_indices affine_grid avg_pool1d avg_pool2d avg_pool3d
        channel_shuffle fill_diagonal_ fold grid_sample histc interpolate lp_pool1d
        lp_pool2d lp_pool3d max_pool1d max_pool1d_with_indices max_pool2d
        max_pool2d_with_indices max_pool3d max_pool3d_with_indices max_unpool1d
        max_unpool2d max_unpool3d fractional_max_pool2d fractional_max_pool3d
        fractional_max_pool2d_with_indices fractional_max_pool3d_with_indices
        multi_head_attention_forward native_channel_shuffle
        pad pixel_shuffle pixel_unshuffle scaled_dot_product_attention
        unique_consecutive unravel_index upsample upsample_bilinear upsample_nearest""",
    "modes, devices, dtypes, printing": """
        enable_grad no_grad inference_mode set_grad_enabled is_grad_enabled
        is_inference_mode_enabled get_default_device set_default_device get_default_dtype
        set_default_dtype device device_types finfo iinfo can_cast promote_types
        broadcast_shapes printoptions set_printoptions get_printoptions Size Backend
        register_backend Tensor cuda get_device cfloat cdouble""",
    "values for the host, below": """
        item tolist numpy nonzero argwhere unique bincount allclose equal is_nonzero data_ptr
        nonzero_static histogram histogramdd apply_ map_""",
    "questions": "dim_order is_conj is_meta is_neg is_pinned is_shared pin_memory",
    "PyTorch's writes to what its backward needs": "vander",
    "random numbers: test_func.py": """
        Generator manual_seed seed initial_seed get_rng_state set_rng_state fork_rng rand randn
        rand_like randn_like randint randint_like randperm normal bernoulli multinomial normal_
        bernoulli_ uniform_ exponential_ random_ cauchy_ geometric_ log_normal_""",
    "the graph, which transforms have of their own": """
        backward grad grad_fn is_leaf output_nr requires_grad requires_grad_ retain_grad
        retains_grad register_hook register_post_accumulate_grad_hook""",
    "memory outside": "from_numpy from_dlpack to_device set_ is_set_to",
    "new; their ops are in test_vmap.py and test_forward.py": """
        alias_copy as_strided as_strided_ as_strided_copy as_strided_scatter baddbmm_
        bartlett_window blackman_window cdist cholesky_inverse conj_physical_ conv3d
        conv_tbc conv_transpose2d conv_transpose3d diagonal_copy expand_copy gcd gcd_
        geqrf gumbel_softmax hamming_window hann_window i0_ igamma_ igammac_
        index_reduce index_reduce_ istft kaiser_window lcm lcm_ ldexp_ lu lu_solve
        lu_unpack memory_format mvlgamma_ nanmedian nanquantile orgqr ormqr polygamma_
        renorm_ resolve_neg scatter_reduce scatter_reduce_ select_copy slice_copy
        split_copy split_with_sizes_copy squeeze_copy stft storage_offset t_copy
        transpose_copy triangular_solve unbind_copy unfold_copy unsafe_split_with_sizes
        unsqueeze_copy""",
}


def public(module):
    """The names of a module's own functions and classes."""
    found = {n: value for n, value in vars(module).items() if not n.startswith("_")}
    return {
        n
        for n, v in found.items()
        if callable(v) and getattr(v, "__module__", "").startswith("xpgrad")
    }


def test_every_function_of_the_door_is_in_a_program():
    """Whoever adds a function adds a line to transform_programs.py."""
    words = set(re.findall(r"\w+", "\n".join(PROGRAMS)))
    apart = set(" ".join(APART.values()).split())
    methods = {name for name in dir(xg.Tensor) if not name.startswith("_")}
    functions = {n for n in public(xg) if hasattr(torch, n)} | methods
    functions |= {n for n in public(xg.nn.functional) if hasattr(torch.nn.functional, n)}
    functions -= {n for n in functions if n.startswith("is_") and n in public(xg) - methods}
    assert sorted(functions - words - apart) == []


# What asks for the values of a batch: PyTorch's key words in what is raised.
OF_VALUES = """
float(s)
int(j)
list(range(j))
s.item()
1 / s.item()
x if x.sum() > 0 else -x
bool(s)
t.is_nonzero(s)
not s
s and s
x.numpy()
x.tolist()
t.nonzero(x)
t.where(x)
t.unique(x)
x[m]
x.masked_select(m)
s + t.rand(())
F.dropout(x)
t.randn_like(x)
"""


@pytest.mark.parametrize("text", lines(OF_VALUES))
def test_what_asks_for_values_fails_in_the_same_words(text):
    errors = []
    for t in (torch, xg):
        program = Program(text, t)
        with pytest.raises(RuntimeError) as caught:
            t.func.vmap(program)(*(t.tensor(DATA[n]) for n in program.names))
        errors.append(str(caught.value))
    words = re.split(r", please file|\. If error| Please file| over aten::", errors[0])[0]
    assert words.replace("torch.", "xpgrad.").rstrip(".") in errors[1]


@pytest.mark.parametrize(
    "text", ["x * x[0, 0].item()", "x.sin() if x.sum() > -99 else x", "x[x > 0]"]
)
def test_a_branch_has_the_derivative_of_the_way_that_it_took(text):
    for mode in ("jvp", "jvp grad"):
        expected, actual = (attempt(run, Program(text, t), mode, {}) for t in (torch, xg))
        assert_same(actual, [e.float() for e in expected], mode)
