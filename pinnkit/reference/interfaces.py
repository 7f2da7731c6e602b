"""Interfaces: level sets g(x) = 0 along which coefficients, sources or initial states jump or have a kink."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from ..forms.emit import emit
from .elements import Array
from .system import System

# A kink within g itself splits it in two; more pieces than this are no interface that a mesh could follow.
_MOST_PIECES = 64
_NEWTON_STEPS = 30


@dataclass(frozen=True, eq=False)
class LevelSet:
    """The points where ``expression``, smooth in the ``coordinates``, is zero."""

    expression: sp.Expr
    coordinates: tuple[sp.Symbol, ...]

    @cached_property
    def name(self) -> str:
        """What facets along it are called in a mesh."""
        return f"interface {self.expression} = 0"

    @property
    def text(self) -> str:
        """The level set to read."""
        return f"{sp.N(self.expression, 4)} = 0"

    @cached_property
    def straight(self) -> bool:
        """Whether it is a point, line or plane."""
        polynomial = self.expression.is_polynomial(*self.coordinates)
        return bool(polynomial and sp.Poly(self.expression, *self.coordinates).total_degree() == 1)

    @cached_property
    def _emitted(self):
        slopes = [sp.diff(self.expression, c) for c in self.coordinates]
        return emit([self.expression, *slopes], self.coordinates, np)

    def values(self, points: Array) -> tuple[Array, Array]:
        """g (…) and ∇g (…, d) at ``points`` (…, d)."""
        with np.errstate(all="ignore"):
            value, *slopes = self._emitted(*np.moveaxis(points, -1, 0))
        return value, np.stack(slopes, axis=-1)

    def distances(self, points: Array) -> Array:
        """Signed distance (…) to the level set, to first order: g/|∇g|."""
        value, slope = self.values(points)
        with np.errstate(all="ignore"):
            return np.nan_to_num(value / np.linalg.norm(slope, axis=-1), nan=0.0)

    def feet(self, points: Array) -> Array:
        """Points of the level set near ``points`` (n, d), by Newton's method along ∇g; NaN if not found."""
        feet, size = np.array(points, float), 1 + np.abs(points).max(initial=0.0)
        step = np.zeros_like(feet)
        for _ in range(_NEWTON_STEPS):
            value, slope = self.values(feet)
            with np.errstate(all="ignore"):
                step = (value / (slope**2).sum(axis=-1))[..., None] * slope
            feet = feet - step
            if np.nanmax(np.abs(step), initial=0.0) <= 1e-15 * size:
                break
        missed = ~(np.linalg.norm(step, axis=-1) <= 1e-11 * size)
        feet[missed] = np.nan
        return feet


@dataclass(frozen=True)
class Interfaces:
    """Level sets that stay where they are, and, as text, the conditions that move with time."""

    fixed: tuple[LevelSet, ...] = ()
    moving: tuple[str, ...] = ()


NO_INTERFACES = Interfaces()


def interfaces(system: System) -> Interfaces:
    """The interfaces of a system's integrands and initial states.

    Switches are the conditions of Piecewise and the arguments of Heaviside, sign, Abs, Min, Max, floor and
    their like. One that depends on an unknown is none of the mesh's business; one that depends on time
    cannot be fitted.
    """
    expressions = [e for i in system.integrands for e in i.rows] + list(system.initial.values())
    coordinates, time = system.symbols.coordinates, system.symbols.time
    fixed: dict[object, LevelSet] = {}
    moving: dict[str, None] = {}
    for expression in expressions:
        for switch in _switches(system.symbols.number(expression)):
            free = switch.free_symbols
            if not free & set(coordinates):
                continue
            if time in free and free <= {*coordinates, time}:
                moving[str(switch)] = None
            if not free <= set(coordinates):
                continue
            for piece in _pieces(switch, coordinates):
                fixed.setdefault(_key(piece, coordinates), LevelSet(piece, coordinates))
    return Interfaces(tuple(fixed.values()), tuple(moving))


def _switches(expression: sp.Expr) -> Iterator[sp.Expr]:
    """Expressions whose sign decides a branch of ``expression``."""
    for node in sp.preorder_traversal(expression):
        if isinstance(node, Relational):
            yield node.lhs - node.rhs
        elif isinstance(node, sp.Abs | sp.sign | sp.Heaviside):
            yield node.args[0]
        elif isinstance(node, sp.Max | sp.Min):
            yield from (a - b for a, b in combinations(node.args, 2))
        elif isinstance(node, sp.floor | sp.ceiling | sp.frac):
            yield sp.sin(sp.pi * node.args[0])
        elif isinstance(node, sp.Mod):
            yield sp.sin(sp.pi * node.args[0] / node.args[1])


def _pieces(switch: sp.Expr, coordinates: Sequence[sp.Symbol]) -> Iterator[sp.Expr]:
    """Smooth expressions whose zeros together hold those of ``switch``: |a| is ±a, a·b is a and b."""
    open_ended = [switch]
    for _ in range(_MOST_PIECES):
        if not open_ended:
            return
        piece = open_ended.pop()
        kink = next((n for n in sp.preorder_traversal(piece) if isinstance(n, _KINKS)), None)
        if kink is not None:
            open_ended += [piece.xreplace({kink: branch}) for branch in _branches(kink)]
            continue
        for factor in _factors(piece, coordinates):
            if factor.free_symbols:
                yield factor


_KINKS = (sp.Abs, sp.sign, sp.Heaviside, sp.Max, sp.Min, sp.Piecewise, sp.floor, sp.ceiling, sp.Mod)


def _branches(kink: sp.Basic) -> tuple[sp.Basic, ...]:
    if isinstance(kink, sp.Abs):
        return kink.args[0], -kink.args[0]
    if isinstance(kink, sp.sign | sp.Heaviside):
        return sp.S.One, kink.func(-1)
    if isinstance(kink, sp.Piecewise):
        return tuple(pair[0] for pair in kink.args)
    # Steps of floor are switches of their own; between them it is constant, and any constant will not do.
    return kink.args if isinstance(kink, sp.Max | sp.Min) else ()


def _factors(piece: sp.Expr, coordinates: Sequence[sp.Symbol]) -> list[sp.Expr]:
    product = sp.factor(piece) if piece.is_polynomial(*coordinates) else piece
    pairs = [factor.as_base_exp() for factor in sp.Mul.make_args(product)]
    found = [(base, exponent) for base, exponent in pairs if base.free_symbols and exponent.is_positive]
    # A polynomial that does not fall apart is kept as written, without the rounding of its factors.
    return [piece] if len(found) == 1 and found[0][1] == 1 == len(pairs) else [base for base, _ in found]


def _key(piece: sp.Expr, coordinates: Sequence[sp.Symbol]) -> object:
    """The same for a·g as for g."""
    if not piece.is_polynomial(*coordinates):
        return min(str(piece), str(-piece))
    terms = sp.Poly(piece, *coordinates).terms()
    lead = terms[0][1]
    return tuple((powers, round(float(c / lead), 12)) for powers, c in terms)
