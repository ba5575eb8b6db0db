"""PyTorch's door: its names, arguments and meanings, over the ops."""
