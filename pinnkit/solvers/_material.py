"""Where the coefficients of a problem jump: cuts along axes, or the zeros of expressions."""

from __future__ import annotations

import numpy as np
import sympy as sp
from scipy.optimize import brentq
from sympy.core.relational import Relational

from ..declare.problem import Problem
from ..forms.emit import emit
from ..geometry.partitions import Cuts

_SAMPLES = 4097  # of an axis, between which a switch of one variable changes its sign once at the most


def material_cuts(problem: Problem) -> tuple[Cuts, list[sp.Expr]]:
    """The cuts of every variable, and where jumps are not along axes, all of them as zeros of expressions.

    Jumps are those of Piecewise, Heaviside and sign of coordinates and time in the equations.
    """
    switches: dict[sp.Expr, None] = {}
    for equation in problem.equations:
        for node in sp.preorder_traversal(equation.residual):
            if isinstance(node, Relational):
                switches[node.lhs - node.rhs] = None
            elif isinstance(node, sp.Heaviside | sp.sign):
                switches[node.args[0]] = None
    known = {p: sp.Float(p.value, 17) for p in problem.parameters if not p.infer}
    # a product changes its sign where one of its factors does, each of which may be of one variable
    factors = [f for g in switches for f in sp.Mul.make_args(sp.factor(g.xreplace(known)))]
    found = [f for f in factors if f.free_symbols and f.free_symbols <= set(problem.variables)]
    if any(len(g.free_symbols) > 1 for g in found):
        return tuple(() for _ in problem.variables), found
    cuts = []
    for variable, low, high in zip(problem.variables, problem.lower, problem.upper, strict=True):
        own = [z for g in found if g.free_symbols == {variable} for z in _zeros(g, variable, low, high)]
        cuts.append(_apart(np.sort(own), 1e-9 * (high - low)))
    return tuple(cuts), []


def _apart(zeros: np.ndarray, least: float) -> tuple[float, ...]:
    return tuple(float(z) for k, z in enumerate(zeros) if not k or z - zeros[k - 1] > least)


def _zeros(switch: sp.Expr, variable: sp.Symbol, low: float, high: float) -> list[float]:
    """Zeros between two ends, without them."""
    compiled = emit([switch], [variable], np)

    def value(x: np.ndarray | float) -> np.ndarray:
        return np.broadcast_to(compiled(np.asarray(x, float))[0], np.shape(x))

    if switch.is_polynomial(variable):
        roots = np.roots([float(c) for c in sp.Poly(switch, variable).all_coeffs()])
        found = [float(r.real) for r in roots if abs(r.imag) < 1e-12]
    else:
        x = np.linspace(low, high, _SAMPLES)
        sampled = value(x)
        crossed = np.flatnonzero(sampled[:-1] * sampled[1:] < 0)
        found = [brentq(lambda z: float(value(z)), x[k], x[k + 1]) for k in crossed]
        found += x[sampled == 0].tolist()
    margin = 1e-9 * (high - low)
    return [z for z in found if low + margin < z < high - margin]
