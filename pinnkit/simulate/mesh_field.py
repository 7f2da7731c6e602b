"""Nodal values on a mesh as functions of space, with derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from ..geometry.cell_finder import CellFinder
from ..geometry.mesh import Mesh
from .lagrange import Space

Index = tuple[int, ...]
_STEPS, _ASTRAY = 12, 2.0  # of Newton's method in a curved cell, and how far from the cell it may lead


class MeshField:
    """Unknowns by their nodal ``values`` in spaces of given degrees on one mesh."""

    def __init__(self, names: Sequence[str], mesh: Mesh, degrees: Sequence[int], values: np.ndarray):
        self.names, self.mesh = tuple(names), mesh
        self.degrees, self.values = tuple(int(p) for p in degrees), values
        kinds = {p: Space.on(mesh, p) for p in sorted(set(self.degrees))}
        self._spaces = [kinds[p] for p in self.degrees]
        ends = np.cumsum([s.size for s in self._spaces])
        self._parts = np.split(values, ends[:-1])

    @cached_property
    def _finder(self) -> CellFinder:
        return CellFinder(self.mesh)

    def located(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The nearest cell (n,) of points (n, d), and their places (n, d) in the reference cell."""
        cells, _ = self._finder.find(points)
        nodes, element = self.mesh.points[self.mesh.cells[cells]], self.mesh.element
        local = np.full(points.shape, 1 / (points.shape[1] + 1))
        for _ in range(1 if element.flat else _STEPS):
            miss = points - np.einsum("nk,nkd->nd", element.values(local), nodes)
            jacobian = np.einsum("nkr,nkd->ndr", element.gradients(local), nodes)
            step = np.linalg.solve(jacobian, miss[..., None])[..., 0]
            local = np.clip(local + step, -_ASTRAY, _ASTRAY)
        return cells, local

    def rows(self, unknown: int, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Nodes (n, k) of all values that an unknown depends on at points, and their weights (n, k)."""
        cells, local = self.located(points)
        start = sum(s.size for s in self._spaces[:unknown])
        space = self._spaces[unknown]
        return space.cell_nodes[cells] + start, space.element.values(local)

    def __call__(self, points: np.ndarray) -> Mapping[str, np.ndarray]:
        """Values (n,) by unknown at points (n, d)."""
        cells, local = self.located(points)
        found = {}
        for name, space, part in zip(self.names, self._spaces, self._parts, strict=True):
            found[name] = np.einsum("nk,nk->n", space.element.values(local), part[space.cell_nodes[cells]])
        return found

    def derivatives(self, points: np.ndarray, indices: tuple[Index, ...]) -> Mapping[str, np.ndarray]:
        """∂^α (n, number of indices) by unknown, α of at most second order.

        ∇u = J⁻ᵀ ∇̂u, and ∇∇u = J⁻ᵀ (∇̂∇̂u − Σₖ ∂ₖu ∇̂∇̂xₖ) J⁻¹. Raises ``ValueError`` for higher orders.
        """
        if any(sum(index) > 2 for index in indices):
            raise ValueError("a solution by finite elements has derivatives up to order two; ask for those")
        cells, local = self.located(points)
        nodes, element = self.mesh.points[self.mesh.cells[cells]], self.mesh.element
        inverse = np.linalg.inv(np.einsum("nkr,nkd->ndr", element.gradients(local), nodes))
        bend = np.einsum("nkrs,nkd->ndrs", element.hessians(local), nodes)
        found = {}
        for name, space, part in zip(self.names, self._spaces, self._parts, strict=True):
            own = part[space.cell_nodes[cells]]
            value = np.einsum("nk,nk->n", space.element.values(local), own)
            first = np.einsum("nkr,nk,nrd->nd", space.element.gradients(local), own, inverse, optimize=True)
            second = np.einsum("nkrs,nk->nrs", space.element.hessians(local), own)
            second = second - np.einsum("nd,ndrs->nrs", first, bend)
            second = np.einsum("nri,nrs,nsj->nij", inverse, second, inverse, optimize=True)
            columns = []
            for index in indices:
                axes = [axis for axis, n in enumerate(index) for _ in range(n)]
                columns.append((value, first, second)[len(axes)][(slice(None), *axes)])
            found[name] = np.stack(columns, axis=1)
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """What the field consists of; ``from_arrays`` reads it back."""
        mesh = self.mesh
        return {"points": mesh.points, "cells": mesh.cells, "kind": np.array(mesh.kind),
                "degrees": np.array(self.degrees), "values": self.values}  # fmt: skip

    @classmethod
    def from_arrays(cls, names: Sequence[str], arrays: Mapping[str, np.ndarray]) -> MeshField:
        """The field of ``arrays``."""
        mesh = Mesh(np.asarray(arrays["points"]), np.asarray(arrays["cells"]), str(arrays["kind"]), {})
        return cls(names, mesh, np.asarray(arrays["degrees"]).tolist(), np.asarray(arrays["values"]))
