"""The type of a system from its principal symbol: how roots of det P(τ, s·iξ) grow with s.

Every coefficient of the linearised system is frozen at sampled points and states; determinants are
polynomials in τ (time) and s (the size of the wave vector), from whose Newton polygon the growth of the
roots τ ~ c·s^q is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import sympy as sp

from .jets import Jets, JetSymbol
from .states import values_at_states

# The remark on a problem whose short waves grow.
GROWS = "ill-posed forward in time"
_STATES = 16
_CANCELLED = 1e-9  # relative size below which a sum of products counts as zero


class _Term(NamedTuple):
    """A coefficient and the sum of the sizes of what was added up to it."""

    value: complex
    size: float


_Polynomial = dict[tuple[int, int], _Term]  # powers of τ and s → coefficient


class _Entry(NamedTuple):
    """∂R/∂u_α of one equation and unknown: the index, and the coefficient at all states."""

    row: int
    column: int
    index: tuple[int, ...]
    values: np.ndarray


def problem_type(residuals: list[sp.Expr], jets: Jets) -> tuple[str, str]:
    """elliptic, parabolic, hyperbolic, mixed or undetermined, and a remark."""
    entries = _linearised(residuals, jets)
    size, dimension = len(residuals), len(jets.space)
    steady = not any(sum(e.index[dimension:]) for e in entries)
    if steady and dimension == 1:
        even = max(sum(e.index) for e in entries) % 2 == 0
        return ("elliptic" if even else "undetermined"), "an ordinary differential equation"
    judge = _steady if steady else _transient
    judgements = {judge(entries, size, state, dimension) for state in range(_STATES)}
    kinds = {kind for kind, _ in judgements}
    if len(judgements) == 1:
        return judgements.pop()
    if len(kinds) == 1:
        return kinds.pop(), ""
    if kinds <= {"elliptic", "hyperbolic", "parabolic", "mixed"}:
        return "mixed", f"{' and '.join(sorted(kinds - {'mixed'}))} in places"
    return "undetermined", "it depends on the solution"


def _linearised(residuals: list[sp.Expr], jets: Jets) -> list[_Entry]:
    columns = {f.func.__name__: i for i, f in enumerate(jets.problem.solved)}
    keys, slopes = [], []
    for row, residual in enumerate(residuals):
        for symbol in sorted(residual.atoms(JetSymbol), key=lambda s: s.jet):
            if symbol.jet.unknown in columns:
                keys.append((row, columns[symbol.jet.unknown], symbol.jet.index))
                slopes.append(sp.diff(residual, symbol))
    values = values_at_states(slopes, jets, _STATES)
    return [_Entry(row, column, index, v) for (row, column, index), v in zip(keys, values, strict=True)]


def _determinant(entries: list[_Entry], size: int, state: int, direction: np.ndarray) -> _Polynomial:
    """det P(τ, s·iξ) at one state."""
    matrix: list[dict[int, _Polynomial]] = [{} for _ in range(size)]
    for entry in entries:
        space, time = entry.index[: len(direction)], entry.index[len(direction) :]
        wave = complex(np.prod((1j * direction) ** np.array(space)))
        power = (sum(time), sum(space))
        value = complex(entry.values[state]) * wave
        if value:
            cell = matrix[entry.row].setdefault(entry.column, {})
            _accumulate(cell, power, _Term(value, abs(value)))
    result = _expand(matrix, 0, frozenset())
    return {p: t for p, t in result.items() if abs(t.value) > _CANCELLED * t.size}


def _expand(matrix: list[dict[int, _Polynomial]], row: int, used: frozenset[int]) -> _Polynomial:
    """Laplace's expansion along the rows, zeros skipped."""
    if row == len(matrix):
        return {(0, 0): _Term(1.0, 1.0)}
    total: _Polynomial = {}
    for column, cell in matrix[row].items():
        if column in used:
            continue
        sign = (-1) ** sum(1 for c in range(column) if c not in used)
        for (a, b), minor in _expand(matrix, row + 1, used | {column}).items():
            for (c, d), own in cell.items():
                term = _Term(sign * own.value * minor.value, own.size * minor.size)
                _accumulate(total, (a + c, b + d), term)
    return total


def _accumulate(polynomial: _Polynomial, power: tuple[int, int], term: _Term) -> None:
    old = polynomial.get(power, _Term(0.0, 0.0))
    polynomial[power] = _Term(old.value + term.value, old.size + term.size)


def _directions(dimension: int) -> np.ndarray:
    """Unit wave vectors, one of each pair ±ξ, the axes among them."""
    if dimension == 1:
        return np.ones((1, 1))
    if dimension == 2:
        angles = np.arange(180) * np.pi / 180
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).round(15)
    drawn = np.random.default_rng(0).normal(size=(120, dimension))
    return np.vstack([np.eye(dimension), drawn / np.linalg.norm(drawn, axis=1, keepdims=True)])


def _steady(entries: list[_Entry], size: int, state: int, dimension: int) -> tuple[str, str]:
    """Elliptic where the principal part of the determinant vanishes for no ξ."""
    if size == 1 and (simple := _scalar(entries, state, dimension)):
        return simple
    polynomials = [_determinant(entries, size, state, xi) for xi in _directions(dimension)]
    top = max((b for p in polynomials for _, b in p), default=0)
    principal = [p.get((0, top), _Term(0.0, 0.0)) for p in polynomials]
    real = np.array([(t.value * (-1j) ** top).real for t in principal])
    sizes = np.array([t.size or 1.0 for t in principal])
    if top and np.all(np.abs(real) > 1e-4 * sizes) and (np.all(real > 0) or np.all(real < 0)):
        return "elliptic", "a saddle point" if _saddle(entries, size) else ""
    if dimension == 2 and np.all(np.abs(real) > 0):
        changes = np.count_nonzero(np.diff(np.sign(np.append(real, real[0] * (-1) ** top))))
        if changes == top:
            return "hyperbolic", ""
    return "undetermined", ""


def _saddle(entries: list[_Entry], size: int) -> bool:
    """Whether some unknown acts as a multiplier: it has no second derivatives where others have."""
    diffusing = {e.column for e in entries if sum(e.index) == 2}
    return 0 < len(diffusing) < size


def _scalar(entries: list[_Entry], state: int, dimension: int) -> tuple[str, str] | None:
    """One equation of first or second order, by the signs of its coefficients' eigenvalues."""
    order = max(sum(e.index) for e in entries)
    if order == 1:
        return "hyperbolic", "transport"
    if order != 2:
        return None
    matrix = np.zeros((dimension, dimension))
    for entry in entries:
        axes = [i for i, n in enumerate(entry.index) for _ in range(n)]
        if len(axes) == 2:
            matrix[axes[0], axes[1]] += entry.values[state] / 2
            matrix[axes[1], axes[0]] += entry.values[state] / 2
    signs = np.linalg.eigvalsh(matrix)
    signs = np.sign(np.where(np.abs(signs) > _CANCELLED * np.abs(signs).max(), signs, 0.0))
    if np.any(signs == 0) or not np.all(np.isfinite(signs)):
        return "undetermined", "its principal part is degenerate"
    return ("elliptic", "") if abs(signs.sum()) == dimension else ("hyperbolic", "")


def _transient(entries: list[_Entry], size: int, state: int, dimension: int) -> tuple[str, str]:
    """By the fastest modes exp(τt) at large wave number: they decay, oscillate, disperse or grow."""
    directions = _directions(dimension)
    behaviours: set[str] = set()
    for xi in directions[:: max(1, len(directions) // 12)]:
        for exponent, roots in _growth(_determinant(entries, size, state, xi)):
            for root in roots if exponent > 0 else ():
                behaviours.add(_behaviour(exponent, root))
    if "grows" in behaviours:
        return "undetermined", GROWS
    if "disperses" in behaviours:
        return "undetermined", "dispersive"
    if behaviours == {"decays"}:
        return "parabolic", ""
    if behaviours == {"oscillates"}:
        return "hyperbolic", ""
    if behaviours:
        return "mixed", "hyperbolic and parabolic parts"
    return "undetermined", "its rates stay bounded for short waves"


def _behaviour(exponent: float, root: complex) -> str:
    if abs(root.real) > 1e-6 * abs(root):
        return "decays" if root.real < 0 else "grows"
    return "oscillates" if exponent == 1 else "disperses"


def _growth(polynomial: _Polynomial) -> Iterator[tuple[float, np.ndarray]]:
    """(q, all c) of the roots τ ~ c·s^q: the upper edges of the Newton polygon."""
    highest: dict[int, int] = {}
    for a, b in polynomial:
        highest[a] = max(b, highest.get(a, b))
    start = min(highest, default=0)
    while start < max(highest, default=0):
        drops = {a: (highest[start] - highest[a]) / (a - start) for a in highest if a > start}
        slope = min(drops.values())
        end = max(a for a, drop in drops.items() if drop == slope)
        edge = np.zeros(end - start + 1, dtype=complex)
        for a in range(start, end + 1):
            if a in highest and highest[start] - highest[a] == slope * (a - start):
                edge[end - a] = polynomial[a, highest[a]].value
        yield slope, np.roots(edge)
        start = end
