"""Weighted sums of shifted arrays whose transpose is again one: sums of pads, jax's own, take far longer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir


def taps(values: Array, axis: int, weights: np.ndarray, wrapped: bool) -> Array:
    """Σₖ ``weights[k]`` values[i + k] along an axis, for all i that have every neighbour.

    ``wrapped`` goes round the ends instead, the middle weight (their number is odd) at i.
    """
    return _TAPS.bind(values, axis=axis, weights=tuple(map(float, weights)), wrapped=wrapped)


def _sum(values: Array, *, axis: int, weights: Sequence[float], wrapped: bool) -> Array:
    if wrapped:
        reach, count = len(weights) // 2, values.shape[axis]
        ends = [(count - reach, count), (0, count), (0, reach)]
        values = jnp.concatenate([lax.slice_in_dim(values, a, b, axis=axis) for a, b in ends], axis)
    count = values.shape[axis] - len(weights) + 1
    return reduce(jnp.add, [
        w * lax.slice_in_dim(values, k, k + count, axis=axis) for k, w in enumerate(weights) if w
    ])  # fmt: skip


def _shape(values: Any, *, axis: int, weights: Sequence[float], wrapped: bool) -> Any:
    if wrapped:
        return values
    lost = len(weights) - 1
    return values.update(shape=tuple(n - lost * (a == axis) for a, n in enumerate(values.shape)))


def _transpose(
    cotangent: Array, _: Any, *, axis: int, weights: Sequence[float], wrapped: bool
) -> list[Array]:
    if not wrapped:
        shape = [len(weights) - 1 if a == axis else n for a, n in enumerate(cotangent.shape)]
        outside = jnp.zeros(shape, cotangent.dtype)
        cotangent = jnp.concatenate([outside, cotangent, outside], axis)
    return [_TAPS.bind(cotangent, axis=axis, weights=weights[::-1], wrapped=wrapped)]


def _batch(
    arguments: Sequence[Array], places: Sequence[int], *, axis: int, weights: Sequence[float], wrapped: bool
) -> tuple[Array, int]:
    moved = jnp.moveaxis(arguments[0], places[0], 0)
    return _TAPS.bind(moved, axis=axis + 1, weights=weights, wrapped=wrapped), 0


_TAPS = Primitive("taps")
_TAPS.def_impl(_sum)
_TAPS.def_abstract_eval(_shape)
mlir.register_lowering(_TAPS, mlir.lower_fun(_sum, multiple_results=False))
ad.deflinear2(_TAPS, _transpose)
batching.primitive_batchers[_TAPS] = _batch
