"""Comparison of a solution with a reference: errors, the trivial score, and the verdict in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np

from ..declare.problem import Problem
from ..geometry.sampling import boundary
from ..solution.quantities import Estimate
from ..solution.record import Record, Solution
from .norms import Measure, data_measure, defined_up_to_constant, space_time_measure
from .quantities import QuantityError, compare_quantities, quantity_rows
from .status import FEW_BARS, WORST_FIRST, Status, aligned, number

_ZERO = 1e-13  # a reference this small beside the largest unknown is rounding
_MISSING = 0.01  # share of points without a reference value that is still a comparison
_BOUNDARY_POINTS = 2_000
_UNITS = {"float64": 2.0**-52, "float32": 2.0**-23, "mixed": 2.0**-23}
_FEW_UNITS = 10.0  # relative errors below so many units are rounding


class Reference(Protocol):
    """What a comparison needs of a reference.

    ``error_bar`` is the reference's own relative L2 error by unknown, in the norm of the comparison.
    Tabulated data offer ``points`` (n, d) and ``weights`` (n,) besides, to be compared at.
    """

    kind: str
    names: tuple[str, ...]
    error_bar: Mapping[str, float]

    def evaluate(self, points: np.ndarray) -> Mapping[str, np.ndarray]:
        """Values (n,) by unknown; NaN where the reference has none."""
        ...

    def quantities(self) -> Mapping[str, Estimate]:
        """The problem's quantities of interest by name."""
        ...


@dataclass(frozen=True)
class FieldError:
    """Errors of one unknown.

    ``relative_l2`` = ‖u − u_ref‖ / ‖u_ref‖ and ``relative_max`` = max|u − u_ref| / max|u_ref|. For a
    reference that is zero (within its error) both are relative to the largest other unknown, ``beside``;
    where all are zero both are ``absolute``, the first the root mean square. ``trivial`` is the score of the
    better of zero and the constant ``boundary mean``.
    """

    name: str
    relative_l2: float
    relative_max: float
    max_error: float
    reference_error: float | None
    trivial: float
    trivial_kind: Literal["zero", "boundary mean"]
    mean_removed: bool
    absolute: bool
    beside: str | None
    limited_by_reference: bool
    status: Status

    @property
    def marked(self) -> bool:
        """Whether the reference is zero, and the errors not relative to it."""
        return self.absolute or self.beside is not None

    @property
    def measure(self) -> str:
        """The name of the score: relative L2, and to what else than itself where the reference is zero."""
        if self.beside is not None:
            return f"L2 error relative to {self.beside}"
        return "root mean square error" if self.absolute else "relative L2"


@dataclass(frozen=True)
class Comparison:
    """A solution judged by a reference, unknown by unknown, and by those quantities that have a tolerance."""

    fields: tuple[FieldError, ...]
    tolerance: float
    reference: str
    notes: tuple[str, ...] = ()
    quantities: tuple[QuantityError, ...] = ()

    @property
    def status(self) -> Status:
        """The worst of unknowns and quantities: failed, trivial, missed, limited, passed."""
        found = {item.status for item in (*self.fields, *self.quantities)}
        return next(status for status in WORST_FIRST if status in found)

    @property
    def passed(self) -> bool:
        """Whether every unknown, and every quantity with a tolerance, is within it and not undecided."""
        return self.status == "passed"

    @property
    def sentences(self) -> tuple[str, ...]:
        """The outcome in words, a sentence for each unknown and each quantity with a tolerance."""
        judged = (quantity.sentence for quantity in self.quantities if quantity.status is not None)
        return (*(_sentence(field, self.tolerance) for field in self.fields), *judged)

    @property
    def verdict(self) -> str:
        """The outcome in words."""
        return " ".join(self.sentences)

    def __getitem__(self, name: str) -> FieldError:
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"{name!r} was not compared; there are {', '.join(f.name for f in self.fields)}")

    def to_dict(self) -> dict[str, Any]:
        """The comparison as ``metrics.json`` holds it."""
        return {
            "reference": self.reference,
            "tolerance": self.tolerance,
            "status": self.status,
            "passed": self.passed,
            "verdict": self.verdict,
            "unknowns": {field.name: asdict(field) for field in self.fields},
            "quantities": {quantity.name: asdict(quantity) for quantity in self.quantities},
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        header = ("unknown", "relative L2", "relative max", "reference's error", "trivial", "")
        rows: list[tuple[str, ...]] = [header]
        zeros = [field for field in self.fields if field.marked]
        for field in self.fields:
            scores = (field.relative_l2, field.relative_max, field.reference_error, field.trivial)
            first, *others = map(number, scores)
            rows.append((field.name, f"{first}*" if field.marked else first, *others, field.status))
        lines = aligned(rows)
        if zeros:
            lines.append(f"* {zeros[0].measure}: the reference is zero")
        if self.quantities:
            lines += ["", *aligned(quantity_rows(self.quantities))]
            if any(quantity.absolute for quantity in self.quantities):
                lines.append("* absolute: the reference is zero within its error")
            lines.append("")
        return "\n".join([*lines, *self.sentences, *self.notes])


def compare(solution: Solution, reference: Reference, tolerance: float) -> Comparison:
    """Judge a solution by a reference, over the domain and all times.

    The norm is area-weighted, over quadrature points or, for tabulated data, over the data's own points. An
    unknown that is fixed up to a constant is compared without its mean. Raises ``ValueError`` where the two
    share no unknown, or where the reference has no values on a good part of the domain.
    """
    problem = solution.problem
    names = [name for name in solution.names if name in reference.names]
    if not names:
        raise ValueError(
            f"the reference has no unknown of the problem: it has {', '.join(reference.names) or 'none'}, "
            f"the problem {', '.join(solution.names)}; rename its columns"
        )
    own, weights = getattr(reference, "points", None), getattr(reference, "weights", None)
    if own is None or weights is None:
        measure = space_time_measure(problem)
    else:
        measure = data_measure(problem, own, weights)
    truth = {name: np.asarray(v, dtype=float) for name, v in reference.evaluate(measure.points).items()}
    known = np.all([np.isfinite(truth[name]) for name in names], axis=0)
    notes: list[str] = []
    if not known.all():
        missing = int((~known).sum())
        if missing > _MISSING * len(known):
            raise ValueError(
                f"the reference has no value at {missing} of {len(known)} points of the domain; "
                "give one that covers the domain and the time interval"
            )
        notes.append(f"The reference has no value at {missing} of {len(known)} points; they were left out.")
        measure, truth = measure.where(known), {name: v[known] for name, v in truth.items()}
    values = solution.evaluate(measure.points, extrapolate=True)
    free = defined_up_to_constant(problem)
    constants = _boundary_means(problem, reference, [name for name in names if name not in free])
    truth = {n: v if (at := free.get(n)) is None else measure.without_mean(v, at) for n, v in truth.items()}
    vanishing = getattr(reference, "vanishing", frozenset())
    largest = max((n for n in names if n not in vanishing), key=lambda n: measure.l2(truth[n]), default=None)
    judged = tuple(
        _judge(
            name, values[name], truth[name], measure, free.get(name), constants.get(name),
            reference.error_bar.get(name), tolerance,
            None if largest is None else (largest, truth[largest]), name in vanishing,
        )
        for name in names
    )
    quantities = compare_quantities(solution, reference.quantities()) if problem.quantities else ()
    notes += _precision_notes(solution.record, judged)
    return Comparison(judged, float(tolerance), reference.kind, tuple(notes), quantities)


def _precision_notes(record: Record, judged: tuple[FieldError, ...]) -> list[str]:
    """Sentences where training, or an error, is at the floor of the precision that training was in."""
    unit = _UNITS[record.precision]
    low = [field.name for field in judged if field.relative_l2 < _FEW_UNITS * unit]
    errors = (
        f"The error of {', '.join(low)} is at the floor of precision {record.precision}, whose unit is "
        f"{unit:.1e}: more training would not lower it."
    )
    return [*([record.floor] if record.floor else []), *([errors] if low else [])]


def _judge(
    name: str,
    values: np.ndarray,
    truth: np.ndarray,
    measure: Measure,
    each_time: bool | None,
    constant: float | None,
    bar: float | None,
    tolerance: float,
    largest: tuple[str, np.ndarray] | None,
    vanishing: bool,
) -> FieldError:
    """Errors of one unknown; ``each_time`` is None for one that is compared with its mean.

    ``largest`` is the largest unknown of the reference, with its values.
    """
    if each_time is not None:
        values = measure.without_mean(values, each_time)
    size, peak = measure.l2(truth), float(np.abs(truth).max())
    unit = 0.0 if largest is None else measure.l2(largest[1])
    beside = None
    if largest is not None and unit > 0 and (vanishing or size <= _ZERO * unit):
        beside, size, peak = largest[0], unit, float(np.abs(largest[1]).max())
    absolute = size == 0
    if absolute:
        size, peak = float(np.sqrt(measure.total)), 1.0
    gap = float(np.abs(values - truth).max())
    score = measure.l2(values - truth) / size
    zero = measure.l2(truth) / size
    flat = np.inf if constant is None else measure.l2(constant - truth) / size
    trivial = min(zero, flat)
    limited = bar is not None and score < FEW_BARS * bar
    return FieldError(
        name=name,
        relative_l2=score,
        relative_max=gap / peak,
        max_error=gap,
        reference_error=bar,
        trivial=trivial,
        trivial_kind="zero" if zero <= flat else "boundary mean",
        mean_removed=each_time is not None,
        absolute=absolute,
        beside=beside,
        limited_by_reference=limited,
        status=_status(score, tolerance, trivial, limited),
    )


def _status(score: float, tolerance: float, trivial: float, limited: bool) -> Status:
    if not np.isfinite(score):
        return "failed"
    if score <= tolerance:
        return "passed"
    if score >= trivial > tolerance:
        return "trivial"
    return "limited" if limited else "missed"


def _sentence(field: FieldError, limit: float) -> str:
    score = f"{field.measure} {number(field.relative_l2)}"
    tolerance = f"the tolerance {limit:g}"
    bar = f"an error bar of {number(field.reference_error)}"
    if field.status == "failed":
        return f"{field.name} failed: the solution is not finite."
    if field.status == "trivial":
        return (
            f"{field.name} is no better than the trivial solution: {score}, where the {field.trivial_kind} "
            f"alone scores {number(field.trivial)}."
        )
    if field.status == "missed":
        return f"{field.name} missed: {score} against {tolerance}."
    if field.status == "limited":
        return (
            f"{field.name} is undecided, the reference is the limit: {score} is above {tolerance}, "
            f"and the reference has {bar}."
        )
    passed = f"{field.name} passed: {score}, within {tolerance}"
    if field.limited_by_reference:
        return f"{passed}; the reference is the limit, with {bar}."
    return f"{passed}."


def _boundary_means(problem: Problem, reference: Reference, names: list[str]) -> dict[str, float]:
    """The constant that each unknown's boundary values average to, where the reference knows them."""
    if not names:
        return {}
    time = (problem.time.start, problem.time.end) if problem.time is not None else None
    points, _ = boundary(problem.domain, "boundary", _BOUNDARY_POINTS, 0, "sobol", time=time)
    values = reference.evaluate(points)
    means = {name: np.asarray(values[name], dtype=float) for name in names}
    return {name: float(np.nanmean(column)) for name, column in means.items() if np.isfinite(column).any()}
