"""Levenberg–Marquardt: the damped Gauss–Newton step for a sum of squares.

    δ = −(JᵀJ + λI)⁻¹ Jᵀr = −Jᵀ(JJᵀ + λI)⁻¹ r        see ``gram``

λ sets the trust region, by the gain ratio actual/predicted fall of the loss: of a ladder of λ the smallest
is taken whose ratio is acceptable; the lowest loss on the ladder would keep λ, and with it the iteration,
too timid. The next ladder starts lower by the model's own error |1 − ratio|, so that λ → 0 and convergence
is quadratic where the residual vanishes at the minimum. The damping is the identity's: Marquardt's diagonal
scaling stalls networks in bad minima.

The ladder is climbed from below, one Cholesky factorisation a rung, two or three rungs an iteration. One
eigen-decomposition would serve all rungs, but costs as much as 5 factorisations at P = 1,000 and 25 at
P = 2,000 (two CPU cores).

Levenberg (1944); Moré (1978); Nocedal and Wright, Numerical Optimization, 2nd ed. (2006), section 10.3.
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
    loss_at,
)

_ACCEPTABLE = 0.1  # least part of the predicted fall that a step must bring
_RUNG = 4.0
_RUNGS = 20
_LEAST_DROP, _MOST_DROP = 0.3, 1e-4  # how far the next ladder may start below the λ just taken


class LevenbergMarquardtState(AbstractState):
    """``damping`` is the λ at the foot of the next ladder; negative until the first Jacobian sets it."""

    loss: Scalar
    damping: Scalar
    mark: Mark
    iteration: Count
    evaluations: Count
    status: Count


class _Ladder(eqx.Module):
    damping: Scalar
    theta: Vector
    loss: Scalar
    ratio: Scalar
    rungs: Count
    accepted: Flag


class LevenbergMarquardt(AbstractOptimiser[LevenbergMarquardtState]):
    """Levenberg–Marquardt, in the form that suits the numbers of residuals and parameters.

    Each iteration costs one Jacobian and a factorisation of the smaller Gram matrix; few are needed.
    """

    name: ClassVar[str] = "levenberg_marquardt"
    summary: ClassVar[str] = "damped Gauss–Newton; few costly iterations, for up to about 2,000 parameters"
    default_iterations: ClassVar[int] = 200

    kernel: bool | None = eqx.field(default=None, static=True)  # None: where residuals are fewer
    first_damping: float = eqx.field(default=1e-3, static=True)  # as part of the largest diagonal entry
    gradient_tolerance: float = eqx.field(default=1e-14, static=True)
    loss_tolerance: float = eqx.field(default=1e-30, static=True)
    patience: int = eqx.field(default=20, static=True)
    least_fall: float = eqx.field(default=1e-3, static=True)

    def bytes_needed(self, parameters: int, rows: int, itemsize: int = 8) -> int:
        return gram_bytes(parameters, rows, self.kernel, itemsize)

    def init(self, objective: LeastSquaresObjective, theta: Vector) -> LevenbergMarquardtState:
        loss = loss_at(objective, theta)
        zero, one = jnp.zeros((), jnp.int32), jnp.ones((), jnp.int32)
        return LevenbergMarquardtState(
            loss=loss,
            damping=-jnp.ones_like(loss),
            mark=Mark(loss, zero),
            iteration=zero,
            evaluations=one,
            status=self._first_status(loss),
        )

    def restart(
        self, objective: LeastSquaresObjective, theta: Vector, state: LevenbergMarquardtState
    ) -> LevenbergMarquardtState:
        loss = loss_at(objective, theta)
        return LevenbergMarquardtState(
            loss=loss,
            damping=state.damping,
            mark=Mark(loss, state.iteration),
            iteration=state.iteration,
            evaluations=state.evaluations + 1,
            status=self._first_status(loss),
        )

    def step(
        self, objective: LeastSquaresObjective, theta: Vector, state: LevenbergMarquardtState
    ) -> tuple[Vector, LevenbergMarquardtState]:
        running = state.status == RUNNING
        system = GramSystem.of(objective, theta, self.kernel)
        size = system.scale
        finite = jnp.isfinite(size) & jnp.all(jnp.isfinite(system.slope))
        # Below this the damping is lost in the rounding errors of the Gram matrix.
        floor = jnp.finfo(theta.dtype).eps * size
        foot = jnp.maximum(jnp.where(state.damping < 0, self.first_damping * size, state.damping), floor)
        ladder = self._climb(objective, theta, state.loss, system, foot, enabled=running & finite)

        drop = jnp.clip(jnp.abs(1 - ladder.ratio), _MOST_DROP, _LEAST_DROP)
        iteration = state.iteration + running
        mark, stagnant = state.mark.advance(ladder.loss, iteration, self.patience, self.least_fall)
        status = jnp.where(stagnant | ~ladder.accepted, STAGNATED, RUNNING)
        flat = jnp.max(jnp.abs(2 * system.slope)) <= self.gradient_tolerance
        status = jnp.where(flat | (ladder.loss <= self.loss_tolerance), CONVERGED, status)
        status = jnp.where(finite, status, NONFINITE)
        return ladder.theta, LevenbergMarquardtState(
            loss=ladder.loss,
            damping=jnp.where(ladder.accepted, drop * ladder.damping, state.damping),
            mark=mark,
            iteration=iteration,
            evaluations=state.evaluations + ladder.rungs,
            status=jnp.where(running, status, state.status).astype(jnp.int32),
        )

    def _climb(
        self,
        objective: LeastSquaresObjective,
        theta: Vector,
        loss: Scalar,
        system: GramSystem,
        foot: Scalar,
        enabled: Flag,
    ) -> _Ladder:
        def try_rung(ladder: _Ladder) -> _Ladder:
            damping = foot * _RUNG ** ladder.rungs.astype(loss.dtype)
            delta = system.solve(damping)
            # |r|² − |r + Jδ|²
            predicted = damping * (delta @ delta) - delta @ system.slope
            trial = objective.loss(theta + delta)
            ratio = (loss - trial) / predicted
            # A failed factorisation and a loss that is not finite both give a ratio that is not.
            accepted = jnp.isfinite(trial) & (predicted > 0) & (ratio >= _ACCEPTABLE)
            return _Ladder(
                damping=damping,
                theta=jnp.where(accepted, theta + delta, theta),
                loss=jnp.where(accepted, trial, loss),
                ratio=jnp.where(accepted, ratio, 0.0),
                rungs=ladder.rungs + 1,
                accepted=accepted,
            )

        return jax.lax.while_loop(
            lambda ladder: enabled & ~ladder.accepted & (ladder.rungs < _RUNGS),
            try_rung,
            _Ladder(
                damping=foot,
                theta=theta,
                loss=loss,
                ratio=jnp.zeros_like(loss),
                rungs=jnp.zeros((), jnp.int32),
                accepted=jnp.asarray(False),
            ),
        )

    def _first_status(self, loss: Scalar) -> Count:
        status = jnp.where(loss <= self.loss_tolerance, CONVERGED, RUNNING)
        return jnp.where(jnp.isfinite(loss), status, NONFINITE).astype(jnp.int32)
