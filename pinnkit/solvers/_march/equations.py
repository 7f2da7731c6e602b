"""Residuals and their slopes by every jet, at points in space and one time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy as sp

from ...declare.conditions import AnyCondition, Initial, InitialRate, Periodic
from ...declare.problem import Problem
from ...declare.symbols import normal
from ...forms.emit import emit
from ...forms.jets import Jet, jet_symbol
from ...forms.strong import ConditionResidual, condition_residual, strong_form
from .features import Index, Tables
from .space import Space

_TIMELESS = (Initial, InitialRate, Periodic)
State = Mapping[str, Sequence[np.ndarray]]
"""By unknown, the coefficients (r,) of its time derivatives of order 0, 1, …"""


def boundary_residuals(problem: Problem) -> list[tuple[AnyCondition, ConditionResidual]]:
    """The conditions that hold at all times, with what they set to zero."""
    kept = [condition for condition in problem.conditions if not isinstance(condition, _TIMELESS)]
    return [(condition, condition_residual(condition, problem)) for condition in kept]


def time_orders(problem: Problem) -> dict[str, int]:
    """The highest time derivative of each unknown."""
    on_boundary = (jet for _, found in boundary_residuals(problem) for jet in found.jets)
    jets = {*strong_form(problem).jets, *on_boundary}
    return {
        name: max((jet.index[-1] for jet in jets if jet.unknown == name), default=0)
        for name in problem.unknown_names
    }


class Equations:
    """Expressions in jets that are to vanish at points (n, d), with the weight (n,) of each."""

    def __init__(
        self,
        problem: Problem,
        expressions: Sequence[sp.Expr],
        jets: Sequence[Jet],
        points: np.ndarray,
        weights: np.ndarray,
        normals: np.ndarray | None = None,
    ):
        known = {p: sp.Float(p.value, 17) for p in problem.parameters}
        residuals = [expression.xreplace(known) for expression in expressions]
        symbols = [jet_symbol(jet, problem) for jet in jets]
        arguments = [*problem.variables, *(normal(x) for x in problem.coordinates), *symbols]
        self.count, self.jets, self.points, self.weights = len(residuals), tuple(jets), points, weights
        self._normals = np.zeros_like(points) if normals is None else normals
        self._values = emit(residuals, arguments, np)
        self.places = [
            (row, jet)
            for row, residual in enumerate(residuals)
            for jet, symbol in zip(jets, symbols, strict=True)
            if residual.has(symbol)
        ]
        slopes = [sp.diff(residuals[row], jet_symbol(jet, problem)) for row, jet in self.places]
        self._slopes = emit(slopes, arguments, np)

    @property
    def indices(self) -> list[Index]:
        """The derivatives in space that the expressions hold."""
        return sorted({jet.index[:-1] for jet in self.jets})

    def at(self, points: np.ndarray, weights: np.ndarray) -> Equations:
        """The same expressions at other points."""
        other = object.__new__(Equations)
        other.__dict__ = {**self.__dict__, "points": points, "weights": weights}
        other._normals = np.zeros_like(points)
        return other

    def partners(self, orders: Mapping[str, int]) -> list[str]:
        """An unknown for each expression, all different: the one it differentiates in time, if any."""
        found: dict[int, str] = {}
        for row, jet in self.places:
            free = row not in found and jet.unknown not in found.values()
            if free and jet.index[-1] == orders[jet.unknown] > 0:
                found[row] = jet.unknown
        left = [name for name in orders if name not in found.values()]
        return [found[row] if row in found else left.pop(0) for row in range(self.count)]

    def tables(self, space: Space) -> Tables:
        """What the expressions need of the features at these points."""
        return space.tables(self.points, self.indices)

    def values(self, tables: Tables, state: State, time: float) -> np.ndarray:
        """Residuals (expressions, n)."""
        return np.stack(self._values(*self._arguments(tables, state, time)))

    def slopes(self, tables: Tables, state: State, time: float) -> list[tuple[int, Jet, np.ndarray]]:
        """Row, jet and ∂row/∂jet (n,) wherever that is not zero."""
        found = self._slopes(*self._arguments(tables, state, time))
        return [(row, jet, slope) for (row, jet), slope in zip(self.places, found, strict=True)]

    def _arguments(self, tables: Tables, state: State, time: float) -> list[np.ndarray]:
        jets = [tables[jet.index[:-1]] @ state[jet.unknown][jet.index[-1]] for jet in self.jets]
        return [*self.points.T, np.full(len(self.points), time), *self._normals.T, *jets]
