"""Help around training: memory for compute (`checkpoint`)."""

from __future__ import annotations

from xpgrad.utils import checkpoint as checkpoint
