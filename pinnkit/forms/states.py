"""Values of coefficients at sampled points and states, for what cannot be decided symbolically."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import sympy as sp

from ..declare.regions import InRegion
from ..geometry import sampling
from .emit import emit
from .jets import Jets, JetSymbol, replaced


def values_at_states(
    expressions: Sequence[sp.Expr], jets: Jets, count: int, where: str | None = None
) -> np.ndarray:
    """Values (len(expressions), count) at points of the domain, or of a named boundary, reproducibly drawn.

    Parameters take their values, jets of solved unknowns normal numbers, those of coefficient fields
    positive ones.
    """
    problem = jets.problem
    span = (problem.time.start, problem.time.end) if problem.time is not None else None
    if where is None:
        points = sampling.interior(problem.domain, count, time=span)
        normals = np.zeros((count, len(problem.coordinates)))
    else:
        points, normals = sampling.boundary(problem.domain, where, count, time=span)
    numbers = {p: sp.Float(p.value, 17) for p in problem.parameters}
    known = [replaced(almost_everywhere(e), numbers) for e in expressions]
    symbols = sorted({s for e in known for s in e.atoms(JetSymbol)}, key=lambda s: s.jet)
    draw = np.random.default_rng(0).normal(size=(len(symbols), count))
    solved = {f.func.__name__ for f in problem.solved}
    states = [d if s.jet.unknown in solved else np.exp(d / 4) for s, d in zip(symbols, draw, strict=True)]
    function = emit(known, [*jets.variables, *jets.normals, *symbols], np)
    with np.errstate(all="ignore"):
        return np.array(function(*points.T, *normals.T, *states)).reshape(len(known), count)


def almost_everywhere(expression: sp.Expr) -> sp.Expr:
    """The expression without its distributions, which come from differentiating jumps."""
    return cast(sp.Expr, expression.replace(sp.DiracDelta, lambda *_: sp.S.Zero))


def jumps(expression: sp.Expr, jets: Jets) -> sp.Basic | None:
    """The part of an expression in jets that makes it jump between points or states; None where none does.

    Functions with steps are traced along straight lines through points and states; a difference between
    neighbours that bisection does not lessen is a jump. So max(x, 0) and a Piecewise whose pieces meet pass.
    """
    parts = [p for p in sp.ordered(expression.atoms(*_STEPS)) if isinstance(p, sp.Expr)]
    if not parts:
        return None
    problem = jets.problem
    numbers = {p: sp.Float(p.value, 17) for p in problem.parameters}
    symbols = sorted(expression.atoms(JetSymbol), key=lambda s: s.jet)
    function = emit([replaced(almost_everywhere(expression), numbers)], [*jets.variables, *symbols], np)
    span = (problem.time.start, problem.time.end) if problem.time is not None else None
    random = np.random.default_rng(0)
    places = random.permutation(sampling.interior(problem.domain, 2 * _LINES, time=span))
    states = random.normal(size=(2 * _LINES, len(symbols)))
    starts, ends = np.split(np.concatenate([places, states], axis=1), 2)

    def values(parameters: np.ndarray) -> np.ndarray:
        along = starts[:, None] + parameters[..., None] * (ends - starts)[:, None]
        with np.errstate(all="ignore"):
            found = np.asarray(function(*np.moveaxis(along, -1, 0))[0], float)
        return np.nan_to_num(np.broadcast_to(found, along.shape[:-1]), posinf=0.0, neginf=0.0)

    grid = np.broadcast_to(np.linspace(0, 1, _SAMPLES), (_LINES, _SAMPLES))
    coarse = values(grid)
    rows, worst = np.arange(_LINES), np.abs(np.diff(coarse)).argmax(axis=1)
    low, high = grid[rows, worst], grid[rows, worst + 1]
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        first, between, last = values(np.stack([low, middle, high], axis=1)).T
        left = np.abs(between - first) >= np.abs(last - between)
        low, high = np.where(left, low, middle), np.where(left, middle, high)
    gap = np.abs(np.diff(values(np.stack([low, high], axis=1))))
    return parts[0] if gap.max() > 1e-6 * np.abs(coarse).max() else None


_STEPS = (sp.Piecewise, sp.Heaviside, sp.sign, sp.floor, sp.ceiling, sp.Mod, sp.frac, InRegion)
_LINES, _SAMPLES, _BISECTIONS = 64, 257, 40
