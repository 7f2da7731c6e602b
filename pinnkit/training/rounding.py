"""Whether a residual has come down to what rounding alone makes of it."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .least_squares import LeastSquares

_RATIO = 2.0**-29  # of the units of float64 and float32
_LIKE = 0.3  # share of the residual that rounding makes where training can no longer lower it
_FALLEN = 1e-7  # a residual in float64 that has fallen by less than this factor is not looked at


def at_floor(problem: LeastSquares, fields: Any, plain: Any, precision: str, first_loss: float) -> str:
    """A sentence where the residual is at the floor of the precision it was trained in; empty elsewhere.

    ``plain`` are the trained ``fields`` as they are without mixed precision. What rounding makes is the
    difference of the rows in that precision and in float64; for float64 itself, that of float32 scaled by the
    ratio of their units. To be called in float64.
    """
    exact = _rows(problem, plain, jnp.float64)
    size = float(np.linalg.norm(exact))
    if precision == "float64" and not size < _FALLEN * np.sqrt(first_loss):
        return ""
    if precision == "mixed":
        rounded = np.asarray(_residual(LeastSquares(fields, problem.blocks)))
    else:
        rounded = _rows(problem, plain, jnp.float32)
    made = float(np.linalg.norm(rounded - exact))
    if precision == "float64":
        made *= _RATIO
    if not made > _LIKE * size:
        return ""
    advice = "" if precision == "float64" else "; training in float64 can lower it further"
    return (
        f"Training has reached the floor of precision {precision}: of a residual of {size:.2g}, rounding "
        f"alone makes {made:.2g}{advice}."
    )


def _rows(problem: LeastSquares, fields: Any, kind: Any) -> np.ndarray:
    """All weighted rows, with everything in one precision."""

    def cast(leaf: Any) -> Any:
        return leaf.astype(kind) if eqx.is_inexact_array(leaf) else leaf

    fields, blocks = jax.tree.map(cast, (fields, problem.blocks))
    with jax.enable_x64(kind == jnp.float64):
        return np.asarray(_residual(LeastSquares(fields, blocks)), float)


@eqx.filter_jit
def _residual(problem: LeastSquares) -> jax.Array:
    return problem.residual(problem.theta)
