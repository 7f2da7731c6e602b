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

from collections.abc import Callable
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
_TALL = 4  # times as many rows as columns are factored at a time


class HeadState(AbstractState):
    """``searching`` while bandwidths are tried, ``kept`` is 0 where the output layer begins empty in the next
    step; ``raised`` counts how often in a row λ was raised, ``failures`` how often in all; ``weights`` and
    ``rows`` are those of the least-squares problem.

    Bandwidths are 2^(exponent/2): ``best`` is the exponent of θ, ``side`` whereof the next one is tried, and
    ``residual`` what θ leaves.
    """

    loss: Scalar
    searching: Flag
    best: Count
    side: Count
    residual: Scalar
    kept: Scalar
    raised: Count
    failures: Count
    weights: Count
    rows: Count
    iteration: Count
    evaluations: Count
    status: Count

    def faults(self) -> str:
        found = []
        if count := int(self.failures):
            found.append(
                f"{count} steps lowered the loss at no length; the damping was raised {_RAISE:g}-fold "
                "each time"
            )
        if (rows := int(self.rows)) < (weights := int(self.weights)):
            found.append(
                f"{rows:,} residuals do not determine {weights:,} weights of the output layer: the loss may "
                "vanish and the solution be far off; take more tests or points, or fewer features"
            )
        return "; ".join(found)


class HeadLeastSquares(AbstractOptimiser[HeadState]):
    """Newton steps on the output layer.

    Begins with an empty output layer, and for a linear problem with the bandwidth, within 2^±``octaves``,
    that leaves the least residual: the first steps try one each, half an octave up from 1 as long as that
    helps, else down. A nonlinear problem keeps 1: its first linearisation has another solution, and says
    little of what features its own one needs. Goes on from a start that is far better than empty as it is.
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
        return HeadState(
            loss=loss,
            searching=~kept & (self._most > 0),
            best=zero,
            side=zero,
            residual=jnp.full_like(loss, jnp.inf),
            kept=kept.astype(loss.dtype),
            raised=zero,
            failures=zero,
            weights=zero + objective.linear_positions().size,
            rows=zero + jax.eval_shape(objective.residual, theta).size,
            iteration=zero,
            evaluations=zero + 2,
            status=jnp.where(jnp.isfinite(loss), RUNNING, NONFINITE).astype(jnp.int32),
        )

    @eqx.filter_jit
    def restart(self, objective: LeastSquares, theta: Vector, state: HeadState) -> HeadState:
        """The state at new points."""
        return eqx.tree_at(
            lambda s: (s.loss, s.evaluations), state, (objective.loss(theta), state.evaluations + 1)
        )

    def step(self, objective: LeastSquares, theta: Vector, state: HeadState) -> tuple[Vector, HeadState]:
        """One least-squares solution: with another bandwidth while these are searched; else from where the
        output layer is, and the longest of ten halved steps that lowers the loss.
        """
        running, first = state.status == RUNNING, state.searching & (state.side == 0)
        positions = objective.linear_positions()
        factor = 2.0 ** (jnp.where(state.searching, state.side, 0).astype(theta.dtype) / 2)
        start = objective.scaled(theta, factor).at[positions].multiply(state.kept)
        damping = self._least_damping(theta) * _RAISE ** state.raised.astype(theta.dtype)
        rows, slopes = objective.linearised(start)
        change = _solution(rows, slopes, damping)
        direction = jnp.zeros_like(theta).at[positions].set(change)
        left = jnp.sum((rows + slopes @ change) ** 2)
        left = jnp.where(jnp.isfinite(left), left, jnp.inf)

        full = jax.lax.cond(  # a linear problem leaves what it was said to
            state.searching & ~first, lambda: left, lambda: objective.loss(start + direction)
        )
        searching = state.searching & ~(first & (full > _LINEAR * left))
        length, loss, tried = _shortened(
            lambda length: objective.loss(start + length * direction), full, state.loss, ~searching
        )
        better = left < state.residual
        moved = jnp.where(searching, better, loss < state.loss)
        loss = jnp.where(moved, loss, state.loss)
        best = state.best + jnp.where(searching & better, state.side, 0)
        # nothing above the first one: try below it
        turn = ~better & (best == 0) & (state.side == 1)
        side = jnp.where(turn, -1, jnp.where(first, 1, state.side))
        going_on = searching & (better | turn) & (jnp.abs(best + side) <= self._most)

        failed = ~searching & ~moved
        raised = jnp.where(failed, state.raised + 1, 0)
        # at the level of rounding, now one length and now another brings a hair
        enough = ~searching & moved & (loss > jnp.where(length == 1, _ENOUGH, _HAIR) * state.loss)
        status = jnp.where(enough | (loss == 0), CONVERGED, RUNNING)
        status = jnp.where(raised > _MOST_RAISED, STAGNATED, status)
        new = HeadState(
            loss=loss,
            searching=going_on,
            best=best,
            side=side,
            residual=jnp.where(better, left, state.residual),
            kept=jnp.where(going_on | failed | jnp.isinf(jnp.minimum(state.residual, left)), state.kept, 1.0),
            raised=raised,
            failures=state.failures + failed,
            weights=state.weights,
            rows=state.rows,
            iteration=state.iteration + 1,
            evaluations=state.evaluations + 1 + tried,
            status=status.astype(jnp.int32),
        )
        new = jax.tree.map(lambda before, after: jnp.where(running, after, before), state, new)
        return jnp.where(running & moved, start + length * direction, theta), new

    @property
    def _most(self) -> int:
        """The largest exponent of the bandwidth either way."""
        return round(2 * self.octaves)

    def _require_room(self, objective: LeastSquares, theta: Vector) -> None:
        columns, rows = objective.linear_positions().size, jax.eval_shape(objective.residual, theta).size
        # held, and copied once; a part of it with columns scaled, and under factorisation
        factored = 3 * (min(rows, 2 * _TALL * columns) + columns)
        needed, room = theta.dtype.itemsize * (2 * rows + factored) * columns, free_bytes()
        if room is not None and needed > room:
            raise DeclarationError(
                f"head needs {in_words(needed)} for {columns:,} weights of the output layer "
                f"and {rows:,} residuals",
                expected=f"at most {in_words(room)}, which are free",
                mend="use fewer features or points, or an optimiser that needs no Jacobian (lbfgs, soap)",
                section="optimizer",
            )

    def _least_damping(self, theta: Vector) -> float:
        """λ that rounding errors do not drown."""
        return max(self.damping, float(jnp.finfo(theta.dtype).eps))


def _shortened(
    loss: Callable[[Scalar], Scalar], full: Scalar, bound: Scalar, wanted: Flag
) -> tuple[Scalar, Scalar, Count]:
    """The longest of ten halved steps with a loss below the bound, its loss, and how many were tried."""

    def unfinished(carry: tuple[Scalar, Scalar, Count]) -> Flag:
        _, now, tried = carry
        return wanted & ~(now < bound) & (tried < _LENGTHS)

    def halved(carry: tuple[Scalar, Scalar, Count]) -> tuple[Scalar, Scalar, Count]:
        length, _, tried = carry
        return length / 2, loss(length / 2), tried + 1

    return jax.lax.while_loop(unfinished, halved, (jnp.ones_like(full), full, jnp.ones((), jnp.int32)))


def _solution(rows: Vector, slopes: Array, damping: Scalar | float) -> Vector:
    """δ for r and J: by the triangular factor of J above λ."""
    count = slopes.shape[1]
    size = jnp.maximum(jnp.linalg.norm(slopes, axis=0), jnp.finfo(rows.dtype).tiny)
    level = damping * jnp.sqrt(jnp.asarray(count, rows.dtype))
    factor = _factor(rows, slopes, size, level)
    return solve_triangular(factor[:count, :count], factor[:count, count]) / size


def _factor(rows: Vector, slopes: Array, size: Vector, level: Scalar) -> Array:
    """The triangular factor (Q + 1, Q + 1) of [JD⁻¹, −r] above [λ, 0].

    Of many rows a part is factored at a time, with the factor of those before it above, so that only J
    itself is held whole (Demmel, Grigori, Hoemmen and Langou, SIAM J. Sci. Comput. 34 (2012), A206).
    """
    total, count = slopes.shape
    part = _TALL * count
    parts = max(total // part - 1, 0)  # the last one takes what is left over too

    def joined(above: Array, rows: Vector, slopes: Array) -> Array:
        below = jnp.column_stack([slopes / size, -rows])
        return jnp.linalg.qr(jnp.concatenate([above, below]), mode="r")

    def advance(number: Count, factor: Array) -> Array:
        start = number * part
        return joined(factor, *(jax.lax.dynamic_slice_in_dim(whole, start, part) for whole in (rows, slopes)))

    damped = level * jnp.eye(count + 1, dtype=rows.dtype).at[count, count].set(0.0)
    begun = joined(damped, rows[parts * part :], slopes[parts * part :])
    return jax.lax.fori_loop(0, parts, advance, begun) if parts else begun
