"""Boundary, initial and point conditions, and observations: frozen statements about unknowns.

Each is about one unknown. One made for a vector (a column of unknowns, with a column of data) is laid open
by ``Problem``, which holds a condition for each component.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from .errors import DeclarationError, Place


@dataclass(frozen=True)
class Dirichlet:
    """u = g on a named boundary."""

    unknown: AppliedUndef
    value: sp.Expr
    where: str = "boundary"
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _settle(self, f"Dirichlet condition on {self.where!r}")


@dataclass(frozen=True)
class Neumann:
    """∂u/∂n = g on a named boundary, n the outward unit normal."""

    unknown: AppliedUndef
    value: sp.Expr
    where: str = "boundary"
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _settle(self, f"Neumann condition on {self.where!r}")


@dataclass(frozen=True)
class Flux:
    """F·n = g for the flux F of a named equation R = div F + S."""

    equation: str
    value: sp.Expr
    where: str = "boundary"
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", scalar(self.value, f"flux on {self.where!r}"))


@dataclass(frozen=True)
class Robin:
    """a·u + b·∂u/∂n = g on a named boundary."""

    unknown: AppliedUndef
    a: sp.Expr
    b: sp.Expr
    value: sp.Expr
    where: str = "boundary"
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        what = f"Robin condition on {self.where!r}"
        _settle(self, what)
        for name in ("a", "b"):
            object.__setattr__(self, name, scalar(getattr(self, name), f"{name} of the {what}"))


@dataclass(frozen=True)
class Periodic:
    """All unknowns repeat along a coordinate, with the width of the domain as period."""

    coordinate: sp.Symbol
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Initial:
    """u = u₀ at the start of time."""

    unknown: AppliedUndef
    value: sp.Expr
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _settle(self, "initial value")


@dataclass(frozen=True)
class InitialRate:
    """∂u/∂t = v₀ at the start of time."""

    unknown: AppliedUndef
    value: sp.Expr
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _settle(self, "initial rate")


@dataclass(frozen=True)
class PointValue:
    """u = value at one point: of space (then at all times), or of space-time where there is time."""

    unknown: AppliedUndef
    value: sp.Expr
    at: tuple[float, ...]
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _settle(self, "point value")
        try:
            entries = self.at if isinstance(self.at, Sequence) else (self.at,)
            object.__setattr__(self, "at", tuple(float(entry) for entry in entries))
        except (TypeError, ValueError) as cause:
            raise DeclarationError(
                f"point value: {self.at!r} is no point", expected="a list of numbers", mend="write at=(0, 0)"
            ) from cause


@dataclass(frozen=True)
class Condition:
    """Any expression equal to zero on a named boundary; n_x, n_y are the outward normal."""

    expression: sp.Expr
    where: str = "boundary"
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "expression", scalar(self.expression, f"condition on {self.where!r}"))


@dataclass(frozen=True)
class Observations:
    """Measured values of an unknown: a file with one column per coordinate and one for the value.

    ``noise`` is the standard deviation of the measurement error, in the unknown's units. ``columns``
    pairs the name of a coordinate or of the unknown with the file's name for it, where they differ.
    The unknown is ``offset + unit·(value in the file)``: 273.15 and 1 for degrees Celsius read as kelvins.
    """

    unknown: AppliedUndef
    file: str
    noise: float = 0.0
    columns: tuple[tuple[str, str], ...] = ()
    place: Place | None = field(default=None, compare=False)
    unit: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        _check_unknown(self.unknown, "observations")
        object.__setattr__(self, "file", str(self.file))
        noise = float(self.noise)
        if not 0 <= noise < float("inf"):
            raise DeclarationError(
                f"observations of {self.unknown.func.__name__}: noise is {noise:g}",
                expected="a standard deviation, zero or above", mend="write noise=0.01",
            )  # fmt: skip
        object.__setattr__(self, "noise", noise)
        unit, offset = float(self.unit), float(self.offset)
        if not (0 < abs(unit) < float("inf") and abs(offset) < float("inf")):
            raise DeclarationError(
                f"observations of {self.unknown.func.__name__}: unit {unit:g}, offset {offset:g}",
                expected="finite numbers, the unit not zero", mend="leave them out where the units agree",
            )  # fmt: skip
        object.__setattr__(self, "unit", unit)
        object.__setattr__(self, "offset", offset)
        columns = self.columns.items() if isinstance(self.columns, dict) else self.columns
        object.__setattr__(self, "columns", tuple((str(a), str(b)) for a, b in columns))


BoundaryCondition = Dirichlet | Neumann | Flux | Robin | Condition
ON_BOUNDARIES = (Dirichlet, Neumann, Flux, Robin, Condition)
AnyCondition = BoundaryCondition | Periodic | Initial | InitialRate | PointValue


def components(condition: AnyCondition) -> tuple[AnyCondition, ...]:
    """One condition for each component where the unknown is a vector; else the condition itself."""
    vector: Any = getattr(condition, "unknown", None)
    data: Any = getattr(condition, "value", None)
    if not isinstance(vector, sp.MatrixBase):
        return (condition,)
    pairs = zip(vector.flat(), data.flat(), strict=True)
    return tuple(replace(condition, unknown=unknown, value=value) for unknown, value in pairs)


def describe(condition: AnyCondition) -> str:
    """A condition in words: "Dirichlet condition of u on 'hole'"."""
    kind = {"Initial": "initial value", "InitialRate": "initial rate", "PointValue": "point value"}
    words = kind.get(type(condition).__name__, f"{type(condition).__name__} condition").removeprefix(
        "Condition "
    )
    if isinstance(field := getattr(condition, "unknown", None), AppliedUndef):
        words += f" of {field.func.__name__}"
    where = getattr(condition, "where", None)
    return f"{words} on {where!r}" if where else words


def scalar(value: Any, what: str) -> sp.Expr:
    """``value`` as a SymPy expression; text is refused, for SymPy would run it as code."""
    if isinstance(value, str):
        raise DeclarationError(
            f"{what}: {value!r} is text", expected="a number or a SymPy expression",
            mend="in Python give SymPy objects; text is read in problem files only",
        )  # fmt: skip
    try:
        expression = sp.sympify(value, strict=True)
    except (sp.SympifyError, TypeError, ValueError, AttributeError):
        expression = None
    if not isinstance(expression, sp.Expr) or isinstance(expression, sp.MatrixBase):
        kind = "a column" if isinstance(expression, sp.MatrixBase) else "no scalar expression"
        raise DeclarationError(
            f"{what}: {value!r} is {kind}", expected="a number or a SymPy expression",
            mend="write numbers and SymPy symbols",
        )  # fmt: skip
    return expression


def _settle(condition: Any, what: str) -> None:
    """Check the unknown and bring the value to its shape: a scalar, or a column for a vector."""
    unknown, value = condition.unknown, condition.value
    _check_unknown(unknown, what)
    if not isinstance(unknown, sp.MatrixBase):
        object.__setattr__(condition, "value", scalar(value, what))
        return
    object.__setattr__(condition, "unknown", sp.ImmutableMatrix(unknown.flat()))
    if isinstance(value, sp.MatrixBase):
        entries = value.flat()
    elif isinstance(value, Sequence) and not isinstance(value, str):
        entries = list(value)
    else:
        # A bare zero stands for the zero vector; any other scalar would leave its direction open.
        entries = [value] * len(unknown) if scalar(value, what) == 0 else [value]
    if len(entries) != len(unknown):
        raise DeclarationError(
            f"{what}: {len(entries)} value(s) for the {len(unknown)} components of {_show(unknown)}",
            expected=f"{len(unknown)} values, or 0", mend="give one value for each component",
        )  # fmt: skip
    object.__setattr__(condition, "value", sp.ImmutableMatrix([scalar(entry, what) for entry in entries]))


def _check_unknown(unknown: Any, what: str) -> None:
    entries = unknown.flat() if isinstance(unknown, sp.MatrixBase) else [unknown]
    for entry in entries:
        if isinstance(entry, AppliedUndef) and all(isinstance(a, sp.Symbol) for a in entry.args):
            continue
        mend = 'make it by u = pk.unknown("u", x, …)'
        if isinstance(entry, sp.Derivative):
            mend = "use Neumann for ∂u/∂n, InitialRate for ∂u/∂t, Condition for any other expression"
        elif isinstance(entry, AppliedUndef):
            mend = "write u itself, and say where by the condition"
        elif isinstance(entry, sp.Expr):
            mend = "use Condition(expression, where) for a combination of unknowns"
        raise DeclarationError(f"{what}: {entry!s} is no unknown", expected="an unknown", mend=mend)


def _show(vector: Any) -> str:
    return f"({', '.join(entry.func.__name__ for entry in vector)})"
