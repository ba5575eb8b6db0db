"""Fixtures that every test may use: one device after another of those that run here."""

import random
import sys

import numpy as np
import pytest

import xpgrad as xg
from namespaces import NAMES, why_not
from xpgrad.registry import resolve


@pytest.fixture(autouse=True)
def seeded():
    """Each test draws the same numbers whatever ran before it, so that a failure comes back."""
    random.seed(0)
    np.random.seed(0)
    xg.manual_seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(params=NAMES)
def device(request):
    """The name of each device in turn: ``cpu``, ``readonly``, ``strict:0``, …"""
    reason = why_not(request.param)
    if reason is not None:
        pytest.skip(reason)
    return request.param


@pytest.fixture
def ns(device):
    """The namespace of each device in turn."""
    return resolve(device)


@pytest.fixture
def cpu():
    """NumPy's namespace."""
    return resolve("cpu")
