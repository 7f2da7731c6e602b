"""The one interface of all optimisers: pure steps on a flat vector, state passed through.

An optimiser minimises ``loss(θ) = Σ rᵢ(θ)²``. It is a frozen value whose hyper-parameters are static, so
that a compiled chunk of iterations is shared by all runs with the same settings. The state is a pytree of
arrays: what is saved and loaded is all there is, and a resumed run takes the same steps.
"""

from __future__ import annotations

import abc
from typing import Generic, Protocol, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .arrays import Count, Flag, Scalar, Vector

RUNNING = 0
CONVERGED = 1
STAGNATED = 2
NONFINITE = 3

_DESCRIPTIONS = {
    RUNNING: "still improving",
    CONVERGED: "converged: the loss or its gradient fell below the tolerance",
    STAGNATED: (
        "stagnated: the loss no longer falls along any direction tried; if it is still too high, redraw the "
        "points, widen the network, weight the conditions anew, or start from another seed"
    ),
    NONFINITE: (
        "not finite: the loss or its gradient is NaN or infinite, and the last finite parameters are kept; "
        "look for a division by zero, or a root or logarithm of a negative number, in the equation and its "
        "data, or start with a smaller learning rate"
    ),
}

_SHORTEST_HISTORY = 64
_VECTORS = 8  # parameters, gradient, moments and the copies made while they change


class Objective(Protocol):
    """What first-order and quasi-Newton methods see: a pytree with a scalar loss of flat parameters."""

    def loss(self, theta: Vector) -> Scalar:
        """Σ rᵢ(θ)², the weights folded into the residuals."""
        ...


class AbstractState(eqx.Module):
    """What every optimiser's state tells: the loss at the current θ, the effort so far, and a status."""

    loss: eqx.AbstractVar[Scalar]
    iteration: eqx.AbstractVar[Count]
    evaluations: eqx.AbstractVar[Count]
    status: eqx.AbstractVar[Count]

    @property
    def unknown(self) -> Flag | bool:
        """Whether loss and gradient at θ are yet to be found, by a first step that moves nothing."""
        return False

    def faults(self) -> str:
        """What went wrong so far and was mended, in words; empty where nothing did."""
        return ""


State = TypeVar("State", bound=AbstractState)


class AbstractOptimiser(eqx.Module, Generic[State]):
    """``init``, ``step`` and ``restart`` are pure and jit-able; only arrays change, never the settings.

    ``init`` and ``restart`` may leave loss and gradient to a first step that finds them and moves nothing: so
    the gradient is compiled once, within the loop of steps, and ``evaluated`` runs none but that step.
    """

    name: eqx.AbstractClassVar[str]
    summary: eqx.AbstractClassVar[str]
    default_iterations: eqx.AbstractClassVar[int]

    @abc.abstractmethod
    def init(self, objective: Objective, theta: Vector) -> State:
        """The state before the first iteration; once evaluated, NONFINITE where the loss already is."""

    @abc.abstractmethod
    def step(self, objective: Objective, theta: Vector, state: State) -> tuple[Vector, State]:
        """One iteration; the identity unless the status is RUNNING. Never returns a non-finite θ."""

    @abc.abstractmethod
    def restart(self, objective: Objective, theta: Vector, state: State) -> State:
        """The state after the objective changed (points redrawn); what was learned of curvature stays."""

    def bytes_needed(self, parameters: int, rows: int, itemsize: int = 8) -> int:
        """Memory at the most beside the objective's own, for P parameters and N residuals."""
        return itemsize * (_VECTORS * parameters + rows)


class Mark(eqx.Module):
    """The last loss that was a real advance, and when: what stagnation is judged by."""

    loss: Scalar
    iteration: Count

    def advance(self, loss: Scalar, iteration: Count, patience: int, fall: float) -> tuple[Mark, Flag]:
        """The new mark, and whether the loss failed to fall by the factor 1 − fall for too long."""
        better = loss < (1 - fall) * self.loss
        mark = Mark(jnp.where(better, loss, self.loss), jnp.where(better, iteration, self.iteration))
        return mark, iteration - mark.iteration >= patience


@eqx.filter_jit
def loss_at(objective: Objective, theta: Vector) -> Scalar:
    """The loss, compiled once for all ``init`` and ``restart``."""
    return objective.loss(theta)


def is_finite(loss: Scalar, gradient: Vector) -> Flag:
    """Whether the loss and every component of its gradient are finite."""
    return jnp.isfinite(loss) & jnp.all(jnp.isfinite(gradient))


def run_chunk(
    optimiser: AbstractOptimiser[State],
    objective: Objective,
    theta: Vector,
    state: State,
    iterations: int,
) -> tuple[Vector, State, np.ndarray]:
    """Up to ``iterations`` steps in one compiled loop; fewer when the status ceases to be RUNNING.

    Returns θ, the state and the losses after each step taken. Chunks whose lengths round up to the same
    power of two share one compilation.
    """
    history = _room(iterations, state)
    theta, state, history, taken = _loop(optimiser, objective, theta, state, history, jnp.asarray(iterations))
    return theta, state, np.asarray(history)[: int(taken)]


def evaluated(
    optimiser: AbstractOptimiser[State], objective: Objective, theta: Vector, state: State, iterations: int
) -> State:
    """What ``init`` or ``restart`` gave, with loss and gradient at θ; no step is taken.

    The program is the one that ``run_chunk`` has for ``iterations``: nothing is compiled for this alone.
    """
    if state.unknown is False:
        return state
    return _loop(optimiser, objective, theta, state, _room(iterations, state), jnp.asarray(0))[1]


def _room(iterations: int, state: AbstractState) -> Vector:
    """For the losses of a chunk."""
    return jnp.zeros(max(_SHORTEST_HISTORY, 1 << (iterations - 1).bit_length()), state.loss.dtype)


@eqx.filter_jit
def _loop(optimiser, objective, theta, state, history, iterations):
    def unfinished(carry):
        _, state, _, taken = carry
        return ((taken < iterations) | state.unknown) & (state.status == RUNNING)

    def advance(carry):
        theta, before, history, taken = carry
        theta, state = optimiser.step(objective, theta, before)
        return theta, state, history.at[taken].set(state.loss), taken + ~jnp.asarray(before.unknown)

    return jax.lax.while_loop(unfinished, advance, (theta, state, history, jnp.zeros_like(iterations)))


def describe(status: int | Count) -> str:
    """What a status means, its cause and its remedy."""
    return _DESCRIPTIONS[int(status)]
