"""All partial derivatives a residual needs, in one shared forward pass.

A *bundle* holds the derivatives ∂^α f of a batch of functions at n points, for a downward-closed set
of multi-indices α: a mapping α → array of shape (n, width). A missing entry is zero. Linear maps act on
every entry alike, products by Leibniz' rule, and activations by Faà di Bruno's formula, so a network's
mixed derivatives of any order come out of a single pass without nested differentiation.

Source: Faà di Bruno (1857); Griewank, Utke & Walther, Math. Comp. 69 (2000) for the multivariate form.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

Index = tuple[int, ...]
Bundle = Mapping[Index, Array]


@lru_cache(maxsize=256)
def closure(indices: frozenset[Index]) -> tuple[Index, ...]:
    """Every multi-index below one of the given ones, by order, the zero index first."""
    below = {smaller for index in indices for smaller in itertools.product(*(range(k + 1) for k in index))}
    return tuple(sorted(below, key=lambda i: (sum(i), tuple(-k for k in i))))


@lru_cache(maxsize=512)
def partitions(index: Index) -> tuple[tuple[int, tuple[Index, ...]], ...]:
    """Faà di Bruno terms of ∂^α σ(z): (multiplicity, blocks), each block a multi-index of z."""
    labels = [axis for axis, count in enumerate(index) for _ in range(count)]
    counts: dict[tuple[Index, ...], int] = {}
    for blocks in _set_partitions(list(range(len(labels)))):
        key = tuple(
            sorted(
                tuple(sum(labels[item] == axis for item in block) for axis in range(len(index)))
                for block in blocks
            )
        )
        counts[key] = counts.get(key, 0) + 1
    return tuple((count, blocks) for blocks, count in sorted(counts.items()))


def _set_partitions(items: list[int]) -> Iterable[list[list[int]]]:
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for smaller in _set_partitions(rest):
        for position in range(len(smaller)):
            yield [*smaller[:position], [first, *smaller[position]], *smaller[position + 1 :]]
        yield [[first], *smaller]


def compose(
    derivatives: Callable[[Array, int], Sequence[Array]], inner: Bundle, wanted: Sequence[Index]
) -> Bundle:
    """Bundle of σ(z) from the bundle of z; ``derivatives(z, k)`` returns σ(z), σ′(z), …, σ⁽ᵏ⁾(z)."""
    zero = wanted[0]
    outer = derivatives(inner[zero], max(sum(index) for index in wanted))
    result = {zero: outer[0]}
    for index in wanted[1:]:
        total = None
        for count, blocks in partitions(index):
            if any(block not in inner for block in blocks):
                continue
            term = outer[len(blocks)]
            for block in blocks:
                term = term * inner[block]
            if count != 1:
                term = count * term
            total = term if total is None else total + term
        if total is not None:
            result[index] = total
    return result


def product(left: Bundle, right: Bundle, wanted: Sequence[Index]) -> Bundle:
    """Bundle of the product f·g by Leibniz' rule."""
    result = {}
    for index in wanted:
        total = None
        for part in itertools.product(*(range(k + 1) for k in index)):
            rest = tuple(k - p for k, p in zip(index, part, strict=True))
            if part not in left or rest not in right:
                continue
            count = math.prod(math.comb(k, p) for k, p in zip(index, part, strict=True))
            term = left[part] * right[rest]
            term = term if count == 1 else count * term
            total = term if total is None else total + term
        if total is not None:
            result[index] = total
    return result


def add(left: Bundle, right: Bundle) -> Bundle:
    """Bundle of the sum f + g."""
    both = {index: left[index] + right[index] for index in left if index in right}
    return {**left, **right, **both}


def linear(bundle: Bundle, weight: Array, bias: Array | None) -> Bundle:
    """Bundle of W z + b: a matrix product for each derivative, the bias on the value only."""
    result = {index: entry @ weight.T for index, entry in bundle.items()}
    zero = next(iter(bundle))
    if bias is not None:
        result[zero] = result[zero] + bias
    return result


def affine_inputs(points: Array, scale: Array, shift: Array, wanted: Sequence[Index]) -> Bundle:
    """Bundle of the coordinates scale·x + shift: first derivatives are constant, higher ones vanish."""
    dimension = points.shape[1]
    bundle = {wanted[0]: points * scale + shift}
    for axis in range(dimension):
        unit = tuple(int(k == axis) for k in range(dimension))
        if unit in wanted:
            bundle[unit] = (jnp.eye(dimension, dtype=points.dtype)[axis] * scale)[None, :]
    return bundle


def differentiate(function: Callable[[Array], Array], points: Array, indices: Sequence[Index]) -> Array:
    """∂^α of any traceable function of one point at n points: shape (len(indices), n).

    Nested forward differentiation; all derivatives of one order are one program, the directions being data,
    which keeps compilation short. For functions without trained parameters (lifts, distance functions),
    evaluated once for each set of points.
    """
    by_order: dict[int, list[int]] = {}
    for place, index in enumerate(indices):
        by_order.setdefault(sum(index), []).append(place)
    units = np.eye(points.shape[1])
    result: list[Array] = [jnp.zeros(0)] * len(indices)
    for order, places in by_order.items():
        axes = [[axis for axis, count in enumerate(indices[p]) for _ in range(count)] for p in places]
        directions = jnp.asarray(units[np.array(axes, int).reshape(len(places), order)], points.dtype)

        def along(chosen: Array, point: Array, order: int = order) -> Array:
            derived = function
            for k in range(order):
                derived = _along(derived, chosen[k])
            return derived(point)

        found = jax.vmap(jax.vmap(along, (None, 0)), (0, None))(directions, points)
        for row, place in enumerate(places):
            result[place] = found[row]
    return jnp.stack(result)


def _along(function: Callable[[Array], Array], direction: Array) -> Callable[[Array], Array]:
    return lambda point: jax.jvp(function, (point,), (direction,))[1]
