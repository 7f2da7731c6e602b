"""Moments at which data jump or bend: no step may go across them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import sympy as sp
from scipy.optimize import brentq
from sympy.core.relational import Relational

from ..forms.emit import emit
from .elements import Array
from .system import System

_SAMPLES = 8193
# Closer than this part of the whole, two moments are one.
_APART = 1e-9


def time_breaks(system: System) -> tuple[float, ...]:
    """Moments strictly within the span at which some expression of a system switches, ascending.

    Found where the argument of Heaviside, sign, Abs, floor, or the difference in Max, Min or a condition of a
    Piecewise depends on time alone and changes sign. Switches that depend on place or state move, and are
    left to the error control.
    """
    if system.span is None:
        return ()
    symbols, (begin, end) = system.symbols, system.span
    terms = [*system.integrands, *(t for group in system.boundary_integrands.values() for t in group)]
    expressions = [e for term in terms for e in term.rows]
    expressions += [e.value for e in (*system.essential, *system.pins)]
    switches = {
        s for e in expressions for s in _switches(symbols.number(e)) if s.free_symbols == {symbols.time}
    }
    found = np.sort([z for s in sorted(switches, key=str) for z in _zeros(s, symbols.time, begin, end)])
    least = _APART * (end - begin)
    found = found[(found > begin + least) & (found < end - least)]
    return tuple(float(z) for k, z in enumerate(found) if not k or z - found[k - 1] > least)


def _switches(expression: sp.Expr) -> Iterator[sp.Expr]:
    """Expressions at whose zeros parts of an expression switch."""
    for node in sp.preorder_traversal(expression):
        if isinstance(node, (sp.Heaviside, sp.sign, sp.Abs)):
            yield node.args[0]
        elif isinstance(node, (sp.Max, sp.Min)):
            yield from (a - b for k, a in enumerate(node.args) for b in node.args[:k])
        elif isinstance(node, Relational):
            yield node.lhs - node.rhs
        elif isinstance(node, (sp.floor, sp.ceiling, sp.frac)):
            yield sp.sin(sp.pi * node.args[0])
        elif isinstance(node, sp.Mod):
            yield sp.sin(sp.pi * node.args[0] / node.args[1])


def _zeros(switch: sp.Expr, time: sp.Symbol, begin: float, end: float) -> list[float]:
    """Zeros of an expression in time within [begin, end]: all of a polynomial, else those samples show."""
    if switch.is_polynomial(time):
        roots = np.roots([float(c) for c in sp.Poly(switch, time).all_coeffs()])
        return [float(r.real) for r in roots if abs(r.imag) < 1e-12 and begin <= r.real <= end]
    compiled = emit([switch], [time], np)

    def value(moment: Array | float) -> Array:
        return np.asarray(compiled(np.asarray(moment, float))[0])

    moments = np.linspace(begin, end, _SAMPLES)
    sampled = value(moments)
    crossed = np.flatnonzero(sampled[:-1] * sampled[1:] < 0)
    inner = [brentq(value, moments[k], moments[k + 1], xtol=1e-15 * (end - begin)) for k in crossed]
    return [*map(float, inner), *map(float, moments[sampled == 0])]
