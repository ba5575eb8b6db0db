"""Fixtures that every test may use: one device after another of those that run here."""

import pytest

from namespaces import NAMES, why_not
from xpgrad.registry import resolve


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
