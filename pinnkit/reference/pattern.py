"""Where local matrices go: sparsity patterns of pairs of spaces, found once and put together in blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sps

from .elements import Array
from .mesh import Index
from .spaces import Space, SpaceProduct


@dataclass(frozen=True, eq=False)
class PairPattern:
    """Degrees of freedom of two spaces that share a cell, in the order of rows and then of columns.

    ``rows`` and ``columns`` (n,); ``slots`` (m, shapes, shapes) is the place of each cell's local entries.
    """

    rows: Index
    columns: Index
    slots: Index

    @classmethod
    def of(cls, test: Space, trial: Space) -> PairPattern:
        """The pattern of two spaces on one mesh."""
        keys = test.cell_dofs[:, :, None] * np.int64(trial.size) + trial.cell_dofs[:, None, :]
        unique, slots = np.unique(keys.ravel(), return_inverse=True)
        rows, columns = np.divmod(unique, trial.size)
        return cls(rows, columns, slots.astype(np.int32).reshape(keys.shape))

    @property
    def size(self) -> int:
        """Number of entries."""
        return len(self.rows)


class BlockPattern:
    """The pattern of a matrix with a block for each of ``pairs`` (equation, unknown).

    Blocks of the same two spaces share one pattern, so that systems cost little more than one equation.
    """

    def __init__(self, product: SpaceProduct, pairs: Iterable[tuple[int, int]]):
        self.product = product
        self.pairs = sorted({*pairs, *((k, k) for k in range(len(product.spaces)))})
        known: dict[tuple[int, int], PairPattern] = {}
        self._of: dict[tuple[int, int], PairPattern] = {}
        for e, u in self.pairs:
            test, trial = product.spaces[e], product.spaces[u]
            key = (id(test), id(trial))
            if key not in known:
                known[key] = PairPattern.of(test, trial)
            self._of[e, u] = known[key]

    def __getitem__(self, pair: tuple[int, int]) -> PairPattern:
        return self._of[pair]

    @cached_property
    def _layout(self) -> tuple[Index, Index, dict[tuple[int, int], Index]]:
        """CSR columns and row pointers, and the place in them of each pair's entries."""
        size, offsets = self.product.size, self.product.offsets
        counts = {
            p: np.bincount(self._of[p].rows, minlength=self.product.spaces[p[0]].size) for p in self.pairs
        }
        lengths = np.zeros(size, np.int64)
        for (e, _), count in counts.items():
            lengths[self.product.part(e)] += count
        pointers = np.concatenate([[0], np.cumsum(lengths)])
        filled = pointers[:-1].copy()
        columns = np.empty(pointers[-1], np.int32)
        places = {}
        for e, u in self.pairs:
            pattern, count, part = self._of[e, u], counts[e, u], self.product.part(e)
            first = np.cumsum(count) - count
            places[e, u] = (filled[part] - first)[pattern.rows] + np.arange(pattern.size)
            columns[places[e, u]] = pattern.columns + offsets[u]
            filled[part] += count
        return columns, pointers.astype(np.int32), places

    def matrix(self, values: Mapping[tuple[int, int], Array]) -> sps.csr_matrix:
        """The matrix with entries ``values`` (n,) of each pair's pattern, zero where a pair has none."""
        columns, pointers, places = self._layout
        data = np.zeros(len(columns))
        for pair, own in values.items():
            data[places[pair]] = own
        return sps.csr_matrix((data, columns, pointers), shape=(self.product.size,) * 2)
