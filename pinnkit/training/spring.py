"""SPRING: Gauss–Newton steps that remember the step before, for many dimensions and few points.

    φ ← argmin |r + Jφ|² + λ|φ − μφ|²  =  μφ − Jᵀ(JJᵀ + λI)⁻¹ (r + μJφ),    θ ← θ + ηφ,

the φ on the right being the last one. Fewer points than parameters leave most directions of θ open; in
these the step keeps what other points had asked for. η comes from the grid
1, ½, ¼, … times ``longest``.

Guzmán-Cordero, Dangel, Goldshlager and Zeinhofer, Improving energy natural gradient descent through
Woodbury, momentum, and randomization (2025); Goldshlager, Abrahamsen and Lin (2024) for the momentum.
"""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from .arrays import Count, Flag, Scalar, Vector
from .gram import GramSystem, LeastSquaresObjective, gram_bytes
from .optimiser import (
    CONVERGED,
    NONFINITE,
    RUNNING,
    STAGNATED,
    AbstractOptimiser,
    AbstractState,
    Mark,
    Objective,
    loss_at,
)

_RAISE, _LOWER = 10.0, 0.5
_MOST_LIFT = 1e10


class SpringState(AbstractState):
    """``momentum`` is φ; ``lift`` multiplies λ after steps that failed, and falls again after good ones."""

    loss: Scalar
    momentum: Vector
    lift: Scalar
    rollbacks: Count
    mark: Mark
    iteration: Count
    evaluations: Count
    status: Count

    def faults(self) -> str:
        if not (count := int(self.rollbacks)):
            return ""
        return f"{count} steps brought nothing; the momentum was dropped and the damping raised each time"


class _Search(eqx.Module):
    length: Scalar
    loss: Scalar
    tried: Count
    done: Flag


class Spring(AbstractOptimiser[SpringState]):
    """SPRING; ``damping`` is λ as part of the Gram matrix's largest diagonal entry.

    A step along which no length lowers the loss, or whose factorisation fails, is not made: the momentum is
    dropped and λ raised tenfold for the next one.
    """

    name: ClassVar[str] = "spring"
    summary: ClassVar[str] = "Gauss–Newton with momentum; for many dimensions and few points"
    default_iterations: ClassVar[int] = 1_000

    damping: float = eqx.field(default=1e-9, static=True)
    momentum: float = eqx.field(default=0.4, static=True)
    longest: float = eqx.field(default=1.0, static=True)
    lengths: int = eqx.field(default=12, static=True)
    kernel: bool | None = eqx.field(default=None, static=True)  # None: where residuals are fewer
    loss_tolerance: float = eqx.field(default=1e-30, static=True)
    patience: int = eqx.field(default=100, static=True)
    least_fall: float = eqx.field(default=1e-3, static=True)

    def bytes_needed(self, parameters: int, rows: int, itemsize: int = 8) -> int:
        return gram_bytes(parameters, rows, self.kernel, itemsize)

    def init(self, objective: LeastSquaresObjective, theta: Vector) -> SpringState:
        loss = loss_at(objective, theta)
        zero = jnp.zeros((), jnp.int32)
        return SpringState(
            loss=loss,
            momentum=jnp.zeros_like(theta),
            lift=jnp.ones_like(loss),
            rollbacks=zero,
            mark=Mark(loss, zero),
            iteration=zero,
            evaluations=zero + 1,
            status=self._status(loss),
        )

    def restart(self, objective: LeastSquaresObjective, theta: Vector, state: SpringState) -> SpringState:
        loss = loss_at(objective, theta)
        return SpringState(
            loss=loss,
            momentum=state.momentum,
            lift=state.lift,
            rollbacks=state.rollbacks,
            mark=Mark(loss, state.iteration),
            iteration=state.iteration,
            evaluations=state.evaluations + 1,
            status=self._status(loss),
        )

    def step(
        self, objective: LeastSquaresObjective, theta: Vector, state: SpringState
    ) -> tuple[Vector, SpringState]:
        running = state.status == RUNNING
        system = GramSystem.of(objective, theta, self.kernel)
        damping = self.damping * state.lift * system.scale
        direction = system.solve(damping, self.momentum * state.momentum)
        search = self._search(objective, theta, direction, state.loss)
        moved = running & (search.loss < state.loss)
        finite = jnp.isfinite(system.scale)

        iteration = state.iteration + running
        loss = jnp.where(moved, search.loss, state.loss)
        mark, stagnant = state.mark.advance(loss, iteration, self.patience, self.least_fall)
        lift = jnp.where(moved, jnp.maximum(_LOWER * state.lift, 1.0), _RAISE * state.lift)
        status = jnp.where(stagnant | (lift > _MOST_LIFT), STAGNATED, self._status(loss))
        status = jnp.where(finite, status, NONFINITE)
        new = SpringState(
            loss=loss,
            momentum=jnp.where(moved, direction, 0.0),
            lift=lift,
            rollbacks=state.rollbacks + ~moved,
            mark=mark,
            iteration=iteration,
            evaluations=state.evaluations + search.tried,
            status=status.astype(jnp.int32),
        )
        new = jax.tree.map(lambda before, after: jnp.where(running, after, before), state, new)
        return jnp.where(moved, theta + search.length * direction, theta), new

    def _search(self, objective: Objective, theta: Vector, direction: Vector, loss: Scalar) -> _Search:
        """Halves the length until the loss, once below the present one, rises again."""

        def shorten(search: _Search) -> _Search:
            length = self.longest * 0.5 ** search.tried.astype(loss.dtype)
            trial = objective.loss(theta + length * direction)
            trial = jnp.where(jnp.isfinite(trial), trial, jnp.inf)
            better = trial < search.loss
            return _Search(
                length=jnp.where(better, length, search.length),
                loss=jnp.where(better, trial, search.loss),
                tried=search.tried + 1,
                done=(search.loss < loss) & ~better,
            )

        return jax.lax.while_loop(
            lambda search: ~search.done & (search.tried < self.lengths),
            shorten,
            _Search(jnp.zeros_like(loss), loss, jnp.zeros((), jnp.int32), jnp.asarray(False)),
        )

    def _status(self, loss: Scalar) -> Count:
        status = jnp.where(loss <= self.loss_tolerance, CONVERGED, RUNNING)
        return jnp.where(jnp.isfinite(loss), status, NONFINITE).astype(jnp.int32)
