"""The reference that is a formula."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from ..declare.problem import Problem
from ..forms.emit import emit
from .base import Reference, ReferenceUnavailable
from .elements import Array

if TYPE_CHECKING:
    import xarray

    from ..solution.quantities import Estimate

_SAMPLES = 101


@dataclass(frozen=True)
class ExactReference(Reference):
    """Formulas in the problem's variables, one for each unknown; exact, so its error bar is zero."""

    problem: Problem
    expressions: Mapping[str, sp.Expr]
    kind: str = field(default="exact", init=False)
    notes: tuple[str, ...] = field(default=(), init=False)
    seconds: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        values = {p: sp.Float(p.value, 17) for p in self.problem.parameters}
        expressions = [sp.sympify(self.expressions[n]).doit().xreplace(values) for n in self.names]
        known = set(self.problem.variables)
        for name, expression in zip(self.names, expressions, strict=True):
            unknown = sorted(str(s) for s in expression.free_symbols - known)
            if unknown:
                raise ReferenceUnavailable(
                    f"the exact {name} contains {', '.join(unknown)}",
                    reason="an exact solution is an expression in the coordinates and parameters alone",
                    mend=f"use {', '.join(str(v) for v in self.problem.variables)}",
                )
        object.__setattr__(self, "_function", emit(expressions, list(self.problem.variables), np))

    @property
    def names(self) -> tuple[str, ...]:
        """The unknowns with a formula, in the problem's order."""
        return tuple(n for n in self.problem.unknown_names if n in self.expressions)

    @property
    def error_bar(self) -> dict[str, float]:
        """Zero."""
        return dict.fromkeys(self.names, 0.0)

    def evaluate(self, points: Array) -> dict[str, Array]:
        """The formulas' values (n,) at ``points`` (n, d)."""
        points = np.asarray(points, float)
        values = self._function(*points.T)
        return {
            n: np.array(np.broadcast_to(v, len(points)), float)
            for n, v in zip(self.names, values, strict=True)
        }

    def _quantities(self) -> dict[str, Estimate]:
        from .quantities import exact_quantities

        return exact_quantities(self)

    def to_dataset(self) -> xarray.Dataset:
        """Samples on a grid over the bounding box, NaN outside the domain."""
        import xarray

        variables = self.problem.variables
        count = _SAMPLES if len(variables) <= 2 else 41 if len(variables) == 3 else 11
        axes = [np.linspace(a, b, count) for a, b in zip(self.problem.lower, self.problem.upper, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        flat = grid.reshape(-1, len(variables))
        inside = self.problem.domain.contains(flat[:, : len(self.problem.coordinates)], tolerance=1e-12)
        names = [str(v) for v in variables]
        data = {
            n: (names, np.where(inside, v, np.nan).reshape(grid.shape[:-1]))
            for n, v in self.evaluate(flat).items()
        }
        coordinates = dict(zip(names, axes, strict=True))
        formulas = {f"exact_{n}": sp.sstr(e) for n, e in self.expressions.items()}
        return xarray.Dataset(data, coordinates, {"kind": self.kind, **formulas})


def exact_reference(problem: Problem, expressions: Mapping[str, sp.Expr] | None = None) -> ExactReference:
    """The reference made of ``expressions``, or of the problem's own exact solution.

    Raises ``ReferenceUnavailable`` for an unknown without a formula.
    """
    formulas = dict(expressions if expressions is not None else problem.exact or {})
    strange = sorted(set(formulas) - set(problem.unknown_names))
    missing = [f.func.__name__ for f in problem.solved if f.func.__name__ not in formulas]
    if strange or missing:
        raise ReferenceUnavailable(
            f"no exact solution of {problem.name}",
            reason=f"there is no unknown {strange[0]}" if strange else f"no formula for {', '.join(missing)}",
            mend="give one expression for each unknown: exact: {u: …}",
        )
    return ExactReference(problem, formulas)
