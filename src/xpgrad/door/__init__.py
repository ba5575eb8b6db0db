"""PyTorch's door: its names, arguments and meanings, over the ops.

A function here reads arguments as PyTorch does, complains as PyTorch does, picks the op under the
node name that PyTorch shows, and calls it. What takes exactly what the op takes *is* the op.

================  ===========================================================================
``attach``        functions become methods; ops become functions
``arguments``     dimensions, sizes, numbers
``data``          tensors from data; ``reading`` is of Python's numbers
``creation``      tensors of one value, ranges, patterns (``xpgrad.random`` draws them)
``convert``       dtype, device, size
``interop``       numbers, NumPy, DLPack, copies, pickles, text
``operators``     ``+``, ``@``, ``<``, …
``elementwise``   arithmetic and functions of each element
``activations``   two activations that are methods
``compare``       comparison, logic, bits, choice
``reductions``    sums, means, extrema, truth, running sums; ``results`` are named pairs
``sorting``       order, and what is found by it
``shape``         views of the same memory
``rearrange``     broadcasting, repeating, flipping, diagonals
``joining``       joining and taking apart
``linalg``        products and norms; ``einsum``
``complex``       complex numbers
``indexing``      ``x[i]``; ``gather`` and its relatives
``inplace``       ``add_``, ``+=``, …
``limits``        finfo, iinfo
================  ===========================================================================
"""
