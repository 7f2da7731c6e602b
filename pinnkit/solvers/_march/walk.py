"""From slab to slab: lengths that keep the error in time, features that keep the one in space."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

from ...declare.conditions import AnyCondition, Initial
from ...declare.problem import Problem
from ...declare.symbols import Time
from ...forms.emit import emit
from ...forms.strong import strong_form
from ...geometry.sampling import boundary
from .equations import Equations, State, boundary_residuals, time_orders
from .radau import Radau
from .slab import Discrete, Slab, solve
from .space import Space

_SPATIAL = 100.0  # a residual this many times the tolerance is a solution's error of about the tolerance
_FIRST = 50  # slabs that the first length would make
_MANY_STEPS = 7
_USEFUL = 0.5  # finer features that leave more than this part of the residual are the last of their slab
_SHORTEST, _JUMP = 1e-7, 1e-5


class Stuck(RuntimeError):
    """The march does not get on; the text says where and why."""


@dataclass
class Diary:
    """What is told of a march: one entry a slab, and the times at which features were added."""

    seconds: list[float] = field(default_factory=list)
    residuals: list[float] = field(default_factory=list)
    time_errors: list[float] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    rejected: int = 0
    unresolved: float = 0.0
    full: bool = False


class March:
    """A problem on its way from the first moment to the last."""

    def __init__(self, problem: Problem, stages: int, features: int, limit: int, tolerance: float, seed: int):
        self.problem, self.scheme, self.limit, self.tolerance = problem, Radau(stages), limit, tolerance
        self.seed, self.diary = seed, Diary()
        assert problem.time is not None
        self.time: Time = problem.time
        self._strong, self._conditions = strong_form(problem), boundary_residuals(problem)
        self.orders = time_orders(problem)
        self._state = self._set(Space.lattice(problem, features), None, self.time.start)

    @property
    def duration(self) -> float:
        """Length of the time interval."""
        return self.time.end - self.time.start

    def slabs(self) -> Iterator[Slab]:
        """Solved slabs, one after the other. Raises ``Stuck`` where no length of slab is solved."""
        started, now, length = clock.perf_counter(), self.time.start, self.duration / _FIRST
        state, guess, best = self._state, None, np.inf
        end = self.time.end
        while end - now > 1e-12 * self.duration:
            length = end - now if end - now < 1.1 * length else length
            if guess is None:
                guess = np.zeros((len(self.orders), self.scheme.stages, self.space.rank))
            found = solve(self._discrete, self.scheme, now, length, state, guess, self.tolerance)
            if found is None:
                self.diary.rejected += 1
                length /= 2
                if length < _SHORTEST * self.duration:
                    raise Stuck(f"Newton's method does not converge at {self.time.name} = {now:.6g}")
                continue
            slab, steps = found
            size = self._size(slab)
            in_time, squares = slab.time_error() / size, self._squares(slab)
            in_space = float(np.sqrt(squares.sum())) * self.duration / size
            wanted = _SPATIAL * self.tolerance
            if in_space > wanted and in_space < _USEFUL * best:
                enough = (wanted * size / self.duration) ** 2 / len(squares)
                if (finer := self._finer(squares, enough)) is not None:
                    best = in_space
                    coarse = None if now == self.time.start else (self.space, state)
                    state, guess = self._set(finer, coarse, now), None
                    self.diary.rejected += 1
                    continue
            # data that jump at the start are met within the shortest slab; the scheme damps what that leaves
            if in_time > 3 * self.tolerance and length > _JUMP * self.duration:
                self.diary.rejected += 1
                length *= max(0.2, 0.8 * (self.tolerance / in_time) ** (1 / self.scheme.stages))
                guess = None
                continue
            self._note(started, in_space, in_time)
            yield slab
            now, state, best = now + length, slab.end(), np.inf
            growth = 0.8 * (self.tolerance / max(in_time, np.finfo(float).tiny)) ** (1 / self.scheme.stages)
            following = length * float(np.clip(growth, 0.3, 0.8 if steps > _MANY_STEPS else 1.8))
            guess, length = slab.ahead(min(following, max(end - now, 1e-12))), following

    def _initial_state(self) -> State:
        """The declared state at the start, as the features have it."""
        problem, found = self.problem, {}
        start: dict[sp.Symbol, sp.Expr] = {p: sp.Float(p.value, 17) for p in problem.parameters}
        start[self.time] = sp.Float(self.time.start, 17)
        for name, unknown in zip(problem.unknown_names, problem.unknowns, strict=True):
            coefficients = np.zeros(self.space.rank)
            if self.orders[name]:
                value = next(c.value for c in problem.of_kind(Initial) if c.unknown == unknown)
                function = emit([value.xreplace(start)], problem.coordinates, np)
                coefficients = self.space.test @ function(*self.space.points.T)[0]
            found[name] = [coefficients]
        return found

    def _set(self, space: Space, coarse: tuple[Space, State] | None, now: float) -> State:
        """Take up features, and the state with them: the declared one where nothing has been solved yet."""
        self.space = space
        state = self._initial_state() if coarse is None else _moved(*coarse, space)
        residuals = [equation.residual for equation in self._strong.equations]
        equations = Equations(self.problem, residuals, self._strong.jets, space.points, space.weights)
        conditions = []
        for condition, found in self._conditions:
            points, normals = self._boundary(condition)
            weights = np.full(len(points), 1 / len(points))
            on = Equations(self.problem, [found.residual], found.jets, points, weights, normals)
            conditions.append((on, on.tables(space)))
        tested = (equations, equations.tables(space))
        self._discrete = Discrete.of(space, tested, tuple(conditions), self.orders, state, now)
        self._check = equations.at(*space.checks[:2])
        self._check_tables = self._check.tables(space)
        return state

    def _boundary(self, condition: AnyCondition) -> tuple[np.ndarray, np.ndarray]:
        domain = self.problem.domain
        if domain.dimension == 1:
            return boundary(domain, condition.where, len(domain.pieces_of(condition.where)), self.seed)
        count = max(40, 6 * round(len(self.space.features.centres) ** 0.5))
        return boundary(domain, condition.where, count, self.seed)

    def _squares(self, slab: Slab) -> np.ndarray:
        """Weighted squared residuals at the check points at the end of a slab."""
        values = self._check.values(self._check_tables, slab.end(), slab.start + slab.length)
        return np.sum(values**2, axis=0) * self._check.weights

    def _size(self, slab: Slab) -> float:
        states = (slab.states()[0], slab.end())
        squares = [np.sum(s[n][0] ** 2) for s in states for n, order in self.orders.items() if order]
        return max(float(np.sqrt(max(squares, default=0.0))), np.finfo(float).tiny ** 0.25)

    def _finer(self, squares: np.ndarray, enough: float) -> Space | None:
        if len(self.space.features.centres) >= self.limit:
            self.diary.full = True
            return None
        return self.space.refined(squares, enough)

    def _note(self, started: float, in_space: float, in_time: float) -> None:
        diary = self.diary
        diary.seconds.append(clock.perf_counter() - started)
        diary.residuals.append(in_space)
        diary.time_errors.append(in_time)
        diary.features.append(len(self.space.features.centres))
        if in_space > _SPATIAL * self.tolerance:
            diary.unresolved = max(diary.unresolved, in_space)


def _moved(coarse: Space, state: State, finer: Space) -> State:
    """A state with other features."""
    zero = (0,) * len(coarse.problem.coordinates)
    change = finer.test @ coarse.tables(finer.points, [zero])[zero]
    return {name: [change @ part for part in parts] for name, parts in state.items()}
