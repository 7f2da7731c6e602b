"""Symbolic integrands compiled to array functions: the residual and its derivatives, emitted once.

An integrand belongs to one equation and is a pair (F, S) in the symbols of space, time, normal and
*channels*: an unknown, its first space derivatives and their time derivatives. Its weak residual is
∫ (−F·∇v + S v). ``Kernel`` knows which derivatives of F and S by channels are not zero, and evaluates
exactly those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp

from ..forms.emit import emit
from .elements import Array


@dataclass(frozen=True)
class Channel:
    """An unknown or its derivative: ``axis`` 0 is the value, i is ∂ by coordinate i; ``rate`` counts ∂t.

    Beyond the d coordinates, axes count second derivatives in the order of ``second_axes``.
    """

    unknown: int
    axis: int
    rate: int


def second_axes(dimension: int) -> tuple[tuple[int, int], ...]:
    """Pairs i ≤ j of coordinates, in the order that the axes of second derivatives follow."""
    return tuple((i, j) for i in range(dimension) for j in range(i, dimension))


@dataclass(frozen=True, eq=False)
class Integrand:
    """F (one entry per coordinate) and S of one equation, tested with the space of the same number."""

    equation: int
    flux: tuple[sp.Expr, ...]
    source: sp.Expr

    @property
    def rows(self) -> tuple[sp.Expr, ...]:
        """What multiplies v, ∂₁v, …: S, −F₁, −F₂."""
        return (self.source, *(-f for f in self.flux))


@dataclass(frozen=True, eq=False)
class Symbols:
    """The alphabet of the integrands: coordinates, time or None, normals, channels, parameter values.

    ``metric``, where there is one, are the ∂ξᵣ/∂xᵢ of the cell's map, row by row: the size of the cell.
    """

    coordinates: tuple[sp.Symbol, ...]
    time: sp.Symbol | None
    normals: tuple[sp.Symbol, ...]
    channels: Mapping[sp.Symbol, Channel]
    parameters: Mapping[sp.Symbol, float]
    metric: tuple[sp.Symbol, ...] = ()

    def number(self, expression: sp.Expr) -> sp.Expr:
        """An expression with the parameters' values put in."""
        return sp.sympify(expression).xreplace({s: sp.Float(v, 17) for s, v in self.parameters.items()})


def _slope(expression: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """The derivative almost everywhere: that of a jump counts as zero."""
    return sp.diff(expression, symbol).replace(sp.DiracDelta, lambda *_: sp.S.Zero)


class Kernel:
    """Compiled integrands of one integration set (the cells, or one named boundary).

    ``entries`` lists the derivatives that do not vanish as (equation, row, channel), rows as in
    ``Integrand.rows``. ``frozen`` symbols stand for expressions that derivatives take as constant.
    """

    def __init__(
        self,
        integrands: Sequence[Integrand],
        symbols: Symbols,
        frozen: Mapping[sp.Symbol, sp.Expr] | None = None,
    ):
        self.symbols = symbols
        self.equations = tuple(i.equation for i in integrands)
        rows = [
            (i.equation, row, expression)
            for i in integrands
            for row, e in enumerate(i.rows)
            if (expression := symbols.number(e)) != 0
        ]
        held = {s: symbols.number(e) for s, e in (frozen or {}).items()}
        self._rows = [(equation, row, e.xreplace(held)) for equation, row, e in rows]
        used = set().union(*(e.free_symbols for _, _, e in self._rows)) if self._rows else set()
        self.channels = tuple(s for s in symbols.channels if s in used)
        self._derivatives = [
            (equation, row, symbols.channels[s], d.xreplace(held))
            for equation, row, e in rows
            for s in self.channels
            if (d := _slope(e, s)) != 0
        ]
        self.entries = [(equation, row, channel) for equation, row, channel, _ in self._derivatives]
        self.rows = [(equation, row) for equation, row, _ in self._rows]

    @cached_property
    def linear(self) -> bool:
        """Whether no derivative depends on a channel."""
        moving = set(self.symbols.channels)
        return not any(d.free_symbols & moving for *_, d in self._derivatives)

    @cached_property
    def steady(self) -> bool:
        """Whether no derivative depends on time."""
        return not any(self.symbols.time in d.free_symbols for *_, d in self._derivatives)

    @cached_property
    def steady_load(self) -> bool:
        """Whether the residual at zero state does not depend on time."""
        zero = dict.fromkeys(self.symbols.channels, sp.S.Zero)
        return not any(self.symbols.time in e.xreplace(zero).free_symbols for _, _, e in self._rows)

    @cached_property
    def _arguments(self) -> list[sp.Symbol]:
        clock = [self.symbols.time] if self.symbols.time is not None else []
        symbols = self.symbols
        return [*symbols.coordinates, *clock, *symbols.normals, *symbols.metric, *self.channels]

    @cached_property
    def _emitted_rows(self):
        return emit([e for *_, e in self._rows], self._arguments, np)

    @cached_property
    def _emitted_derivatives(self):
        return emit([d for *_, d in self._derivatives], self._arguments, np)

    def values(
        self,
        points: Array,
        time: Array | float,
        normals: Array | None,
        channels: Sequence[Array],
        inverse: Array | None = None,
    ) -> list[Array]:
        """The rows' values at quadrature points; ``points`` (c, q, d), channels (…, c, q).

        ``inverse`` (c, q or 1, r, d) holds ∂ξᵣ/∂x_d for integrands in the metric.
        """
        return self._call(self._emitted_rows, points, time, normals, channels, inverse) if self._rows else []

    def derivatives(
        self,
        points: Array,
        time: float,
        normals: Array | None,
        channels: Sequence[Array],
        inverse: Array | None = None,
    ) -> list[Array]:
        """The entries' values at quadrature points."""
        return (
            self._call(self._emitted_derivatives, points, time, normals, channels, inverse)
            if self._derivatives
            else []
        )

    def _call(self, function, points, time, normals, channels, inverse) -> list[Array]:
        arguments = list(np.moveaxis(points, -1, 0))
        if self.symbols.time is not None:
            arguments.append(np.asarray(time, float))
        if self.symbols.normals:
            shape = points.shape if normals is None else normals.shape
            flat = np.zeros(shape) if normals is None else normals
            arguments += list(np.moveaxis(flat, -1, 0))
        if self.symbols.metric:
            assert inverse is not None
            arguments += list(np.moveaxis(inverse.reshape(*inverse.shape[:2], -1), -1, 0))
        return list(function(*arguments, *channels))
