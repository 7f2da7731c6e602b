"""What Gauss–Newton methods share: the state that they begin with, begin anew with, and are judged by."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp

from .arrays import Count, Flag, Scalar, Vector
from .gram import LeastSquaresObjective
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


class DampedState(AbstractState):
    """What every state of these methods tells; each adds what damps it.

    ``failures`` counts trials that were taken back.
    """

    loss: Scalar
    mark: Mark
    failures: Count
    iteration: Count
    evaluations: Count
    status: Count
    failure: ClassVar[str]  # what a failure is and how it is mended, said after their number

    def faults(self) -> str:
        return f"{count} {self.failure}" if (count := int(self.failures)) else ""


State = TypeVar("State", bound=DampedState)


class AbstractDamped(AbstractOptimiser[State], Generic[State]):
    """Ends where the loss is below ``loss_tolerance``, or for ``patience`` iterations has not fallen by the
    factor 1 − ``least_fall``.
    """

    loss_tolerance: eqx.AbstractVar[float]
    patience: eqx.AbstractVar[int]
    least_fall: eqx.AbstractVar[float]

    def begun(self, objective: LeastSquaresObjective, theta: Vector) -> dict[str, Any]:
        """Entries of the state before the first iteration."""
        return self._first(loss_at(objective, theta))

    @eqx.filter_jit
    def _first(self, loss: Scalar) -> dict[str, Any]:
        zero = jnp.zeros((), jnp.int32)
        return {
            "loss": loss, "mark": Mark(loss, zero), "failures": zero, "iteration": zero,
            "evaluations": zero + 1, "status": self._reached(loss),
        }  # fmt: skip

    def restart(self, objective: LeastSquaresObjective, theta: Vector, state: State) -> State:
        return self._begun_anew(state, loss_at(objective, theta))

    @eqx.filter_jit
    def _begun_anew(self, state: State, loss: Scalar) -> State:
        return eqx.tree_at(
            lambda s: (s.loss, s.mark, s.evaluations, s.status),
            state,
            (loss, Mark(loss, state.iteration), state.evaluations + 1, self._reached(loss)),
        )

    def gone_on(
        self,
        state: State,
        loss: Scalar,
        evaluations: Count,
        failures: Count | Flag,
        *,
        stuck: Flag,
        finite: Flag,
        converged: Flag | bool = False,
    ) -> dict[str, Any]:
        """Entries of the state after an iteration that led to ``loss``.

        ``stuck``: nothing is left to try; ``finite``: whether the slopes at θ were.
        """
        iteration = state.iteration + 1
        mark, stagnant = state.mark.advance(loss, iteration, self.patience, self.least_fall)
        status = jnp.where(stagnant | stuck, STAGNATED, RUNNING)
        status = jnp.where(converged | (loss <= self.loss_tolerance), CONVERGED, status)
        return {
            "loss": loss,
            "mark": mark,
            "failures": state.failures + failures,
            "iteration": iteration,
            "evaluations": state.evaluations + evaluations,
            "status": jnp.where(finite, status, NONFINITE).astype(jnp.int32),
        }

    def _reached(self, loss: Scalar) -> Count:
        status = jnp.where(loss <= self.loss_tolerance, CONVERGED, RUNNING)
        return jnp.where(jnp.isfinite(loss), status, NONFINITE).astype(jnp.int32)


def where_running(running: Flag, state: State, new: State) -> State:
    """The new state, or the old one where its status says that it has ended."""
    return jax.tree.map(lambda before, after: jnp.where(running, after, before), state, new)
