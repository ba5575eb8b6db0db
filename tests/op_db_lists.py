"""What does not match PyTorch's database of ops, and why. These lists may only shrink.

`test_op_db` fails for an entry that stands here and matches.
"""

# How many entries match at least; to be raised as they come to match.
MATCHED = 486

NO_SUCH_TYPE = "there is no such dtype: NumPy and the array API standard have none"

ABSENT = {
    "bfloat16": NO_SUCH_TYPE,
    "chalf": NO_SUCH_TYPE,
    "max_pool2d_with_indices_backward": "an inner part of PyTorch's max_pool2d, without a name",
}

DIFFERENT = {
    "as_strided_scatter": "PyTorch's own gradcheck fails: its gradient for the input is not that",
    "linalg.norm.subgradients_at_zero": "PyTorch's second derivative is nan where ours is 0",
}

# By entry and dtype: what differs in other dtypes than float64.
TIES = "which of equal elements comes first is not defined, and PyTorch's choice is another"
HALVES = "half precision, where PyTorch computes in single and rounds once"
COMPLEX_HALF = "the result would be complex numbers of half precision, which NumPy has not"
LESS_PRECISE = "PyTorch's own error is larger than the tolerance; ours is SciPy's"
SQUARED = "PyTorch's own error is larger than the tolerance; ours is computed in double precision"

ROUNDS = "half precision: PyTorch rounds in between, and ours once, at the end"
GAUSS = "PyTorch's own error is larger: it multiplies complex numbers with three products"

OTHER_DTYPES = {
    ("kthvalue", "int64"): TIES,
    ("topk", "int64"): TIES,
    ("sort", "float16"): TIES,
    ("sort", "bool"): TIES,
    ("argsort", "float16"): TIES,
    ("argsort", "bool"): TIES,
    ("nn.functional.grid_sample", "float16"): HALVES,
    ("grid_sampler_2d", "float16"): HALVES,
    ("nn.functional.soft_margin_loss", "float16"): HALVES + ": exp overflows in between",
    ("matrix_exp", "float16"): HALVES + ": squares overflow in between",
    ("nn.functional.local_response_norm", "int64"): "PyTorch adds up rounded integers",
    ("linalg.pinv.hermitian", "float32"): "an ill-conditioned sample, in single precision",
    ("view_as_complex", "float16"): COMPLEX_HALF,
    ("complex", "float16"): COMPLEX_HALF,
    ("as_strided_scatter", "complex128"): DIFFERENT["as_strided_scatter"],
    **{(f"polygamma.polygamma_n_{n}", "float32"): LESS_PRECISE for n in range(5)},
    ("special.polygamma.special_polygamma_n_0", "float32"): LESS_PRECISE,
}
