"""Validation: norms, comparison against a reference, verdict."""

from __future__ import annotations

from .compare import Comparison, FieldError, Reference, compare
from .norms import Measure, defined_up_to_constant, space_time_measure
from .quantities import QuantityError, estimate_rows
from .status import aligned, number

__all__ = [
    "Comparison",
    "FieldError",
    "Measure",
    "QuantityError",
    "Reference",
    "aligned",
    "compare",
    "defined_up_to_constant",
    "estimate_rows",
    "number",
    "space_time_measure",
]
