"""The one contraction of all variational residuals: densities at quadrature points against test functions.

    R[e, t, m] = ∫ₑ s_m v_t + f_m·∇v_t + H_m : ∇∇v_t

for e cells, t test functions and m equations at once, without a loop over cells: densities are pulled back
to the reference cell by the map's inverse K = ∂ξ/∂x, with ∇∇v = Kᵀ(∂²v − Σ_k v,ₖ ∂²x_k)K, and what is left
are products with tables that all cells share.
"""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from .cells import MappedPoints
from .test_functions import TestTable


class Densities(eqx.Module):
    """What multiplies v (e, q, m), ∇v (e, q, d, m) and ∇∇v (e, q, d, d, m); None where nothing does."""

    value: Array | None = None
    gradient: Array | None = None
    hessian: Array | None = None


class Geometry(eqx.Module):
    """``weights`` (e, q), ``inverse`` (e, q, r, d) and ``bend`` (e, q, d, r, s) of mapped points."""

    weights: Array
    inverse: Array
    bend: Array | None

    @classmethod
    def of(cls, mapped: MappedPoints) -> Geometry:
        """The arrays of mapped points."""
        bend = None if mapped.bend is None else jnp.asarray(mapped.bend)
        return cls(jnp.asarray(mapped.weights), jnp.asarray(mapped.inverse), bend)


class Tables(eqx.Module):
    """Test functions and derivatives at reference points, one set (…) for all cells or (e, …) for each.

    ``hessian`` is None where nothing multiplies it.
    """

    value: Array | np.ndarray
    gradient: Array | np.ndarray
    hessian: Array | np.ndarray | None

    @classmethod
    def of(cls, table: TestTable, hessian: bool = True) -> Tables:
        """A table that all cells share, as it is."""
        return cls(table.value, table.gradient, table.hessian if hessian else None)

    @classmethod
    def each(cls, tables: Sequence[TestTable], which: np.ndarray, hessian: bool = True) -> Tables:
        """Of several tables the one whose number (e,) each cell names."""
        value, gradient, second = (
            jnp.asarray(np.stack([getattr(t, part) for t in tables])[which])
            for part in ("value", "gradient", "hessian")
        )
        return cls(value, gradient, second if hessian else None)


def contract(tables: Tables, geometry: Geometry, densities: Densities) -> Array:
    """R (e, t, m); see the module."""
    own = "e" if tables.value.ndim == 3 else ""
    weights, inverse, bend = geometry.weights, geometry.inverse, geometry.bend
    gradient, total = densities.gradient, []
    if densities.hessian is not None:
        pulled = jnp.einsum("eqri,eqsj,eqijm->eqrsm", inverse, inverse, densities.hessian)
        weighted = weights[..., None, None, None] * pulled
        total.append(jnp.einsum(f"{own}rstq,eqrsm->etm", tables.hessian, weighted))
        if bend is not None:
            bent = -jnp.einsum("eqdrs,eqrsm->eqdm", bend, pulled)
            gradient = bent if gradient is None else gradient + bent
    if gradient is not None:
        pulled = weights[..., None, None] * jnp.einsum("eqrd,eqdm->eqrm", inverse, gradient)
        total.append(jnp.einsum(f"{own}rtq,eqrm->etm", tables.gradient, pulled))
    if densities.value is not None:
        total.append(jnp.einsum(f"{own}tq,eqm->etm", tables.value, weights[..., None] * densities.value))
    return sum(total[1:], total[0])
