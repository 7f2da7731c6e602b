"""Bounds on a solution's energy error from both sides, without knowing the true solution."""

from __future__ import annotations

from .equation import Candidate, ErrorEquation, error_equation
from .interval import Interval, Progress, bracket

__all__ = ["Candidate", "ErrorEquation", "Interval", "Progress", "bracket", "error_equation"]
