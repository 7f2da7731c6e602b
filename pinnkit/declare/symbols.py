"""Coordinates, time, unknowns and parameters: the symbols a declaration is written in."""

from __future__ import annotations

import math
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from .errors import DeclarationError


class Time(sp.Symbol):
    """The time coordinate with its interval [start, end]; a SymPy symbol."""

    __slots__ = ("end", "start")

    start: float
    end: float

    def __new__(cls, name: str, start: float = 0.0, end: float = 1.0) -> Time:
        start, end = _finite(start, f"start of time {name!r}"), _finite(end, f"end of time {name!r}")
        if not end > start:
            raise DeclarationError(
                f"time {name!r}: the interval [{start:g}, {end:g}] is empty",
                expected="an end after the start",
                mend=f"write {name}: [{end:g}, {start:g}]" if end < start else "give a later end",
            )
        symbol = sp.Symbol.__xnew__(cls, name, real=True)
        symbol.start, symbol.end = start, end
        return symbol

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.start, self.end), {}

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.start, self.end)


class Parameter(sp.Symbol):
    """A named constant: known, or inferred from data starting at ``value`` within ``bounds``."""

    __slots__ = ("bounds", "infer", "value")

    value: float
    infer: bool
    bounds: tuple[float, float] | None

    def __new__(
        cls,
        name: str,
        value: float,
        infer: bool = False,
        bounds: tuple[float, float] | None = None,
    ) -> Parameter:
        value = _finite(value, f"value of parameter {name!r}")
        if bounds is not None:
            low, high = (float(bounds[0]), float(bounds[1]))
            if not low < high:
                raise DeclarationError(
                    f"parameter {name!r}: bounds ({low:g}, {high:g}) leave no room",
                    expected="lower < upper",
                    mend="swap them or widen them",
                )
            if not low <= value <= high:
                raise DeclarationError(
                    f"parameter {name!r}: start value {value:g} lies outside its bounds ({low:g}, {high:g})",
                    expected="a start value within the bounds",
                    mend="move the value or widen the bounds",
                )
            bounds = (low, high)
        symbol = sp.Symbol.__xnew__(cls, name, real=True)
        symbol.value, symbol.infer, symbol.bounds = value, bool(infer), bounds
        return symbol

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.value, self.infer, self.bounds), {}

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.value, self.infer, self.bounds)


def coordinates(names: str) -> Any:
    """Space coordinates from names separated by blanks: ``x, y = coordinates("x y")``."""
    return sp.symbols(names, real=True)


def time(name: str, start: float, end: float) -> Time:
    """The time coordinate on [start, end]."""
    return Time(name, start, end)


def parameter(
    name: str, value: float, infer: bool = False, bounds: tuple[float, float] | None = None
) -> Parameter:
    """A named constant; with ``infer=True`` it is found from observations, starting at ``value``."""
    return Parameter(name, value, infer, bounds)


def unknown(name: str, *variables: sp.Symbol, infer: bool = False) -> Any:
    """A scalar field u(x, …); ``infer=True`` marks a coefficient field to be found from data."""
    if not variables:
        raise DeclarationError(
            f"unknown {name!r} depends on no coordinate",
            expected="at least one coordinate",
            mend=f'write unknown("{name}", x, …)',
        )
    for variable in variables:
        if not isinstance(variable, sp.Symbol) or isinstance(variable, Parameter):
            raise DeclarationError(
                f"unknown {name!r}: {variable!r} is not a coordinate",
                expected="symbols made by coordinates() or time()",
                mend="pass the coordinates themselves",
            )
    function = sp.Function(name, real=True, inferred=True) if infer else sp.Function(name, real=True)
    return function(*variables)


def vector(name: str, *variables: sp.Symbol, components: str | None = None) -> Any:
    """A vector field with one component per space coordinate, as a column of scalar unknowns.

    Components are called ``name1, name2, …`` unless named: ``vector("w", x, y, components="u v")``.
    """
    space = [v for v in variables if not isinstance(v, Time)]
    names = components.split() if components else [f"{name}{i + 1}" for i in range(len(space))]
    if len(names) != len(space):
        raise DeclarationError(
            f"vector {name!r}: {len(names)} components in {len(space)} space coordinates",
            expected="one component per space coordinate",
            mend="name as many components as there are coordinates",
        )
    return sp.ImmutableMatrix([unknown(n, *variables) for n in names])


def is_inferred(field: AppliedUndef) -> bool:
    """Whether an unknown is a coefficient field to be found from data."""
    return bool(getattr(field.func, "inferred", False))


def normal(coordinate: sp.Symbol) -> sp.Symbol:
    """Component of the outward unit normal along a coordinate, written ``n_x`` in expressions."""
    return sp.Symbol(f"n_{coordinate.name}", real=True)


def _finite(value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as cause:
        raise DeclarationError(f"{what} is {value!r}", expected="a number", mend="give a number") from cause
    if not math.isfinite(number):
        raise DeclarationError(f"{what} is {number}", expected="a finite number", mend="give a finite number")
    return number
