"""Reading images at any places, which have derivatives, too: see `xpgrad.sampled`."""

from __future__ import annotations

from xpgrad.op import named, op


def input_rule(g, grid, like, how, xp):
    return xp.grid_sample_input(g, grid, tuple(like.shape[2:]), how)


@op(
    node="GridSampler2D",
    tied=("x", "grid"),
    x=input_rule,
    grid=lambda g, x, grid, how, xp: xp.grid_sample_grid(g, x, grid, how),
)
def grid_sample(xp, x, grid, /, *, how):
    """The elements of `x`, (N, C, *inputs), at the places of a grid, (N, *outputs, space).

    `how` is a mode, a padding and whether corners are aligned, as in `nn.functional.grid_sample`.
    """
    return xp.ordered(xp.grid_sample(x, grid, how))


SAMPLED = {2: grid_sample, 3: named(grid_sample, "GridSampler3DBackward0")}
