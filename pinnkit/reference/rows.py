"""What the rows of a matrix stand for: unknowns at nodes of a mesh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from .elements import Array
from .mesh import Index
from .spaces import SpaceProduct


@dataclass(frozen=True, eq=False)
class Rows:
    """The degrees of freedom ``free`` (n,) of a product of spaces, in the order of a matrix's rows."""

    product: SpaceProduct
    free: Index

    @property
    def dimension(self) -> int:
        """Number of space coordinates."""
        return self.product.mesh.dimension

    @cached_property
    def unknown(self) -> Index:
        """The unknown (n,) that each row belongs to."""
        return np.searchsorted(self.product.offsets, self.free, side="right") - 1

    @cached_property
    def node(self) -> Index:
        """The number (n,) of each row within its unknown's space."""
        return self.free - np.array(self.product.offsets)[self.unknown]

    @property
    def components(self) -> int:
        """Number of unknowns that share every node; 1 where spaces differ."""
        spaces = self.product.spaces
        return len(spaces) if all(s is spaces[0] for s in spaces) else 1

    @cached_property
    def near_kernel(self) -> Array:
        """Modes (n, k) that a stiffness matrix hardly resists, by which multigrid makes coarse spaces.

        A constant for every unknown; and where as many unknowns as coordinates share their nodes, as
        displacements do, the rotations.
        """
        spaces = self.product.spaces
        modes = [(self.unknown == k).astype(float) for k in range(len(spaces))]
        if self.components == self.dimension > 1:
            places = spaces[0].positions
            places = (places - places.mean(axis=0)) / self.product.mesh.extent
            for i, j in combinations(range(self.dimension), 2):
                turn = np.zeros(len(self.free))
                turn[self.unknown == i] = -places[self.node[self.unknown == i], j]
                turn[self.unknown == j] = places[self.node[self.unknown == j], i]
                modes.append(turn)
        return np.column_stack(modes)
