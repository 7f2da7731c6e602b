"""The search for controls: Gauss–Newton steps through the simulator, targets by the method of multipliers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from .control import Case, Reached, Shooting

_INNER, _OUTER = 8, 14  # Gauss–Newton steps at most for one multiplier, and multipliers
_RAISED, _ENOUGH = 10.0, 0.25  # the penalty is raised where the miss falls by less than this factor
_WITHIN = 0.5  # of the tolerance, to which the target is met where it can be
_SETTLED = 1e-4  # relative change of the objective that ends the search


@dataclass(frozen=True)
class Controls:
    """The coefficients found, by case, with objective and relative miss of each."""

    theta: np.ndarray
    objective: np.ndarray
    miss: np.ndarray
    iterations: int


def shoot(
    shooting: Shooting, cases: Case, told: Callable[[Reached], None] = lambda reached: None
) -> Controls:
    """The controls of cases, stacked along a leading axis, all sought at once.

    min objective subject to c = 0 by the method of multipliers (Hestenes 1969; Powell 1969): m ← m + ρc, each
    time by Gauss–Newton steps with conjugate gradients inside. Without a target there is one search.
    """
    assert shooting.problem.objective is not None
    aimed, tolerance = bool(shooting.problem.objective.target), shooting.problem.objective.tolerance
    count = len(cases.start)
    search = jax.jit(jax.vmap(shooting.begun))(jnp.zeros((count, shooting.size)), cases)
    improved = jax.jit(jax.vmap(shooting.improved))
    before, last = np.full(count, np.inf), np.full(count, np.inf)
    iterations, miss = 0, before
    for _ in range(_OUTER):
        for _ in range(_INNER):
            search, reached = improved(search, cases)
            iterations += 1
            told(reached)
            stuck = reached.step == 0
            damping = jnp.maximum(10 * search.damping, 1e-3 * search.penalty)
            search = search._replace(damping=jnp.where(stuck, damping, search.damping / 4))
            if bool((stuck | (reached.fallen < _SETTLED)).all()):
                break
        miss, value = np.linalg.norm(reached.miss, axis=1), np.asarray(reached.objective)
        settled = np.abs(value - last) <= 10 * _SETTLED * np.abs(value)
        if not aimed or bool((miss <= _WITHIN * tolerance).all() and settled.all()):
            break
        multiplier = search.multiplier + search.penalty[:, None] * reached.miss
        penalty = jnp.where(miss > _ENOUGH * before, _RAISED, 1.0) * search.penalty
        search, before, last = search._replace(multiplier=multiplier, penalty=penalty), miss, value
    return Controls(np.asarray(search.theta), np.asarray(reached.objective), miss, iterations)
