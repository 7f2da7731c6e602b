"""First order in time: Radau IIA with three stages, order 5, and the step control of RADAU5.

The method is stiffly accurate: algebraic equations, such as incompressibility, hold at every step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .assembly import Array, Assembler
from .base import ReferenceUnavailable
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
# First steps are this part of what lies ahead: longer ones jump over a decay at the start, which the error's
# estimate, made for stiff equations, damps too. Until one is rejected, they grow as fast as this.
_FIRST, _RISE = 1e-6, 100.0
# No step is longer than this part of the whole, so that a short pulse is not stepped over unseen.
_LONGEST = 1 / 16
# Part of the whole over which an initial state is brought to fulfil the algebraic equations.
_SETTLING = 1e-9
# Numbers in a trajectory that memory holds.
_LARGEST = 2e8
# Corrections below this part of the solution are rounding.
_ROUNDING = 1e-12

# Hears the part that is done; may raise to stop.
Report = Callable[[float], None]


class Radau:
    """One integration of R(t, u, u̇) = 0 from ``start`` over ``span``.

    ``tolerance`` bounds the error of a step relative to the size that each unknown has reached.
    ``differential`` are the unknowns with a time derivative; the others are algebraic: they have no
    initial value and take no part in the error control. At each of ``breaks`` a step ends and the next one
    starts anew, with data as they are before and after.
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
        breaks: Sequence[float] = (),
    ):
        self.assembler, self.constraints = assembler, constraints
        self.begin, self.end = span
        self.tolerance, self.differential = tolerance, differential
        self.stages = Stages(RADAU, assembler, constraints, saddle)
        self.moments = np.array([self.begin, *breaks, self.end])
        # Nor can a step be shorter than rounding lets time tell.
        self.least = max(_SMALLEST * (self.end - self.begin), 8 * np.spacing(np.abs(span).max()))
        self.time, self.u = self.begin, start.copy()
        self.sizes = np.zeros(len(assembler.product.spaces))
        self.reach = 0.0
        self.times, self.nodes = [self.begin], []

    def follow(self, times: Array, report: Report | None = None) -> Trajectory:
        """The trajectory in the given steps, without error control; a step that fails is cut in two."""
        ahead = list(np.unique(np.concatenate([times, self.moments]))[:0:-1])
        for end in self.moments[1:]:
            self._enter(end)
            while ahead and ahead[-1] <= end + self.least:
                self._take(ahead)
                self._tell(report)
        return self._trajectory()

    def _take(self, ahead: list[float]) -> None:
        step = ahead[-1] - self.time
        if step < self.least:
            raise stuck(self.time)
        found, iterations = self._attempt(step)
        if found is None:
            self._linearise()
            found, iterations = self._attempt(step)
        if found is None:
            ahead.append(self.time + step / 2)
            return
        self._accept(ahead.pop(), found)
        if not self.assembler.constant_jacobian and iterations > 2:
            self._linearise()

    def run(self, report: Report | None = None) -> Trajectory:
        """The trajectory in steps that keep the estimated error below the tolerance."""
        for end in self.moments[1:]:
            self._enter(end)
            self._run_to(end, report)
        return self._trajectory()

    def _run_to(self, end: float, report: Report | None) -> None:
        length = end - self.time
        longest = _LONGEST * (self.end - self.begin)
        step = max(_FIRST * length, self.least)
        last_error, last_step, rejected, fresh = 0.0, 0.0, False, True
        rise = _RISE
        while self.time < end:
            if step < self.least:
                raise stuck(self.time)
            rest = end - self.time
            step = rest if rest < 1.001 * step else rest / 2 if rest < 2 * step else step
            found, iterations = self._attempt(step)
            if found is None and fresh:
                step /= 2
                continue
            if found is None:
                self._linearise()
                fresh = True
                continue
            error = max(self._error(step, found, rejected or self._anew) / self.tolerance, 1e-10)
            factor = 0.9 * (2 * _NEWTON_STEPS + 1) / (2 * _NEWTON_STEPS + iterations) * error**-0.25
            if not error <= 1:
                step *= min(0.9, max(0.2, factor))
                rejected, rise = True, 8.0
                continue
            if last_step and not rejected:
                # Predictive control (Gustafsson 1994): steps that have been shrinking go on to.
                factor = min(factor, factor * step / last_step * (last_error / error) ** 0.25)
            self._accept(end if step == rest else self.time + step, found)
            self._tell(report)
            last_error, last_step, rejected = error, step, False
            resized = factor >= _WORTH or factor < 1
            step = min(step * (min(rise, max(0.2, factor)) if resized else 1.0), longest)
            fresh = self.assembler.constant_jacobian
            if not fresh and (iterations > 2 or resized):
                self._linearise()
                fresh = True

    def _enter(self, end: float) -> None:
        """Starts anew at the present moment, with the data that hold from here to ``end``."""
        self.stages.window = (self.time + self.least, end - self.least)
        self._anew = True
        fixed = self.constraints.fixed
        self.u = self.u.copy()
        self.u[fixed] = self.constraints.values(self.stages.moment(self.time), 0)
        self._measure()
        if len(self.differential) < len(self.sizes):
            self._settle()
        self._linearise()

    def _settle(self) -> None:
        """Differential unknowns moved as little as it takes to fulfil the algebraic equations.

        By one Euler step over next to no time, in which constraints such as incompressibility act as impulses
        and nothing else does anything.
        """
        step, free = _SETTLING * (self.end - self.begin), self.constraints.free
        settled = self.u.copy()
        rate = self._at_rest(settled)[1]
        for _ in range(_NEWTON_STEPS):
            rate[free] = ((settled - self.u) / step)[free]
            correction = self.stages.euler(self.time, step, (settled, rate))
            if correction is None:
                return
            settled[free] += correction
            moved = np.zeros_like(settled)
            moved[free] = correction
            if self.assembler.constant_jacobian or self._norm(moved) < _ROUNDING:
                break
        for k in self.differential:
            part = self.assembler.product.part(k)
            self.u[part] = settled[part]

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
        rate[self.constraints.fixed] = self.constraints.values(self.stages.moment(self.time), 1)
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
        if self._anew:
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
            moment = self.stages.moment(self.time)
            load = moving - self.assembler.residual(moment, self._at_rest(self.u + error))[free]
            if not np.isfinite(load).all():
                break
            error[free] = self.stages.embedded(load)
            size = self._norm(error)
        return size

    def _accept(self, time: float, values: Array) -> None:
        first = self._start(values) if self._anew else self.u
        self.nodes.append(np.concatenate([first[None], values]))
        self.time, self.u, self._anew = time, values[-1].copy(), False
        self.times.append(time)
        self._measure()
        if len(self.nodes) * self.nodes[-1].size > _LARGEST:
            raise ReferenceUnavailable(
                f"finite elements: the steps up to t = {time:g} fill the memory",
                reason=f"{len(self.nodes)} steps were needed so far, with {len(self.u)} unknowns",
                mend="end the time earlier, or allow a larger tolerance or cells (reference.fem.size)",
            )

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
