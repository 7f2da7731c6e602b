"""First order in time: Radau IIA with three stages, order 5, and the step control of RADAU5.

The method is stiffly accurate: algebraic equations, such as incompressibility, hold at every step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .assembly import Array, Assembler
from .collocation import RADAU, Stages, stuck
from .constraints import Constraints
from .dense_output import Trajectory, lagrange_basis

# Weights of the embedded formula of order 3 (Hairer & Wanner 1996, §IV.8, eq. 8.19).
_EMBEDDED = np.array([-13 - 7 * np.sqrt(6.0), -13 + 7 * np.sqrt(6.0), -1.0]) / 3
# Where within a step its coefficient vectors are values of the solution.
NODES = np.concatenate([[0.0], RADAU.c])
_BASIS = lagrange_basis(NODES)
_NEWTON_STEPS = 8
# Steps grow by no less than this, so that factorisations are kept while the gain is small.
_WORTH = 1.2
# A step shorter than this part of the whole means that the solution ends here.
_SMALLEST = 1e-13

# Hears the part that is done; may raise to stop.
Report = Callable[[float], None]


class Radau:
    """One integration of R(t, u, u̇) = 0 from ``start`` over ``span``.

    ``tolerance`` bounds the error of a step relative to the size that each unknown has reached.
    ``differential`` are the unknowns with a time derivative; the others are algebraic: they have no
    initial value and take no part in the error control.
    """

    def __init__(
        self,
        assembler: Assembler,
        constraints: Constraints,
        start: Array,
        span: tuple[float, float],
        tolerance: float,
        saddle: bool,
        differential: tuple[int, ...],
    ):
        self.assembler, self.constraints = assembler, constraints
        self.begin, self.end = span
        self.tolerance, self.differential = tolerance, differential
        self.stages = Stages(RADAU, assembler, constraints, saddle)
        self.time, self.u = self.begin, start.copy()
        self.u[constraints.fixed] = constraints.values(self.begin, 0)
        self.sizes = np.zeros(len(assembler.product.spaces))
        self.reach = 0.0
        self.times, self.nodes = [self.begin], []
        self._measure()

    def follow(self, times: Array, report: Report | None = None) -> Trajectory:
        """The trajectory in the given steps, without error control; a step that fails is cut in two."""
        self._linearise()
        ahead = list(times[:0:-1])
        while ahead:
            step = ahead[-1] - self.time
            if step < _SMALLEST * (self.end - self.begin):
                raise stuck(self.time)
            found, iterations = self._attempt(step)
            if found is None:
                self._linearise()
                found, iterations = self._attempt(step)
            if found is None:
                ahead.append(self.time + step / 2)
                continue
            self._accept(step, found)
            # The sum of steps may miss the moment by rounding.
            self.time = self.times[-1] = ahead.pop()
            if not self.assembler.constant_jacobian and iterations > 2:
                self._linearise()
            self._tell(report)
        return self._trajectory()

    def run(self, report: Report | None = None) -> Trajectory:
        """The trajectory in steps that keep the estimated error below the tolerance."""
        length = self.end - self.begin
        step = 0.2 * length * min(1.0, max(self.tolerance, 1e-10) ** 0.25)
        last_error, last_step, rejected = 0.0, 0.0, False
        self._linearise()
        fresh = True
        while self.time < self.end - _SMALLEST * length:
            if step < _SMALLEST * length:
                raise stuck(self.time)
            rest = self.end - self.time
            step = rest if rest < 1.001 * step else step
            found, iterations = self._attempt(step)
            if found is None and fresh:
                step /= 2
                continue
            if found is None:
                self._linearise()
                fresh = True
                continue
            error = max(self._error(step, found, rejected or not self.nodes) / self.tolerance, 1e-10)
            factor = 0.9 * (2 * _NEWTON_STEPS + 1) / (2 * _NEWTON_STEPS + iterations) * error**-0.25
            if error > 1:
                step *= min(0.9, max(0.2, factor))
                rejected = True
                continue
            if last_step and not rejected:
                # Predictive control (Gustafsson 1994): steps that have been shrinking go on to.
                factor = min(factor, factor * step / last_step * (last_error / error) ** 0.25)
            self._accept(step, found)
            self._tell(report)
            last_error, last_step, rejected = error, step, False
            resized = factor >= _WORTH or factor < 1
            step *= min(8.0, max(0.2, factor)) if resized else 1.0
            fresh = self.assembler.constant_jacobian
            if not fresh and (iterations > 2 or resized):
                self._linearise()
                fresh = True
        return self._trajectory()

    def _tell(self, report: Report | None) -> None:
        if report is not None:
            report((self.time - self.begin) / (self.end - self.begin))

    def _trajectory(self) -> Trajectory:
        return Trajectory(np.array(self.times), np.array(self.nodes), _BASIS)

    def _measure(self) -> None:
        for k in self.differential:
            part = self.u[self.assembler.product.part(k)]
            self.sizes[k] = max(self.sizes[k], np.abs(part).max(initial=0.0))

    def _norm(self, vector: Array) -> float:
        # An unknown at rest so far is measured by its fellows; with all at rest, by where the step leads.
        self.reach = max(self.reach, float(np.abs(vector).max()))
        sizes = np.maximum(self.sizes, 1e-3 * self.sizes.max() or self.reach or 1.0)
        parts = ((k, vector[self.assembler.product.part(k)]) for k in self.differential)
        return max(float(np.sqrt(np.mean((part / sizes[k]) ** 2))) for k, part in parts)

    def _at_rest(self, state: Array) -> tuple[Array, Array]:
        """A state with no rate of its own: what R leaves there is what moves it."""
        rate = np.zeros_like(state)
        rate[self.constraints.fixed] = self.constraints.values(self.time, 1)
        return state, rate

    def _linearise(self) -> None:
        self.stages.linearise(self.time, self._at_rest(self.u))

    def _attempt(self, step: float) -> tuple[Array | None, int]:
        """Stage values (3, N) of a step, or None; and the iterations they took."""
        tolerance = max(1e-13, min(0.03, self.tolerance**0.5) * self.tolerance)
        found, iterations = self.stages.solve(
            self.time, step, self._guess(step), (self.u,), self._norm, tolerance, _NEWTON_STEPS
        )
        if found is None:
            return None, iterations
        values = np.stack([s[0] for s in found])
        self.reach = float(np.abs(values).max())
        return values, iterations

    def _guess(self, step: float) -> Array:
        """The last step's polynomial continued."""
        if not self.nodes:
            return np.repeat(self.u[None], len(RADAU.c), axis=0)
        before, now = self.times[-2:]
        tau = (self.time + RADAU.c * step - before) / (now - before)
        return np.polynomial.polynomial.polyval(tau, _BASIS.T).T @ self.nodes[-1]

    def _error(self, step: float, values: Array, repeat: bool) -> float:
        """RADAU5's estimate, filtered once more after a rejection and at the start (eq. 8.20 there)."""
        free = self.constraints.free
        moving = self.stages.mass @ ((_EMBEDDED @ (values - self.u))[free] / step)
        error = np.zeros_like(self.u)
        size = 0.0
        for _ in range(1 + repeat):
            load = moving - self.assembler.residual(self.time, self._at_rest(self.u + error))[free]
            if not np.isfinite(load).all():
                break
            error[free] = self.stages.embedded(load)
            size = self._norm(error)
        return size

    def _accept(self, step: float, values: Array) -> None:
        first = self.u if self.nodes else self._start(values)
        self.nodes.append(np.concatenate([first[None], values]))
        self.time, self.u = self.time + step, values[-1].copy()
        self.times.append(self.time)
        self._measure()

    def _start(self, values: Array) -> Array:
        """The start, with algebraic unknowns continued back from the first stages."""
        first, fixed = self.u.copy(), self.constraints.fixed
        backward = lagrange_basis(RADAU.c)[:, 0] @ values
        for k in range(len(self.sizes)):
            if k not in self.differential:
                part = self.assembler.product.part(k)
                first[part] = backward[part]
        first[fixed] = self.u[fixed]
        return first
