"""Quantities of interest in jets: what is to be known at points, and the number that follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import sympy as sp

from ..declare.problem import Problem
from ..declare.quantities import DOMAIN, Quantity
from ..declare.symbols import normal
from .emit import emit
from .jets import Jet, Jets, JetSymbol, jets_in
from .strong import without_idle_jets


@dataclass(frozen=True)
class Density:
    """The expression of a quantity in jet symbols, coordinates, time, normals and parameters."""

    expression: sp.Expr
    jets: tuple[Jet, ...]
    symbols: Mapping[Jet, JetSymbol]

    def emitted(self, problem: Problem, parameters: Mapping[str, float]) -> Callable[..., np.ndarray]:
        """(points (n, d), normals (n, d_space) or None, jets' values (n, k)) → densities (n,)."""
        known = {p: sp.Float(parameters.get(p.name, p.value), 17) for p in problem.parameters}
        space = len(problem.coordinates)
        arguments = [*problem.variables, *(normal(x) for x in problem.coordinates)]
        arguments += [self.symbols[jet] for jet in self.jets]
        function = emit([self.expression.xreplace(known)], arguments, np)

        def density(points: np.ndarray, normals: np.ndarray | None, values: np.ndarray) -> np.ndarray:
            outward = np.zeros((len(points), space)) if normals is None else normals
            return np.asarray(function(*points.T, *outward.T, *values.T)[0], dtype=float)

        return density


def density(quantity: Quantity, problem: Problem) -> Density:
    """What a quantity integrates, averages or evaluates.

    Raises ``FormUnavailable`` for a term that is not local in the unknowns.
    """
    jets = Jets(problem)
    expression = without_idle_jets(jets.to_jets(quantity.expression))
    found = jets_in(expression)
    return Density(expression, found, {s.jet: s for s in expression.atoms(JetSymbol)})


def on_boundary(quantity: Quantity) -> bool:
    """Whether a quantity is taken over a boundary."""
    return quantity.over not in (None, DOMAIN)


def with_formulas(
    problem: Problem, single: Callable[[Quantity], float], parameters: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Every quantity by name, in order: single ones from ``single``, formulas from those before them."""
    numbers = {p: float((parameters or {}).get(p.name, p.value)) for p in problem.parameters}
    found: dict[str, float] = {}
    for quantity in problem.quantities:
        if quantity.kind != "formula":
            found[quantity.name] = float(single(quantity))
            continue
        known = {q.symbol: found[q.name] for q in problem.quantities if q.name in found} | numbers
        arguments = [s for s in known if s in quantity.expression.free_symbols]
        value = emit([quantity.expression], arguments, np)(*(np.float64(known[s]) for s in arguments))[0]
        found[quantity.name] = float(value)
    return found
