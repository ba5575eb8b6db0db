"""Behaviours that people rely on in PyTorch, each a small program that runs on both libraries.

One module a topic; each has a `TABLE`. `tests/test_behaviours.py` runs them.
"""
