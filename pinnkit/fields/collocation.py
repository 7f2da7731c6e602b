"""Points at which unknowns are evaluated, with what is constant there: normals, lifts and multipliers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .derivatives import Key, closure, differentiate

Needs = Mapping[str, tuple[Key, ...]]
Columns = tuple[int, ...]
CHUNK = 2048


class Served(eqx.Module):
    """The networks ``chosen`` (n, k) of an ensemble that serve n points, and their windows there.

    ``windows`` (n, k, number of keys); None, one for each network.
    """

    chosen: Array
    windows: Array | None = None


Serve = Callable[[Array, Needs], dict[Columns, Served]]


class Transform(Protocol):
    """u = lift + multiplier·N, both plain functions of one point."""

    lift: Callable[[Array], Array]
    multiplier: Callable[[Array], Array]


class Collocation(eqx.Module):
    """n points with the parameter-free part of the unknowns there.

    ``x`` (n, d) points; ``normals`` (n, d_space) where they lie on a boundary; for each unknown with
    exact conditions ``lift`` and ``multiplier`` hold the derivatives of both, (n, number of indices).
    ``parameters`` (n,) by name are those whose values may change while training. ``served`` tells which
    networks serve the points, for every set of columns that an ensemble sees.
    Every leaf has the n points first, so subsets are taken leaf by leaf. ``grid`` holds the points along each
    axis where they are a whole tensor grid, the last coordinate running fastest.
    """

    x: Array
    normals: Array | None
    lift: dict[str, Array]
    multiplier: dict[str, Array]
    parameters: dict[str, Array] = eqx.field(default_factory=dict)
    served: dict[Columns, Served] = eqx.field(default_factory=dict)
    grid: tuple[int, ...] = eqx.field(static=True, default=())

    def take(self, chosen: Array) -> Collocation:
        """The points with the given positions."""
        return jax.tree.map(lambda leaf: leaf[chosen], self)

    def axes(self) -> list[Array] | None:
        """The coordinates (nᵢ,) along each axis of a tensor grid; None for other points.

        A part of a grid, told by its number of points, is none.
        """
        if not self.grid or math.prod(self.grid) != self.x.shape[0]:
            return None
        table = self.x.reshape(*self.grid, self.x.shape[1])
        corner = (0,) * len(self.grid)
        return [table[(*corner[:k], slice(None), *corner[k + 1 :], k)] for k in range(len(self.grid))]


def prepare(
    transforms: Mapping[str, Transform],
    needs: Needs,
    x: Array,
    normals: Array | None = None,
    parameters: Mapping[str, float] | None = None,
    grid: tuple[int, ...] = (),
    serve: Serve | None = None,
) -> Collocation:
    """Evaluate lifts, multipliers and windows, with all derivatives needed, in chunks of bounded memory."""
    x = jnp.asarray(x)
    lift, multiplier = {}, {}
    for name, indices in needs.items():
        if name not in transforms:
            continue
        wanted = closure(frozenset(indices))
        lift[name] = _evaluate(transforms[name].lift, x, wanted)
        multiplier[name] = _evaluate(transforms[name].multiplier, x, wanted)
    values = {name: jnp.full(len(x), value) for name, value in (parameters or {}).items()}
    served = serve(x, needs) if serve is not None else {}
    facing = None if normals is None else jnp.asarray(normals)
    return Collocation(x, facing, lift, multiplier, values, served, grid)


def _evaluate(function: Callable[[Array], Array], x: Array, wanted: tuple[Key, ...]) -> Array:
    count = x.shape[0]
    size = min(CHUNK, count)
    padded = jnp.concatenate([x, jnp.broadcast_to(x[-1:], ((-count) % size, x.shape[1]))])
    return _differentiate(function, padded.reshape(-1, size, x.shape[1]), wanted)[:count]


@eqx.filter_jit
def _differentiate(function: Callable[[Array], Array], x: Array, wanted: tuple[Key, ...]) -> Array:
    """Derivatives (chunks·size, len(wanted)) at points (chunks, size, d), by one program."""
    found = jax.lax.map(lambda part: differentiate(function, part, wanted).T, x)
    return found.reshape(-1, len(wanted))
