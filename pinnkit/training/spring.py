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
from .damped import AbstractDamped, DampedState, where_running
from .gram import GramSystem, LeastSquaresObjective, gram_bytes
from .optimiser import RUNNING, Objective

_RAISE, _LOWER = 10.0, 0.5
_MOST_LIFT = 1e10


class SpringState(DampedState):
    """``momentum`` is φ; ``lift`` multiplies λ after steps that failed, and falls again after good ones."""

    momentum: Vector
    lift: Scalar
    failure: ClassVar[str] = (
        "steps brought nothing; the momentum was dropped and the damping raised each time"
    )


class _Search(eqx.Module):
    length: Scalar
    loss: Scalar
    tried: Count
    done: Flag


class Spring(AbstractDamped[SpringState]):
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
        begun = self.begun(objective, theta)
        return SpringState(**begun, momentum=jnp.zeros_like(theta), lift=jnp.ones_like(begun["loss"]))

    def step(
        self, objective: LeastSquaresObjective, theta: Vector, state: SpringState
    ) -> tuple[Vector, SpringState]:
        running = state.status == RUNNING
        system = GramSystem.of(objective, theta, self.kernel)
        damping = self.damping * state.lift * system.scale
        direction = system.solve(damping, self.momentum * state.momentum)
        search = self._search(objective, theta, direction, state.loss)
        moved = running & (search.loss < state.loss)
        lift = jnp.where(moved, jnp.maximum(_LOWER * state.lift, 1.0), _RAISE * state.lift)
        entries = self.gone_on(
            state, search.loss, search.tried, ~moved,
            stuck=lift > _MOST_LIFT, finite=jnp.isfinite(system.scale),
        )  # fmt: skip
        momentum = jnp.where(moved, direction, 0.0)
        new = where_running(running, state, SpringState(**entries, momentum=momentum, lift=lift))
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
