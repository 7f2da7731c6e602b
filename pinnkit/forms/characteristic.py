"""Characteristic scales from a declaration: units in which unknowns and equations are of order one.

What is not given by hand follows from the data, statement by statement. Values that are prescribed or
measured give an unknown its size; slopes, fluxes and rates give it through the half lengths of the domain.
An unknown without data has the size at which its largest term in an equation balances what else is known
there (sources, terms of unknowns with a size): the least such size over its equations, since each is a
bound. A source that nothing in its equation balances raises the unknown that needs the least raise. The
unit of an equation is its largest term in unknowns (dominant balance; Barenblatt, Scaling, 2003, ch. 1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..declare.conditions import AnyCondition, Dirichlet, Initial, Periodic, PointValue
from ..declare.measurements import read_measurements
from ..declare.problem import Problem
from ..declare.sampled import points_of
from ..geometry import sampling
from .errors import FormUnavailable
from .magnitudes import Sizes, Statement
from .strong import condition_residual, strong_form

_POINTS = 1024
# A source may exceed what is there to balance it by this factor before it raises an unknown.
_UNBALANCED = 16.0
# An unknown is shifted where its data lie this many spreads or more from zero.
_SHIFT = 2.0


@dataclass(frozen=True)
class Unit:
    """u = offset + unit·v with v of order one."""

    unit: float = 1.0
    offset: float = 0.0

    def text(self, name: str = "v") -> str:
        """``300 + 16·v``."""
        return f"{self.offset:.6g} + {self.unit:.3g}·{name}" if self.offset else f"{self.unit:.3g}·{name}"


@dataclass(frozen=True)
class Scales:
    """Units by name; equations and conditions are divided by theirs. ``lengths`` are those of variables."""

    unknowns: Mapping[str, Unit] = field(default_factory=dict)
    equations: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)
    lengths: Mapping[str, float] = field(default_factory=dict)
    conditions: Mapping[AnyCondition, float] = field(default_factory=dict)


def characteristic_scales(problem: Problem, given: Scales) -> Scales:
    """Scales for everything in a problem, powers of two where they are not given."""
    return _Search(problem, given).scales()


class _Search:
    """Sizes of the unknowns, zero until they are known."""

    def __init__(self, problem: Problem, given: Scales):
        self.problem, self.given = problem, given
        open_ = tuple(p.name for p in problem.parameters if p.infer and not p.value and p.bounds is None)
        clock = (problem.time.start, problem.time.end) if problem.time is not None else None
        drawn = sampling.interior(problem.domain, _POINTS, seed=0, time=clock)
        inside = dict(zip(problem.variables, drawn.T, strict=True))
        self.equations = {
            e.name: Statement(problem, e.residual, inside, open_) for e in strong_form(problem).equations
        }
        self.conditions: dict[AnyCondition, Statement] = {}
        for condition in problem.conditions:
            points = points_of(problem, condition, inside)
            if points is not None and not isinstance(condition, Periodic):
                try:
                    residual = condition_residual(condition, problem).residual
                except FormUnavailable:
                    continue  # whoever needs it says why it is not to be had
                self.conditions[condition] = Statement(problem, residual, points, open_)
        self.names = (*problem.unknown_names, *open_)
        lengths = dict(zip(map(str, problem.variables), self._half_lengths(), strict=True))
        lengths |= given.lengths
        fixed = {n: u.unit for n, u in given.unknowns.items()} | dict(given.parameters)
        self.fixed = {name for name in self.names if name in fixed}
        self.sizes = Sizes(
            {name: fixed.get(name, 0.0) for name in self.names},
            {name: u.offset for name, u in given.unknowns.items()},
            1 / np.array(list(lengths.values())),
        )

    def _half_lengths(self) -> Iterable[float]:
        lower, upper = np.array(self.problem.lower), np.array(self.problem.upper)
        return (upper - lower) / 2

    def scales(self) -> Scales:
        """The search, and its result in powers of two."""
        self._values()
        self._slopes()
        while self._balance_equations() or self._balance_conditions():
            pass
        self._raise()
        self._settle()
        units = {n: Unit(self.sizes.of[n], self.sizes.about.get(n, 0.0)) for n in self.problem.unknown_names}
        parameters = {p.name: self.sizes.of.get(p.name, 1.0) for p in self.problem.parameters if p.infer}
        return Scales(
            units,
            {n: self.given.equations.get(n) or self._unit(s) for n, s in self.equations.items()},
            parameters | dict(self.given.parameters),
            self.given.lengths,
            {condition: self._unit(s) for condition, s in self.conditions.items()},
        )

    def _unit(self, statement: Statement) -> float:
        return rounded(statement.drive(self.sizes).size) or 1.0

    def _grow(self, name: str, size: float) -> None:
        if name not in self.fixed:
            self.sizes = self.sizes.but(name, max(self.sizes.of[name], size))

    def _values(self) -> None:
        """Size and middle of each unknown from the values that are prescribed or measured."""
        data: dict[str, list[np.ndarray]] = {}
        nothing = Sizes({}, {}, self.sizes.rates)
        for condition, statement in self.conditions.items():
            if isinstance(condition, Dirichlet | Initial | PointValue) and len(statement.unknowns) == 1:
                data.setdefault(statement.unknowns[0], []).append(statement.source(nothing))
        for entry in self.problem.observations:
            measured = -read_measurements(entry, self.problem)[1]
            data.setdefault(entry.unknown.func.__name__, []).append(measured)
        for name, parts in data.items():
            lies = -np.concatenate(parts)
            low, high = float(lies.min()), float(lies.max())
            middle, spread = (low + high) / 2, (high - low) / 2
            if name in self.fixed:
                continue
            if abs(middle) > _SHIFT * spread:
                self.sizes = Sizes(self.sizes.of, {**self.sizes.about, name: middle}, self.sizes.rates)
                self._grow(name, spread)
            else:
                self._grow(name, max(abs(low), abs(high)))

    def _slopes(self) -> None:
        """Sizes from other conditions on a single unknown: slopes, fluxes, rates, exchange with outside."""
        for condition, statement in self.conditions.items():
            if not isinstance(condition, Dirichlet | Initial | PointValue) and len(statement.unknowns) == 1:
                for drive in statement.sources(self.sizes):
                    (name,) = statement.unknowns
                    self._grow(name, statement.response(name, drive, self.sizes, lowest=True) or 0.0)

    def _open(self, statement: Statement) -> list[str]:
        return [name for name in statement.unknowns if not self.sizes.of[name]]

    def _balance_equations(self) -> bool:
        """Sizes of unknowns without one, from equations in which something is known; whether any were."""
        found: dict[str, float] = {}
        for statement in self.equations.values():
            drives = [*statement.sources(self.sizes), statement.drive(self.sizes)]
            for name in self._open(statement):
                sizes = [statement.response(name, d, self.sizes) for d in drives if d.size]
                if largest := max((s for s in sizes if s is not None), default=0.0):
                    found[name] = min(found.get(name, math.inf), largest)
        for name, size in found.items():
            self._grow(name, size)
        return bool(found)

    def _balance_conditions(self) -> bool:
        """The same from conditions on several unknowns, through those least differentiated."""
        for statement in self.conditions.values():
            drives = [*statement.sources(self.sizes), statement.drive(self.sizes)]
            drive = max(drives, key=lambda d: d.size)
            orders = {name: statement.order(name) for name in self._open(statement)}
            least = [name for name in orders if drive.size and orders[name] == min(orders.values())]
            found = {name: statement.response(name, drive, self.sizes, lowest=True) for name in least}
            for name, size in found.items():
                self._grow(name, size or 0.0)
            if any(found.values()):
                return True
        return False

    def _raise(self) -> None:
        """Let every source be balanced, by the unknown that needs the least raise for that."""
        for statement in self.equations.values():
            for drive in statement.sources(self.sizes):
                if drive.size <= _UNBALANCED * statement.drive(self.sizes.at(drive.rates)).size:
                    continue
                needed = {
                    name: size / self.sizes.of[name]
                    for name in statement.unknowns
                    if self.sizes.of[name] and (size := statement.response(name, drive, self.sizes))
                }
                if needed:
                    name = min(needed, key=needed.__getitem__)
                    self._grow(name, needed[name] * self.sizes.of[name])

    def _settle(self) -> None:
        """Sizes in powers of two; a middle is kept where it is many sizes from zero."""
        sizes, about = dict(self.sizes.of), dict(self.sizes.about)
        for name in self.names:
            if name in self.fixed:
                continue
            size, middle = sizes[name], about.get(name, 0.0)
            if not size or abs(middle) <= _SHIFT * size:
                size, middle = max(size, abs(middle)), 0.0
            sizes[name] = rounded(size) or 1.0
            about[name] = round(4 * middle / sizes[name]) * sizes[name] / 4
        self.sizes = Sizes(sizes, about, self.sizes.rates)


def rounded(size: float) -> float:
    """The nearest power of two, which scales without rounding; zero for what has no size."""
    return 2.0 ** round(math.log2(size)) if 0 < size < math.inf else 0.0
