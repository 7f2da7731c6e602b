"""How large the terms of a statement are, for unknowns and derivatives of a given size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import sympy as sp

from ..declare.problem import Problem
from ..declare.symbols import normal
from .emit import emit
from .jets import JetSymbol, jets_in

# Beyond this many parts an expression is taken term by term as it stands, not multiplied out.
_MULTIPLIED_OUT = 400
_STEP = 1e-4  # of a side of the domain: for slopes of sources
_EXPONENTS = (-160, 160)


@dataclass(frozen=True)
class Sizes:
    """Sizes of unknowns and parameters to be found (zero: not known), about what value, and 1/lengths.

    A derivative ∂^α of an unknown of size U counts as U·Π kᵢ^αᵢ with the ``rates`` k, one a variable.
    """

    of: Mapping[str, float]
    about: Mapping[str, float]
    rates: np.ndarray

    def but(self, name: str, size: float) -> Sizes:
        """The same with another size of one unknown."""
        return Sizes({**self.of, name: size}, self.about, self.rates)

    def still(self) -> Sizes:
        """The same with no unknown changing at all."""
        return Sizes(dict.fromkeys(self.of, 0.0), self.about, self.rates)

    def at(self, rates: np.ndarray) -> Sizes:
        """The same with other rates."""
        return Sizes(self.of, self.about, rates)


@dataclass(frozen=True)
class Drive:
    """What the rest of a statement has to balance: a size, and the rates at which it changes."""

    size: float
    rates: np.ndarray


@dataclass(frozen=True)
class Statement:
    """An expression in jets that is set to zero at points, {symbol: (n,)}.

    ``open`` are the parameters that have a size of their own, as unknowns do.
    """

    problem: Problem
    residual: sp.Expr
    points: Mapping[sp.Symbol, np.ndarray]
    open: tuple[str, ...] = ()
    unknowns: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        names = {s.jet.unknown for s in self._symbols} | {p.name for p in self._open}
        object.__setattr__(self, "unknowns", tuple(sorted(names)))

    @cached_property
    def terms(self) -> tuple[sp.Expr, ...]:
        """The summands of the expression."""
        many = sp.count_ops(self.residual) > _MULTIPLIED_OUT
        return sp.Add.make_args(self.residual if many else sp.expand_mul(self.residual))

    @cached_property
    def _symbols(self) -> list[JetSymbol]:
        return sorted(self.residual.atoms(JetSymbol), key=lambda s: s.jet)

    @cached_property
    def _open(self) -> list[sp.Symbol]:
        return [p for p in self.problem.parameters if p.name in self.open and self.residual.has(p)]

    @cached_property
    def _emitted(self):
        known = {p: sp.Float(_value(p), 17) for p in self.problem.parameters if p.name not in self.open}
        space = [*self.problem.variables, *(normal(x) for x in self.problem.coordinates)]
        arguments = [*space, *self._open, *self._symbols]
        return emit([t.xreplace(known) for t in self.terms], arguments, np)

    def order(self, name: str, among: Sequence[int] | None = None) -> int:
        """Lowest order of a derivative of an unknown in the terms, or some of them; of a parameter, zero."""
        terms = self.terms if among is None else [self.terms[k] for k in among]
        return min((j.order for j in jets_in(*terms) if j.unknown == name), default=0)

    def holding(self, name: str) -> list[int]:
        """Positions of the terms that an unknown or an open parameter stands in."""
        own = {s for s in self._symbols if s.jet.unknown == name} | {p for p in self._open if p.name == name}
        return [k for k, term in enumerate(self.terms) if term.free_symbols & own]

    def values(self, sizes: Sizes, points: Mapping[sp.Symbol, np.ndarray] | None = None) -> np.ndarray:
        """Every term, (terms, n), with its unknowns at their sizes; not finite where it has no value."""
        points = self.points if points is None else points
        count = len(next(iter(points.values())))
        zeros = np.zeros(count)
        space = [*self.problem.variables, *(normal(x) for x in self.problem.coordinates)]
        numbers = [sizes.of.get(p.name, 0.0) for p in self._open]
        for symbol in self._symbols:
            size = sizes.of.get(symbol.jet.unknown, 0.0) * float(np.prod(sizes.rates**symbol.jet.index))
            numbers.append(size if symbol.jet.order else sizes.about.get(symbol.jet.unknown, 0.0) + size)
        with np.errstate(all="ignore"):
            found = self._emitted(*(points.get(s, zeros) for s in space), *(n + zeros for n in numbers))
        return np.stack([np.broadcast_to(f, count) for f in found])

    def largest(self, sizes: Sizes, without: Sizes, among: Sequence[int] | None = None) -> float:
        """Mean over the points of the largest change of a term from sizes ``without`` to ``sizes``.

        Infinite where the terms have no value at ``sizes`` any more.
        """
        chosen = range(len(self.terms)) if among is None else among
        here, there = self.values(sizes)[chosen], self.values(without)[chosen]
        changes = []
        for a, b in zip(here, there, strict=True):
            defined = np.isfinite(b)
            with np.errstate(all="ignore"):
                change = np.abs(a - b)[defined]
            change = np.where(np.isnan(change), np.inf, change)
            changes.append(float(np.mean(change)) if change.size else 0.0)
        return max(changes, default=0.0)

    def drive(self, sizes: Sizes) -> Drive:
        """The largest term in unknowns that have a size."""
        return Drive(self.largest(sizes, sizes.still()), sizes.rates)

    def source(self, sizes: Sizes, points: Mapping[sp.Symbol, np.ndarray] | None = None) -> np.ndarray:
        """What is left of the expression where unknowns are constant, (n,)."""
        total = np.sum(self.values(sizes.still(), points), axis=0)
        return np.where(np.isfinite(total), total, 0.0)

    def sources(self, sizes: Sizes) -> list[Drive]:
        """The source as its mean, which acts over the whole domain, and as its swing, at its own rates."""
        here = self.source(sizes)
        swing, mean = float(np.sqrt(np.mean(here**2))), abs(float(np.mean(here)))
        if not swing:
            return []
        drives = [Drive(swing, np.maximum(sizes.rates, self._rates(here, sizes) / swing))]
        # The mean of a few points of an oscillation is noise.
        return [*drives, Drive(mean, sizes.rates)] if mean > 0.03 * swing else drives

    def _rates(self, here: np.ndarray, sizes: Sizes) -> np.ndarray:
        """Root mean square of the source's slope along each variable."""
        lower, upper = np.array(self.problem.lower), np.array(self.problem.upper)
        found = []
        for variable, low, high in zip(self.problem.variables, lower, upper, strict=True):
            at = self.points[variable]
            step = np.where(at < (low + high) / 2, 1.0, -1.0) * _STEP * (high - low)
            beside = self.source(sizes, {**self.points, variable: at + step})
            found.append(float(np.sqrt(np.mean(((beside - here) / step) ** 2))))
        return np.array(found)

    def response(self, name: str, drive: Drive, sizes: Sizes, lowest: bool = False) -> float | None:
        """The size at which the largest term of an unknown reaches a drive; None: it never does.

        A power of two, the first that is enough. With ``lowest`` only its terms of the lowest order of
        derivative count.
        """
        among = self.holding(name)
        if lowest and among:
            among = [k for k in among if self.order(name, [k]) == self.order(name)]
        without = sizes.but(name, 0.0).at(drive.rates)

        def reaches(exponent: int) -> bool:
            return self.largest(without.but(name, 2.0**exponent), without, among) >= drive.size

        low, high = _EXPONENTS
        if not among or not reaches(high):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if reaches(middle) else (middle, high)
        return 2.0**high


def _value(parameter) -> float:
    """A parameter's value, or, where it is found from zero within bounds, the larger of these."""
    if parameter.value or parameter.bounds is None:
        return parameter.value
    return max(map(abs, parameter.bounds))
