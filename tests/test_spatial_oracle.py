"""Convolution, pooling, padding, interpolation, sampling and attention beside PyTorch.

PyTorch's database of ops (`test_op_db`) has the functions; this has what it leaves out: errors,
modules, ties and NaN, bytes, antialiasing, masks.
"""

import itertools
import re
import warnings

import numpy as np
import pytest

import xpgrad as xg

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
pytestmark = pytest.mark.oracle

RNG = np.random.default_rng(0)


def numbers(*shape, dtype=np.float64):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


def array(t):
    return t.numpy(force=True)


def assert_same(mine, theirs, rtol=1e-7, atol=1e-9):
    mine, theirs = (x if isinstance(x, tuple) else (x,) for x in (mine, theirs))
    for a, b in zip(map(array, mine), map(array, theirs), strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


# ── errors ───────────────────────────────────────────────────────────────────────────────────────

# Calls that fail, in both libraries with the same type of error and the same words.
COMPLAINTS = """
F.conv2d(r(5, 5), r(6, 4, 3, 3))
F.conv2d(r(1, 2, 4, 5, 5), r(6, 4, 3, 3))
F.conv2d(r(2, 4, 5, 5), r(6, 3, 3, 3))
F.conv2d(r(2, 4, 5, 5), r(6, 4, 3, 3), r(5))
F.conv2d(r(2, 4, 5, 5), r(6, 4, 3, 3), r(6, 1))
F.conv2d(r(2, 4, 5, 5), r(6, 4, 7, 7))
F.conv2d(r(2, 4, 5, 5), r(6, 4, 3, 3), stride=0)
F.conv2d(r(2, 4, 5, 5), r(6, 4, 3, 3), padding=-1)
F.conv2d(r(2, 4, 5, 5), r(6, 4, 3, 3), groups=0)
F.conv2d(r(2, 4, 5, 5), r(6, 4, 3, 3), stride=(1, 2, 3))
F.conv2d(r(2, 4, 5, 5), r(6, 4, 3, 3), padding='same', stride=2)
F.conv2d(r(2, 4, 5, 5), r(6, 4, 3, 3), padding='foo')
F.conv2d(r(2, 4, 5, 5), r(6, 4, 3, 3), r(6).float())
F.conv1d(r(2), r(6, 4, 3))
F.conv2d(r(2, 4, 0, 5), r(6, 4, 3, 3))
F.conv2d(r(2, 4, 5, 5), r(0, 4, 3, 3))
F.conv_transpose2d(r(2, 4, 5, 5), r(4, 6, 3, 3), output_padding=1)
F.conv_transpose2d(r(2, 4, 5, 5), r(4, 6, 3, 3), output_padding=-1)
F.conv_transpose2d(r(2, 4, 5, 5), r(5, 6, 3, 3))
F.conv_transpose2d(r(2, 4, 5, 5), r(4, 6, 3, 3), r(5))
F.conv_transpose1d(r(2, 4, 5), r(4, 6, 3), stride=2, output_padding=2)
F.conv_transpose3d(r(2, 4, 5, 5, 5), r(4, 6, 3, 3, 3), stride=2, output_padding=2)
F.max_pool2d(r(2, 3, 6, 6), 2, padding=2)
F.max_pool2d(r(2, 3, 6, 6), 7)
F.max_pool2d(r(2, 3, 6, 6), (2, 2, 2))
F.max_pool2d(r(2, 3, 6, 6), 2, padding=-1)
F.max_pool2d(r(2, 0, 6, 6), 2)
F.max_pool2d(r(2, 3, 6, 6) > 0, 2)
F.avg_pool2d(r(2, 3, 6, 6), 2, divisor_override=0)
F.avg_pool2d(r(2, 3, 6, 6), 2, padding=2)
F.adaptive_avg_pool2d(r(2, 3, 6, 6), -1)
F.adaptive_avg_pool2d(r(2, 3, 6, 6).long(), 3)
F.max_unpool2d(r(2, 3, 3, 3), t.zeros(2, 3, 3, 3, dtype=t.int64), 2, output_size=(12, 12))
F.max_unpool2d(r(2, 3, 3, 3), t.full((2, 3, 3, 3), 99), 2)
F.max_unpool2d(r(2, 3, 3, 3), t.zeros(2, 3, 1, 3, dtype=t.int64), 2)
F.pad(r(2, 3, 6, 6), (1, 2, 3))
F.pad(r(2, 3, 6, 6), (1,) * 10)
F.pad(r(2, 3, 6, 6), (1, 1), 'reflect')
F.pad(r(2, 3, 6, 6), (7, 1, 0, 0), 'reflect')
F.pad(r(2, 3, 6, 6), (7, 1, 0, 0), 'circular')
F.pad(r(2, 3, 6, 6), (1, 1), 'foo')
F.pad(r(2, 3, 6, 6), (1, 1, 1, 1), 'reflect', value=3)
F.pad(r(2, 3, 6, 6), (-4, -3, 0, 0))
F.pad(r(2, 3, 6, 6), 1)
F.interpolate(r(2, 3, 6, 6))
F.interpolate(r(2, 3, 6, 6), size=4, scale_factor=2)
F.interpolate(r(2, 3, 6, 6), size=(4, 4, 4))
F.interpolate(r(2, 3, 6, 6), 4, mode='linear')
F.interpolate(r(2, 3, 6, 6), 4, align_corners=True)
F.interpolate(r(2, 3, 6, 6), 4, mode='foo')
F.interpolate(r(2, 3, 6, 6), 0)
F.interpolate(r(2, 3, 6, 6), 4, antialias=True)
F.interpolate(r(2, 3, 6, 6), 4, recompute_scale_factor=True)
F.pixel_shuffle(r(2, 8, 4, 4), 3)
F.pixel_shuffle(r(2, 8, 4, 4), 0)
F.pixel_shuffle(r(4, 4), 2)
F.pixel_unshuffle(r(2, 8, 4, 4), 3)
F.channel_shuffle(r(2, 8, 4, 4), 3)
F.channel_shuffle(r(2, 8, 4, 4), 0)
F.channel_shuffle(r(2, 3, 4, 4, 4), 2)
F.unfold(r(2, 3, 6, 6), 7)
F.unfold(r(2, 3, 6, 6), 0)
F.unfold(r(2, 3, 6, 6), 2, padding=-1)
F.unfold(r(2, 3, 6, 6), (2, 2, 2))
F.fold(r(2, 12, 25), (5, 6), 2)
F.fold(r(2, 5, 25), (6, 6), 2)
F.grid_sample(r(2, 3, 6, 6), r(2, 4, 4, 2), mode='foo', align_corners=False)
F.grid_sample(r(2, 3, 6, 6), r(2, 4, 4, 2), padding_mode='foo', align_corners=False)
F.grid_sample(r(2, 3, 6, 6), r(1, 4, 4, 2), align_corners=False)
F.grid_sample(r(2, 3, 6, 6), r(2, 4, 4, 1), align_corners=False)
F.grid_sample(r(2, 3, 4, 4, 4), r(2, 3, 3, 3, 3), mode='bicubic', align_corners=False)
F.affine_grid(r(2, 2, 2), (2, 3, 4, 4), align_corners=False)
F.affine_grid(r(2, 2, 3), (2, 3, 4), align_corners=False)
F.affine_grid(r(2, 2, 3), (2, 3, 0, 4), align_corners=False)
F.scaled_dot_product_attention(r(5), r(4, 5), r(4, 5))
F.scaled_dot_product_attention(r(4, 5), r(4, 5).float(), r(4, 5))
F.scaled_dot_product_attention(r(4, 5), r(4, 5), r(4, 5), t.ones(4, 4, dtype=t.int64))
F.scaled_dot_product_attention(r(4, 5), r(4, 5), r(4, 5), dropout_p=1.5)
nn.Conv2d(3, 4, 3, groups=2)
nn.Conv2d(4, 4, 3, padding='foo')
nn.Conv2d(4, 4, 3, padding='same', stride=2)
nn.Conv2d(4, 4, 3, padding_mode='foo')
nn.ConvTranspose2d(4, 4, 3, padding_mode='reflect')
nn.ConvTranspose2d(4, 4, 3, stride=2)(r(1, 4, 3, 3).float(), (9, 9))
nn.ConvTranspose2d(4, 4, 3, stride=2)(r(1, 4, 3, 3).float(), (9,))
nn.MultiheadAttention(7, 2)
nn.MultiheadAttention(0, 2)
nn.MultiheadAttention(8, 2)(r(3, 8).float(), r(3, 2, 8).float(), r(3, 8).float())
nn.MultiheadAttention(8, 2).double()(r(3, 8), r(3, 8), r(3, 8), attn_mask=r(2, 2))
"""


def complaint(library, line):
    """The error that a line raises."""
    names = {
        "t": library,
        "F": library.nn.functional,
        "nn": library.nn,
        "r": lambda *shape: library.tensor(numbers(*shape)),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            eval(line, names)
        except Exception as error:
            return error
    raise AssertionError(f"{line} is fine with {library.__name__}")


def words(error):
    """What two messages have in common if they say the same: its first words."""
    text = str(error).splitlines()[0].replace("torch", "xpgrad")
    return re.sub(r"[^a-zA-Z0-9_ ]+", " ", text).split()


@pytest.mark.parametrize("line", COMPLAINTS.strip().splitlines())
def test_complaints(line):
    theirs, mine = complaint(torch, line), complaint(xg, line)
    assert isinstance(mine, type(theirs)), f"{type(mine)}, not {type(theirs)}: {mine}"
    expected, found = words(theirs), words(mine)
    same = len(set(expected) & set(found)) / len(set(expected))
    assert same > 0.6, f"{mine}\nnot\n{theirs}"


# ── modules ──────────────────────────────────────────────────────────────────────────────────────

# What to make, and the shape of an input; None: only what is printed and saved.
MODULES = [
    ("Conv2d(3, 4, 3)", (2, 3, 6, 6)),
    ("Conv2d(4, 4, (3, 5), stride=2, padding=1, dilation=2, groups=2, bias=False, "
     "padding_mode='reflect')", (2, 4, 12, 12)),
    ("Conv1d(3, 4, 3, padding='same')", (2, 3, 7)),
    ("Conv1d(3, 4, 4, padding='same', padding_mode='circular')", (2, 3, 7)),
    ("Conv1d(3, 4, 4, padding='valid')", (3, 7)),
    ("Conv3d(2, 3, 2, padding=1, padding_mode='replicate')", (1, 2, 3, 3, 3)),
    ("ConvTranspose2d(3, 4, 3, stride=2, output_padding=1)", (2, 3, 4, 4)),
    ("ConvTranspose1d(3, 4, 3, stride=2)", (2, 3, 4)),
    ("ConvTranspose3d(3, 4, 2, groups=1, dilation=2)", (2, 3, 3, 3, 3)),
    ("MaxPool1d(2, return_indices=True)", (2, 3, 6)),
    ("MaxPool2d((2, 3), stride=1, padding=1, dilation=2, ceil_mode=True)", (2, 3, 7, 7)),
    ("MaxPool3d(2)", (1, 2, 4, 4, 4)),
    ("MaxUnpool1d(2, stride=3)", None),
    ("MaxUnpool2d(2)", None),
    ("MaxUnpool3d(2, padding=1)", None),
    ("AvgPool1d(2)", (2, 3, 6)),
    ("AvgPool2d((2, 2), padding=1)", (2, 3, 6, 6)),
    ("AvgPool2d(3, divisor_override=2, ceil_mode=True)", (2, 3, 7, 7)),
    ("AvgPool3d(2, count_include_pad=False, padding=1)", (2, 3, 4, 4, 4)),
    ("LPPool1d(2, 3, stride=1)", (2, 3, 6)),
    ("LPPool2d(2, 3)", (2, 3, 6, 6)),
    ("LPPool3d(2, 2)", (2, 3, 4, 4, 4)),
    ("AdaptiveMaxPool1d(3)", (2, 3, 5)),
    ("AdaptiveMaxPool2d((None, 2), return_indices=True)", (2, 3, 5, 5)),
    ("AdaptiveMaxPool3d(2)", (2, 3, 3, 3, 3)),
    ("AdaptiveAvgPool1d(3)", (2, 3, 5)),
    ("AdaptiveAvgPool2d((3, None))", (2, 3, 5, 5)),
    ("AdaptiveAvgPool3d(2)", (2, 3, 3, 3, 3)),
    *((f"{kind}Pad{n}d({1 if kind != 'Constant' else '1, 2.5'})", (2, 3, 4, 4, 4)[: n + 2])
      for kind in ("Constant", "Reflection", "Replication", "Circular", "Zero")
      for n in (1, 2, 3)),
    ("CircularPad1d((1, 2))", (2, 3, 4)),
    ("Upsample(scale_factor=2)", (2, 3, 4, 4)),
    ("Upsample(scale_factor=(1.5, 2.0), mode='bicubic')", (2, 3, 4, 4)),
    ("Upsample(size=(3, 4), mode='bilinear', align_corners=True)", (2, 3, 4, 4)),
    ("UpsamplingNearest2d(scale_factor=2)", (2, 3, 4, 4)),
    ("UpsamplingBilinear2d(size=4)", (2, 3, 5, 5)),
    ("PixelShuffle(2)", (2, 8, 4, 4)),
    ("PixelUnshuffle(2)", (2, 2, 4, 4)),
    ("ChannelShuffle(2)", (2, 4, 3, 3)),
    ("Fold((4, 4), 2)", (2, 8, 9)),
    ("Unfold(2, padding=1)", (2, 3, 4, 4)),
]  # fmt: skip
# PyTorch writes the pieces of a circular padding one after the other.
NODES = {"CircularPad": "ResampleBackward0"}


def twins(made):
    """A module of both libraries, with the same state."""
    theirs = eval(f"nn.{made}", {"nn": torch.nn})
    mine = eval(f"nn.{made}", {"nn": xg.nn})
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    state = {k: xg.tensor(array(v)) for k, v in theirs.state_dict().items()}
    for a, b in zip(mine.state_dict().values(), state.values(), strict=True):
        assert a.shape == b.shape
    mine.load_state_dict(state)
    return mine, theirs


@pytest.mark.parametrize(("made", "shape"), MODULES, ids=[m for m, _ in MODULES])
def test_modules(made, shape):
    mine, theirs = twins(made)
    if shape is None:
        return
    x = numbers(*shape, dtype=np.float32)
    a, b = xg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    out, expected = mine(a), theirs(b)
    assert_same(out, expected, 1e-4, 1e-5)
    out, expected = (x[0] if isinstance(x, tuple) else x for x in (out, expected))
    node = next((n for k, n in NODES.items() if made.startswith(k)), None)
    assert out.grad_fn.name() == (node or expected.grad_fn.name())
    g = numbers(*expected.shape, dtype=np.float32)
    out.backward(xg.tensor(g))
    expected.backward(torch.tensor(g))
    assert_same(a.grad, b.grad, 1e-4, 1e-4)
    for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert_same(p.grad, q.grad, 1e-4, 1e-3)


@pytest.mark.parametrize(
    "made", ["Conv2d(6, 90, 3)", "ConvTranspose2d(6, 90, 3)", "Conv1d(8, 90, 5)"]
)
def test_parameters_start_as_in_pytorch(made):
    """Uniform within the same bounds; 90 numbers or more come close to them."""
    theirs, mine = (eval(f"nn.{made}", {"nn": lib.nn}) for lib in (torch, xg))
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        low, high = (abs(array(p)).max() for p in (a, b))
        assert 0.7 < low / high < 1.4


def test_unpooling_and_sizes_of_transposed_convolution():
    x = numbers(2, 3, 7, 7)
    out, places = (lib.nn.MaxPool2d(2, return_indices=True)(lib.tensor(x)) for lib in (xg, torch))
    results = [
        lib.nn.MaxUnpool2d(2)(*found, output_size=(2, 3, 7, 7))
        for lib, found in ((xg, out), (torch, places))
    ]
    assert_same(*results)
    mine, theirs = twins("ConvTranspose2d(3, 2, 3, stride=2, padding=1)")
    x = x.astype(np.float32)
    for size in ((13, 13), (14, 13), (2, 2, 14, 14)):
        assert_same(mine(xg.tensor(x), size), theirs(torch.tensor(x), size), 1e-4, 1e-5)


MASKS = ("none", "bool", "float", "3d")


@pytest.mark.parametrize(
    "made",
    ["8, 2", "8, 2, kdim=4, vdim=6, add_bias_kv=True", "8, 2, add_zero_attn=True, batch_first=True",
     "8, 2, bias=False", "8, 2, add_bias_kv=True, add_zero_attn=True, batch_first=True"],
)  # fmt: skip
def test_multihead_attention(made):
    mine, theirs = twins(f"MultiheadAttention({made})")
    rng, (n, length, sources) = np.random.default_rng(0), (2, 3, 4)
    for batched, weights, mean, mask, padded in itertools.product(
        (True, False), (True, False), (True, False), MASKS, (True, False)
    ):
        shapes = [(length, 8), (sources, theirs.kdim), (sources, theirs.vdim)]
        if batched:
            shapes = [(n, a, e) if theirs.batch_first else (a, n, e) for a, e in shapes]
        given = [rng.standard_normal(s).astype(np.float32) for s in shapes]
        lead = (2 * n if batched else 2,) if mask == "3d" else ()
        hide = rng.random((*lead, length, sources)) < 0.3
        hide[..., 0] = False
        kinds = {"none": None, "float": rng.standard_normal(hide.shape).astype(np.float32)}
        how = {"attn_mask": kinds.get(mask, hide)}
        if padded:
            how["key_padding_mask"] = np.arange(sources) == sources - 1
            if batched:
                how["key_padding_mask"] = np.stack([how["key_padding_mask"]] * n)
        found = []
        for lib, module in ((xg, mine), (torch, theirs)):
            arrays = [lib.tensor(a, requires_grad=True) for a in given]
            masks = {k: None if v is None else lib.tensor(v) for k, v in how.items()}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of masks of different types
                out, seen = module(
                    *arrays, need_weights=weights, average_attn_weights=mean, **masks
                )
            out.sum().backward()
            found.append((out, *([] if seen is None else [seen]), *(a.grad for a in arrays)))
        assert_same(tuple(found[0]), tuple(found[1]), 1e-4, 1e-5)


# ── what the database of ops leaves out ──────────────────────────────────────────────────────────


def ties():
    """Whole numbers, some of them NaN, some images of nothing but -inf."""
    x = np.random.default_rng(0).integers(0, 3, (2, 3, 9, 9)).astype(np.float64)
    x[0, 0, 2, 3] = x[0, 0, 3, 3] = np.nan
    x[1] = -np.inf
    x[1, 1, 4, 4] = np.nan
    return x


@pytest.mark.parametrize(
    "how",
    [(2, 2), (3, 1, 1), (3, 2, 1, 2, True), ((2, 3), (1, 2), (1, 0), 1, True), (3, 3, 1, 1, True)],
)
def test_of_equal_maxima_the_first_one_counts(how):
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    given = dict(zip(names, how, strict=False))
    found = [
        lib.nn.functional.max_pool2d(lib.tensor(ties()), **given, return_indices=True)
        for lib in (xg, torch)
    ]
    assert_same(*found)


@pytest.mark.parametrize("size", [3, 4, (5, 2), (9, 9), (1, None)])
def test_of_equal_maxima_of_adaptive_windows_too(size):
    found = [
        lib.nn.functional.adaptive_max_pool2d(lib.tensor(ties()), size, return_indices=True)
        for lib in (xg, torch)
    ]
    assert_same(*found)


def test_places_of_adaptive_windows_have_no_history():
    for lib in (xg, torch):
        x = lib.tensor(ties(), requires_grad=True)
        best, places = lib.nn.functional.adaptive_max_pool2d(x, 3, return_indices=True)
        assert best.requires_grad
        assert not places.requires_grad


@pytest.mark.parametrize("shape", [(1, 2, 0, 4), (2, 0, 4, 4), (2, 4, 0)])
def test_adaptive_windows_of_nothing(shape):
    messages = []
    for lib in (xg, torch):
        with pytest.raises(RuntimeError, match="non-zero size") as caught:
            lib.nn.functional.adaptive_max_pool2d(lib.zeros(*shape), 2)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, np.inf])
@pytest.mark.parametrize("name", ["cdist", "pdist"])
def test_distances_that_several_columns_have(name, p):
    rows = np.array([[0, 0, 2], [1, 1, 1], [1, 2, 3], [1, 2, 3]], np.float32)
    found = []
    for lib in (xg, torch):
        x, y = (lib.tensor(a, requires_grad=True) for a in (rows, rows[:3] - 1))
        given = (x, y) if name == "cdist" else (x,)
        out = getattr(lib if name == "cdist" else lib.nn.functional, name)(*given, p=p)
        (out * lib.arange(1.0, out.numel() + 1).reshape(out.shape)).sum().backward()
        found.append((out.detach(), *(t.grad for t in given)))
    assert_same(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("wanted", ["x", "w", "xw"])
def test_gradients_of_a_transposed_convolution_alone_and_together(wanted):
    found = []
    for lib in (xg, torch):
        x = lib.tensor(numbers(2, 4, 5, 6), requires_grad="x" in wanted)
        w = lib.tensor(numbers(4, 3, 3, 2), requires_grad="w" in wanted)
        out = lib.nn.functional.conv_transpose2d(x, w, stride=2, padding=1, groups=2)
        (out * out).sum().backward()
        found.append(tuple(t.grad for t in (x, w) if t.requires_grad))
    assert_same(*found, rtol=1e-4, atol=1e-4)


SMOOTH = [("lanczos", None)]  # which knows no aligned corners
SMOOTH += itertools.product(["bilinear", "bicubic"], [None, False, True])


@pytest.mark.parametrize(("mode", "align"), SMOOTH)
@pytest.mark.parametrize("size", [(3, 4), (12, 20), (7, 9), (1, 1), (5, 13)])
def test_antialiasing(mode, size, align):
    x = numbers(2, 3, 7, 9)
    found = [
        lib.nn.functional.interpolate(
            lib.tensor(x), size, mode=mode, align_corners=align, antialias=True
        )
        for lib in (xg, torch)
    ]
    assert_same(*found, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_nearest_of_many_sizes(mode):
    for n, m in itertools.product(range(1, 40), (1, 3, 7, 20, 33, 64, 100)):
        x = np.arange(n, dtype=np.float32).reshape(1, 1, n)
        found = [lib.nn.functional.interpolate(lib.tensor(x), m, mode=mode) for lib in (xg, torch)]
        assert_same(*found)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_bytes_are_interpolated(mode):
    x = np.random.default_rng(0).integers(0, 256, (1, 2, 5, 6)).astype(np.uint8)
    mine, theirs = (
        array(lib.nn.functional.interpolate(lib.tensor(x), (8, 9), mode=mode)).astype(int)
        for lib in (xg, torch)
    )
    assert abs(mine - theirs).max() <= (mode != "nearest")  # PyTorch has weights of 15 bits


@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_sampling_far_outside_and_at_the_edges(mode, padding, align):
    x, grid = numbers(2, 3, 5, 4), RNG.uniform(-3, 3, (2, 6, 7, 2))
    grid[1, 0, 0], grid[1, 0, 1] = 1, -1
    g = numbers(2, 3, 6, 7)
    found = []
    for lib in (xg, torch):
        a, b = lib.tensor(x, requires_grad=True), lib.tensor(grid, requires_grad=True)
        out = lib.nn.functional.grid_sample(a, b, mode, padding, align)
        out.backward(lib.tensor(g))
        found.append((out, a.grad, b.grad))
    assert_same(*found)


def test_whole_numbers():
    x = RNG.integers(-9, 9, (2, 3, 8, 8))
    w = RNG.integers(-3, 3, (4, 3, 3, 3))
    for call in (
        lambda t: t.nn.functional.conv2d(t.tensor(x), t.tensor(w), padding=1),
        lambda t: t.nn.functional.max_pool2d(t.tensor(x), 3),
        lambda t: t.nn.functional.avg_pool2d(t.tensor(x), 3),
        lambda t: t.nn.functional.pad(t.tensor(x), (1, 1, 2, 1), "reflect"),
    ):
        assert_same(call(xg), call(torch))


@pytest.mark.parametrize(
    ("shapes", "how"),
    [
        (((2, 4, 3, 5), (2, 2, 6, 5), (2, 2, 6, 7)), {"enable_gqa": True}),
        (((2, 4, 3, 5), (2, 1, 6, 5), (2, 1, 6, 7)), {"enable_gqa": True, "is_causal": True}),
        (((3, 5), (6, 5), (6, 2)), {"is_causal": True}),
        (((3, 5), (6, 5), (6, 2)), {"scale": 0.3}),
        (((2, 3, 5), (2, 6, 5), (2, 6, 2)), {"attn_mask": "bool"}),
        (((2, 3, 5), (2, 6, 5), (2, 6, 2)), {"attn_mask": "float"}),
    ],
)
def test_attention(shapes, how):
    given = [numbers(*s) for s in shapes]
    mask = numbers(3, 6)
    masks = {"bool": mask > 0, "float": mask}
    masks["bool"][1] = False  # a query that looks nowhere gets nothing
    found = []
    for lib in (xg, torch):
        arrays = [lib.tensor(a, requires_grad=True) for a in given]
        settings = {k: lib.tensor(masks[v]) if k == "attn_mask" else v for k, v in how.items()}
        out = lib.nn.functional.scaled_dot_product_attention(*arrays, **settings)
        out.backward(lib.tensor(numbers(*out.shape)))
        found.append((out, *(a.grad for a in arrays)))
    assert_same(*found)
