"""All partial derivatives a residual needs, in one shared forward pass.

A *bundle* holds derivatives of a batch of functions at n points: a mapping key → array of shape (n, width),
or (1, width) where it is the same at every point. A key is a multi-index α, for ∂^α, or a ``Trace``, for a
sum of pure second derivatives; the keys of a pass are downward closed. A missing entry is zero. Linear maps
act on every entry alike, products by Leibniz' rule, and activations by Faà di Bruno's formula, so a network's
mixed derivatives of any order come out of a single pass without nested differentiation.

The way back is planned too. For δz the change of σ(z) is σ′(z) δz, a product of bundles: of δz, and of σ′(z),
which for tanh is 1 − y² with the result y itself. So the pass keeps its results and little else.

Sources: Faà di Bruno (1857); Griewank, Utke & Walther, Math. Comp. 69 (2000) for the multivariate form;
Li et al., Nature Machine Intelligence 6 (2024) for traces (the forward Laplacian).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..forms.traces import Trace

Index = tuple[int, ...]
Key = Index | Trace
Bundle = Mapping[Key, Array]
# Terms of a rule: (factor, keys of the factors).
Terms = tuple[tuple[float, tuple[Key, ...]], ...]


@dataclass(frozen=True)
class Outer:
    """A function of one variable: ``derivatives(z, k)`` returns σ(z), σ′(z), …, σ⁽ᵏ⁾(z).

    ``slope(y, wanted)`` gives the bundle of σ′(z) from that of the result y = σ(z), where σ′ is a simple
    function of σ; without it, σ′ is composed like σ, which takes one derivative more.
    """

    derivatives: Callable[[Array, int], Sequence[Array]]
    slope: Callable[[Bundle, Sequence[Key]], Bundle] | None = None

    def __call__(self, z: Array, order: int) -> Sequence[Array]:
        """σ(z), …, σ⁽ᵒʳᵈᵉʳ⁾(z)."""
        return self.derivatives(z, order)


def order_of(key: Key) -> int:
    """The order of differentiation."""
    return 2 if isinstance(key, Trace) else sum(key)


@lru_cache(maxsize=256)
def closure(keys: frozenset[Key]) -> tuple[Key, ...]:
    """Every key that the rules for the given ones refer to, by order, the zero index first."""
    below: set[Key] = set()
    for key in keys:
        if isinstance(key, Trace):
            first = [unit for _, unit, _ in key.terms]
            below |= {key, tuple(0 for _ in key.weights), *first}
        else:
            below |= set(itertools.product(*(range(k + 1) for k in key)))
    return tuple(sorted(below, key=_place))


def _place(key: Key) -> tuple[int, bool, tuple[float, ...]]:
    if isinstance(key, Trace):
        return 2, True, key.weights
    return sum(key), False, tuple(-k for k in key)


@lru_cache(maxsize=512)
def partitions(key: Key) -> Terms:
    """Faà di Bruno terms of ∂^α σ(z): (multiplicity, blocks), each block a key of z.

    For a trace: σ′(z) Σ wᵢ z_ii + σ″(z) Σ wᵢ z_i².
    """
    if isinstance(key, Trace):
        return ((1, (key,)), *((w, (unit, unit)) for w, unit, _ in key.terms))
    labels = [axis for axis, count in enumerate(key) for _ in range(count)]
    counts: dict[tuple[Index, ...], int] = {}
    for blocks in _set_partitions(list(range(len(labels)))):
        together = tuple(
            sorted(
                tuple(sum(labels[item] == axis for item in block) for axis in range(len(key)))
                for block in blocks
            )
        )
        counts[together] = counts.get(together, 0) + 1
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


@lru_cache(maxsize=512)
def splits(key: Key) -> Terms:
    """Leibniz terms of ∂^α (f g): (multiplicity, (key of f, key of g))."""
    if isinstance(key, Trace):
        zero = tuple(0 for _ in key.weights)
        return ((1, (zero, key)), (1, (key, zero)), *((2 * w, (unit, unit)) for w, unit, _ in key.terms))
    terms = []
    for part in itertools.product(*(range(k + 1) for k in key)):
        rest = tuple(k - p for k, p in zip(key, part, strict=True))
        count = math.prod(math.comb(k, p) for k, p in zip(key, part, strict=True))
        terms.append((count, (part, rest)))
    return tuple(terms)


def compose(outer: Callable[[Array, int], Sequence[Array]], inner: Bundle, wanted: Sequence[Key]) -> Bundle:
    """Bundle of σ(z) from the bundle of z; ``outer(z, k)`` returns σ(z), σ′(z), …, σ⁽ᵏ⁾(z)."""
    keys = tuple(inner)
    found = composable(keys, tuple(wanted))
    return dict(zip(found, _composed(outer, keys, found, *inner.values()), strict=True))


@lru_cache(maxsize=512)
def composable(keys: tuple[Key, ...], wanted: tuple[Key, ...]) -> tuple[Key, ...]:
    """Those of the wanted derivatives of σ(z) that do not vanish, z having the derivatives ``keys``."""
    present = set(keys)
    return tuple(key for key in wanted if any(present.issuperset(blocks) for _, blocks in partitions(key)))


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _composed(outer, keys: tuple[Key, ...], wanted: tuple[Key, ...], *inner: Array) -> tuple[Array, ...]:
    return tuple(_plain(outer, dict(zip(keys, inner, strict=True)), wanted).values())


@_composed.defjvp
def _change(outer, keys, wanted, inner, changes):
    result = _composed(outer, keys, wanted, *inner)
    z, change = dict(zip(keys, inner, strict=True)), dict(zip(keys, changes, strict=True))
    if isinstance(outer, Outer) and outer.slope is not None:
        slope = outer.slope(dict(zip(wanted, result, strict=True)), wanted)
    else:
        slope = _plain(lambda z, order: outer(z, order + 1)[1:], z, wanted)
    changed = product(slope, change, wanted)
    return result, tuple(
        jnp.broadcast_to(changed[key], value.shape) if key in changed else jnp.zeros_like(value)
        for key, value in zip(wanted, result, strict=True)
    )


def _plain(outer, inner: Bundle, wanted: Sequence[Key]) -> dict[Key, Array]:
    zero = wanted[0]
    values = outer(inner[zero], max(order_of(key) for key in wanted))
    result = {zero: values[0]}
    for key in wanted[1:]:
        terms = [
            math.prod((inner[block] for block in blocks), start=_times(count, values[len(blocks)]))
            for count, blocks in partitions(key)
            if all(block in inner for block in blocks)
        ]
        if terms:
            result[key] = sum(terms[1:], start=terms[0])
    return result


def product(left: Bundle, right: Bundle, wanted: Sequence[Key]) -> Bundle:
    """Bundle of the product f·g by Leibniz' rule."""
    result = {}
    for key in wanted:
        terms = [
            _times(count, left[part] * right[rest])
            for count, (part, rest) in splits(key)
            if part in left and rest in right
        ]
        if terms:
            result[key] = sum(terms[1:], start=terms[0])
    return result


def one_minus_square(y: Bundle, wanted: Sequence[Key]) -> Bundle:
    """Bundle of 1 − y²: the derivative of tanh from its value."""
    result = {}
    for key in wanted:
        terms = [
            _times(count if part == rest else 2 * count, y[part] * y[rest])
            for count, (part, rest) in splits(key)
            if part in y and rest in y and _place(part) <= _place(rest)
        ]
        if terms:
            square = sum(terms[1:], start=terms[0])
            result[key] = 1 - square if key == wanted[0] else -square
    return result


def _times(count: float, array: Array) -> Array:
    return array if count == 1 else count * array


def add(left: Bundle, right: Bundle) -> Bundle:
    """Bundle of the sum f + g."""
    both = {key: left[key] + right[key] for key in left if key in right}
    return {**left, **right, **both}


def linear(bundle: Bundle, weight: Array, bias: Array | None) -> Bundle:
    """Bundle of W z + b: a matrix product for each derivative, the bias on the value only."""
    result = {key: _times_transposed(entry, weight) for key, entry in bundle.items()}
    zero = next(iter(bundle))
    if bias is not None:
        result[zero] = result[zero] + bias
    return result


@jax.custom_jvp
def _times_transposed(entry: Array, weight: Array) -> Array:
    return entry @ weight.T


@_times_transposed.defjvp
def _(primals, changes):
    (entry, weight), (entry_change, weight_change) = primals, changes
    by_weight = entry @ weight_change.T
    if jax.default_backend() == "cpu" and entry.shape[0] > 1:
        # Transposed for the gradient, this is a product of two tall matrices over their rows, which Eigen
        # does at a quarter of its speed; from a transposed copy, kept apart by the barrier, at full speed.
        by_weight = jax.lax.optimization_barrier(by_weight.T).T
    return entry @ weight.T, entry_change @ weight.T + by_weight


def affine_inputs(points: Array, scale: Array, shift: Array, wanted: Sequence[Key]) -> Bundle:
    """Bundle of the coordinates scale·x + shift: first derivatives are constant, higher ones vanish."""
    dimension = points.shape[1]
    bundle: dict[Key, Array] = {wanted[0]: points * scale + shift}
    for axis in range(dimension):
        unit = tuple(int(k == axis) for k in range(dimension))
        if unit in wanted:
            bundle[unit] = (jnp.eye(dimension, dtype=points.dtype)[axis] * scale)[None, :]
    return bundle


def differentiate(function: Callable[[Array], Array], points: Array, keys: Sequence[Key]) -> Array:
    """Derivatives of any traceable function of one point at n points: shape (len(keys), n).

    Nested forward differentiation; all derivatives of one order are one program, the directions being data,
    which keeps compilation short. For functions without trained parameters (lifts, distance functions),
    evaluated once for each set of points.
    """
    indices = tuple(dict.fromkeys(
        index for key in keys for index in ([i for *_, i in key.terms] if isinstance(key, Trace) else [key])
    ))  # fmt: skip
    entries = dict(zip(indices, _differentiate(function, points, indices), strict=True))
    return jnp.stack([
        sum(w * entries[index] for w, _, index in key.terms) if isinstance(key, Trace) else entries[key]
        for key in keys
    ])  # fmt: skip


def _differentiate(
    function: Callable[[Array], Array], points: Array, indices: Sequence[Index]
) -> list[Array]:
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
    return result


def _along(function: Callable[[Array], Array], direction: Array) -> Callable[[Array], Array]:
    return lambda point: jax.jvp(function, (point,), (direction,))[1]
