"""Boundary conditions in a weak form: what F·n becomes, and which values the spaces take on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp

from ..declare import conditions as declared
from ..declare.problem import Problem
from ..geometry.carriers import Plane
from .errors import FormUnavailable
from .flux import equation_flux
from .jets import Jets, JetSymbol, replaced
from .peel import expanded, vanishes

Fluxes = Mapping[str, tuple[str, tuple[sp.Expr, ...]]]


@dataclass(frozen=True)
class NaturalTerm:
    """∮ ``flux`` v over one named boundary: F·n of an equation with the conditions there put in."""

    equation: str
    where: str
    flux: sp.Expr


@dataclass(frozen=True)
class EssentialTerm:
    """u = value on a boundary, imposed on the spaces."""

    unknown: str
    where: str
    value: sp.Expr


@dataclass(frozen=True)
class BoundaryTerms:
    """All terms of a problem; ``free`` lists (equation, boundary) about which nothing was declared.

    ``idle`` lists (statement, boundary) that no test function feels, because those there vanish.
    """

    natural: tuple[NaturalTerm, ...]
    essential: tuple[EssentialTerm, ...]
    free: tuple[tuple[str, str], ...]
    idle: tuple[tuple[str, str], ...]


def boundary_terms(jets: Jets, fluxes: Fluxes) -> BoundaryTerms:
    """Sort the boundary conditions for equations given as name → (tested unknown, F over the coordinates).

    Raises ``FormUnavailable`` for a condition that is neither a value of one unknown nor, together with an
    equation's flux or an unknown's normal derivative, a statement about F·n.
    """
    natural: list[NaturalTerm] = []
    essential: list[EssentialTerm] = []
    free: list[tuple[str, str]] = []
    idle: list[tuple[str, str]] = []
    wrapped = periodic_boundaries(jets.problem)
    for where in jets.problem.domain.boundary_names:
        if where not in wrapped:
            piece = _Piece(jets, fluxes, where)
            essential += piece.essential
            natural += piece.natural()
            free += [(name, where) for name in piece.silent()]
            idle += [(statement, where) for statement in piece.idle()]
    return BoundaryTerms(tuple(natural), tuple(essential), tuple(free), tuple(idle))


def periodic_boundaries(problem: Problem) -> set[str]:
    """Names of the boundaries that are the flat ends of the domain across periodic coordinates."""
    lower, upper = problem.domain.bounds
    axes = [problem.coordinates.index(c) for c in problem.periodic]
    whole: dict[str, bool] = {}
    for piece in problem.domain.pieces() if axes else ():
        plane = piece.carrier if isinstance(piece.carrier, Plane) else None
        is_end = plane is not None and any(
            abs(abs(plane.normal[a]) - 1) < 1e-9
            and min(abs(plane.point[a] - end) for end in (lower[a], upper[a])) < 1e-9 * (upper[a] - lower[a])
            for a in axes
        )
        whole[piece.name] = whole.get(piece.name, True) and is_end
    return {name for name, is_end in whole.items() if is_end}


class _Piece:
    """The conditions on one named boundary."""

    def __init__(self, jets: Jets, fluxes: Fluxes, where: str):
        self.jets, self.fluxes, self.where = jets, fluxes, where
        self.slopes: dict[str, sp.Expr] = {}  # unknown → ∂u/∂n
        self.given: dict[str, sp.Expr] = {}  # equation → F·n
        self.essential: list[EssentialTerm] = []
        here = [c for c in jets.problem.conditions if getattr(c, "where", None) in (where, "boundary")]
        for condition in sorted(here, key=lambda c: isinstance(c, declared.Condition)):
            self._take(condition)

    def _take(self, condition: declared.AnyCondition) -> None:
        jets = self.jets
        if isinstance(condition, declared.Condition):
            self._expression(jets.to_jets(condition.expression))
            return
        if not isinstance(condition, declared.Dirichlet | declared.Neumann | declared.Robin | declared.Flux):
            return
        value = jets.to_jets(condition.value)
        if isinstance(condition, declared.Flux):
            self.given[condition.equation] = value + self._excess(condition.equation)
            return
        name = condition.unknown.func.__name__
        if isinstance(condition, declared.Dirichlet):
            self._fix(name, value)
        elif isinstance(condition, declared.Neumann):
            self.slopes[name] = value
        elif isinstance(condition, declared.Robin):
            a, b = jets.to_jets(condition.a), jets.to_jets(condition.b)
            self.slopes[name] = (value - a * jets.symbol(jets.zero(name))) / b

    def _fix(self, unknown: str, value: sp.Expr) -> None:
        self.essential.append(EssentialTerm(unknown, self.where, value))

    def _excess(self, equation: str) -> sp.Expr:
        """F·n of the weak form less F·n of the flux form, which holds convection too."""
        try:
            whole = equation_flux(self.jets.problem, equation).flux
        except FormUnavailable:
            return sp.S.Zero  # the weak form's flux is the only one
        own = self.fluxes[equation][1]
        return expanded(self._outward(own) - self._outward(whole[: len(own)]))

    def _outward(self, flux: Iterable[sp.Expr]) -> sp.Expr:
        return sp.Add(*(n * f for n, f in zip(self.jets.normals, flux, strict=True)))

    @cached_property
    def _facing(self) -> dict[sp.Symbol, sp.Expr]:
        """The normal's entries where the whole boundary faces along one axis, so that u_x is ±∂u/∂n."""
        pieces = [p for p in self.jets.problem.domain.pieces() if p.name == self.where]
        if not pieces or not all(isinstance(p.carrier, Plane) for p in pieces):
            return {}
        middle = np.full((1, len(self.jets.normals) - 1), 0.5)
        facing = np.concatenate([p.sample(middle)[1] for p in pieces])
        axis = np.abs(facing[0]).argmax()
        along = np.abs(facing - np.sign(facing[0, axis]) * np.eye(facing.shape[1])[axis]).max() < 1e-12
        return dict(zip(self.jets.normals, map(sp.Integer, np.rint(facing[0])), strict=True)) if along else {}

    def _gradients(self, expression: sp.Expr) -> list[JetSymbol]:
        found = [s for s in expression.atoms(JetSymbol) if self.jets.space_order(s.jet)]
        return sorted(found, key=lambda s: s.jet)

    def _expression(self, expression: sp.Expr) -> None:
        """E = 0 as a normal derivative, as F·n of an equation up to a factor, or as an unknown's value."""
        expression = replaced(expression, self._facing)
        gradients = self._gradients(expression)
        if any(self.jets.space_order(s.jet) > 1 for s in gradients):
            raise self._refusal(expression, "it holds derivatives of second or higher order in space")
        readings = (self._as_slope, self._as_flux) if gradients else (self._as_value,)
        if not any(reading(expression) for reading in readings):
            raise self._refusal(
                expression, "it gives neither F·n, nor a normal derivative, nor the value of one unknown"
            )

    def _as_flux(self, expression: sp.Expr) -> bool:
        fixed = {e.unknown for e in self.essential}
        for equation, (test, flux) in self.fluxes.items():
            outward = replaced(self._outward(flux), self._facing)
            if equation in self.given or test in fixed or not self._gradients(outward):
                continue
            symbol = self._gradients(expression)[0]
            slope = sp.diff(outward, symbol)
            if slope == 0:
                continue
            factor = sp.cancel(slope / sp.diff(expression, symbol))
            left = expanded(outward - factor * expression)
            if not self._gradients(factor) and not any(factor.has(n) for n in self.jets.normals):
                if self._gradients(left):
                    left = sp.simplify(left)
                if not self._gradients(left):
                    self.given[equation] = left
                    return True
        return False

    def _as_slope(self, expression: sp.Expr) -> bool:
        names = {s.jet.unknown for s in self._gradients(expression)}
        if len(names) != 1:
            return False
        name = names.pop()
        slopes = [sp.diff(expression, s) for s in self._derivatives(name)]
        normals = [replaced(n, self._facing) for n in self.jets.normals]
        factor = next(sp.cancel(s / n) for s, n in zip(slopes, normals, strict=True) if n != 0)
        proportional = all(vanishes(s - factor * n) for s, n in zip(slopes, normals, strict=True))
        if not proportional or self._gradients(factor) or factor == 0:
            return False
        at_zero = replaced(expression, dict.fromkeys(self._derivatives(name), sp.S.Zero))
        if self._gradients(at_zero):
            return False
        self.slopes[name] = -at_zero / factor
        return True

    def _as_value(self, expression: sp.Expr) -> bool:
        symbols = sorted(expression.atoms(JetSymbol), key=lambda s: s.jet)
        if len(symbols) != 1 or symbols[0].jet.order:
            return False
        factor = sp.diff(expression, symbols[0])
        if factor.has(symbols[0]):
            return False
        self._fix(symbols[0].jet.unknown, -replaced(expression, {symbols[0]: sp.S.Zero}) / factor)
        return True

    def _refusal(self, expression: sp.Expr, reason: str) -> FormUnavailable:
        return FormUnavailable(
            f"the weak form of the condition {expression} = 0 on {self.where!r}", reason=reason,
            mend="write it as flux: F·n = g of an equation, or as Dirichlet, Neumann or Robin conditions",
        )

    def _derivatives(self, unknown: str, rate: int = 0) -> list[sp.Expr]:
        zero = self.jets.zero(unknown)
        if rate:
            zero = zero.raised(len(self.jets.variables) - 1, rate)
        return [self.jets.symbol(zero.raised(i)) for i in self.jets.space]

    def natural(self) -> list[NaturalTerm]:
        """F·n of each equation here about which something is known and whose test functions do not vanish."""
        fixed = {e.unknown for e in self.essential}
        terms = []
        for equation, (test, flux) in self.fluxes.items():
            if test not in fixed and self._speaks(equation):
                value = self.given[equation] if equation in self.given else self._with_slopes(flux)
                terms.append(NaturalTerm(equation, self.where, value))
        return terms

    def silent(self) -> list[str]:
        """Equations with a flux about which nothing is known here."""
        fixed = {e.unknown for e in self.essential}
        return [
            equation for equation, (test, flux) in self.fluxes.items()
            if test not in fixed and any(f != 0 for f in flux) and not self._speaks(equation)
        ]  # fmt: skip

    def idle(self) -> list[str]:
        """Fluxes and slopes that were given here and stand in no equation whose test functions live here."""
        fixed = {e.unknown for e in self.essential}
        lost = [f"the flux of {e}" for e in self.given if self.fluxes[e][0] in fixed]
        felt: set[str] = set()
        for equation, (test, flux) in self.fluxes.items():
            if test not in fixed and equation not in self.given:
                felt |= {s.jet.unknown for s in self._gradients(self._outward(flux))}
        return lost + [f"the slope of {unknown}" for unknown in self.slopes if unknown not in felt]

    def _speaks(self, equation: str) -> bool:
        outward = self._outward(self.fluxes[equation][1])
        return equation in self.given or any(s.jet.unknown in self.slopes for s in self._gradients(outward))

    def _with_slopes(self, flux: tuple[sp.Expr, ...]) -> sp.Expr:
        outward: sp.Expr = sp.S.Zero
        for unknown, slope in self.slopes.items():
            found = {s for f in flux for s in self._gradients(f) if s.jet.unknown == unknown}
            for rate in sorted({self.jets.time_order(s.jet) for s in found}):
                given = self.jets.total_derivative(slope, len(self.jets.variables) - 1, rate)
                flux, known = self._put_in(flux, self._derivatives(unknown, rate), given)
                outward += known
        return outward + self._outward(flux)

    def _normal_part_given(self, slopes: list[sp.Expr], given: sp.Expr) -> dict[sp.Expr, sp.Expr]:
        """p → g n + its tangential part, (n × p) × n in two dimensions and p − (n·p) n in others."""
        normals = self.jets.normals
        if len(slopes) == 1:
            return {slopes[0]: given * normals[0]}
        if len(slopes) == 2:
            across = normals[0] * slopes[1] - normals[1] * slopes[0]
            tangent = (-normals[1], normals[0])
            return {p: given * n + across * t for p, n, t in zip(slopes, normals, tangent, strict=True)}
        along = sp.Add(*(n * p for n, p in zip(normals, slopes, strict=True)))
        return {p: p + n * (given - along) for n, p in zip(normals, slopes, strict=True)}

    def _put_in(
        self, flux: tuple[sp.Expr, ...], slopes: list[sp.Expr], given: sp.Expr
    ) -> tuple[tuple[sp.Expr, ...], sp.Expr]:
        """F with n·p = g known, split into a flux without p's normal part and what that adds to F·n.

        F = F₀ + c·p gives (F₀, c·g); otherwise, for a tensor say, g n takes the place of p's normal part.
        """
        split = self._normal_part_given(slopes, given)
        bare = tuple(replaced(f, dict.fromkeys(slopes, sp.S.Zero)) for f in flux)
        if not any(b.has(sp.nan, sp.zoo) for b in bare):
            factors = [sp.cancel((f - b) / p) for f, b, p in zip(flux, bare, slopes, strict=True)]
            if all(vanishes(c - factors[0]) for c in factors):
                return bare, replaced(factors[0], split) * given
        return tuple(replaced(f, split) for f in flux), sp.S.Zero
