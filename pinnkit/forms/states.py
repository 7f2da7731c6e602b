"""Values of coefficients at sampled points and states, for what cannot be decided symbolically."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import sympy as sp

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
