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
``rounding``      signs, rounding, bounds, the larger or smaller of two
``activations``   two activations that are methods
``special``       special functions; `xpgrad.special` has all of them
``compare``       comparison, logic, bits, choice
``reductions``    sums, means, truth
``extrema``       the largest, the smallest and their places; ``results`` are named pairs
``running``       sums and extrema so far; ``calculus``: of sampled functions
``statistics``    covariance, quantiles
``sorting``       order, and what is found by it; ``counting``: distinct elements; ``histograms``
``shape``         views of the same memory
``rearrange``     broadcasting, repeating, flipping, diagonals
``joining``       joining and taking apart; ``combining``: combinations, distances
``windows``       windows along a dimension, any steps over the memory
``copies``        views that are copies at once
``linalg``        products and norms; ``einsum``; ``linalg_…``: what `xpgrad.linalg` gathers
``spectrograms``  short-time Fourier transforms, and ``tapers`` for them
``complex``       complex numbers
``indexing``      ``x[i]``; ``gather``, ``scatter`` and ``masks`` are its relatives
``inplace``       ``add_``, ``+=``, …; ``written`` has the functions of these names
``inplace_…``     the ``random`` ones, and those that make other ``views`` of tensors
``limits``        finfo, iinfo; ``further``: what else tensors can be asked
================  ===========================================================================
"""
