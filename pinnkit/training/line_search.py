"""Strong-Wolfe line search: bracketing and zoom as one loop, the objective traced once.

Accepts a step α along the descent direction p where

    φ(α) ≤ φ(0) + c₁ α φ′(0)   and   |φ′(α)| ≤ c₂ |φ′(0)|,   φ(α) = loss(θ + α p).

Nocedal and Wright, Numerical Optimization, 2nd ed. (2006), algorithms 3.5 and 3.6: the interval's lower
end is always the best point that satisfies the first condition, so both algorithms treat a trial alike
and differ only in where they try next. The first condition is relaxed by the rounding error of φ
(Hager and Zhang 2005, the approximate Wolfe conditions), without which no search ends near a minimum.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp

from .arrays import Count, Flag, Scalar, Vector

_SUFFICIENT = 1e-4
_CURVATURE = 0.9
_MAX_EVALUATIONS = 20
_ROUNDING = 4.0  # units in the last place by which equal losses may differ
_NEAREST, _FARTHEST = 1.1, 4.0  # extrapolation, in lengths of the interval (Moré and Thuente 1994)
_MARGIN = 0.1  # interpolation keeps this share of the interval away from both ends
_SHRINK = 0.66  # an interval that shrinks less than this is bisected next
_RETREAT = 0.2  # share of the interval to keep when its far end is not finite


class Point(eqx.Module):
    """A step with the loss and the slope φ′ there."""

    step: Scalar
    loss: Scalar
    slope: Scalar


class LineSearchResult(eqx.Module):
    """The step taken (0 where none lowers the loss), with loss and gradient there."""

    step: Scalar
    loss: Scalar
    gradient: Vector
    evaluations: Count
    finite: Flag  # whether any trial was finite


class _Search(eqx.Module):
    low: Point
    gradient: Vector  # at low
    high: Point  # step is infinite until a bracket is found
    trial: Scalar
    width: Scalar
    evaluations: Count
    finite: Flag
    accepted: Flag
    done: Flag


def strong_wolfe(
    value_and_grad: Callable[[Vector], tuple[Scalar, Vector]],
    theta: Vector,
    direction: Vector,
    loss: Scalar,
    gradient: Vector,
    first_trial: Scalar,
    enabled: Flag | bool = True,
    known: Flag | bool = True,
) -> LineSearchResult:
    """Search along ``direction`` from θ, where loss and gradient are known, starting at ``first_trial``.

    A trial whose loss or slope is not finite counts as infinitely high. When the evaluations are used up,
    the best point that satisfies the first condition is returned; step 0 where there is none, where
    the direction does not descend, and where the search is not ``enabled``. Where loss and gradient are not
    ``known`` (infinite and zero, as the direction and the first trial are), they are found and nothing else.
    """
    start = Point(jnp.zeros_like(loss), loss, gradient @ direction)
    epsilon = jnp.finfo(theta.dtype).eps
    noise = _ROUNDING * epsilon * jnp.abs(loss)
    # Steps that differ by less than this are the same parameters.
    resolution = epsilon * jnp.max(jnp.abs(theta)) / jnp.max(jnp.abs(direction))

    def evaluate(search: _Search) -> _Search:
        trial_loss, trial_gradient = value_and_grad(theta + search.trial * direction)
        slope = trial_gradient @ direction
        finite = jnp.isfinite(trial_loss) & jnp.isfinite(slope)
        trial = Point(search.trial, jnp.where(finite, trial_loss, jnp.inf), slope)
        low, high = search.low, search.high

        too_high = (trial.loss > loss + _SUFFICIENT * trial.step * start.slope + noise) | (
            trial.loss > low.loss + noise
        )
        accepted = ~too_high & (jnp.abs(slope) <= -_CURVATURE * start.slope)
        # The minimum lies behind the trial: the old lower end bounds the interval from the other side.
        passed = ~too_high & (slope * jnp.sign(high.step - low.step) >= 0)

        new_high = _select(too_high, trial, _select(passed, low, high))
        new_low = _select(too_high, low, trial)
        width = jnp.abs(new_high.step - new_low.step)
        following = jnp.where(
            jnp.isfinite(new_high.step),
            _interpolate(new_low, new_high, bisect=width > _SHRINK * search.width),
            _extrapolate(low, trial),
        )
        evaluations = search.evaluations + 1
        return _Search(
            low=new_low,
            gradient=jnp.where(too_high, search.gradient, trial_gradient),
            high=new_high,
            trial=following,
            width=width,
            evaluations=evaluations,
            finite=search.finite | finite,
            accepted=accepted,
            done=accepted | (evaluations >= _MAX_EVALUATIONS) | (width <= resolution) | ~jnp.asarray(known),
        )

    infinite = jnp.full_like(loss, jnp.inf)
    search = jax.lax.while_loop(
        lambda search: ~search.done,
        evaluate,
        _Search(
            low=start,
            gradient=gradient,
            high=Point(infinite, infinite, infinite),
            trial=jnp.asarray(first_trial, theta.dtype),
            width=infinite,
            evaluations=jnp.zeros((), jnp.int32),
            finite=jnp.asarray(False),
            accepted=jnp.asarray(False),
            done=~(jnp.asarray(enabled) & ((start.slope < 0) | ~jnp.asarray(known))),
        ),
    )
    # Without curvature condition, a point within rounding of the start is no progress.
    useful = search.accepted | (search.low.loss < loss)
    return LineSearchResult(
        step=jnp.where(useful, search.low.step, 0.0),
        loss=jnp.where(useful, search.low.loss, loss),
        gradient=jnp.where(useful, search.gradient, gradient),
        evaluations=search.evaluations,
        finite=search.finite,
    )


def _select(condition: Flag, one: Point, other: Point) -> Point:
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), one, other)


def _interpolate(low: Point, high: Point, bisect: Flag) -> Scalar:
    """Minimiser of the cubic through both ends' losses and slopes (Nocedal and Wright, eq. 3.59)."""
    span = high.step - low.step
    mean = low.slope + high.slope - 3 * (high.loss - low.loss) / span
    root = jnp.sign(span) * jnp.sqrt(mean**2 - low.slope * high.slope)
    share = 1 - (high.slope + root - mean) / (high.slope - low.slope + 2 * root)
    share = jnp.where(bisect | ~jnp.isfinite(share), 0.5, jnp.clip(share, _MARGIN, 1 - _MARGIN))
    return low.step + jnp.where(jnp.isfinite(high.loss), share, _RETREAT) * span


def _extrapolate(low: Point, trial: Point) -> Scalar:
    """Where the slope, continued linearly, vanishes; kept within a few lengths of the last advance."""
    advance = trial.step - low.step
    reach = trial.slope / (low.slope - trial.slope)
    reach = jnp.where(jnp.isfinite(reach) & (reach > 0), reach, _FARTHEST)
    return trial.step + jnp.clip(reach, _NEAREST, _FARTHEST) * advance
