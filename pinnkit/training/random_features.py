"""Least squares for the output layer: hidden layers as random features.

    δ = argmin |r + Jδ|² + λ²|Dδ|²,    J = ∂r/∂(output layer), D its columns' lengths

With the hidden layers fixed, u is linear in the output layer c. For a linear problem one step gives its
best values; for a nonlinear one these are Newton steps, shortened where the loss asks for it. Features that
are nearly dependent make J singular to rounding: λ keeps δ small there, and the triangular factor of J, of
which the normal equations would lose half the digits, is formed together with it.

For linear problems the bandwidth of the features is found first, by scaling the first layer: a climb over
factors √2 apart takes a handful of solutions. Chen, Chi, E and Yang,
J. Mach. Learn. 1 (2022), random feature method.
"""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.linalg import solve_triangular

from ..declare.errors import DeclarationError
from .arrays import Count, Flag, Scalar, Vector
from .least_squares import LeastSquares
from .memory import free_bytes, in_words
from .optimiser import CONVERGED, NONFINITE, RUNNING, STAGNATED, AbstractOptimiser, AbstractState

_WORTHWHILE = 0.1  # of the loss of an empty output layer, below which a start is worth keeping
_ENOUGH = 0.3  # of the loss, that a full step leaves at the most while it pays to go on
_HAIR = 0.99  # the same of a shortened one
_LINEAR = 4.0  # times the residual that the linearised problem leaves is the most that a linear one does
_LENGTHS = 10  # halvings of a step
_RAISE, _MOST_RAISED = 1e3, 3
_COPIES = 3  # of the Jacobian: itself, with its columns scaled, and under factorisation


class HeadState(AbstractState):
    """``bandwidth`` scales the first layer in the next step, ``kept`` is 0 where the output layer begins
    empty there; ``raised`` counts how often in a row λ was raised, ``failures`` how often in all.
    """

    loss: Scalar
    bandwidth: Scalar
    kept: Scalar
    raised: Count
    failures: Count
    iteration: Count
    evaluations: Count
    status: Count

    def faults(self) -> str:
        if not (count := int(self.failures)):
            return ""
        return (
            f"{count} steps lowered the loss at no length; the damping was raised {_RAISE:g}-fold each time"
        )


class _Climb(eqx.Module):
    """The best exponent so far, and the one that is tried next, ``side`` of it."""

    best: Count
    residual: Scalar
    side: Count
    done: Flag


class HeadLeastSquares(AbstractOptimiser[HeadState]):
    """Newton steps on the output layer.

    Begins with an empty output layer, and for a linear problem with the bandwidth, within 2^±``octaves``,
    that leaves the least residual; but goes on from a start that is far better than empty as it is.
    Ends when a full step leaves more than a third of the loss, which for a linear problem is the second one.
    ``damping`` is λ as part of the most that the largest singular value can be.
    """

    name: ClassVar[str] = "head"
    summary: ClassVar[str] = "least squares for the output layer, hidden layers as random features"
    default_iterations: ClassVar[int] = 30

    damping: float = eqx.field(static=True, default=1e-14)
    octaves: float = eqx.field(static=True, default=2.0)

    @eqx.filter_jit
    def init(self, objective: LeastSquares, theta: Vector) -> HeadState:
        """The state before the first step.

        Raises ``ValueError`` where nothing is known to be linear, ``DeclarationError`` where the Jacobian of
        the output layer has no room.
        """
        if not objective.linear(objective.fields):
            raise ValueError(
                "head: these fields name no leaves in which the unknowns are linear; drop that stage"
            )
        self._require_room(objective, theta)
        loss = objective.loss(theta)
        empty = theta.at[objective.linear_positions()].set(0.0)
        kept = loss < _WORTHWHILE * objective.loss(empty)
        zero = jnp.zeros((), jnp.int32)
        searched, tried = self._bandwidth(objective, empty, enabled=~kept & jnp.isfinite(loss))
        return HeadState(
            loss=loss,
            bandwidth=searched,
            kept=kept.astype(loss.dtype),
            raised=zero,
            failures=zero,
            iteration=zero,
            evaluations=2 + tried,
            status=jnp.where(jnp.isfinite(loss), RUNNING, NONFINITE).astype(jnp.int32),
        )

    @eqx.filter_jit
    def restart(self, objective: LeastSquares, theta: Vector, state: HeadState) -> HeadState:
        """The state at new points."""
        return eqx.tree_at(
            lambda s: (s.loss, s.evaluations), state, (objective.loss(theta), state.evaluations + 1)
        )

    def step(self, objective: LeastSquares, theta: Vector, state: HeadState) -> tuple[Vector, HeadState]:
        """One least-squares solution, and the longest of ten halved steps that lowers the loss."""
        running = state.status == RUNNING
        positions = objective.linear_positions()
        start = objective.scaled(theta, state.bandwidth).at[positions].multiply(state.kept)
        damping = self._least_damping(theta) * _RAISE ** state.raised.astype(theta.dtype)
        rows, slopes = objective.residual(start), objective.linear_jacobian(start)
        change = _solution(rows, slopes, damping)
        direction = jnp.zeros_like(theta).at[positions].set(change)

        lengths = 0.5 ** jnp.arange(float(_LENGTHS))
        losses = jax.lax.map(lambda length: objective.loss(start + length * direction), lengths)
        better = losses < state.loss
        chosen, moved = jnp.argmax(better), jnp.any(better)
        loss = jnp.where(moved, losses[chosen], state.loss)

        raised = jnp.where(moved, 0, state.raised + 1)
        # at the level of rounding, now one length and now another brings a hair
        enough = moved & (loss > jnp.where(chosen == 0, _ENOUGH, _HAIR) * state.loss)
        status = jnp.where(enough | (loss == 0), CONVERGED, RUNNING)
        status = jnp.where(raised > _MOST_RAISED, STAGNATED, status)
        one = jnp.ones_like(state.bandwidth)
        new = HeadState(
            loss=loss,
            bandwidth=jnp.where(moved, one, state.bandwidth),
            kept=jnp.where(moved, one, state.kept),
            raised=raised,
            failures=state.failures + ~moved,
            iteration=state.iteration + 1,
            evaluations=state.evaluations + 1 + _LENGTHS,
            status=status.astype(jnp.int32),
        )
        new = jax.tree.map(lambda before, after: jnp.where(running, after, before), state, new)
        return jnp.where(running & moved, start + lengths[chosen] * direction, theta), new

    def _require_room(self, objective: LeastSquares, theta: Vector) -> None:
        columns, rows = objective.linear_positions().size, jax.eval_shape(objective.residual, theta).size
        needed, room = _COPIES * theta.dtype.itemsize * (rows + columns) * columns, free_bytes()
        if room is not None and needed > room:
            raise DeclarationError(
                f"head needs {in_words(needed)} for {columns:,} weights of the output layer "
                f"and {rows:,} residuals",
                expected=f"at most {in_words(room)}, which are free",
                mend="use fewer features or points, or an optimiser that needs no Jacobian (lbfgs, soap)",
                section="optimizer",
            )

    def _bandwidth(self, objective: LeastSquares, theta: Vector, enabled: Flag) -> tuple[Scalar, Count]:
        """The factor on the first layer, and how many were tried.

        Half an octave up from 1 as long as that helps, else down. A nonlinear problem keeps 1: its first
        linearisation has another solution, and says little of what features its own one needs.
        """
        most = round(2 * self.octaves)
        factor = lambda exponent: 2.0 ** (exponent.astype(theta.dtype) / 2)  # noqa: E731

        def left(exponent: Count) -> tuple[Scalar, Scalar]:
            start = objective.scaled(theta, factor(exponent))
            rows, slopes = objective.residual(start), objective.linear_jacobian(start)
            change = _solution(rows, slopes, self._least_damping(theta))
            after = rows + slopes @ change
            residual = jnp.where(jnp.all(jnp.isfinite(after)), after @ after, jnp.inf)
            return residual, objective.loss(start.at[objective.linear_positions()].add(change))

        def attempt(carry: tuple[_Climb, Count]) -> tuple[_Climb, Count]:
            climb, tried = carry
            exponent = climb.best + climb.side
            residual, loss = left(exponent)
            better = residual < climb.residual
            # nothing above the first one: try below it
            turn = ~better & (climb.best == 0) & (climb.side == 1)
            best = jnp.where(better, exponent, climb.best)
            side = jnp.where(turn, -1, jnp.where(climb.side == 0, 1, climb.side))
            nonlinear = (climb.side == 0) & (loss > _LINEAR * residual)
            new = _Climb(
                best=best,
                residual=jnp.where(better, residual, climb.residual),
                side=side,
                done=(~better & ~turn) | (jnp.abs(best + side) > most) | nonlinear,
            )
            return new, tried + 1

        zero = jnp.zeros((), jnp.int32)
        first = _Climb(zero, jnp.full((), jnp.inf, theta.dtype), zero, ~enabled | (most == 0))
        found, tried = jax.lax.while_loop(lambda carry: ~carry[0].done, attempt, (first, zero))
        return factor(found.best), tried

    def _least_damping(self, theta: Vector) -> float:
        """λ that rounding errors do not drown."""
        return max(self.damping, float(jnp.finfo(theta.dtype).eps))


def _solution(rows: Vector, slopes: Array, damping: Scalar | float) -> Vector:
    """δ for r and J: by the triangular factor of J above λ."""
    count = slopes.shape[1]
    size = jnp.maximum(jnp.linalg.norm(slopes, axis=0), jnp.finfo(rows.dtype).tiny)
    level = damping * jnp.sqrt(jnp.asarray(count, rows.dtype))
    upper = jnp.column_stack([slopes / size, -rows])
    lower = level * jnp.eye(count, count + 1, dtype=rows.dtype)
    factor = jnp.linalg.qr(jnp.concatenate([upper, lower]), mode="r")
    return solve_triangular(factor[:count, :count], factor[:count, count]) / size
