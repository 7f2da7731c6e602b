"""Sparse direct solves within compiled code, with their transposes as adjoints."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sps
from jax import Array
from scipy.sparse.linalg import SuperLU, splu

from ..forms.host import on_host

_KEPT = 2  # factors kept: the last step of Newton's method and its adjoint ask for the same one


class SparseDirect:
    """x with A x = b for matrices of one pattern; the fill-reducing order is found once and used for all.

    Entries come as a list with ``rows`` and ``columns``, those of the same place being added up. ``pivoted``
    asks for an order by columns that leaves pivoting free, as saddle points need it. A singular matrix gives
    NaN. Differentiable by matrix and right-hand side, forwards and backwards.
    """

    def __init__(self, rows: np.ndarray, columns: np.ndarray, size: int, pivoted: bool):
        places, where = np.unique(columns * size + rows, return_inverse=True)
        self.size, self.count = size, len(places)
        self._pivoted = pivoted
        self._rows, self._columns = places % size, places // size
        self._where = jnp.asarray(where)
        self._ordered: tuple[np.ndarray, sps.csc_matrix] | None = None
        self._factors: dict[bytes, SuperLU | None] = {}

    def values(self, entries: Array) -> Array:
        """What stands at each place of the pattern (count,), of the list of entries."""
        return jax.ops.segment_sum(entries, self._where, self.count)

    def apply(self, values: Array, vector: Array) -> Array:
        """A x."""
        return jax.ops.segment_sum(values * vector[self._columns], jnp.asarray(self._rows), self.size)

    def solve(self, values: Array, right: Array) -> Array:
        """A⁻¹ b."""
        return jax.lax.custom_linear_solve(
            partial(self.apply, values), right,
            lambda _, b: self._called(values, b, "N"), lambda _, b: self._called(values, b, "T"),
        )  # fmt: skip

    def _called(self, values: Array, right: Array, side: str) -> Array:
        def answer(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
            return self._solved(matrix.reshape(-1, self.count)[0], vectors, side)

        numbers = values.astype(np.float64), right.astype(np.float64)
        return on_host(answer, (self.size,), np.float64, *numbers, vmap_method="expand_dims")

    def _solved(self, values: np.ndarray, vectors: np.ndarray, side: str) -> np.ndarray:
        factors = self._factored(values)
        if factors is None or not np.isfinite(vectors).all():
            return np.full_like(vectors, np.nan)
        order, _ = self._order()
        flat = np.ascontiguousarray(vectors.reshape(-1, self.size).T)
        found = np.empty_like(flat)
        # The columns of the factored matrix are in the order kept; where it is symmetric, rows are too.
        ahead = order if not self._pivoted or side == "T" else slice(None)
        behind = order if not self._pivoted or side == "N" else slice(None)
        found[behind] = factors.solve(np.ascontiguousarray(flat[ahead]), trans=side)
        return np.ascontiguousarray(found.T).reshape(vectors.shape)

    def _factored(self, values: np.ndarray) -> SuperLU | None:
        key = values.tobytes()
        if key not in self._factors:
            while len(self._factors) >= _KEPT:
                self._factors.pop(next(iter(self._factors)))
            self._factors[key] = self._factorise(values)
        return self._factors[key]

    def _factorise(self, values: np.ndarray) -> SuperLU | None:
        if not np.isfinite(values).all():
            return None
        _, numbered = self._order()
        matrix = sps.csc_matrix((values[numbered.data], numbered.indices, numbered.indptr), numbered.shape)
        try:
            if self._pivoted:
                return splu(matrix, permc_spec="NATURAL")
            return splu(
                matrix, permc_spec="NATURAL", diag_pivot_thresh=1e-3, options={"SymmetricMode": True}
            )  # fmt: skip
        except RuntimeError:  # exactly singular
            return None

    def _order(self) -> tuple[np.ndarray, sps.csc_matrix]:
        """The order that keeps factors sparse, and the pattern in it, holding numbers of places."""
        if self._ordered is None:
            place = np.arange(self.count)
            shape = (self.size, self.size)
            ones = sps.csc_matrix((np.ones(self.count), (self._rows, self._columns)), shape)
            dominant = ones + sps.diags_array(np.full(self.size, 2.0 * self.size), format="csc")
            rule = "COLAMD" if self._pivoted else "MMD_AT_PLUS_A"
            order = splu(sps.csc_matrix(dominant), permc_spec=rule).perm_c.argsort()
            rank = np.argsort(order)
            rows = self._rows if self._pivoted else rank[self._rows]
            numbered = sps.coo_matrix((place + 1, (rows, rank[self._columns])), shape).tocsc()
            numbered.data -= 1
            self._ordered = order, numbered
        return self._ordered
