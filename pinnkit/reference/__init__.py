"""References that solutions are judged by: finite elements with an error bar, formulas, and data."""

from __future__ import annotations

from .base import QuantityUnavailable, Reference, ReferenceUnavailable
from .data import DataOptions, DataReference, data_reference
from .exact import ExactReference, exact_reference
from .fem import FemReference, fem_reference
from .locate import PointOutside
from .options import FemOptions

__all__ = [
    "DataOptions",
    "DataReference",
    "ExactReference",
    "FemOptions",
    "FemReference",
    "PointOutside",
    "QuantityUnavailable",
    "Reference",
    "ReferenceUnavailable",
    "data_reference",
    "exact_reference",
    "fem_reference",
]
