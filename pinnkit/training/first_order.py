"""Adam and AdamW, with a learning rate that warms up and decays; what all first-order rules share."""

from __future__ import annotations

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from .arrays import Count, Flag, Scalar, Vector
from .optimiser import (
    CONVERGED,
    NONFINITE,
    RUNNING,
    AbstractOptimiser,
    AbstractState,
    Objective,
    is_finite,
)

_CUT = 0.25
_MOST_ROLLBACKS = 10


class FirstOrderState(AbstractState):
    """Loss and gradient at the current parameters, and optax's own state; ``rollbacks`` counts the steps
    that were not made.
    """

    loss: Scalar
    gradient: Vector
    known: Flag  # whether loss and gradient are those at θ, or infinite and zero
    moments: optax.OptState
    rollbacks: Count
    iteration: Count
    evaluations: Count
    status: Count

    @property
    def unknown(self) -> Flag:
        return ~self.known

    def faults(self) -> str:
        if not (count := int(self.rollbacks)):
            return ""
        return (
            f"{count} steps to where the loss or its gradient is not finite were taken back, and the "
            f"learning rate was cut each time, to {_CUT**count:.2g} of itself in the end"
        )


class AbstractFirstOrder(AbstractOptimiser[FirstOrderState]):
    """A rule of optax. The gradient is taken after the step, so that θ, loss and gradient belong together
    and a step to where they are not finite is never made: the learning rate is cut to a quarter instead,
    which ends with the status NONFINITE only after ten times.
    """

    loss_tolerance: eqx.AbstractVar[float]

    @abc.abstractmethod
    def rule(self, objective: Objective) -> optax.GradientTransformation:
        """What turns gradients into steps."""

    def init(self, objective: Objective, theta: Vector) -> FirstOrderState:
        return self._begun(objective, theta)

    @eqx.filter_jit
    def _begun(self, objective: Objective, theta: Vector) -> FirstOrderState:
        zero = jnp.zeros((), jnp.int32)
        return FirstOrderState(
            loss=jnp.full((), jnp.inf, theta.dtype),
            gradient=jnp.zeros_like(theta),
            known=jnp.asarray(False),
            moments=self.rule(objective).init(theta),
            rollbacks=zero,
            iteration=zero,
            evaluations=zero,
            status=jnp.full((), RUNNING, jnp.int32),
        )

    def restart(self, objective: Objective, theta: Vector, state: FirstOrderState) -> FirstOrderState:
        return FirstOrderState(
            loss=jnp.full_like(state.loss, jnp.inf),
            gradient=jnp.zeros_like(theta),
            known=jnp.zeros_like(state.known),
            moments=state.moments,
            rollbacks=state.rollbacks,
            iteration=state.iteration,
            evaluations=state.evaluations,
            status=jnp.full_like(state.status, RUNNING),
        )

    def step(
        self, objective: Objective, theta: Vector, state: FirstOrderState
    ) -> tuple[Vector, FirstOrderState]:
        running, known = state.status == RUNNING, state.known
        change, moments = self.rule(objective).update(state.gradient, state.moments, theta)
        moments = jax.tree.map(lambda before, after: jnp.where(known, after, before), state.moments, moments)
        length = known * _CUT ** state.rollbacks.astype(theta.dtype)
        new_theta = theta + length * jnp.asarray(change)
        loss, gradient = jax.value_and_grad(objective.loss)(new_theta)
        finite = is_finite(loss, gradient)
        new = FirstOrderState(
            loss=loss,
            gradient=gradient,
            known=jnp.ones_like(known),
            moments=moments,
            rollbacks=state.rollbacks,
            iteration=state.iteration + known,
            evaluations=state.evaluations + 1,
            status=self._status(loss, gradient),
        )
        rollbacks = state.rollbacks + known
        hopeful = known & (rollbacks < _MOST_ROLLBACKS)
        failed = FirstOrderState(
            loss=state.loss,
            gradient=state.gradient,
            known=jnp.ones_like(known),
            moments=state.moments,
            rollbacks=rollbacks,
            iteration=state.iteration + known,
            evaluations=state.evaluations + 1,
            status=jnp.where(hopeful, RUNNING, NONFINITE).astype(jnp.int32),
        )
        kept = jax.tree.map(lambda before, after: jnp.where(running, after, before), state, failed)
        move = running & finite
        return jnp.where(move, new_theta, theta), jax.tree.map(
            lambda before, after: jnp.where(move, after, before), kept, new
        )

    def _status(self, loss: Scalar, gradient: Vector) -> Count:
        status = jnp.where(loss <= self.loss_tolerance, CONVERGED, RUNNING)
        return jnp.where(is_finite(loss, gradient), status, NONFINITE).astype(jnp.int32)


def warm_up_and_decay(peak: float, final: float, warm_up: int, horizon: int) -> optax.Schedule:
    """Linear from zero to ``peak`` in ``warm_up`` iterations, then a cosine to ``final`` at ``horizon``."""
    return optax.warmup_cosine_decay_schedule(
        init_value=peak / max(warm_up, 1),
        peak_value=peak,
        warmup_steps=warm_up,
        decay_steps=max(horizon, warm_up + 1),
        end_value=final,
    )


class Adam(AbstractFirstOrder):
    """Adam (Kingma and Ba 2015): robust from any start, and slow to finish.

    The learning rate falls to ``final_rate`` over ``horizon`` iterations and stays there; ``clip`` bounds
    the norm of the gradient.
    """

    name: ClassVar[str] = "adam"
    summary: ClassVar[str] = "Adam with warm-up and cosine decay; the start of most schedules"
    default_iterations: ClassVar[int] = 1_000

    learning_rate: float = eqx.field(default=5e-3, static=True)
    final_rate: float = eqx.field(default=5e-4, static=True)
    warm_up: int = eqx.field(default=50, static=True)
    horizon: int = eqx.field(default=1_000, static=True)
    clip: float | None = eqx.field(default=None, static=True)
    loss_tolerance: float = eqx.field(default=1e-30, static=True)

    def rule(self, objective: Objective) -> optax.GradientTransformation:
        rate = warm_up_and_decay(self.learning_rate, self.final_rate, self.warm_up, self.horizon)
        return clipped(optax.adam(rate), self.clip)


class AdamW(AbstractFirstOrder):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019), for data that are few or noisy."""

    name: ClassVar[str] = "adamw"
    summary: ClassVar[str] = "Adam with weight decay; for few or noisy data"
    default_iterations: ClassVar[int] = 1_000

    learning_rate: float = eqx.field(default=5e-3, static=True)
    final_rate: float = eqx.field(default=5e-4, static=True)
    warm_up: int = eqx.field(default=50, static=True)
    horizon: int = eqx.field(default=1_000, static=True)
    clip: float | None = eqx.field(default=None, static=True)
    weight_decay: float = eqx.field(default=1e-4, static=True)
    loss_tolerance: float = eqx.field(default=1e-30, static=True)

    def rule(self, objective: Objective) -> optax.GradientTransformation:
        rate = warm_up_and_decay(self.learning_rate, self.final_rate, self.warm_up, self.horizon)
        return clipped(optax.adamw(rate, weight_decay=self.weight_decay), self.clip)


def clipped(rule: optax.GradientTransformation, bound: float | None) -> optax.GradientTransformation:
    """The rule after a bound on the gradient's norm; None, no bound."""
    return rule if bound is None else optax.chain(optax.clip_by_global_norm(bound), rule)
