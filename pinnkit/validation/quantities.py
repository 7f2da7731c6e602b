"""Quantities of interest: the solution's against the reference's, each with how far it may be off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..declare.problem import Problem
from ..declare.quantities import Quantity
from ..solution.quantities import Estimate, quantities_of
from ..solution.record import Solution
from .status import FEW_BARS, Status, number


@dataclass(frozen=True)
class QuantityError:
    """One quantity of the solution beside the reference's.

    ``difference`` is |q − q_ref| / |q_ref|, or |q − q_ref| where the reference is zero within its own error
    (``absolute``). ``quadrature_error`` and ``reference_error`` are absolute. Without a ``tolerance`` the
    status is None and decides nothing. ``missing`` says why there is no value to compare.
    """

    name: str
    description: str
    value: float | None
    quadrature_error: float
    reference: float | None
    reference_error: float | None
    difference: float | None
    absolute: bool
    tolerance: float | None
    limited_by_reference: bool
    status: Status | None
    missing: str = ""

    @property
    def sentence(self) -> str:
        """The outcome in words, for a quantity that has a tolerance."""
        what = f"quantity {self.name}"
        limit = f"the tolerance {self.tolerance:g}"
        if self.status == "failed":
            return f"{what} failed: the solution's value is not finite."
        if self.missing:
            return f"{what} is undecided: {self.missing}."
        off = f"{'absolute' if self.absolute else 'relative'} difference {number(self.difference)}"
        bar = f"an error bar of {number(self.reference_error)}"
        if self.status == "missed":
            return f"{what} missed: {off} against {limit}."
        if self.status == "limited":
            return f"{what} is undecided, the reference is the limit: {off} is above {limit}, with {bar}."
        return f"{what} passed: {off}, within {limit}."


def compare_quantities(solution: Solution, truth: Mapping[str, Estimate]) -> tuple[QuantityError, ...]:
    """Every quantity of the solution's problem beside the reference's ``truth``."""
    own = quantities_of(solution)
    return tuple(_judged(q, own[q.name], truth[q.name]) for q in solution.problem.quantities)


def _judged(quantity: Quantity, own: Estimate, truth: Estimate) -> QuantityError:
    missing = own.missing or (f"no reference, {truth.missing}" if truth.missing else "")
    difference, absolute, limited = None, False, False
    finite = bool(np.isfinite(own.value))
    status: Status | None = None
    if not missing and finite:
        gap = float(abs(own.value - truth.value))
        absolute = bool(abs(truth.value) <= max(FEW_BARS * truth.error, np.finfo(float).tiny))
        size = 1.0 if absolute else abs(truth.value)
        difference = gap / size
        limited = bool(gap < FEW_BARS * truth.error)
        if quantity.tolerance is not None and own.error > quantity.tolerance * size:
            missing = f"the solution's quadrature is good to {number(own.error)} only"
    if quantity.tolerance is not None:
        known = None if missing else difference
        status = _status(known, quantity.tolerance, limited, bool(missing) or finite)
    return QuantityError(
        name=quantity.name,
        description=quantity.words,
        value=own.value if finite else None,
        quadrature_error=own.error if finite else float("nan"),
        reference=None if truth.missing else truth.value,
        reference_error=None if truth.missing else truth.error,
        difference=difference,
        absolute=absolute,
        tolerance=quantity.tolerance,
        limited_by_reference=limited,
        status=status,
        missing=missing,
    )


def _status(difference: float | None, tolerance: float, limited: bool, sound: bool) -> Status:
    if not sound:
        return "failed"
    if difference is None:
        return "limited"
    if difference <= tolerance:
        return "passed"
    return "limited" if limited else "missed"


def quantity_rows(quantities: tuple[QuantityError, ...]) -> list[tuple[str, ...]]:
    """A header and a line for each quantity, in text."""
    header = ("quantity", "solution", "reference", "± error", "difference", "tolerance", "")
    rows = [header]
    for q in quantities:
        difference = number(q.difference) + ("*" if q.absolute else "")
        numbers = (_precise(q.value), _precise(q.reference), number(q.reference_error))
        tolerance = "" if q.tolerance is None else f"{q.tolerance:g}"
        rows.append((q.name, *numbers, difference, tolerance, q.status or q.missing))
    return rows


def estimate_rows(problem: Problem, found: Mapping[str, Estimate]) -> list[tuple[str, ...]]:
    """A header and a line for each quantity of one source alone, in text."""
    rows: list[tuple[str, ...]] = [("quantity", "value", "± error", "")]
    for quantity in problem.quantities:
        own = found[quantity.name]
        value = "–" if own.missing else _precise(own.value)
        bar = "–" if own.missing else number(own.error)
        rows.append((quantity.name, value, bar, own.missing or quantity.words))
    return rows


def _precise(value: float | None) -> str:
    return "–" if value is None else f"{value:.8g}"
