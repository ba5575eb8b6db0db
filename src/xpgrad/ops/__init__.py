"""The differentiable ops, named as the array API standard names them."""
