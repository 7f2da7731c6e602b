"""Buckets of cells of one kind, and their tested residuals as rows for each cell.

A bucket holds the cells of one kind and order, filled up with cells that count nothing, so that another
number of them compiles nothing anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..fields.collocation import Collocation
from .cells import MappedPoints
from .contraction import Densities, Geometry, Tables, contract
from .gram import Norm

# (fields, points) → (n, k): integrands at n points, those of an equation side by side
Integrands = Callable[[Any, Collocation], Array]
Prepare = Callable[[np.ndarray, np.ndarray | None], Collocation]


class Placed(eqx.Module):
    """Quadrature points of e cells, q in each: leaves (e, q, …) of the unknowns' constant part, geometry."""

    at: Collocation
    geometry: Geometry
    tables: Tables | None


class Cells(eqx.Module):
    """What one block of the least-squares problem has for points: every leaf has the e cells first.

    ``parts`` are integrals over the cell and over facets; ``whitening`` L⁻¹ (e, t, t) by norm; ``keep`` (e,)
    is zero for cells that fill up; ``times`` (e,) their middles in time, inf for those.
    """

    parts: tuple[Placed, ...]
    whitening: dict[str, Array]
    keep: Array
    times: Array


@dataclass(frozen=True)
class Layout:
    """How integrands stand in line: ``equations`` m, and which of v, ∇v and ∇∇v they multiply."""

    equations: int
    dimension: int
    value: bool
    gradient: bool
    hessian: bool

    def densities(self, values: Array) -> Densities:
        """Integrands (e, q, k) taken apart; k runs over v, ∇v and ∇∇v, within each over equations."""
        e, q, _ = values.shape
        d, m = self.dimension, self.equations
        sizes = [m * self.value, d * m * self.gradient, d * d * m * self.hessian]
        value, gradient, hessian = jnp.split(values, np.cumsum(sizes)[:-1], axis=2)
        return Densities(
            value if self.value else None,
            gradient.reshape(e, q, d, m) if self.gradient else None,
            hessian.reshape(e, q, d, d, m) if self.hessian else None,
        )


@dataclass(frozen=True)
class Integral:
    """One integral of a tested residual: integrands, their layout, and tables where all cells share them."""

    integrands: Integrands
    layout: Layout
    tables: Tables | None


class TestedRows:
    """(fields, cells) → rows (e, t·m): L⁻¹ R with R the sum of some integrals."""

    __test__ = False

    def __init__(self, integrals: Sequence[Integral], norms: Sequence[Norm]):
        self._integrals, self._norms = tuple(integrals), tuple(norms)

    def tested(self, fields: Any, cells: Cells) -> Array:
        """R (e, t, m), not normalised."""
        total: Array | None = None
        for integral, placed in zip(self._integrals, cells.parts, strict=True):
            e, q = placed.geometry.weights.shape
            flat = jax.tree.map(lambda leaf, e=e, q=q: leaf.reshape(e * q, *leaf.shape[2:]), placed.at)
            values = integral.integrands(fields, flat).reshape(e, q, -1)
            tables = placed.tables
            if tables is None:
                kind = placed.geometry.weights.dtype
                tables = jax.tree.map(lambda leaf, kind=kind: jnp.asarray(leaf, kind), integral.tables)
            assert tables is not None
            part = contract(tables, placed.geometry, integral.layout.densities(values))
            total = part if total is None else total + part
        assert total is not None
        return total

    def __call__(self, fields: Any, cells: Cells) -> Array:
        """L⁻¹ R, zero for cells that fill up."""
        tested = self.tested(fields, cells)
        rows = [
            jnp.einsum("etu,eu->et", cells.whitening[norm], tested[..., k])
            for k, norm in enumerate(self._norms)
        ]
        return cells.keep[:, None] * jnp.stack(rows, axis=2).reshape(len(tested), -1)


def place(mapped: MappedPoints, prepare: Prepare, own: Tables | None = None) -> Placed:
    """Mapped points with the unknowns' constant part at them; ``own`` tables where cells differ in them."""
    e, q, d = mapped.points.shape
    normals = None if mapped.normals is None else mapped.normals.reshape(e * q, -1)
    at = prepare(mapped.points.reshape(e * q, d), normals)
    at = jax.tree.map(lambda leaf: leaf.reshape(e, q, *leaf.shape[1:]), at)
    return Placed(at, Geometry.of(mapped), own)


def gathered(parts: Sequence[Placed], whitening: Mapping[str, np.ndarray], times: np.ndarray) -> Cells:
    """The points of a block."""
    arrays = {norm: jnp.asarray(matrices) for norm, matrices in whitening.items()}
    return Cells(tuple(parts), arrays, jnp.ones(len(times)), jnp.asarray(times))


def padded(cells: Cells, capacity: int) -> Cells:
    """Filled up to ``capacity`` with copies of the first cell that count nothing."""
    missing = capacity - len(cells.keep)
    if missing <= 0:
        return cells
    chosen = np.concatenate([np.arange(len(cells.keep)), np.zeros(missing, int)])
    filled = jax.tree.map(lambda leaf: leaf[chosen], cells)
    new = slice(len(cells.keep), None)
    changed = filled.keep.at[new].set(0.0), filled.times.at[new].set(jnp.inf)
    return eqx.tree_at(lambda c: (c.keep, c.times), filled, changed)
