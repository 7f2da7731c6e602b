"""Validation: norms, comparison against a reference, verdict."""

from __future__ import annotations

from .compare import Comparison, FieldError, Reference, compare
from .norms import Measure, defined_up_to_constant, space_time_measure

__all__ = [
    "Comparison",
    "FieldError",
    "Measure",
    "Reference",
    "compare",
    "defined_up_to_constant",
    "space_time_measure",
]
