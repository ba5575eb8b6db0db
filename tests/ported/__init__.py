"""Programs as people write them for PyTorch, one module a topic; `t` is the library."""
