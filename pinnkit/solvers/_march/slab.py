"""One slab of time: all stages at once by Newton's method, decoupled by the eigenvectors of the stages.

The unknown of a slab is the highest time derivative W at the stages, for each unknown v of order p

    ∂ₜ^p v = W,   ∂ₜ^k v = (∂ₜ^k v)₀ + h A ∂ₜ^{k+1} v.

With slopes L_k taken at one stage, the Newton matrix Σ_k (h A)^{p−k} ⊗ L_k falls apart into one of the size
of the space for each eigenvalue of A (Hairer & Wanner 1996, section IV.8). Equations are tested with
combinations of features that vanish where conditions hold, these at points of the boundary; where that is
more rows than unknowns, all are met in the least-squares sense.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg

from .equations import Equations, State
from .features import Tables
from .radau import Radau
from .space import Space

_BOUNDARY = 10.0  # weight of a condition's misfit beside that of an equation over the slab
_MOST_STEPS, _MOST_MATRICES = 14, 3
_SLOW = 0.5  # a step that is not shorter than this part of the last asks for new slopes
_SINGULAR = 1e-13


@dataclass(frozen=True)
class Discrete:
    """Equations and conditions on one space, with the tables they need.

    ``tests`` (., n) of each equation map its values at the points to their products with those combinations
    that meet the conditions of the equation's own unknown, as far as these are homogeneous: with them a
    symmetric operator has a symmetric matrix, and what is conserved or decays does so in the slabs.
    """

    space: Space
    equations: tuple[Equations, Tables]
    conditions: tuple[tuple[Equations, Tables], ...]
    orders: Mapping[str, int]
    tests: tuple[np.ndarray, ...]

    @property
    def names(self) -> list[str]:
        """The unknowns."""
        return list(self.orders)

    def rows(self, state: State, time: float, length: float) -> np.ndarray:
        """Tested equations, then weighted conditions."""
        equations, tables = self.equations
        found = equations.values(tables, state, time)
        parts = [test @ values for test, values in zip(self.tests, found, strict=True)]
        for condition, tables in self.conditions:
            scale = _BOUNDARY / length * np.sqrt(condition.weights)
            parts += [scale * values for values in condition.values(tables, state, time)]
        return np.concatenate(parts)

    def slopes(self, state: State, time: float, length: float) -> dict[int, np.ndarray]:
        """∂rows/∂(∂ₜ^k v) gathered by p − k, each (rows, unknowns·r)."""
        rank, names = self.space.rank, self.names
        heights = np.cumsum([0, *map(len, self.tests)])
        sizes = [int(heights[-1]), *(c.count * len(c.points) for c, _ in self.conditions)]
        found: dict[int, np.ndarray] = {}

        def add(row: int, jet: Any, block: np.ndarray) -> None:
            power = self.orders[jet.unknown] - jet.index[-1]
            column = names.index(jet.unknown) * rank
            total = found.setdefault(power, np.zeros((sum(sizes), rank * len(names))))
            total[row : row + len(block), column : column + rank] += block

        equations, tables = self.equations
        for row, jet, slope in equations.slopes(tables, state, time):
            add(int(heights[row]), jet, self.tests[row] @ (slope[:, None] * tables[jet.index[:-1]]))
        start = sizes[0]
        for (condition, tables), size in zip(self.conditions, sizes[1:], strict=True):
            scale = _BOUNDARY / length * np.sqrt(condition.weights)
            for row, jet, slope in condition.slopes(tables, state, time):
                at = start + row * len(condition.points)
                add(at, jet, (scale * slope)[:, None] * tables[jet.index[:-1]])
            start += size
        return found

    @classmethod
    def of(
        cls,
        space: Space,
        equations: tuple[Equations, Tables],
        conditions: tuple[tuple[Equations, Tables], ...],
        orders: Mapping[str, int],
        state: State,
        time: float,
    ) -> Discrete:
        """With the tests that the conditions leave, as these are at a state."""
        tests = []
        for name in equations[0].partners(orders):
            held = [np.zeros((1, space.rank))]
            for condition, tables in conditions:
                found = [np.zeros((len(condition.points), space.rank)) for _ in range(condition.count)]
                for row, jet, slope in condition.slopes(tables, state, time):
                    if jet.unknown == name:
                        found[row] += slope[:, None] * tables[jet.index[:-1]]
                held += found
            _, sizes, right = np.linalg.svd(np.concatenate(held))
            count = int(np.sum(sizes > _SINGULAR**0.5 * max(sizes[0], 1.0)))
            tests.append(right[count:] @ space.test)
        return cls(space, equations, conditions, orders, tuple(tests))


@dataclass(frozen=True)
class Slab:
    """``length`` from ``start`` on: the state there and W (unknowns, q, r) at the stages."""

    space: Space
    scheme: Radau
    orders: Mapping[str, int]
    start: float
    length: float
    initial: State
    stages: np.ndarray

    def levels(self, place: int, name: str) -> list[np.ndarray]:
        """∂ₜ^k v (q, r) at the stages for k = 0, …, p."""
        found = [self.stages[place]]
        for k in range(self.orders[name] - 1, -1, -1):
            found.insert(0, self.initial[name][k] + self.length * self.scheme.matrix @ found[0])
        return found

    def states(self) -> list[State]:
        """The state at each stage."""
        levels = {name: self.levels(place, name) for place, name in enumerate(self.orders)}
        return [{n: [part[stage] for part in of] for n, of in levels.items()}
                for stage in range(self.scheme.stages)]  # fmt: skip

    def end(self) -> State:
        """The state that the next slab starts from, which is that of the last stage."""
        return self.states()[-1]

    def ahead(self, length: float) -> np.ndarray:
        """W at the stages of a next slab, by going on with the polynomial."""
        shares = 1 + self.scheme.nodes * length / self.length
        return np.einsum("sj,mjr->msr", self.scheme.values(shares), self.stages)

    def time_error(self) -> float:
        """Size of what the highest polynomial in time adds to the unknowns."""
        total = 0.0
        for place, order in enumerate(self.orders.values()):
            last = self.scheme.last_term(self.stages[place])
            total += float(np.sum((self.length ** max(order, 1) * last) ** 2))
        return float(np.sqrt(total)) / (2 * self.scheme.stages) ** 2


def solve(
    discrete: Discrete, scheme: Radau, start: float, length: float, initial: State, guess: np.ndarray,
    accuracy: float,
) -> tuple[Slab, int] | None:  # fmt: skip
    """The slab and the number of Newton steps; None where these do not converge."""
    names = discrete.names
    slab = Slab(discrete.space, scheme, discrete.orders, start, length, initial, guess)
    middle = scheme.stages // 2
    times = start + length * scheme.nodes

    def inverse() -> list[Any]:
        return _factors(discrete.slopes(slab.states()[middle], float(times[middle]), length), scheme, length)

    factors, last, matrices = inverse(), np.inf, 1
    for step in range(1, _MOST_STEPS + 1):
        states = slab.states()
        rows = np.stack([discrete.rows(s, float(t), length) for s, t in zip(states, times, strict=True)])
        change = _step(factors, rows, scheme).reshape(scheme.stages, len(names), -1).transpose(1, 0, 2)
        if not np.isfinite(change).all():
            return None
        slab = Slab(discrete.space, scheme, discrete.orders, start, length, initial, slab.stages + change)
        size = length * np.sqrt(np.mean(np.sum(change**2, axis=(0, 2))))
        scale = _size(slab.states()[-1], names)
        if size <= 0.01 * accuracy * scale or (size <= 0.1 * accuracy * scale and size > _SLOW * last):
            return slab, step
        if size > _SLOW * last:
            matrices += 1
            if matrices > _MOST_MATRICES or size > 2 * last:
                return None
            factors = inverse()
        last = size
    return None


def _size(state: State, names: Sequence[str]) -> float:
    return max(float(np.sqrt(sum(np.sum(state[name][0] ** 2) for name in names))), np.finfo(float).tiny)


def _factors(slopes: Mapping[int, np.ndarray], scheme: Radau, length: float) -> list[Any]:
    """A factorisation for each eigenvalue of the scheme; None for one whose conjugate has it."""
    found: list[Any] = []
    for eigenvalue in scheme.eigenvalues:
        if eigenvalue.imag < -1e-12:
            found.append(None)
            continue
        mu = length * (eigenvalue if eigenvalue.imag > 1e-12 else eigenvalue.real)
        matrix = np.sum([mu**power * part for power, part in slopes.items()], axis=0)
        q, r = _orthogonal(matrix)
        diagonal = np.abs(np.diag(r))
        if diagonal.min() <= _SINGULAR * diagonal.max():  # an unknown that is left open: the shortest step
            damped = np.concatenate([matrix, _SINGULAR**0.5 * diagonal.max() * np.eye(matrix.shape[1])])
            q, r = _orthogonal(damped)
        found.append((q[: len(matrix)], r))
    return found


def _orthogonal(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found: Any = linalg.qr(matrix, mode="economic", check_finite=False)
    return found


def _step(factors: Sequence[Any], rows: np.ndarray, scheme: Radau) -> np.ndarray:
    """The change of W (q, unknowns·r) that the rows (q, …) ask for."""
    turned = scheme.inverse @ rows
    found: list[Any] = [None] * scheme.stages
    for place, (eigenvalue, factor) in enumerate(zip(scheme.eigenvalues, factors, strict=True)):
        if factor is None:
            continue
        row = turned[place] if eigenvalue.imag > 1e-12 else turned[place].real
        found[place] = linalg.solve_triangular(factor[1], factor[0].conj().T @ row, check_finite=False)
        if eigenvalue.imag > 1e-12:
            conjugate = int(np.argmin(np.abs(scheme.eigenvalues - eigenvalue.conjugate())))
            found[conjugate] = found[place].conj()
    return -(scheme.vectors @ np.stack(found)).real
