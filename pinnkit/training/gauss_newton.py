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
from .damped import AbstractDamped, DampedState, where_running
from .gram import GramSystem, LeastSquaresObjective, gram_bytes
from .optimiser import RUNNING

_ACCEPTABLE = 0.1  # least part of the predicted fall that a step must bring
_RUNG = 4.0
_RUNGS = 20
_LEAST_DROP, _MOST_DROP = 0.3, 1e-4  # how far the next ladder may start below the λ just taken


class LevenbergMarquardtState(DampedState):
    """``damping`` is the λ at the foot of the next ladder; negative until the first Jacobian sets it."""

    damping: Scalar
    failure: ClassVar[str] = (
        "factorisations or losses on ladders were not finite; the damping was raised past each"
    )


class _Ladder(eqx.Module):
    damping: Scalar
    theta: Vector
    loss: Scalar
    ratio: Scalar
    rungs: Count
    failures: Count
    accepted: Flag


class LevenbergMarquardt(AbstractDamped[LevenbergMarquardtState]):
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
        begun = self.begun(objective, theta)
        return LevenbergMarquardtState(**begun, damping=-jnp.ones_like(begun["loss"]))

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
        entries = self.gone_on(
            state, ladder.loss, ladder.rungs, ladder.failures, stuck=~ladder.accepted, finite=finite,
            converged=jnp.max(jnp.abs(2 * system.slope)) <= self.gradient_tolerance,
        )  # fmt: skip
        damping = jnp.where(ladder.accepted, drop * ladder.damping, state.damping)
        return ladder.theta, where_running(
            running, state, LevenbergMarquardtState(**entries, damping=damping)
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
                failures=ladder.failures + ~jnp.isfinite(trial),
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
                failures=jnp.zeros((), jnp.int32),
                accepted=jnp.asarray(False),
            ),
        )
