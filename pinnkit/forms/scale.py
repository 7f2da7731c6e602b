"""Non-dimensionalisation: a problem in units in which unknowns, equations and conditions are of order one.

With u = offset + U·v for every unknown, and E the unit of an equation, R'(v) = R(offset + U·v)/E; conditions
likewise. Coordinates stay as they are: networks see them in units of the domain anyhow, and so every shape
and mesh will do. What was solved for v is brought back by ``Scaling``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..declare.conditions import (
    AnyCondition,
    Condition,
    Dirichlet,
    Flux,
    Initial,
    InitialRate,
    Neumann,
    Observations,
    Periodic,
    PointValue,
    Robin,
)
from ..declare.problem import Equation, Problem
from ..declare.symbols import Parameter, normal
from .characteristic import Scales, Unit, characteristic_scales
from .errors import FormUnavailable
from .flux import equation_flux
from .jets import Jets
from .peel import vanishes
from .scale_settings import Setting, read_scales
from .strong import exact

# Scales nearer to one than these leave a problem as it is: what was tuned without them stays so.
_UNKNOWN_LIMIT, _EQUATION_LIMIT, _OFFSET_LIMIT = 32.0, 1024.0, 8.0
# A unit given by hand that its data miss by more than this is worth a word.
_DOUBTFUL = 1e3


class ScaledProblem(Problem):
    """A problem in units of its own, with what the residual of each condition is measured in besides."""

    _rows: Mapping[AnyCondition, float]

    def __init__(self, rows: Mapping[AnyCondition, float], *given: Any):
        super().__init__(*given)
        object.__setattr__(self, "_rows", dict(rows))

    def row_unit(self, condition: AnyCondition) -> float:
        """The size of a condition's largest term: 1/length for a slope of a v of order one."""
        return self._rows.get(condition, 1.0)


@dataclass(frozen=True)
class Scaling:
    """A problem, the same in units of order one, and the way back.

    Arrays may be of NumPy or JAX. Where nothing was far from one, ``problem`` is ``original`` itself.
    """

    original: Problem
    problem: Problem
    scales: Scales
    notes: tuple[str, ...] = ()

    @property
    def identity(self) -> bool:
        """Whether there is nothing to be brought back."""
        return self.problem is self.original

    def values(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Unknowns by name in the units of the declaration: offset + unit·v."""
        units = self.scales.unknowns
        return {name: units[name].offset + units[name].unit * v for name, v in found.items()}

    def derivatives(self, found: Mapping[str, Any], indices: Sequence[Sequence[int]]) -> dict[str, Any]:
        """Derivatives (n, number of indices) by name in the units of the declaration."""
        still = np.array([not any(index) for index in indices])
        return {
            name: self.scales.unknowns[name].unit * v
            + (self.scales.unknowns[name].offset * still).astype(v.dtype)
            for name, v in found.items()
        }

    def residuals(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Residuals lhs − rhs by equation as the declaration has them."""
        return {name: self.scales.equations[name] * r for name, r in found.items()}

    def parameters(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Inferred parameters by name in the units of the declaration."""
        return {name: self.scales.parameters.get(name, 1.0) * value for name, value in found.items()}

    def setting(self) -> Setting:
        """What to write under ``scales`` for the same scaling."""
        if self.identity:
            return "none"
        found: dict[str, Any] = {
            name: {"unit": u.unit, "offset": u.offset} for name, u in self.scales.unknowns.items()
        }
        found |= {name: value for name, value in self.scales.parameters.items() if value != 1}
        return {**found, "equations": dict(self.scales.equations)}


def scale(problem: Problem, setting: Setting = "auto") -> Scaling:
    """The problem in units of order one.

    ``setting`` is ``auto`` (scaled where a scale is far from one), ``none``, or units by hand: a number, or
    {unit: …, offset: …}, for an unknown; a number for an inferred parameter; a characteristic length for a
    coordinate or the time; numbers by name under ``equations``. What is not given is found. Raises
    ``DeclarationError`` for names and numbers that are none of these.
    """
    given = read_scales(problem, setting)
    if setting == "none":
        return Scaling(problem, problem, Scales())
    found = characteristic_scales(problem, given)
    if not (_far(found) if setting == "auto" else _any(found)):
        return Scaling(problem, problem, Scales())
    scaled = _scaled(problem, found)
    return Scaling(problem, scaled, found, _notes(problem, found, given))


def _notes(problem: Problem, scales: Scales, given: Scales) -> tuple[str, ...]:
    """What was scaled, in sentences; and where a unit given by hand leaves its data far from one."""
    shown = [f"{name} = {u.text()}" for name, u in scales.unknowns.items()]
    shown += [f"{name} in units of {u:.3g}" for name, u in scales.parameters.items() if u != 1]
    divided = [f"{name} divided by {u:.3g}" for name, u in scales.equations.items()]
    notes = [f"scaled, and the loss with it: {', '.join(shown)}; {', '.join(divided)}"]
    if not given.unknowns and not given.equations:
        return tuple(notes)
    free = characteristic_scales(problem, Scales(lengths=given.lengths))
    for name, unit in given.unknowns.items():
        data = free.unknowns[name]
        reach = max(abs(data.offset - unit.offset), data.unit) / unit.unit
        if not 1 / _DOUBTFUL <= reach <= _DOUBTFUL:
            notes.append(
                f"scales: {name} is given in units of {unit.unit:g}, of which it seems to reach {reach:.1g}"
            )
    for name, unit in given.equations.items():
        reach = free.equations[name] / unit
        if not given.unknowns and not 1 / _DOUBTFUL <= reach <= _DOUBTFUL:
            notes.append(
                f"scales: {name} is divided by {unit:g}, and its largest term seems to be {reach:.1g} of that"
            )
    return tuple(notes)


def _far(scales: Scales) -> bool:
    units = [*(u.unit for u in scales.unknowns.values()), *scales.parameters.values()]
    return (
        any(not 1 / _UNKNOWN_LIMIT <= unit <= _UNKNOWN_LIMIT for unit in units)
        or any(abs(u.offset) > _OFFSET_LIMIT * u.unit for u in scales.unknowns.values())
        or any(not 1 / _EQUATION_LIMIT <= e <= _EQUATION_LIMIT for e in scales.equations.values())
    )


def _any(scales: Scales) -> bool:
    numbers = [*scales.equations.values(), *scales.parameters.values()]
    return any(u != Unit() for u in scales.unknowns.values()) or any(n != 1 for n in numbers)


class _Rewriter:
    """Expressions with offset + unit·v in the place of every unknown, and unit·p of every open parameter."""

    def __init__(self, problem: Problem, scales: Scales):
        self.problem, self.scales = problem, scales
        self.parameters = {
            p: exact(unit) * _parameter(p, unit)
            for p in problem.parameters
            if (unit := scales.parameters.get(p.name, 1.0)) != 1
        }

    def unit(self, name: str) -> sp.Rational:
        return exact(self.scales.unknowns[name].unit)

    def offset(self, name: str) -> sp.Rational:
        return exact(self.scales.unknowns[name].offset)

    def __call__(self, expression: Any) -> Any:
        if isinstance(expression, AppliedUndef):
            name = expression.func.__name__
            return self.offset(name) + self.unit(name) * expression
        if isinstance(expression, Parameter):
            return self.parameters.get(expression, expression)
        if not expression.args:
            return expression
        if isinstance(expression, sp.Derivative):
            if isinstance(inner := expression.expr, AppliedUndef):
                return self.unit(inner.func.__name__) * expression
            return sp.Derivative(self(inner), *expression.variable_count)
        return expression.func(*(self(argument) for argument in expression.args))

    def divided(self, expression: sp.Expr, by: sp.Expr) -> sp.Expr:
        """Every summand rewritten and divided."""
        return sp.Add(*(self(term) / by for term in sp.Add.make_args(expression)))

    def condition(self, condition: AnyCondition) -> tuple[AnyCondition, float]:
        """The condition on v, and what its residual was divided by in that."""
        if isinstance(condition, Periodic):
            return condition, 1.0
        if isinstance(condition, Condition):
            return replace(condition, expression=self(condition.expression)), 1.0
        if isinstance(condition, Flux):
            unit = self.scales.equations[condition.equation]
            return replace(condition, value=self.divided(condition.value, exact(unit))), unit
        name = condition.unknown.func.__name__
        unit = self.unit(name)
        value = self.divided(condition.value, unit)
        match condition:
            case Dirichlet() | Initial() | PointValue():
                value -= self.offset(name) / unit
            case Robin():
                a, b = self(condition.a), self(condition.b)
                value -= a * self.offset(name) / unit
                return replace(condition, a=a, b=b, value=value), float(unit)
            case Neumann() | InitialRate():
                pass
        return replace(condition, value=value), float(unit)

    def observations(self, entry: Observations) -> Observations:
        known = self.scales.unknowns[entry.unknown.func.__name__]
        return replace(
            entry, noise=entry.noise / known.unit, unit=entry.unit / known.unit,
            offset=(entry.offset - known.offset) / known.unit,
        )  # fmt: skip


def _scaled(problem: Problem, scales: Scales) -> ScaledProblem:
    rewrite = _Rewriter(problem, scales)
    equations = [
        Equation(
            e.name,
            *(rewrite.divided(side, exact(scales.equations[e.name])) for side in (e.lhs, e.rhs)),
            e.place,
        )
        for e in problem.equations
    ]
    observations = [rewrite.observations(entry) for entry in problem.observations]
    pairs = [(condition, *rewrite.condition(condition)) for condition in problem.conditions]

    def declared(conditions: Sequence[AnyCondition], rows: Mapping[AnyCondition, float]) -> ScaledProblem:
        given = (equations, conditions, observations, None, problem.unknowns)
        return ScaledProblem(rows, problem.name, problem.domain, *given)

    plain = declared([new for _, new, _ in pairs], {})
    news = [
        _flux_as_declared(problem, plain, old, rewrite) if isinstance(old, Flux) else None
        for old, _, _ in pairs
    ]
    final = [other or new for new, other in zip(plain.conditions, news, strict=True)]
    rows = {
        new: scales.conditions[old] / by
        for (old, _, by), new in zip(pairs, final, strict=True)
        if old in scales.conditions
    }
    return declared(final, rows)


def _flux_as_declared(
    problem: Problem, scaled: Problem, condition: Flux, rewrite: _Rewriter
) -> Condition | None:
    """F·n = g written out, where the flux of the scaled equation is another than the flux scaled.

    A shift of an advected unknown takes a constant out of the flux.
    """
    try:
        declared = equation_flux(problem, condition.equation).flux
        own = equation_flux(scaled, condition.equation).flux
    except FormUnavailable:
        return None  # whoever needs it says why
    unit = exact(rewrite.scales.equations[condition.equation])
    jets, news = Jets(problem), Jets(scaled)
    meant = [rewrite.divided(jets.from_jets(f), unit) for f in declared[: len(problem.coordinates)]]
    if all(vanishes(news.to_jets(a) - b) for a, b in zip(meant, own, strict=False)):
        return None
    outward = sp.Add(*(normal(x) * f for x, f in zip(problem.coordinates, meant, strict=True)))
    return Condition(outward - rewrite.divided(condition.value, unit), condition.where, condition.place)


def _parameter(parameter: Parameter, unit: float) -> Parameter:
    bounds = parameter.bounds and (parameter.bounds[0] / unit, parameter.bounds[1] / unit)
    return Parameter(parameter.name, parameter.value / unit, parameter.infer, bounds)
